"""A picture on its canvas, the whole of it or any region: a region has the pixels that it has in the whole.

Pictures are reduced as they are encoded and not in linear light: paintings have few points of light that would lose by
it, viewers reduce what they show in the same way, and a film's frames are to look like its cover.
"""

from PIL import Image, ImageEnhance, ImageFilter

from stylegram.publisher.renditions.framing import Framing
from stylegram.publisher.renditions.look import Size

Region = tuple[int, int, int, int]
"""Left, top, right and bottom in pixels of the canvas."""

# The background is only a mood: blurred beyond recognition, and dark enough for the picture to stand out. It is blurred
# small and enlarged then, which nobody can tell from blurring it large.
_BLUR_SHARE = 0.037
_BLUR_WIDTH = 135
_BRIGHTNESS = 0.55


def paint(
    image: Image.Image, framing: Framing, *, region: Region | None = None, behind: Image.Image | None = None
) -> Image.Image:
    """The picture on its canvas.

    Args:
        image: mode RGB.
        framing: how it lies there.
        region: what of the canvas is painted; all of it by default. It may go beyond it as far as `reach` says.
        behind: the `ground` of that region, where it is at hand; this picture's own by default.
    """
    region = region or (0, 0, *framing.canvas)
    if framing.fills:
        return _shown(image, framing, region)
    canvas = behind.copy() if behind else ground(image, framing.canvas, region)
    place = framing.place
    shown = max(region[0], place[0]), max(region[1], place[1]), min(region[2], place[2]), min(region[3], place[3])
    if shown[0] < shown[2] and shown[1] < shown[3]:
        canvas.paste(_shown(image, framing, shown), (shown[0] - region[0], shown[1] - region[1]))
    return canvas


def reach(framing: Framing) -> tuple[int, int]:
    """How many pixels of the picture there are to the left and to the right of the canvas."""
    if not framing.fills:
        return 0, 0
    left, _, right, _ = framing.part
    pixel = (right - left) / framing.canvas[0]
    # A thousandth of a pixel that is missing is rounding.
    return int(left / pixel + 1e-3), int((1 - right) / pixel + 1e-3)


def ground(image: Image.Image, canvas: Size, region: Region | None = None) -> Image.Image:
    """What lies behind a padded picture: its middle, as large as the canvas, blurred and darkened.

    Args:
        image: mode RGB.
        canvas: width and height in pixels.
        region: what of the canvas is painted; all of it by default.
    """
    region = region or (0, 0, *canvas)
    small = _blurred(image, (_BLUR_WIDTH, max(1, round(_BLUR_WIDTH * canvas[1] / canvas[0]))))
    across, down = small.width / canvas[0], small.height / canvas[1]
    box = region[0] * across, region[1] * down, region[2] * across, region[3] * down
    return small.resize((region[2] - region[0], region[3] - region[1]), Image.Resampling.BICUBIC, box=box)


def _shown(image: Image.Image, framing: Framing, region: Region) -> Image.Image:
    """A region that the picture covers."""
    left, right = _span(image.width, framing.part[::2], framing.place[::2], region[::2])
    top, bottom = _span(image.height, framing.part[1::2], framing.place[1::2], region[1::2])
    size = region[2] - region[0], region[3] - region[1]
    return image.resize(size, Image.Resampling.LANCZOS, box=(left, top, right, bottom))


def _span(side: int, part: tuple[float, ...], place: tuple[int, ...], region: tuple[int, ...]) -> tuple[float, float]:
    """Along one axis, from where to where a region shows the picture, in its pixels."""
    step = (part[1] - part[0]) * side / (place[1] - place[0])
    begin, end = (part[0] * side + (edge - place[0]) * step for edge in region)
    return max(begin, 0.0), min(end, float(side))


def _blurred(image: Image.Image, size: Size) -> Image.Image:
    scale = max(size[0] / image.width, size[1] / image.height)
    width, height = min(image.width, size[0] / scale), min(image.height, size[1] / scale)
    left, top = (image.width - width) / 2, (image.height - height) / 2
    small = image.resize(size, Image.Resampling.LANCZOS, box=(left, top, left + width, top + height))
    blurred = small.filter(ImageFilter.GaussianBlur(_BLUR_SHARE * _BLUR_WIDTH))
    return ImageEnhance.Brightness(blurred).enhance(_BRIGHTNESS)
