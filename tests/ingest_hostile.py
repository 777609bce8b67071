"""A folder of files such as people have: good pictures in odd clothes, and everything that is none."""

import random
import struct
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from io import BytesIO

import numpy as np
from PIL import Image, ImageCms
from pillow_heif import register_heif_opener

from ingest_samples import BLUE, GREEN, QUARTERS, SIZE, YELLOW, encoded, noise, png_header, quarters

register_heif_opener()

Color = tuple[int, int, int]
WHITE: Color = (255, 255, 255)


@dataclass(frozen=True)
class Good:
    """A file that gives a picture.

    Args:
        colors: of the quarters; None where only the size is known.
        tolerance: how far off a colour may be.
    """

    name: str
    data: bytes
    colors: tuple[Color, ...] | None = QUARTERS
    size: tuple[int, int] = SIZE
    tolerance: int = 8


@dataclass(frozen=True)
class Bad:
    """A file that is refused, for a reason in which one of these words stands."""

    name: str
    data: bytes
    reason: tuple[str, ...]


UNKNOWN = ("Not a picture of a known type",)
BROKEN = ("truncated", "damaged", "Not a picture")
LARGE = ("megapixels",)
SMALL = ("each side needs 16",)

_FORMATS = {
    "JPEG": ".jpg",
    "PNG": ".png",
    "WEBP": ".webp",
    "GIF": ".gif",
    "TIFF": ".tif",
    "BMP": ".bmp",
    "HEIF": ".heic",
    "AVIF": ".avif",
}


def good_files() -> list[Good]:
    return [*_formats(), *_modes(), *_orientations(), *_metadata(), *_names()]


def bad_files() -> list[Bad]:
    return [*_broken(), *_sizes(), *_no_pictures()]


def doubtful_files() -> dict[str, bytes]:
    """Damage that a decoder may or may not survive: a few bits flipped anywhere."""
    rng = random.Random(7)
    files = {}
    for format_, suffix in _FORMATS.items():
        data = bytearray(encoded(noise(), format_))
        for number in range(3):
            data[rng.randrange(len(data))] ^= 1 << rng.randrange(8)
            data[rng.randrange(min(64, len(data)))] ^= 1 << rng.randrange(8)
            files[f"flipped-{number}{suffix}"] = bytes(data)
    return files


def _formats() -> Iterator[Good]:
    for format_, suffix in _FORMATS.items():
        yield Good(f"plain{suffix}", encoded(quarters(), format_))
    yield Good("HEIC as.jpg", encoded(quarters(), "HEIF", quality=90))
    yield Good("JPEG as.HEIC", encoded(quarters(), "JPEG", quality=91))
    yield Good("no extension", encoded(quarters(), "PNG", compress_level=1))
    others = [noise(seed) for seed in range(2)]
    yield Good("animated.gif", encoded(quarters(), "GIF", save_all=True, append_images=others))
    yield Good("animated.webp", encoded(quarters(), "WEBP", save_all=True, append_images=others), tolerance=16)
    yield Good("pages.tif", encoded(quarters(), "TIFF", save_all=True, append_images=others))
    yield Good("polyglot.png", encoded(quarters(), "PNG") + _zip())


