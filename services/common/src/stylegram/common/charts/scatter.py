"""Points on two axes: those of a front are connected, a few have names, and each leads to what it stands for."""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Literal

from markupsafe import Markup

from stylegram.common.charts.axes import Room, axes, room_of
from stylegram.common.charts.scales import Scale
from stylegram.common.charts.svg import Frame, chart, group, link, path_of, shade, tag

_RADIUS = {"plain": 4.0, "front": 5.5, "best": 7.5}
# Of a letter, on average.
_LETTER = 6.6
# Places that the label of a guide may hide; one that would hide more is left out.
_MOST_HIDDEN = 1


@dataclass(frozen=True)
class Point:
    """One point; left out where a coordinate is not finite.

    Args:
        x: from left to right.
        y: from the bottom to the top.
        title: what it is, shown when it is pointed at.
        href: where it leads.
        rank: its shade, 0 for the best … 1 for the worst.
        kind: whether it is on the front, or the best of all; those are larger, and the keyboard stops there.
        run: by which a script knows it, where it leads somewhere.
    """

    x: float | None
    y: float | None
    title: str
    href: str | None = None
    rank: float = 0.5
    kind: Literal["plain", "front", "best"] = "plain"
    run: str | None = None


@dataclass(frozen=True)
class Mark:
    """A place with a name beside it.

    Args:
        x: from left to right.
        y: from the bottom to the top.
        label: its name.
        hollow: whether a ring is drawn there, as no point is.
    """

    x: float
    y: float
    label: str
    hollow: bool = False


@dataclass(frozen=True)
class Guide:
    """A faint line behind the points, with its name at its end."""

    points: Sequence[tuple[float, float]]
    label: str


def scatter(
    frame: Frame,
    points: Sequence[Point],
    *,
    x: tuple[str, float, float],
    y: tuple[str, float, float],
    front: Sequence[tuple[float, float]] = (),
    marks: Sequence[Mark] = (),
    guides: Sequence[Guide] = (),
) -> Markup:
    """The chart. What is beyond an end of an axis is a small triangle at that end.

    Args:
        frame: what it is, and how large.
        points: the worse ones are drawn below the better ones.
        x: the axis's name and its two ends.
        y: likewise.
        front: the places that a line of steps connects, by their x; each lies inside of both axes.
        marks: places with names.
        guides: lines behind.
    """
    room = room_of(frame)
    across, up = Scale(x[1], x[2], room.left, room.right), Scale(y[1], y[2], room.bottom, room.top)
    order = ("plain", "front", "best")
    drawn = sorted(filter(_is_finite, points), key=lambda point: (order.index(point.kind), -point.rank))
    stairs = _steps(front, across, up) if front else []
    # What labels had better not hide.
    taken = [*((across.place(point.x or 0), up.place(point.y or 0)) for point in drawn), *_along(stairs)]
    named, lined = list[Markup](), list[Markup]()
    for mark in marks:
        drawing, covered = _mark(mark, across, up, room, taken)
        named.append(drawing)
        taken += covered
    for guide in guides:
        drawing, covered = _guide(guide, across, up, room, taken)
        lined.append(drawing)
        taken += covered
    return chart(
        frame,
        axes(room, across, up, x[0], y[0]),
        group(lined, class_="guides"),
        *([tag("path", d=path_of(stairs), class_="front")] if stairs else []),
        group(_point(point, across, up) for point in drawn),
        group(named),
        linked=any(point.href for point in points),
    )


def _is_finite(point: Point) -> bool:
    return all(value is not None and math.isfinite(value) for value in (point.x, point.y))


