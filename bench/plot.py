"""A plot of a few lines, both axes logarithmic, drawn with Pillow: no plotting library is needed for it."""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

from PIL import Image, ImageDraw, ImageFont

_SIZE = (960, 640)
_LEFT, _TOP, _RIGHT, _BOTTOM = 90, 50, 760, 560
_INK, _GRID = "#222222", "#dddddd"
_DASH = 7


@dataclass(frozen=True)
class Line:
    """One line of a plot.

    Args:
        label: for the legend.
        points: x and y of each, above 0.
        color: as Pillow names colours.
        dashed: or drawn through.
    """

    label: str
    points: Sequence[tuple[float, float]]
    color: str
    dashed: bool = False


def plot(lines: Sequence[Line], *, title: str, x: str, y: str) -> Image.Image:
    """Draw the lines.

    Args:
        lines: at least one, with at least one point.
        title: above all.
        x: what the horizontal axis shows.
        y: what the vertical axis shows.
    """
    image = Image.new("RGB", _SIZE, "white")
    draw = ImageDraw.Draw(image)
    font = ImageFont.load_default(15)
    across = _Axis([point[0] for line in lines for point in line.points], _LEFT, _RIGHT)
    up = _Axis([point[1] for line in lines for point in line.points], _BOTTOM, _TOP)
    for value in across.ticks():
        draw.line([(across(value), _TOP), (across(value), _BOTTOM)], _GRID)
        draw.text((across(value), _BOTTOM + 8), f"{value:g}", _INK, font, anchor="ma")
    for value in up.ticks():
        draw.line([(_LEFT, up(value)), (_RIGHT, up(value))], _GRID)
        draw.text((_LEFT - 8, up(value)), f"{value:g}", _INK, font, anchor="rm")
    draw.rectangle([_LEFT, _TOP, _RIGHT, _BOTTOM], outline=_INK)
    draw.text((_LEFT, 2), title, _INK, ImageFont.load_default(20))
    draw.text(((_LEFT + _RIGHT) / 2, _BOTTOM + 40), x, _INK, font, anchor="ma")
    draw.text((8, _TOP - 20), y, _INK, font)
    for row, line in enumerate(lines):
        at = [(across(first), up(second)) for first, second in sorted(line.points)]
        _stroke(draw, at, line)
        for center_x, center_y in at:
            corners = [center_x - 4, center_y - 4, center_x + 4, center_y + 4]
            draw.ellipse(corners, "white" if line.dashed else line.color, line.color, 2)
        height = _TOP + 12 + 24 * row
        _stroke(draw, [(_RIGHT + 15, height), (_RIGHT + 55, height)], line)
        draw.text((_RIGHT + 65, height), line.label, _INK, font, anchor="lm")
    return image


class _Axis:
    """Where a value lies, in pixels."""

    def __init__(self, values: Sequence[float], first: int, last: int) -> None:
        low, high = math.log10(min(values)), math.log10(max(values))
        margin = 0.05 * (high - low) or 0.1
        self._low, self._high = low - margin, high + margin
        self._first, self._last = first, last

    def __call__(self, value: float) -> float:
        share = (math.log10(value) - self._low) / (self._high - self._low)
        return self._first + share * (self._last - self._first)

    def ticks(self) -> Iterator[float]:
        # Few of them over several powers of ten, more where the values lie close together.
        decades = self._high - self._low
        digits = (10, 20, 50) if decades > 0.8 else range(10, 100, 10 if decades > 0.3 else 5)
        for exponent in range(math.floor(self._low) - 1, math.ceil(self._high) - 1):
            for digit in digits:
                if self._low <= math.log10(value := digit * 10.0**exponent) <= self._high:
                    yield value


def _stroke(draw: ImageDraw.ImageDraw, points: Sequence[tuple[float, float]], line: Line) -> None:
    if not line.dashed:
        draw.line(points, line.color, 2)
        return
    for (x, y), (to_x, to_y) in pairwise(points):
        pieces = max(1, round(math.hypot(to_x - x, to_y - y) / _DASH))
        for piece in range(0, pieces, 2):
            begin, end = piece / pieces, min(1, (piece + 1) / pieces)
            ends = [(x + share * (to_x - x), y + share * (to_y - y)) for share in (begin, end)]
            draw.line(ends, line.color, 2)
