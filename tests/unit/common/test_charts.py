"""Charts as SVG: well-formed whatever they are given, escaped, and with everything in its place."""

import math
import re
from collections.abc import Callable, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest

from stylegram.common import charts
from stylegram.common.charts import Frame
from stylegram.common.charts.bars import Bar, bars
from stylegram.common.charts.key import key_of_shades
from stylegram.common.charts.lines import SERIES, Series, lines
from stylegram.common.charts.parallel import Axis, Line, parallel
from stylegram.common.charts.scales import Scale, number, scale_of
from stylegram.common.charts.scatter import Guide, Mark, Point, scatter
from stylegram.common.charts.svg import RAMP, shade, shortened

FRAME = Frame("x", "A title", "A description.", 400, 300)
HOSTILE = "<script>alert(1)</script>&\"' \0\x1b\ud800 ]]> --> ‮"
UNIT = ("content error", 0.0, 1.25), ("style error", 0.0, 1.25)
NAN, INF = math.nan, math.inf

Element = ElementTree.Element


def parsed(svg: str) -> Element:
    svg.encode()  # no half of a surrogate pair
    return ElementTree.fromstring(svg)


def all_of(root: Element, name: str, look: str = "") -> list[Element]:
    """The elements of that name whose class has that word."""
    found = root.iter(f"{{http://www.w3.org/2000/svg}}{name}")
    return [each for each in found if not look or look in each.get("class", "").split()]


def texts(root: Element) -> list[str]:
    return [
        "".join(child for child in [each.text or "", *(sub.tail or "" for sub in each)])
        for each in all_of(root, "text")
    ]


def scattered(points: Sequence[Point], **more: Any) -> Element:
    x, y = UNIT
    return parsed(scatter(FRAME, points, x=x, y=y, **more))


def test_points_are_where_their_numbers_are() -> None:
    root = scattered([Point(0, 0, "origin"), Point(1.25, 0, "right"), Point(0, 1.25, "top")])
    (ox, oy), (rx, ry), (tx, ty) = (
        (float(each.get("cx", "")), float(each.get("cy", ""))) for each in all_of(root, "circle", "point")
    )
    assert ox < rx
    assert oy == ry
    assert ty < oy
    assert tx == ox
    assert 0 < ox < rx < FRAME.width
    assert 0 < ty < oy < FRAME.height


def test_what_is_beyond_an_axis_is_a_triangle_at_its_end_and_what_is_no_number_is_left_out() -> None:
    root = scattered(
        [Point(0.5, 9, "above"), Point(9, 0.5, "beyond"), Point(NAN, 1, "-"), Point(1, None, "-"), Point(1, INF, "-")]
    )
    assert all_of(root, "circle") == []
    assert len(all_of(root, "path", "point")) == 2


def test_the_front_is_a_staircase() -> None:
    front = [(0.25, 0.75), (0.5, 0.5), (0.75, 0.25)]
    [path] = all_of(scattered([], front=front), "path", "front")
    places = [tuple(map(float, pair.split(","))) for pair in path.get("d", "")[1:].split("L")]
    # From above the first to the right of the last, right angles all the way, downwards.
    assert all((x0 == x1) != (y0 == y1) for (x0, y0), (x1, y1) in pairwise(places))
    assert [y for _, y in places] == sorted(y for _, y in places)
    assert len(places) == 7
    assert all_of(scattered([]), "path", "front") == []


def test_a_point_leads_to_its_picture_and_the_keyboard_stops_where_it_matters() -> None:
    root = scattered(
        [Point(0.1, 0.1, "one", "#1"), Point(0.2, 0.2, "two", "#2", kind="front"), Point(0.3, 0.3, "none")]
    )
    links = {each.get("href"): each.get("tabindex") for each in all_of(root, "a")}
    assert links == {"#1": "-1", "#2": None}
    assert root.get("role") == "group"
    assert scattered([Point(0.3, 0.3, "none")]).get("role") == "img"


