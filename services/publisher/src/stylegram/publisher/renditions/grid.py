"""Nine photos that read as one picture on the profile.

Since January 2025, as Instagram's head Adam Mosseri announced in that month, a profile shows posts as upright 3:4 and
no longer as squares, and cuts what is wider at its sides; a photo however may be as upright as 4:5 and no more (the
image specifications of the Instagram Platform's "IG User Media"). So the tiles are 4:5: of 1080×1350 the profile shows
the middle 1012 columns, and these middles lie edge to edge. The margins, which only the post itself shows, have what
the neighbours have there.
"""

from dataclasses import dataclass

import numpy as np
from PIL import Image

from stylegram.publisher.renditions.canvas import paint, reach
from stylegram.publisher.renditions.framing import Framing, Subject, frame
from stylegram.publisher.renditions.look import Fit, Size

SIDE = 3
"""Tiles in a row, and in a column."""

_LARGEST = 1350
# Its width is 320, and Instagram enlarges what has fewer columns.
_SMALLEST = 400
# Heights are multiples of it, for 4:5 with even sides.
_STEP = 10


@dataclass(frozen=True)
class Grid:
    """A picture in nine tiles.

    Args:
        framing: of the picture on the profile.
        tile: width and height of each tile.
    """

    framing: Framing
    tile: Size

    @property
    def margin(self) -> int:
        """How many columns at each side of a tile the profile does not show."""
        return (self.tile[0] - self.framing.canvas[0] // SIDE) // 2

    def paint(self, image: Image.Image, number: int) -> Image.Image:
        """A tile alone; no more is resized than it shows.

        Args:
            image: mode RGB.
            number: 1 at the upper left to 9 at the lower right.
        """
        row, column = divmod(number - 1, SIDE)
        width, height = self.tile
        left, top = column * (width - 2 * self.margin) - self.margin, row * height
        right = left + width
        before, after = reach(self.framing)
        there = max(left, -before), min(right, self.framing.canvas[0] + after)
        tile = paint(image, self.framing, region=(there[0], top, there[1], top + height))
        missing = there[0] - left, right - there[1]
        # Beyond the picture it goes on as its own mirror image.
        return Image.fromarray(np.pad(np.asarray(tile), ((0, 0), missing, (0, 0)), mode="symmetric"))


def grid(picture: Size, subject: Subject, fit: Fit, max_enlargement: float) -> Grid:
    """The picture in tiles that are as large as Instagram takes them, but no larger than the picture has pixels for.

    Args:
        picture: width and height in pixels.
        subject: is kept by `crop`.
        fit: how the picture gets the shape of the nine together.
        max_enlargement: 1 or more; tiles are smaller than 1080×1350 where it is needed, but never below 320×400.
    """
    # The nine together are 2¼ tiles' heights wide and three high; `pad` leaves room on one side.
    needed = (min if fit == "pad" else max)(2.25 / picture[0], 3 / picture[1])
    height = min(max(int(max_enlargement / needed) // _STEP * _STEP, _SMALLEST), _LARGEST)
    # Of each, the profile shows 3:4; an even number of columns, so that both margins are as wide.
    shown = height * 3 // 8 * 2
    framing = frame((SIDE * shown, SIDE * height), picture, subject, fit, max_enlargement)
    return Grid(framing, (height * 4 // 5, height))