def _point(point: Point, across: Scale, up: Scale) -> Markup:
    value_x, value_y = float(point.x or 0), float(point.y or 0)
    x, y, radius = across.place(value_x), up.place(value_y), _RADIUS[point.kind]
    title, look = tag("title", point.title), f"point {point.kind} {shade(point.rank)}"
    # A triangle points to where it would be.
    if value_x > across.high:
        shape = tag("path", title, d=path_of([(x, y), (x - 7, y - 5), (x - 7, y + 5)]) + "Z", class_=look)
    elif value_y > up.high:
        shape = tag("path", title, d=path_of([(x, y), (x - 5, y + 7), (x + 5, y + 7)]) + "Z", class_=look)
    else:
        shape = tag("circle", title, cx=x, cy=y, r=radius, class_=look)
    return link(shape, point.href, reachable=point.kind != "plain", run=point.run)


def _steps(front: Sequence[tuple[float, float]], across: Scale, up: Scale) -> list[tuple[float, float]]:
    """A staircase from the upper edge to the right one: beyond it everything is surpassed."""
    height, stairs = up.end, list[tuple[float, float]]()
    for x, y in ((across.place(x), up.place(y)) for x, y in front):
        stairs += [(x, height), (x, y)]
        height = y
    return [*stairs, (across.end, height)]


def _along(stairs: Sequence[tuple[float, float]]) -> list[tuple[float, float]]:
    """Places on the staircase, some pixels apart."""
    return [
        (x0 + (x1 - x0) * step / 20, y0 + (y1 - y0) * step / 20)
        for (x0, y0), (x1, y1) in pairwise(stairs)
        for step in range(21)
    ]


def _mark(
    mark: Mark, across: Scale, up: Scale, room: Room, taken: Sequence[tuple[float, float]]
) -> tuple[Markup, list[tuple[float, float]]]:
    """Its label is at that corner of the place where it hides least; with places that the label covers."""
    x, y, width = across.place(mark.x), up.place(mark.y), len(mark.label) * _LETTER
    corners = [(side, level) for level in (-1, 1) for side in (1, -1)]

    def hidden(corner: tuple[int, int]) -> tuple[bool, int]:
        left, middle = (x + 10 if corner[0] > 0 else x - 10 - width), y + corner[1] * 13
        return not _is_inside(room, left, middle, width), _hides(left, middle, width, taken)

    side, level = min(corners, key=hidden)
    look = "label halo" if side > 0 else "label halo end"
    label = tag("text", mark.label, x=x + side * 10, y=y + level * 13 + 4, class_=look)
    ring = [tag("circle", cx=x, cy=y, r=6.0, class_="ring")] if mark.hollow else []
    return group([*ring, label]), [(x + side * (10 + width * step / 8), y + level * 13) for step in range(9)]


def _is_inside(room: Room, left: float, middle: float, width: float) -> bool:
    return room.left <= left and left + width <= room.right and room.top <= middle <= room.bottom


def _hides(left: float, middle: float, width: float, taken: Iterable[tuple[float, float]]) -> int:
    """How many of the places lie below a label there."""
    return sum(left <= x <= left + width and abs(y - middle) < 11 for x, y in taken)


def _guide(
    guide: Guide, across: Scale, up: Scale, room: Room, taken: Sequence[tuple[float, float]]
) -> tuple[Markup, list[tuple[float, float]]]:
    """The line with its label on it, as near to its end as it hides least there, and places that the label covers."""
    inside = [(x, y) for x, y in guide.points if across.low <= x <= across.high and up.low <= y <= up.high]
    if len(inside) < 2:
        return Markup(""), []
    places = [(across.place(x), up.place(y)) for x, y in inside]
    line, width = tag("path", d=path_of(places), class_="guide"), len(guide.label) * _LETTER

    def hidden(place: tuple[float, float]) -> tuple[bool, int]:
        left, middle = place[0] - width / 2, place[1]
        # Nor does it touch the axis.
        return not _is_inside(room, left, middle + 12, width), _hides(left, middle, width, taken)

    x, y = min(reversed(places), key=hidden)
    if hidden((x, y)) > (False, _MOST_HIDDEN):
        return line, []
    label = tag("text", guide.label, x=x, y=y + 4, class_="tick halo middle")
    return group([line, label]), [(x + width * step / 8, y) for step in range(-4, 5)]
