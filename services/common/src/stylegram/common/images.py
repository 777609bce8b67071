"""Pictures from bytes and back: whatever comes in leaves as upright, opaque, 8-bit sRGB.

This is the one place where bytes from outside meet a decoder. The type is told from the bytes, never from the
file's name; limits are checked before pixels are decoded.
"""

import warnings
from dataclasses import dataclass
from functools import cache
from io import BytesIO

import numpy as np
from PIL import ExifTags, Image, ImageCms, ImageOps, UnidentifiedImageError
from pillow_heif import register_heif_opener

from stylegram.common.errors import InvalidImage

MAX_PIXELS = 100_000_000
MAX_BYTES = 200_000_000
"""A 100-megapixel picture as uncompressed 16-bit TIFF would be larger; real cameras' files are not."""
MIN_SIDE = 16
"""VGG-19 halves four times: below 16 pixels its deepest block sees nothing."""
MAX_RATIO = 100
"""Longer to shorter side. No panorama is as long, and the engine, which needs 32 pixels across, would make millions."""

_FORMATS = ("JPEG", "PNG", "WEBP", "HEIF", "AVIF", "TIFF", "BMP", "GIF")
_GREY_16_BIT = {"I", "I;16", "I;16B", "I;16L", "I;16N"}


@dataclass(frozen=True)
class DecodedImage:
    """A clean picture and what it came as.

    Args:
        pixels: mode RGB, sRGB, upright.
        format: what the bytes were, as in `JPEG`.
        oriented: whether the file's EXIF says how it is held.
    """

    pixels: Image.Image
    format: str
    oriented: bool


def check_file_size(size: int) -> None:
    """Refuse a file that is too large to be read at all.

    Args:
        size: bytes.

    Raises:
        InvalidImage: above `MAX_BYTES`.
    """
    if size > MAX_BYTES:
        raise InvalidImage(
            f"The file has {size / 1e6:.0f} MB; the limit is {MAX_BYTES / 1e6:.0f} MB.", advice="Save it smaller."
        )


def decode_image(data: bytes) -> DecodedImage:
    """Decode, turn upright, convert to sRGB, flatten onto white, reduce to 8 bits; animations give their first frame.

    Raises:
        InvalidImage: empty, of no known type, truncated, damaged, under 16 px on a side or over 100 megapixels.
        MemoryError: which says nothing about the picture.
    """
    if not data:
        raise InvalidImage("The file is empty.")
    check_file_size(len(data))
    _register_decoders()
    try:
        with warnings.catch_warnings():
            # Pillow warns from 89 megapixels on; our own limit comes below, and raises.
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)
            image = Image.open(BytesIO(data), formats=_FORMATS)
            _check_size(*image.size)
            # TIFF's is gone once its pixels are loaded, and PNG's may stand behind them.
            oriented = image.format == "TIFF" and _tells_orientation(image)
            image.load()
            oriented = oriented or _tells_orientation(image)
            return DecodedImage(_clean(image), image.format or "unknown", oriented)
    except (InvalidImage, MemoryError):
        raise
    except UnidentifiedImageError:
        raise InvalidImage(
            "Not a picture of a known type.", advice="JPEG, PNG, WebP, HEIC, AVIF, TIFF, BMP and GIF are."
        ) from None
    except Image.DecompressionBombError:
        raise InvalidImage(f"The picture has more than {MAX_PIXELS // 1_000_000} megapixels.") from None
    except Exception as error:  # decoders raise whatever they please on hostile bytes
        reason = "truncated" if "truncated" in str(error).lower() else "damaged"
        raise InvalidImage(f"The picture is {reason}: {error or type(error).__name__}.") from error


def encode_jpeg(image: Image.Image, *, quality: int = 95) -> bytes:
    """A JPEG with full-resolution colour and an sRGB profile.

    Args:
        image: mode RGB, sRGB.
        quality: 1 to 95.
    """
    buffer = BytesIO()
    image.save(buffer, "JPEG", quality=quality, subsampling=0, icc_profile=srgb_profile())
    return buffer.getvalue()