def _modes() -> Iterator[Good]:
    cmyk = quarters().convert("CMYK")
    yield Good("cmyk.jpg", encoded(cmyk, "JPEG", quality=95), tolerance=12)
    grey = tuple((value,) * 3 for value in (0, 85, 170, 255))
    ramp = np.kron(np.array([[0, 1], [2, 3]]), np.ones((32, 48)))
    sixteen = Image.fromarray((ramp * 21_845).astype(np.uint16))
    yield Good("grey 16.png", encoded(sixteen, "PNG"), grey, tolerance=0)
    yield Good("float.tif", encoded(Image.fromarray((ramp / 3).astype(np.float32)), "TIFF"), grey, tolerance=1)
    yield Good("rgb 16.tif", _tiff_16_bit(np.asarray(quarters())), tolerance=0)
    yield Good("one bit.png", encoded(_black_and_white(), "PNG"), ((0, 0, 0), WHITE, WHITE, (0, 0, 0)))
    on_white = (WHITE, GREEN, BLUE, YELLOW)
    palette = quarters().quantize(4)
    index = palette.getpixel((10, 10))
    yield Good("palette.png", encoded(palette, "PNG", transparency=index), on_white, tolerance=2)
    mask = Image.new("L", SIZE, 255)
    mask.paste(0, (0, 0, SIZE[0] // 2, SIZE[1] // 2))
    rgba = quarters()
    rgba.putalpha(mask)
    yield Good("rgba.png", encoded(rgba, "PNG"), on_white, tolerance=0)
    la = Image.new("L", SIZE, 100)
    la.putalpha(mask)
    yield Good("la.png", encoded(la, "PNG"), (WHITE, *[(100, 100, 100)] * 3), tolerance=0)


def _orientations() -> Iterator[Good]:
    # What a camera stores is the upright picture turned back (Exif 2.3, tag 0x0112).
    turned_back = {
        2: Image.Transpose.FLIP_LEFT_RIGHT,
        3: Image.Transpose.ROTATE_180,
        4: Image.Transpose.FLIP_TOP_BOTTOM,
        5: Image.Transpose.TRANSPOSE,
        6: Image.Transpose.ROTATE_90,
        7: Image.Transpose.TRANSVERSE,
        8: Image.Transpose.ROTATE_270,
    }
    for orientation in range(1, 9):
        stored = quarters()
        if orientation in turned_back:
            stored = stored.transpose(turned_back[orientation])
        exif = Image.Exif()
        exif[0x0112] = orientation
        yield Good(f"orientation {orientation}.jpg", encoded(stored, "JPEG", exif=exif, quality=95))


def _metadata() -> Iterator[Good]:
    # Red and green change places in this profile, so that a picture shows whether it was applied.
    profile = _swapped_profile()
    swapped = encoded(Image.new("RGB", SIZE, (255, 0, 0)), "PNG", icc_profile=profile)
    yield Good("profile.png", swapped, ((0, 255, 0),) * 4)
    yield Good("broken profile.jpg", encoded(quarters(), "JPEG", icc_profile=b"no profile" * 30))
    yield Good("broken exif.jpg", encoded(quarters(), "JPEG", exif=b"Exif\0\0MM\0\x2a\xff\xff\xff\xffgarbage"))


def _names() -> Iterator[Good]:
    names = [
        "übung 写真 🌄.png",
        "two\nlines.png",
        "\"quoted\" and 'quoted' `$(echo)`.png",
        f"{'long' * 60}.png",
        "a..png",
        "100%25.png",
        "-rf.png",
        "back\\slash.PNG",
        "not utf-8 \udcff.png",
    ]
    for number, name in enumerate(names):
        image = quarters()
        image.putpixel((0, 0), (number, 0, 0))
        yield Good(name, encoded(image, "PNG"))


def _broken() -> Iterator[Bad]:
    for format_, suffix in _FORMATS.items():
        data = encoded(noise(), format_)
        for percent in (5, 40, 90):
            yield Bad(f"cut at {percent}{suffix}", data[: len(data) * percent // 100], BROKEN)
        yield Bad(f"wrong magic{suffix}", bytes(byte ^ 0xFF for byte in data[:16]) + data[16:], UNKNOWN)


def _sizes() -> Iterator[Bad]:
    yield Bad("empty.jpg", b"", ("The file is empty",))
    yield Bad("bomb.png", png_header(60_000, 60_000), LARGE)
    yield Bad("huge.png", encoded(Image.new("1", (10_400, 10_400)), "PNG", compress_level=1), LARGE)
    yield Bad("pixel.png", encoded(Image.new("RGB", (1, 1)), "PNG"), SMALL)
    yield Bad("sliver.png", encoded(Image.new("RGB", (15, 4000)), "PNG"), SMALL)


def _no_pictures() -> Iterator[Bad]:
    yield Bad("text.jpg", b"This is no picture, whatever its name says.\n" * 20, UNKNOWN)
    yield Bad("random.png", random.Random(0).randbytes(5000), UNKNOWN)
    yield Bad("archive.jpg", _zip(), UNKNOWN)
    yield Bad("drawing.svg", b'<svg xmlns="http://www.w3.org/2000/svg" width="99" height="99"/>', UNKNOWN)
    yield Bad("paper.pdf", b"%PDF-1.7\n1 0 obj\n<<>>\nendobj\n%%EOF\n", UNKNOWN)
    yield Bad("page.html", b"<!doctype html><img src='x.jpg'>", UNKNOWN)
    yield Bad("postscript.eps", b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 99 99\n", UNKNOWN)


def _zip() -> bytes:
    buffer = BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("photo.jpg", "inside")
    return buffer.getvalue()


def _black_and_white() -> Image.Image:
    image = Image.new("1", SIZE, 1)
    image.paste(0, (0, 0, SIZE[0] // 2, SIZE[1] // 2))
    image.paste(0, (SIZE[0] // 2, SIZE[1] // 2, *SIZE))
    return image


def _swapped_profile() -> bytes:
    """The sRGB profile with the primaries of red and green exchanged (ICC.1, 7.3: the tag table)."""
    profile = bytearray(ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes())
    (count,) = struct.unpack_from(">I", profile, 128)
    tags = {bytes(profile[start : start + 4]): start for start in range(132, 132 + 12 * count, 12)}
    profile[tags[b"rXYZ"] : tags[b"rXYZ"] + 4] = b"gXYZ"
    profile[tags[b"gXYZ"] : tags[b"gXYZ"] + 4] = b"rXYZ"
    return bytes(profile)


def _tiff_16_bit(pixels: np.ndarray) -> bytes:
    """Three channels of 16 bits, which Pillow reads but does not write (TIFF 6.0, section 6)."""
    height, width, _ = pixels.shape
    data = (pixels.astype("<u2") * 257).tobytes()
    bits_at = 8
    data_at = bits_at + 6
    entries = [
        (256, 4, 1, width),
        (257, 4, 1, height),
        (258, 3, 3, bits_at),
        (259, 3, 1, 1),
        (262, 3, 1, 2),
        (273, 4, 1, data_at),
        (277, 3, 1, 3),
        (278, 4, 1, height),
        (279, 4, 1, len(data)),
    ]
    directory = struct.pack("<H", len(entries)) + b"".join(struct.pack("<HHII", *entry) for entry in entries)
    header = b"II*\0" + struct.pack("<I", data_at + len(data))
    return header + struct.pack("<HHH", 16, 16, 16) + data + directory + bytes(4)
