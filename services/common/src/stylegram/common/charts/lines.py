"""Numbers over the course of something, as lines; several of them have a legend, and each may have a band around it."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from markupsafe import Markup

from stylegram.common.charts.axes import Room, axes, room_of
from stylegram.common.charts.scales import Scale, scale_of
from stylegram.common.charts.svg import Frame, chart, group, path_of, tag

SERIES = 6
"""Colours, as the classes `series-0` … have them; the seventh line has the first one's again."""
_LEGEND_LETTER, _LEGEND_GAP = 7.0, 34.0


@dataclass(frozen=True)
class Series:
    """One line. Where a number is None or not finite the line is broken.

    Args:
        name: for the legend.
        points: x and y, by x.
        band: x and the lower and the upper end of what the line may well have been.
        steps: whether the number stays until the next, rather than going there straight.
    """

    name: str
    points: Sequence[tuple[float, float | None]]
    band: Sequence[tuple[float, float, float]] = ()
    steps: bool = False


def lines(
    frame: Frame,
    series: Sequence[Series],
    *,
    x_label: str,
    y_label: str,
    least: float | None = None,
    dots: Sequence[tuple[float, float | None]] = (),
) -> Markup:
    """The chart.

    Args:
        frame: what it is, and how large.
        series: the lines; one alone needs no legend.
        x_label: what is counted, in whole numbers.
        y_label: what is shown.
        least: a number that the y axis has room for in any case.
        dots: single values behind the lines.
    """
    room = room_of(frame)
    xs = [x for each in series for x, _ in each.points] + [x for x, _ in dots]
    ys = [y for each in series for _, y in each.points] + [y for _, y in dots]
    ys += [end for each in series for _, *ends in each.band for end in ends]
    up = scale_of(ys, room.bottom, room.top, least=least)
    first, last = (min(xs), max(xs)) if xs else (0.0, 1.0)
    across = Scale(first, last if last > first else first + 1, room.left, room.right)
    return chart(
        frame,
        axes(room, across, up, x_label, y_label, whole=True),
        *(_band(each, across, up, number) for number, each in enumerate(series) if each.band),
        group(
            tag("circle", cx=across.place(x), cy=up.place(y), r=2.5, class_="dot")
            for x, y in dots
            if y is not None and math.isfinite(y)
        ),
        *(_line(each, across, up, number) for number, each in enumerate(series)),
        *([_legend(series, room)] if len(series) > 1 else []),
    )


def _line(series: Series, across: Scale, up: Scale, number: int) -> Markup:
    parts: list[list[tuple[float, float]]] = [[]]
    for x, y in series.points:
        if y is None or not math.isfinite(y):
            parts.append([])
            continue
        place = (across.place(x), up.place(y))
        if series.steps and parts[-1]:
            parts[-1].append((place[0], parts[-1][-1][1]))
        parts[-1].append(place)
    look = f"line {_color(number)}"
    # A line of one point is none: a dot with round ends is.
    drawn = " ".join(path_of(part if len(part) > 1 else part * 2) for part in parts if part)
    return tag("path", tag("title", series.name), d=drawn, class_=look) if drawn else Markup("")


def _band(series: Series, across: Scale, up: Scale, number: int) -> Markup:
    above = [(across.place(x), up.place(high)) for x, _, high in series.band]
    below = [(across.place(x), up.place(low)) for x, low, _ in reversed(series.band)]
    return tag("path", d=path_of(above + below) + "Z", class_=f"band {_color(number)}")


def _legend(series: Sequence[Series], room: Room) -> Markup:
    """In the upper right corner, from right to left."""
    parts, right = [], room.right
    for number, each in reversed(list(enumerate(series))):
        right -= len(each.name) * _LEGEND_LETTER
        parts += [
            tag("text", each.name, x=right, y=room.top - 12, class_="tick"),
            tag(
                "path",
                d=path_of([(right - 20, room.top - 16), (right - 6, room.top - 16)]),
                class_=f"line {_color(number)}",
            ),
        ]
        right -= _LEGEND_GAP
    return group(parts)


def _color(number: int) -> str:
    return f"series-{number % SERIES}"
