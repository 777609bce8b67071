"""A study's report: whole, in itself, and whatever the study is like."""

import math
from base64 import b64decode
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from html.parser import HTMLParser
from typing import Any

import pytest

from stylegram.common.charts.parallel import MOST_LINES
from stylegram.logger.report import (
    Dimension,
    Image,
    Importance,
    Pictures,
    Report,
    Suggestion,
    Trial,
    render_report,
)
from stylegram.logger.report.figures import WIDE, space_chart, words
from stylegram.logger.report.findings import Findings, differing

HOSTILE = "<script>alert(1)</script>&\"'</style>{{ 7 * 7 }} \0\x1b\ud800 ]]> --> ‮"
START = datetime(2026, 11, 20, 8, 0, tzinfo=UTC)
PHOTO, PAINTING = Image("My photo", "a" * 64), Image("The scream", "b" * 64)
BASE = {"size": 256, "content_weight": 0.1, "optimizer": "lbfgs", "style_layers": ["relu1_1", "relu2_1"]}
JPEG = b"\xff\xd8\xff\xe0 no more than its beginning"
VOID = {"meta", "img", "br", "link", "circle", "rect", "line", "path"}


class Page(HTMLParser):
    """The page as a browser takes it apart.

    Args:
        html: its text.
    """

    def __init__(self, html: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self._open: list[str] = []
        self._quiet = 0
        self.feed(html)
        self.close()
        assert self._open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        assert len(dict(attrs)) == len(attrs)
        self.elements.append((tag, dict(attrs)))
        if tag not in VOID or tag in ("circle", "rect", "line", "path"):
            self._open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert self._open.pop() == tag

    def handle_data(self, data: str) -> None:
        if self._open and self._open[-1] != "style":
            self.text += data

    def all(self, tag: str) -> list[dict[str, str | None]]:
        return [attributes for name, attributes in self.elements if name == tag]

    @property
    def ids(self) -> list[str]:
        return [str(attributes["id"]) for _, attributes in self.elements if "id" in attributes]


def trial(number: int, content_error: float | None = 0.5, style_error: float | None = 0.5, **changes: Any) -> Trial:
    """A trial that is done, unless it is told otherwise."""
    known = content_error is not None and style_error is not None
    facts: dict[str, Any] = {
        "number": number,
        "state": "done",
        "content": PHOTO,
        "style": PAINTING,
        "parameters": {"content_weight": 0.2, "optimizer": "adam"},
        "hyperparameters": BASE | {"content_weight": 0.2, "optimizer": "adam"},
        "job_id": f"job-{number}",
        "relative_content_error": content_error,
        "relative_style_error": style_error,
        "score": (1 + (content_error or 0)) * (1 + (style_error or 0)) if known else None,
        "seconds": 30.0,
    }
    return Trial(**facts | changes)


def report(trials: Sequence[Trial] = (), **changes: Any) -> Report:
    facts: dict[str, Any] = {
        "name": "first-study",
        "sampler": "tpe",
        "budget": 60,
        "created_at": START,
        "reported_at": START + timedelta(hours=1),
        "dimensions": (
            Dimension("content_weight", 0.01, 10, log=True),
            Dimension("optimizer", choices=("adam", "lbfgs")),
        ),
        "base": BASE,
        "trials": tuple(trials),
        "importance": (Importance("content_weight", 0.7, 0.6, 0.8), Importance("optimizer", 0.1)),
        "suggestions": (Suggestion(BASE | {"content_weight": 0.3}, "Near the best.", PHOTO, PAINTING, 0.25, 0.125),),
    }
    return Report(**facts | changes)


def some(count: int) -> list[Trial]:
    """Trials along and behind a front, some of which failed."""
    return [
        trial(
            number, reason="It left the numbers.", state="failed", job_id=None, relative_content_error=None, score=None
        )
        if number % 10 == 7
        else trial(number, 0.1 + 0.8 * (number * 7 % 31) / 31, 0.9 - 0.8 * (number * 7 % 31) / 31 + number % 3 / 10)
        for number in range(count)
    ]


EVERYTHING = Pictures(lambda _: JPEG, None, lambda _: JPEG, lambda _: JPEG)


def test_it_tells_of_the_study() -> None:
    page = Page(render_report(report(some(40)), EVERYTHING))
    for said in (
        "first-study", "tpe", "20 November 2026, 09:00 UTC", "36 of 60", "My photo × The scream", "best score",
        "It left the numbers.", "Near the best.", "Expected: content error 0.25, style error 0.125.",
        "--set content_weight=0.3", "All 40 trials", "content_weight",
    ):  # fmt: skip
        assert said in " ".join(page.text.split()), said


def test_it_needs_nothing_but_itself_and_runs_nothing() -> None:
    html = render_report(report(some(40)), EVERYTHING)
    page = Page(html)
    assert page.all("script") == page.all("link") == page.all("iframe") == []
    [policy] = [each for each in page.all("meta") if each.get("http-equiv")]
    assert policy["content"] == "default-src 'none'; img-src data:; style-src 'unsafe-inline'"
    for _, attributes in page.elements:
        assert not any(name.startswith("on") or name == "style" for name in attributes)
        for name in ("src", "href"):
            assert str(attributes.get(name) or "#").startswith(("data:image/jpeg;base64,", "#"))
    assert "url(http" not in html.replace("http://www.w3.org", "")


def test_every_link_leads_somewhere_and_every_name_is_one() -> None:
    page = Page(render_report(report(some(120)), EVERYTHING))
    assert len(set(page.ids)) == len(page.ids)
    targets = {str(each["href"])[1:] for each in page.all("a")}
    assert targets <= set(page.ids)
    labels = {words for _, each in page.elements for words in str(each.get("aria-labelledby") or "").split()}
    assert labels <= set(page.ids)
    assert len(targets) > 100


def test_who_sees_no_pictures_is_told() -> None:
    page = Page(render_report(report(some(40)), EVERYTHING))
    assert all(each.get("alt") for each in page.all("img"))
    assert all(each.get("aria-label") for each in page.all("span") if each.get("role") == "img")
    drawn = [each for each in page.all("svg") if each.get("aria-hidden") is None]
    assert all(each.get("aria-labelledby") and each.get("aria-describedby") for each in drawn)
    # The numbers of every trial are in a table.
    assert {f"row-{number}" for number in range(40)} <= set(page.ids)


def test_each_picture_is_asked_for_and_embedded_once() -> None:
    asked: list[str] = []

    def read(name: str) -> bytes:
        asked.append(name)
        return JPEG + name.encode()

    html = render_report(report(some(40)), Pictures(read, lambda name: JPEG + b"large", read, read))
    assert len(set(asked)) == len(asked)
    assert {PHOTO.sha256, PAINTING.sha256} <= set(asked)
    sources = [str(each["src"]).removeprefix("data:image/jpeg;base64,") for each in Page(html).all("img")]
    assert len(set(sources)) == len(sources) > 6
    assert b64decode(sources[0]) == JPEG + b"large"


@pytest.mark.parametrize("answer", [None, b"", b"<svg onload='alert(1)'>", b"\x89PNG"])
def test_pictures_that_are_not_to_be_had_leave_a_place(answer: bytes | None) -> None:
    nothing = Pictures(lambda _: answer, None, lambda _: answer, lambda _: answer)
    for pictures in (nothing, None):
        html = render_report(report(some(20)), pictures)
        assert Page(html).all("img") == []
        assert "no picture" in html
        assert "data:image" not in html.replace("img-src data:", "")


def test_nothing_gets_out_of_its_text() -> None:
    image = Image(HOSTILE, HOSTILE)
    hostile = [
        trial(
            0,
            content=image,
            style=image,
            job_id=HOSTILE,
            hyperparameters={HOSTILE: HOSTILE},
            parameters={HOSTILE: HOSTILE},
        ),
        trial(1, 0.2, 0.9, content=image, style=image, parameters={HOSTILE: 0.5}),
        trial(2, state="failed", reason=HOSTILE, content=image),
    ]
    html = render_report(
        report(
            hostile,
            name=HOSTILE,
            sampler=HOSTILE,
            dimensions=(Dimension(HOSTILE, choices=(HOSTILE, "b")), Dimension("x", 0, 1)),
            base={HOSTILE: HOSTILE},
            importance=(Importance(HOSTILE, 0.5, 0.1, 0.9),),
            importance_of=HOSTILE,
            suggestions=(Suggestion({HOSTILE: HOSTILE}, HOSTILE, image, image),),
        ),
        EVERYTHING,
    )
    page = Page(html)
    assert page.all("script") == []
    assert html.count("</style>") == 1
    assert "{{ 7 * 7 }}" in page.text
    assert "<script>alert(1)" in page.text
    assert not set("\0\x1b") & set(html)
    html.encode()


@pytest.mark.parametrize("count", [0, 1, 2, 1000])
def test_studies_of_any_length(count: int) -> None:
    trials = some(count)
    page = Page(render_report(report(trials, importance=(), suggestions=()), EVERYTHING))
    assert sum(name.startswith("row-") for name in page.ids) == count
    assert len(page.all("img")) <= 20


def test_what_is_not_known_is_a_dash() -> None:
    strange = [
        trial(0, math.nan, 0.5, score=math.nan),
        trial(1, 0.5, None),
        trial(2, 0.5, math.inf, score=math.inf, seconds=math.nan, parameters={}, content=Image("x"), style=Image("")),
        trial(3, 4.0, 9.0, job_id=None, seconds=None),
        trial(4, state="running", relative_content_error=None, score=None, job_id=None),
        trial(5, state="failed", reason=None),
    ]
    strange_report = report(
        strange,
        budget=None,
        importance=(Importance("a", math.nan), Importance("b", 0.5, math.nan, 1.0)),
        dimensions=(Dimension("a"), Dimension("b", 1, 1), Dimension("c", -1, 1, log=True), Dimension("d", math.nan, 1)),
        base={"a": None, "b": math.nan, "c": (1, 2), "d": {"e": 1}},
    )
    html = render_report(strange_report, EVERYTHING)
    text = " ".join(Page(html).text.split())
    assert "nan" not in html.replace("finance", "").lower().split("base64")[0]
    assert "score of 50" in text
    assert "Nobody knows why." in text
    # All unmeasured: no charts, and words in their place.
    none = " ".join(Page(render_report(report(strange[:3]), EVERYTHING)).text.split())
    assert "No picture of this study has been measured yet." in none


def test_all_failed_says_why() -> None:
    failed = [trial(number, state="failed", reason="a" if number % 3 else "b") for number in range(30)]
    findings = Findings(report(failed))
    assert [(group.reason, len(group.numbers)) for group in findings.failures] == [("a", 20), ("b", 10)]
    assert "What failed" in Page(render_report(report(failed))).text


def numbers(trials: Sequence[Trial]) -> list[int]:
    return [each.number for each in trials]


def test_the_best_and_the_front() -> None:
    trials = [
        trial(0, 0.5, 0.5),
        trial(1, 0.2, 0.8),
        trial(2, 0.6, 0.6),  # the first is better in both
        trial(3, 0.8, 0.1),
        trial(4, 0.05, 1.5),  # the photograph as it is, is better in both
        trial(5, 0.0, 0.0, state="running"),
        trial(6, 0.5, 0.5),  # like the first
    ]
    findings = Findings(report(trials))
    assert numbers(findings.front) == [1, 0, 3]
    assert findings.best is trials[3]
    assert numbers(findings.measured) == [3, 1, 0, 6, 2, 4]
    assert findings.ranks == {3: 0, 1: 0.2, 0: 0.4, 6: 0.6, 2: 0.8, 4: 1}


def test_the_course() -> None:
    trials = [trial(0, state="failed"), trial(1, 0.5, 0.5), trial(2, 0.6, 0.9), trial(3, 0.2, 0.5)]
    findings = Findings(report(trials))
    assert findings.best_so_far == [(0, None), (1, 2.25), (2, 2.25), (3, pytest.approx(1.8))]
    assert [area for _, area in findings.hypervolume_so_far] == pytest.approx([0, 0.25, 0.25, 0.4])


def test_each_pair_has_its_own_front_and_its_own_best() -> None:
    other = Image("other.jpg", "c" * 64)
    easy = [trial(number, 0.1 + number / 100, 0.1) for number in range(0, 20, 2)]
    hard = [trial(number, 0.6, 0.6 - number / 100, content=other) for number in range(1, 20, 2)]
    mixed = sorted(easy + hard, key=lambda each: each.number)
    findings = Findings(report(mixed))
    assert [numbers(each.front) for each in findings.by_pair] == [[0], [19]]
    assert {each.content.name for each in findings.shown_best} == {PHOTO.name, other.name}
    areas = [each.hypervolume_so_far[-1][1] or 0 for each in findings.by_pair]
    assert findings.hypervolume_so_far[-1][1] == pytest.approx(sum(areas) / 2)
    assert "Pair by pair" in render_report(report(mixed))
    assert "Pair by pair" not in render_report(report(easy))


def test_no_picture_is_shown_twice() -> None:
    for count in (1, 5, 9, 14, 40):
        findings = Findings(report(some(count)))
        shown = numbers([*findings.shown_best, *findings.shown_front, *findings.shown_worst])
        assert len(set(shown)) == len(shown)
        assert set(shown) == findings.carded


def test_what_differs_from_the_base() -> None:
    values = BASE | {"style_layers": ("relu1_1", "relu2_1"), "optimizer": "adam", "new": None}
    assert differing(values, BASE) == {"optimizer": "adam", "new": None}


def test_the_budget_that_is_left() -> None:
    assert Findings(report(some(20))).left == 40
    assert Findings(report(some(20), budget=10)).left == 0
    assert Findings(replace(report(), budget=None)).left is None


def test_of_very_many_lines_the_best_and_some_others_are_drawn() -> None:
    findings = Findings(report(some(1000)))
    drawn = space_chart(findings, WIDE).count('class="run ')
    assert MOST_LINES * 0.8 < drawn <= MOST_LINES
    assert space_chart(Findings(report(some(40))), WIDE).count('class="run ') == 36
    best = findings.best
    assert best
    assert words(best) in space_chart(findings, WIDE)
