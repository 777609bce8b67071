"""The plot's two axes, with their ticks, grid and names."""

from dataclasses import dataclass

from markupsafe import Markup

from stylegram.common.charts.scales import Scale, number
from stylegram.common.charts.svg import Frame, group, tag

_LEFT, _RIGHT, _TOP, _BOTTOM = 52.0, 14.0, 26.0, 44.0
_TICK_WIDTH, _TICK_HEIGHT = 72.0, 46.0


@dataclass(frozen=True)
class Room:
    """The part of a frame in which things are drawn; what is around it is for ticks and names."""

    left: float
    right: float
    top: float
    bottom: float


def room_of(frame: Frame) -> Room:
    """Where a frame with two axes has its plot."""
    return Room(_LEFT, frame.width - _RIGHT, _TOP, frame.height - _BOTTOM)


def axes(room: Room, x: Scale, y: Scale, x_label: str, y_label: str, *, whole: bool = False) -> Markup:
    """Grid, ticks and names.

    Args:
        room: see `room_of`.
        x: from left to right.
        y: from the bottom to the top.
        x_label: the name below.
        y_label: the name above, at the left.
        whole: whether only whole numbers are on the x axis.
    """
    across = [tick for tick in x.ticks(_count(room.right - room.left, _TICK_WIDTH)) if not (whole and tick % 1)]
    up = y.ticks(_count(room.bottom - room.top, _TICK_HEIGHT))
    return group(
        [
            *(tag("line", x1=room.left, x2=room.right, y1=y.place(at), y2=y.place(at), class_="grid") for at in up),
            *(tag("line", y1=room.top, y2=room.bottom, x1=x.place(at), x2=x.place(at), class_="grid") for at in across),
            *(tag("text", number(at), x=room.left - 8, y=y.place(at) + 4, class_="tick end") for at in up),
            *(tag("text", number(at), x=x.place(at), y=room.bottom + 18, class_="tick middle") for at in across),
            tag("line", x1=room.left, x2=room.right, y1=room.bottom, y2=room.bottom, class_="axis"),
            tag("text", f"{x_label} →", x=room.right, y=room.bottom + 37, class_="name end"),
            tag("text", f"↑ {y_label}", x=room.left - 44, y=room.top - 12, class_="name"),
        ]
    )


def _count(length: float, each: float) -> int:
    return max(2, int(length / each))