def test_the_better_lies_above_the_worse_and_is_stronger() -> None:
    points = [
        Point(0.5, 0.5, "best", rank=0, kind="best"),
        Point(0.5, 0.5, "good", rank=0.1),
        Point(0.5, 0.5, "bad", rank=1),
    ]
    drawn = [each.get("class", "").split()[-1] for each in all_of(scattered(points), "circle", "point")]
    assert drawn == [f"ramp-{RAMP - 1}", "ramp-0", "ramp-0"]
    assert [shade(rank) for rank in (0, 0.5, 1)] == ["ramp-0", f"ramp-{RAMP // 2}", f"ramp-{RAMP - 1}"]


def test_a_label_keeps_clear_of_points_and_edges() -> None:
    crowd = [Point(0.6 + step / 100, 0.66, "") for step in range(40)]
    [label] = all_of(scattered(crowd, marks=[Mark(0.6, 0.6, "a place")]), "text", "label")
    place = next(iter(all_of(scattered([Point(0.6, 0.6, "")]), "circle", "point")))
    # They are to the right, and above: it goes to the left.
    assert "end" in label.get("class", "").split()
    assert float(label.get("x", "")) < float(place.get("cx", ""))
    [label] = all_of(scattered([], marks=[Mark(1.24, 0.6, "a place with a long name")]), "text", "label")
    assert "end" in label.get("class", "").split()


def test_the_label_of_a_guide_keeps_clear_of_points_and_is_left_out_where_it_cannot() -> None:
    guide = Guide([(step / 20, 0.6) for step in range(21)], "score 2")

    def label(*points: Point) -> list[Element]:
        root = scattered(points, guides=[guide])
        assert len(all_of(root, "path", "guide")) == 1
        return all_of(root, "text", "halo")

    [free], [aside] = label(), label(*(Point(0.8 + step / 50, 0.6, "") for step in range(12)))
    assert float(aside.get("x", "")) < float(free.get("x", ""))
    assert label(*(Point(step / 50, 0.6, "") for step in range(60))) == []


def test_lines_break_where_nothing_is_known() -> None:
    points = [(0.0, 1.0), (1.0, None), (2.0, 2.0), (3.0, NAN), (4.0, 3.0), (5.0, 2.5)]
    [path] = all_of(parsed(lines(FRAME, [Series("a", points)], x_label="trial", y_label="score")), "path", "line")
    assert path.get("d", "").count("M") == 3
    assert "nan" not in path.get("d", "")


def test_steps_stay_until_the_next() -> None:
    def drawn(steps: bool) -> str:
        series = Series("a", [(0.0, 2.0), (1.0, 1.0)], steps=steps)
        [path] = all_of(parsed(lines(FRAME, [series], x_label="x", y_label="y")), "path", "line")
        return path.get("d", "")

    assert drawn(False).count("L") == 1
    corner = re.findall(r"[\d.]+,[\d.]+", drawn(True))
    assert len(corner) == 3
    assert corner[0].split(",")[1] == corner[1].split(",")[1]
    assert corner[1].split(",")[0] == corner[2].split(",")[0]


def test_several_lines_have_a_legend_and_bands() -> None:
    series = [
        Series(name, [(0, 1), (9, at)], band=[(0, 0.5, 1.5), (9, at - 1, at + 1)]) for at, name in enumerate("abcdefg")
    ]
    root = parsed(lines(FRAME, series, x_label="runs", y_label="hypervolume"))
    assert set("abcdefg") <= set(texts(root))
    assert len(all_of(root, "path", "band")) == 7
    assert len({each.get("class") for each in all_of(root, "path", "band")}) == SERIES
    assert "a" not in texts(parsed(lines(FRAME, series[:1], x_label="runs", y_label="y")))


