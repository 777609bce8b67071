"""Bars beside their names, with whiskers for what they may well be."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from markupsafe import Markup

from stylegram.common.charts.scales import Scale, number
from stylegram.common.charts.svg import Frame, chart, group, path_of, shortened, tag

_ROW, _BAR, _VALUE = 28.0, 12.0, 44.0
_LETTER, _MOST_LETTERS = 6.8, 22


@dataclass(frozen=True)
class Bar:
    """One bar.

    Args:
        label: its name.
        value: its length, 0 or more; not finite is nothing.
        low: the lower end of its whisker; None for no whisker.
        high: the upper end.
    """

    label: str
    value: float
    low: float | None = None
    high: float | None = None


def height_of(count: int) -> float:
    """How high a frame has to be for so many bars."""
    return count * _ROW + 8


def bars(frame: Frame, values: Sequence[Bar], *, percent: bool = False) -> Markup:
    """The chart, in the order that is given.

    Args:
        frame: what it is, and how large: see `height_of`.
        values: the bars.
        percent: whether the numbers are shares.
    """
    letters = max((min(len(each.label), _MOST_LETTERS) for each in values), default=0)
    left = letters * _LETTER + 14
    ends = [end for each in values for end in (each.value, each.high) if end is not None and math.isfinite(end)]
    across = Scale(0, max(ends, default=0) or 1, left, frame.width - _VALUE - 6)
    return chart(
        frame,
        *(_row(each, across, row * _ROW + _ROW / 2 + 4, frame.width, percent) for row, each in enumerate(values)),
        tag("line", x1=left, x2=left, y1=2.0, y2=frame.height - 2, class_="axis"),
    )


def _row(bar: Bar, across: Scale, y: float, right: float, percent: bool) -> Markup:
    length = across.place(bar.value if math.isfinite(bar.value) else 0) - across.start
    shown = f"{bar.value:.0%}" if percent and math.isfinite(bar.value) else number(bar.value)
    parts = [
        tag("title", f"{bar.label}: {shown}{_interval(bar, percent)}"),
        tag("text", shortened(bar.label, _MOST_LETTERS), x=across.start - 8, y=y + 4, class_="label end"),
        tag("rect", x=across.start, y=y - _BAR / 2, width=length, height=_BAR, rx=2, class_="bar"),
        tag("text", shown, x=right, y=y + 4, class_="tick end"),
    ]
    if bar.low is not None and bar.high is not None and math.isfinite(bar.low) and math.isfinite(bar.high):
        low, high = across.place(bar.low), across.place(bar.high)
        strokes = [[(low, y), (high, y)], [(low, y - 4), (low, y + 4)], [(high, y - 4), (high, y + 4)]]
        parts.append(tag("path", d="".join(map(path_of, strokes)), class_="whisker"))
    return group(parts)


def _interval(bar: Bar, percent: bool) -> str:
    if bar.low is None or bar.high is None:
        return ""
    ends = [f"{end:.0%}" if percent and math.isfinite(end) else number(end) for end in (bar.low, bar.high)]
    return f", between {ends[0]} and {ends[1]}"
