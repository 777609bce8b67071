"""From a finished picture to the exact sizes that a feed takes, so that nobody resizes it again after us."""

from collections.abc import Callable
from typing import Literal

from PIL import Image, ImageEnhance, ImageFilter, ImageOps

from stylegram.common.images import decode_image, encode_jpeg

PostFormat = Literal["square", "portrait", "landscape"]
Fit = Literal["crop", "pad", "stretch"]

SIZES: dict[PostFormat, tuple[int, int]] = {"square": (1080, 1080), "portrait": (1080, 1350), "landscape": (1080, 566)}
"""Width and height in pixels: Instagram's 1:1, 4:5 and 1.91:1 at the width it stores."""

# The background is only a mood: blurred beyond recognition, and dark enough for the picture to stand out.
_BLUR_RADIUS = 40
_BRIGHTNESS = 0.55


def render(data: bytes, post_format: PostFormat, fit: Fit, *, quality: int = 95) -> bytes:
    """An sRGB JPEG of exactly `SIZES[post_format]`.

    Args:
        data: the picture, encoded in any way that `decode_image` knows.
        post_format: the size.
        fit: `crop` cuts what is too much on both sides, `pad` shows the whole picture on a blurred and darkened
            copy of itself, `stretch` distorts.
        quality: of the JPEG, 92 to 95.

    Raises:
        InvalidImage: the bytes are no picture.
    """
    return encode_jpeg(_FITS[fit](decode_image(data).pixels, SIZES[post_format]), quality=quality)


def _crop(image: Image.Image, size: tuple[int, int]) -> Image.Image:
    return ImageOps.fit(image, size, Image.Resampling.LANCZOS)


def _stretch(image: Image.Image, size: tuple[int, int]) -> Image.Image:
    return image.resize(size, Image.Resampling.LANCZOS)


def _pad(image: Image.Image, size: tuple[int, int]) -> Image.Image:
    background = _crop(image, size).filter(ImageFilter.GaussianBlur(_BLUR_RADIUS))
    background = ImageEnhance.Brightness(background).enhance(_BRIGHTNESS)
    scale = min(size[0] / image.width, size[1] / image.height)
    # A strip may be so narrow that its other side rounds to nothing.
    width, height = max(1, round(image.width * scale)), max(1, round(image.height * scale))
    background.paste(_stretch(image, (width, height)), ((size[0] - width) // 2, (size[1] - height) // 2))
    return background


_FITS: dict[Fit, Callable[[Image.Image, tuple[int, int]], Image.Image]] = {
    "crop": _crop,
    "pad": _pad,
    "stretch": _stretch,
}
