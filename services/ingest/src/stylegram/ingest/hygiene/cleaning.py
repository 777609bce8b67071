"""What hygiene is: decoded, turned upright, measured, encoded anew."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from PIL import Image

from stylegram.common import images
from stylegram.common.picture_features import measure_features

Judge = Callable[[Image.Image], int]
"""By how many degrees, counter-clockwise, a picture has to be turned to stand upright: 0, 90, 180 or 270."""

_TURNS = {90: Image.Transpose.ROTATE_90, 180: Image.Transpose.ROTATE_180, 270: Image.Transpose.ROTATE_270}


@dataclass(frozen=True)
class Cleaned:
    """A picture, upright, opaque, 8-bit sRGB and without metadata, as it goes into storage.

    Args:
        data: a PNG, whatever came: its pixels are those that decoding the source gives, so that a run can be repeated
            from the source's file.
        width: pixels.
        height: pixels.
        format: what the source's bytes were, as in `HEIF`.
        features: what it looks like, as `measure_features` has it.
        turned: degrees counter-clockwise that it was turned by on our own judgement.
    """

    data: bytes
    width: int
    height: int
    format: str
    features: Mapping[str, float]
    turned: int = 0


def clean(data: bytes, judge: Judge | None = None) -> Cleaned:
    """The picture in `data`, fit for storage.

    Args:
        data: the file's bytes.
        judge: asked where the file does not say how it is held.

    Raises:
        InvalidImage: see `images.decode_image`.
        MemoryError: the process may not have as much as the picture takes.
    """
    decoded = images.decode_image(data)
    pixels = decoded.pixels
    turned = judge(pixels) if judge and not decoded.oriented else 0
    if turned:
        pixels = pixels.transpose(_TURNS[turned])
    return Cleaned(images.encode_png(pixels), *pixels.size, decoded.format, measure_features(pixels), turned)
