"""A finished picture as the bytes of a file, in the format that the file's ending asks for.

Pixels are (height, width, 3), fp32, sRGB in 0 … 1; what lies outside is clipped. Equal pixels are equal bytes.
"""

from collections.abc import Callable, Mapping
from io import BytesIO
from types import MappingProxyType

import numpy as np
import tifffile
from numpy.typing import NDArray
from PIL import Image

from stylegram.common.errors import ConfigurationError
from stylegram.common.images import encode_jpeg, encode_png, srgb_profile

Pixels = NDArray[np.float32]

# libwebp's and libjpeg's own limits; PNG and TIFF take more than anybody's memory.
_LONGEST_SIDES = {".webp": 16_383, ".jpg": 65_500, ".jpeg": 65_500}


def check_encodable(ending: str, longer_side: int = 1) -> None:
    """Refuse a file that could not be written, before the work and not after it.

    Args:
        ending: of the file's name, with its dot, in any case.
        longer_side: of the picture, in pixels.

    Raises:
        ConfigurationError: the ending is unknown, or its format does not hold so large a picture.
    """
    kind = ending.lower()
    if kind not in ENCODERS:
        raise ConfigurationError(
            f"'{ending}' is no known ending of a picture's file.", advice=f"Use one of {', '.join(ENCODERS)}."
        )
    limit = _LONGEST_SIDES.get(kind)
    if limit and longer_side > limit:
        raise ConfigurationError(
            f"A {kind} file holds {limit} pixels a side at most; the picture has {longer_side}.",
            advice="Make it smaller, or use .png or .tiff.",
        )


def encode_pixels(pixels: Pixels, ending: str) -> bytes:
    """The picture as a file.

    >>> encode_pixels(np.zeros((2, 2, 3), np.float32), ".png")[:4]
    b'\\x89PNG'

    Args:
        pixels: (height, width, 3), sRGB in 0 … 1.
        ending: one of `ENCODERS`, in any case.

    Raises:
        ConfigurationError: see `check_encodable`.
    """
    check_encodable(ending, max(pixels.shape[:2]))
    return ENCODERS[ending.lower()](pixels)


def to_image(pixels: Pixels) -> Image.Image:
    """The pixels as an 8-bit picture, each rounded to its nearest level."""
    return Image.fromarray(_levels(pixels, 255).astype(np.uint8))


def _png(pixels: Pixels) -> bytes:
    return encode_png(to_image(pixels))


def _jpeg(pixels: Pixels) -> bytes:
    return encode_jpeg(to_image(pixels))


def _webp(pixels: Pixels) -> bytes:
    buffer = BytesIO()
    to_image(pixels).save(buffer, "WEBP", quality=95, method=4, icc_profile=srgb_profile())
    return buffer.getvalue()


def _tiff(pixels: Pixels) -> bytes:
    """16 bits a channel. Deflate and differences of neighbours are what every reader since TIFF 6.0 knows."""
    buffer = BytesIO()
    tifffile.imwrite(
        buffer,
        _levels(pixels, 65_535).astype(np.uint16),
        photometric="rgb",
        compression="zlib",
        predictor=True,
        iccprofile=srgb_profile(),
        # neither the shape as JSON nor the name of the software: the first is in the tags, the second in the record
        metadata=None,
        software=False,
    )
    return buffer.getvalue()


def _levels(pixels: Pixels, highest: int) -> Pixels:
    levels: Pixels = pixels.clip(0, 1)
    levels *= highest
    return np.rint(levels, out=levels)


ENCODERS: Mapping[str, Callable[[Pixels], bytes]] = MappingProxyType(
    {".png": _png, ".jpg": _jpeg, ".jpeg": _jpeg, ".webp": _webp, ".tif": _tiff, ".tiff": _tiff}
)
"""Lower-case ending to encoder. PNG, JPEG and WebP have 8 bits a channel, TIFF has 16."""
