"""Parallel coordinates: an axis for each dimension, one below the other, and a line down through all for each run.

Axes lie, rather than stand, so that names and choices can be read on a telephone too.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

from markupsafe import Markup

from stylegram.common.charts.scales import Scale, number
from stylegram.common.charts.svg import Frame, chart, group, link, path_of, shade, shortened, tag

_ROW, _ROW_NAMED, _TOP = 58.0, 66.0, 22.0
_GUTTER, _EDGE = 150.0, 26.0
# Below this width names stand above their axes.
_WIDE = 600.0
_LETTER, _MOST_TICKS = 6.4, 5
MOST_LINES = 100
"""Lines beyond these would hide each other; see `some_of`."""
_BEST_LINES = 20
# The share of a choice's room over which its lines are spread.
_FAN = 0.5
_Run = TypeVar("_Run")


@dataclass(frozen=True)
class Axis:
    """One dimension.

    Args:
        name: what it is called, and by which a line has its value.
        low: the least number; None of a choice.
        high: the largest number; None of a choice.
        log: whether numbers are spaced by their ratios.
        choices: all there are; none of a number.
    """

    name: str
    low: float | None = None
    high: float | None = None
    log: bool = False
    choices: tuple[Any, ...] = ()


@dataclass(frozen=True)
class Line:
    """One run.

    Args:
        values: by the axes' names; a line passes by the axes for which it has none.
        title: what it is, shown when it is pointed at.
        rank: its shade, 0 for the best … 1 for the worst.
        href: where it leads.
    """

    values: Mapping[str, Any]
    title: str
    rank: float = 0.5
    href: str | None = None


def height_of(count: int, width: float) -> float:
    """How high a frame of that width has to be for so many axes."""
    return _TOP + count * (_ROW if width >= _WIDE else _ROW_NAMED)


def some_of(best_first: Sequence[_Run]) -> Sequence[_Run]:
    """Those that are drawn of many: the best, and some of the others, at most `MOST_LINES`."""
    every = max(math.ceil((len(best_first) - _BEST_LINES) / (MOST_LINES - _BEST_LINES)), 1)
    return [*best_first[:_BEST_LINES], *best_first[_BEST_LINES::every]]


def parallel(frame: Frame, axes: Sequence[Axis], drawn: Sequence[Line]) -> Markup:
    """The chart; better lines lie above worse ones.

    Args:
        frame: what it is, and how large: see `height_of`.
        axes: from the top to the bottom.
        drawn: the lines.
    """
    wide = frame.width >= _WIDE
    row = _ROW if wide else _ROW_NAMED
    start, end = (_GUTTER if wide else _EDGE), frame.width - _EDGE
    rows = [(axis, _TOP + number * row + (0 if wide else row - _ROW), start, end) for number, axis in enumerate(axes)]
    return chart(
        frame,
        group((_line(each, rows) for each in sorted(drawn, key=lambda line: -line.rank)), class_="runs"),
        *(_axis(axis, y, start, end, wide=wide) for axis, y, start, end in rows),
        linked=any(each.href for each in drawn),
    )


def _scale(axis: Axis, start: float, end: float) -> Scale:
    low, high = axis.low, axis.high
    if low is None or high is None or not (math.isfinite(low) and math.isfinite(high)) or low >= high:
        middle = low if low is not None and math.isfinite(low) else 0.0
        return Scale(middle - 1, middle + 1, start, end)
    return Scale(low, high, start, end, log=axis.log and low > 0)


def _choice_place(axis: Axis, at: int, start: float, end: float, rank: float = 0.5) -> float:
    """Within a choice the better lines are at the left, so that one sees how many of which there are."""
    return start + (at + 0.5 + (rank - 0.5) * _FAN) / len(axis.choices) * (end - start)


def _place(axis: Axis, line: Line, start: float, end: float) -> float | None:
    value = line.values.get(axis.name)
    if axis.choices:
        # By their texts: JSON has lists where the space has tuples, and 1 is not True.
        texts = [_words(choice) for choice in axis.choices]
        found = _words(value) in texts
        return _choice_place(axis, texts.index(_words(value)), start, end, line.rank) if found else None
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        return None
    return _scale(axis, start, end).place(value)


def _line(line: Line, rows: Sequence[tuple[Axis, float, float, float]]) -> Markup:
    places = [(_place(axis, line, start, end), y) for axis, y, start, end in rows]
    points = [(x, y) for x, y in places if x is not None]
    if len(points) < 2:
        return Markup("")
    shape = tag("path", tag("title", line.title), d=path_of(points), class_=f"run {shade(line.rank)}")
    return link(shape, line.href, reachable=False)


def _axis(axis: Axis, y: float, start: float, end: float, *, wide: bool) -> Markup:
    most_letters = int(_GUTTER / _LETTER) - 3 if wide else 40
    name = tag(
        "text",
        tag("title", axis.name),
        shortened(axis.name, most_letters),
        x=start - _EDGE if wide else start - 12,
        y=y + 4 if wide else y - 12,
        class_="label halo end" if wide else "label halo",
    )
    return group([tag("line", x1=start, x2=end, y1=y, y2=y, class_="axis"), name, *_ticks(axis, y, start, end)])


def _ticks(axis: Axis, y: float, start: float, end: float) -> list[Markup]:
    if axis.choices:
        letters = int((end - start) / len(axis.choices) / _LETTER)
        ticks = [
            (_choice_place(axis, at, start, end), shortened(_words(choice), max(letters, 3)), _words(choice))
            for at, choice in enumerate(axis.choices)
        ]
    else:
        scale = _scale(axis, start, end)
        ticks = [(scale.place(at), number(at), number(at)) for at in scale.ticks(_MOST_TICKS)]
    return [
        part
        for x, text, whole in ticks
        for part in (
            tag("line", x1=x, x2=x, y1=y - 4, y2=y + 4, class_="axis"),
            tag("text", tag("title", whole), text, x=x, y=y + 17, class_="tick middle halo"),
        )
    ]


def _words(value: Any) -> str:  # noqa: ANN401  (of any hyperparameter)
    if isinstance(value, list | tuple):
        return ",".join(map(_words, value))
    if isinstance(value, float):
        return number(value)
    return str(value)
