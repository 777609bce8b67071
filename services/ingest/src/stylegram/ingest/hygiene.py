"""From a source's bytes to the bytes that are kept: the one call in which foreign bytes meet a decoder."""

from dataclasses import dataclass

from stylegram.common import images


@dataclass(frozen=True)
class Cleaned:
    """A picture, upright, opaque, 8-bit sRGB and without metadata, as it goes into storage.

    Args:
        data: a PNG, whatever came: its pixels are those that decoding the source gives, so that a run can be repeated
            from the source's file.
        width: pixels.
        height: pixels.
        format: what the source's bytes were, as in `HEIF`.
    """

    data: bytes
    width: int
    height: int
    format: str


def clean(data: bytes) -> Cleaned:
    """The picture in `data`, fit for storage.

    Raises:
        InvalidImage: see `images.decode_image`.
    """
    decoded = images.decode_image(data)
    return Cleaned(images.encode_png(decoded.pixels), *decoded.pixels.size, decoded.format)