def encode_png(image: Image.Image) -> bytes:
    """A lossless PNG; level 3 is half the default's time for a few percent more bytes."""
    buffer = BytesIO()
    image.save(buffer, "PNG", compress_level=3)
    return buffer.getvalue()


@cache
def srgb_profile() -> bytes:
    """The ICC profile of sRGB, the same bytes at any time."""
    profile = bytearray(ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes())
    # Bytes 24 to 35 are the time of its creation (ICC.1, 7.2.10): blanked, so that equal pictures are equal files.
    profile[24:36] = bytes(12)
    return bytes(profile)


def _check_size(width: int, height: int) -> None:
    if width * height > MAX_PIXELS:
        raise InvalidImage(
            f"The picture has {width * height / 1e6:.0f} megapixels ({width}×{height}); the limit is"
            f" {MAX_PIXELS // 1_000_000}.",
            advice="Scale it down.",
        )
    if min(width, height) < MIN_SIDE:
        raise InvalidImage(f"The picture has {width}×{height} pixels; each side needs {MIN_SIDE} at least.")
    if max(width, height) > MAX_RATIO * min(width, height):
        raise InvalidImage(
            f"The picture has {width}×{height} pixels: one side is more than {MAX_RATIO} times the other.",
            advice="Cut it into parts.",
        )


def _clean(image: Image.Image) -> Image.Image:
    profile = image.info.get("icc_profile")
    image = _upright(image)
    if image.mode in _GREY_16_BIT:
        # Pillow's own conversion clips at 255 instead of scaling.
        image = Image.fromarray((np.asarray(image).clip(0, 65_535) / 257).round().astype(np.uint8))
    elif image.mode == "F":
        pixels = np.nan_to_num(np.asarray(image), posinf=0.0, neginf=0.0)
        image = Image.fromarray(
            (pixels.clip(0, 1) * 255 if pixels.max() <= 1 else pixels.clip(0, 255)).astype(np.uint8)
        )
    alpha = None
    if image.has_transparency_data:
        # Grey stays grey, for its profile is one of grey.
        alpha = image.convert("RGBA").getchannel("A")
        image = image.convert("L" if image.mode in ("L", "LA", "La", "1") else "RGB")
    image = _to_srgb(image, profile)
    if alpha is None:
        return image
    paper = Image.new("RGB", image.size, "white")
    paper.paste(image, mask=alpha)
    return paper


def _tells_orientation(image: Image.Image) -> bool:
    try:
        return image.getexif().get(ExifTags.Base.Orientation) in range(1, 9)
    except Exception:  # as in `_upright`
        return False


def _upright(image: Image.Image) -> Image.Image:
    try:
        return ImageOps.exif_transpose(image)
    except Exception:  # EXIF is the part of a file that is broken most often; the pixels are still good
        return image


def _to_srgb(image: Image.Image, profile: bytes | None) -> Image.Image:
    if image.mode == "P":
        image = image.convert("RGB")  # the profile is that of the palette's colours
    if profile and image.mode in ("RGB", "L", "CMYK", "LAB"):
        try:
            source = ImageCms.ImageCmsProfile(BytesIO(profile))
            converted = ImageCms.profileToProfile(image, source, ImageCms.createProfile("sRGB"), outputMode="RGB")
        except (ImageCms.PyCMSError, OSError):
            converted = None  # a profile that is broken or of another colour space says nothing about these pixels
        if converted is not None:
            return _bare(converted)
    return _bare(image.convert("RGB"))


def _bare(image: Image.Image) -> Image.Image:
    """Only pixels: no profile that has been applied, no EXIF that would turn the picture again or tell the place."""
    image.info.clear()
    image.getexif().clear()
    return image


@cache
def _register_decoders() -> None:
    Image.init()
    register_heif_opener()