def test_bars_are_as_long_as_their_numbers() -> None:
    root = parsed(
        bars(
            FRAME,
            [Bar("half", 0.5, 0.4, 0.6), Bar("all", 1.0), Bar("nothing", NAN), Bar("x", 0.0, NAN, 1.0)],
            percent=True,
        )
    )
    half, whole, nothing, _ = (float(each.get("width", "")) for each in all_of(root, "rect", "bar"))
    assert whole == pytest.approx(2 * half, abs=0.2)
    assert nothing == 0
    assert len(all_of(root, "path", "whisker")) == 1
    assert {"half", "50%", "100%", "–"} <= set(texts(root))


AXES = [Axis("weight", 0.01, 100, log=True), Axis("optimizer", choices=("adam", "lbfgs")), Axis("beta", 0, 1)]


def ways(root: Element) -> list[list[tuple[float, float]]]:
    return [
        [tuple(map(float, place.split(","))) for place in each.get("d", "")[1:].split("L")]  # type: ignore[misc]
        for each in all_of(root, "path", "run")
    ]


@pytest.mark.parametrize("width", [400.0, 960.0])
def test_a_line_goes_through_its_values(width: float) -> None:
    frame = Frame("x", "t", "d", width, 300)
    middle = Line({"weight": 1.0, "optimizer": "adam", "beta": 0.5}, "m", rank=0.5)
    left = Line({"weight": 0.01, "optimizer": "adam", "beta": 0}, "l", rank=0)
    right = Line({"weight": 100, "optimizer": "lbfgs", "beta": 1.0}, "r", rank=1)
    # The worst is drawn first.
    r, m, l = ways(parsed(parallel(frame, AXES, [left, middle, right])))  # noqa: E741
    assert l[0][0] == l[2][0]
    assert r[0][0] == r[2][0]
    for at in (0, 2):
        assert m[at][0] == pytest.approx((l[at][0] + r[at][0]) / 2, abs=0.1)
    assert l[1][0] < m[1][0] < r[1][0]
    assert [y for _, y in l] == sorted(y for _, y in l)


def test_a_line_passes_by_what_it_does_not_have() -> None:
    lines_of: list[dict[str, Any]] = [
        {"weight": 1.0, "beta": 0.5},
        {"weight": None, "optimizer": "adam", "beta": NAN},
        {"weight": 1.0, "optimizer": "of another study", "beta": 0.5},
        {"weight": "much", "optimizer": ["adam"], "beta": True},
    ]
    root = parsed(parallel(FRAME, AXES, [Line(values, "x") for values in lines_of]))
    assert [len(way) for way in ways(root)] == [2, 2]


def test_choices_are_the_same_however_json_has_them() -> None:
    axes = [Axis("layers", choices=(("a", "b"), ("c",))), Axis("flag", choices=(True, False, 1, 0, None))]
    drawn = [Line({"layers": ["a", "b"], "flag": True}, ""), Line({"layers": ("c",), "flag": 1}, "")]
    first, second = ways(parsed(parallel(FRAME, axes, drawn)))
    assert first[1][0] != second[1][0]


def test_empty_charts_are_charts() -> None:
    x, y = UNIT
    for svg in (
        scatter(FRAME, [], x=x, y=y),
        lines(FRAME, [], x_label="x", y_label="y"),
        lines(FRAME, [Series("a", [])], x_label="x", y_label="y"),
        lines(FRAME, [Series("a", [(3, 2.0)])], x_label="x", y_label="y"),
        lines(FRAME, [Series("a", [(3, NAN)])], x_label="x", y_label="y"),
        bars(FRAME, []),
        parallel(FRAME, [], []),
        parallel(FRAME, AXES, []),
        parallel(
            FRAME,
            [Axis("odd", NAN, 2), Axis("one", 3, 3), Axis("log", 0, 1, log=True)],
            [Line({"odd": 1, "one": 3, "log": 0}, "")],
        ),
        key_of_shades("key"),
    ):
        root = parsed(svg)
        assert "nan" not in svg.lower()
        assert "inf" not in svg.lower()
        assert root.get("aria-labelledby")


