"""Which part of a picture goes where on a canvas; `canvas` paints it."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from PIL import Image

from stylegram.publisher.renditions.look import Fit, Size
from stylegram.publisher.renditions.saliency import Map, saliency

Subject = Callable[[], Image.Image]
"""Gives the picture that a subject is looked for in; asked only where one is needed."""

Part = tuple[float, float, float, float]
"""Left, top, right and bottom, as shares of a picture's width and height."""

WHOLE: Part = (0.0, 0.0, 1.0, 1.0)

# Windows whose scores are as close are equally good: the one nearest to the middle is taken, on any machine.
_TIE = 0.002
# How many windows are tried; an odd number, so that the one in the middle is among them.
_STEPS = 257
# What lies at a window's edge counts for that much less than what lies in its middle.
_EDGE_DISCOUNT = 0.5


@dataclass(frozen=True)
class Framing:
    """How a picture lies on a canvas.

    It is in shares of the picture, so that a photograph and the picture that was painted from it can share it.

    Args:
        canvas: its width and height in pixels.
        part: what of the picture is shown.
        place: left, top, right and bottom of that in the canvas, in pixels; around it is background.
    """

    canvas: Size
    part: Part
    place: tuple[int, int, int, int]

    @property
    def fills(self) -> bool:
        """Whether there is no background."""
        return self.place == (0, 0, *self.canvas)


def frame(canvas: Size, picture: Size, subject: Subject, fit: Fit, max_enlargement: float) -> Framing:
    """The framing of a feed's picture; see `Look` for the arguments.

    Args:
        canvas: width and height in pixels.
        picture: its width and height in pixels; of several that share the framing, those of the smallest.
        subject: is kept by `crop`.
        fit: how the picture gets the canvas's size.
        max_enlargement: 1 or more.
    """
    if fit == "stretch":
        return Framing(canvas, WHOLE, (0, 0, *canvas))
    if fit == "crop" and enlargement(canvas, picture) <= max_enlargement:
        return Framing(canvas, _window(canvas, picture, subject), (0, 0, *canvas))
    return pad(canvas, picture, max_enlargement)


def pad(canvas: Size, picture: Size, max_enlargement: float, *, margin: int = 0) -> Framing:
    """The whole picture in the canvas's middle.

    Args:
        canvas: width and height in pixels.
        picture: width and height in pixels.
        max_enlargement: 1 or more.
        margin: pixels that stay free at the top, and at the bottom.
    """
    scale = min(canvas[0] / picture[0], (canvas[1] - 2 * margin) / picture[1], max_enlargement)
    # A strip may be so narrow that its other side rounds to nothing.
    width, height = max(1, round(picture[0] * scale)), max(1, round(picture[1] * scale))
    left, top = (canvas[0] - width) // 2, (canvas[1] - height) // 2
    return Framing(canvas, WHOLE, (left, top, left + width, top + height))


def enlargement(canvas: Size, picture: Size) -> float:
    """How often enlarged a picture is that fills the canvas, both being given in pixels; below 1 it is reduced."""
    return max(canvas[0] / picture[0], canvas[1] / picture[1])


def _window(canvas: Size, picture: Size, subject: Subject) -> Part:
    """The largest part of the canvas's shape, there where the subject is; in whole pixels where it slides."""
    scale = enlargement(canvas, picture)
    width, height = canvas[0] / scale, canvas[1] / scale
    # What is less than a pixel is rounding, and nothing to look for a subject for.
    if picture[0] - width >= 1:
        left = _slide(saliency(subject()).mean(axis=0), width / picture[0], picture[0])
        return left, 0.0, left + width / picture[0], 1.0
    if picture[1] - height >= 1:
        top = _slide(saliency(subject()).mean(axis=1), height / picture[1], picture[1])
        return 0.0, top, 1.0, top + height / picture[1]
    return WHOLE


def _slide(profile: Map, share: float, pixels: int) -> float:
    """Where a window that covers a share of a side begins, as a share of it.

    The window is as large as it can be, so that it slides along one side only, and a profile of the saliency is enough.
    The sum alone would leave a subject at the edge of a window that took in a little more of something else: what lies
    in the middle counts for more.
    """
    room = 1 - share
    begins = np.linspace(0, room, _STEPS)
    places = (np.arange(len(profile)) + 0.5) / len(profile)
    within = (places[None, :] - begins[:, None]) / share  # 0 at the window's begin, 1 at its end
    weights = np.where((within >= 0) & (within <= 1), 1 - _EDGE_DISCOUNT * (2 * within - 1) ** 2, 0)
    scores = weights @ profile
    best = begins[scores >= scores.max() * (1 - _TIE)]
    begin = float(best[np.argmin(np.abs(best - room / 2))])
    return min(round(begin * pixels), int(room * pixels)) / pixels