Draw = Callable[[str], str]
DRAWN: list[Draw] = [
    lambda text: scatter(
        Frame("x", text, text, 400, 300),
        [Point(0.5, 0.5, text, text)],
        x=(text, 0, 1),
        y=(text, 0, 1),
        marks=[Mark(0.5, 0.5, text)],
        guides=[Guide([(0, 1), (1, 0)], text)],
    ),
    lambda text: lines(FRAME, [Series(text, [(0, 1.0), (1, 2.0)])] * 2, x_label=text, y_label=text),
    lambda text: bars(FRAME, [Bar(text, 0.5, 0.1, 0.9)]),
    lambda text: parallel(
        FRAME,
        [Axis(text, choices=(text, "b")), Axis("beta", 0, 1)],
        [Line({text: text, "beta": 0.5}, text, href=text)],
    ),
]


@pytest.mark.parametrize("draw", DRAWN)
def test_nothing_gets_out_of_its_text(draw: Draw) -> None:
    root = parsed(draw(HOSTILE))
    plain = parsed(draw("harmless"))
    assert [each.tag for each in root.iter()] == [each.tag for each in plain.iter()]
    assert [set(each.attrib) for each in root.iter()] == [set(each.attrib) for each in plain.iter()]
    assert any("<script>" in (each.text or "") for each in root.iter())


@pytest.mark.parametrize("draw", DRAWN)
def test_charts_have_no_styles_of_their_own(draw: Draw) -> None:
    root = parsed(draw("harmless"))
    assert not any("style" in each.attrib for each in root.iter())
    assert all_of(root, "style") == []
    # Each class is in the style sheet that goes with them.
    sheet = (Path(charts.__file__).parent / "static" / "charts.css").read_text(encoding="utf-8")
    used = {word for each in root.iter() for word in each.get("class", "").split()}
    unknown = {word for word in used if not re.search(rf"\.{word}\b", sheet)}
    assert unknown <= {"guides", "runs", "plain"}


@pytest.mark.parametrize(
    ("low", "high", "log", "most", "ticks"),
    [
        (0, 1, False, 5, [0, 0.2, 0.4, 0.6, 0.8, 1]),
        (0, 1.25, False, 4, [0, 0.5, 1]),
        (-3, 3, False, 3, [-2, 0, 2]),
        (0.1, 10, True, 7, [0.1, 0.2, 0.5, 1, 2, 5, 10]),
        (0.1, 10, True, 5, [0.1, 1, 10]),
        (0.003, 30, True, 5, [0.01, 0.1, 1, 10]),
        (1e-12, 1, True, 5, [1e-12, 1e-9, 1e-6, 1e-3, 1]),
        (2, 3, True, 5, [2, 3]),
    ],
)
def test_ticks_are_round_numbers(low: float, high: float, log: bool, most: int, ticks: list[float]) -> None:
    assert Scale(low, high, 0, 100, log=log).ticks(most) == pytest.approx(ticks)


def test_scales_have_room_for_all_that_is_finite() -> None:
    scale = scale_of([3, None, NAN, INF, 7.2], 0, 100)
    assert scale.low <= 3
    assert 7.2 <= scale.high < 10
    assert scale_of([], 0, 1).low < scale_of([], 0, 1).high
    assert scale_of([5], 0, 1).low < 5 < scale_of([5], 0, 1).high
    assert scale_of([5, 6], 0, 1, least=0).low == 0
    near = scale_of([1.0, 1.0 + 1e-15], 0, 1)
    assert near.low < near.high


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0, "0"),
        (-0.5, "-0.5"),
        (1234.5, "1,230"),
        (99999, "100,000"),
        (1e20, "1e+20"),
        (0.1 + 0.2, "0.3"),
        (20.599, "20.6"),
        (INF, "–"),
        (True, "1"),
    ],
)
def test_numbers_as_people_read_them(value: float, text: str) -> None:
    assert number(value) == text


def test_shortened_keeps_what_has_room() -> None:
    assert (shortened("abc", 3), shortened("abcd", 3), shortened("abcd", 0)) == ("abc", "ab…", "a…")
