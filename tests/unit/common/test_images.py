"""Each kind of picture that is good, and what becomes of its pixels; hostile files are in ingest's tests."""

import struct
import zlib
from io import BytesIO
from typing import Any

import numpy as np
import pytest
from PIL import Image, ImageCms
from pillow_heif import from_pillow

from stylegram.common import images
from stylegram.common.errors import InvalidImage
from stylegram.common.images import DecodedImage, decode_image, encode_jpeg, encode_png

RED, GREEN, BLUE, WHITE = (220, 20, 40), (20, 200, 60), (30, 40, 210), (255, 255, 255)
SIZE = (32, 24)
TOP_LEFT, TOP_RIGHT, BOTTOM_LEFT = (4, 4), (-5, 4), (4, -5)


def picture(mode: str = "RGB") -> Image.Image:
    """Red, but green at its top right and blue at its bottom left."""
    image = Image.new("RGB", SIZE, RED)
    image.paste(GREEN, (16, 0, 32, 12))
    image.paste(BLUE, (0, 12, 16, 24))
    return image.convert(mode)


def encoded(image: Image.Image, kind: str, **options: Any) -> bytes:
    buffer = BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue()


def at(decoded: DecodedImage, spot: tuple[int, int]) -> tuple[int, ...]:
    """The pixel at `spot`; negative coordinates count from the other side."""
    width, height = decoded.pixels.size
    pixel = decoded.pixels.getpixel((spot[0] % width, spot[1] % height))
    assert isinstance(pixel, tuple)
    return pixel


def is_near(pixel: tuple[int, ...], colour: tuple[int, ...], tolerance: int) -> bool:
    return max(abs(a - b) for a, b in zip(pixel, colour, strict=True)) <= tolerance


def assert_clean(decoded: DecodedImage) -> None:
    assert decoded.pixels.mode == "RGB"
    assert dict(decoded.pixels.info) == {}
    assert dict(decoded.pixels.getexif()) == {}


@pytest.mark.parametrize(
    ("kind", "options", "tolerance"),
    [
        ("PNG", {}, 0),
        ("BMP", {}, 0),
        ("TIFF", {}, 0),
        ("TIFF", {"compression": "tiff_lzw"}, 0),
        ("TIFF", {"compression": "jpeg", "quality": 95}, 12),
        ("GIF", {}, 0),
        ("WEBP", {"lossless": True}, 0),
        ("WEBP", {"quality": 95}, 12),
        ("JPEG", {"quality": 95, "subsampling": 0}, 12),
        ("JPEG", {"quality": 95, "progressive": True}, 30),
        ("AVIF", {"quality": 95}, 16),
    ],
    ids=str,
)
def test_every_format_gives_the_pixels_it_holds(kind: str, options: dict[str, Any], tolerance: int) -> None:
    decoded = decode_image(encoded(picture(), kind, **options))
    assert decoded.format == kind
    assert decoded.pixels.size == SIZE
    assert is_near(at(decoded, TOP_LEFT), RED, tolerance)
    assert is_near(at(decoded, TOP_RIGHT), GREEN, tolerance)
    assert is_near(at(decoded, BOTTOM_LEFT), BLUE, tolerance)
    assert_clean(decoded)


def test_a_telephones_heif_is_read() -> None:
    buffer = BytesIO()
    from_pillow(picture().resize((64, 48), Image.Resampling.NEAREST)).save(buffer, quality=95)
    decoded = decode_image(buffer.getvalue())
    assert decoded.format == "HEIF"
    assert is_near(at(decoded, TOP_RIGHT), GREEN, 16)


@pytest.mark.parametrize(
    ("mode", "kind", "expected"),
    [
        ("1", "PNG", (0, 0, 0)),
        ("L", "PNG", (82, 82, 82)),
        ("P", "PNG", RED),
        ("RGB", "PNG", RED),
        ("RGBA", "PNG", RED),
        ("LA", "PNG", (82, 82, 82)),
        ("CMYK", "TIFF", RED),
        ("YCbCr", "JPEG", RED),
        ("L", "JPEG", (82, 82, 82)),
        ("CMYK", "JPEG", RED),
    ],
)
def test_every_mode_becomes_rgb(mode: str, kind: str, expected: tuple[int, int, int]) -> None:
    image = Image.new("1", SIZE, 0) if mode == "1" else picture().quantize(8) if mode == "P" else picture(mode)
    decoded = decode_image(encoded(image, kind))
    assert is_near(at(decoded, TOP_LEFT), expected, 12 if kind == "JPEG" else 1)
    assert_clean(decoded)


@pytest.mark.parametrize("depth", ["I;16", "I;16B", "I"])
@pytest.mark.parametrize(("value", "expected"), [(0, 0), (255, 1), (32_768, 128), (65_535, 255)])
def test_16_bit_grey_is_scaled_not_clipped(depth: str, value: int, expected: int) -> None:
    pixels = np.full((24, 32), value, np.int32 if depth == "I" else ">u2" if depth == "I;16B" else "<u2")
    image = Image.frombytes(depth, SIZE, pixels.tobytes())
    decoded = decode_image(encoded(image, "TIFF"))
    assert at(decoded, TOP_LEFT) == (expected,) * 3


def test_a_16_bit_grey_png_is_scaled() -> None:
    image = Image.fromarray(np.full((24, 32), 32_768, np.uint16))
    assert at(decode_image(encoded(image, "PNG")), TOP_LEFT) == (128, 128, 128)


def test_a_16_bit_colour_png_keeps_its_high_bytes() -> None:
    row = b"\0" + struct.pack(">3H", 0xDC00, 0x14FF, 0x2880) * 32
    chunks = [
        (b"IHDR", struct.pack(">2I5B", 32, 24, 16, 2, 0, 0, 0)),
        (b"IDAT", zlib.compress(row * 24)),
        (b"IEND", b""),
    ]
    data = b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body)) for kind, body in chunks
    )
    assert is_near(at(decode_image(data), TOP_LEFT), RED, 1)


@pytest.mark.parametrize(("high", "expected"), [(1.0, 127), (255.0, 0)])
def test_floating_point_grey_is_read_in_either_range(high: float, expected: int) -> None:
    pixels = np.full((24, 32), 0.5, np.float32)
    pixels[-1, -1], pixels[-1, -2] = high, np.nan
    decoded = decode_image(encoded(Image.fromarray(pixels), "TIFF"))
    assert at(decoded, TOP_LEFT) == (expected,) * 3
    assert at(decoded, (-1, -1)) == WHITE


@pytest.mark.parametrize(("alpha", "expected"), [(255, RED), (0, WHITE), (51, (248, 208, 212))])
@pytest.mark.parametrize("kind", ["PNG", "WEBP", "TIFF"])
def test_the_transparent_lies_on_white(kind: str, alpha: int, expected: tuple[int, int, int]) -> None:
    image = Image.new("RGBA", SIZE, (*RED, alpha))
    decoded = decode_image(encoded(image, kind, **({"lossless": True, "exact": True} if kind == "WEBP" else {})))
    assert is_near(at(decoded, TOP_LEFT), expected, 1)
    assert_clean(decoded)


def test_a_transparent_palette_colour_is_white() -> None:
    image = picture().quantize(8)
    index = image.getpixel(TOP_LEFT)
    for kind in ("PNG", "GIF"):
        decoded = decode_image(encoded(image, kind, transparency=index))
        assert at(decoded, TOP_LEFT) == WHITE
        assert is_near(at(decoded, TOP_RIGHT), GREEN, 1)


def test_transparent_grey_is_white() -> None:
    assert at(decode_image(encoded(Image.new("LA", SIZE, (0, 0)), "PNG")), TOP_LEFT) == WHITE
    assert at(decode_image(encoded(Image.new("L", SIZE, 7), "PNG", transparency=7)), TOP_LEFT) == WHITE


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "TIFF"])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_a_turned_picture_stands_upright(orientation: int, kind: str) -> None:
    undo = {
        1: None,
        2: Image.Transpose.FLIP_LEFT_RIGHT,
        3: Image.Transpose.ROTATE_180,
        4: Image.Transpose.FLIP_TOP_BOTTOM,
        5: Image.Transpose.TRANSPOSE,
        6: Image.Transpose.ROTATE_90,
        7: Image.Transpose.TRANSVERSE,
        8: Image.Transpose.ROTATE_270,
    }[orientation]
    lying = picture() if undo is None else picture().transpose(undo)
    exif = Image.Exif()
    exif[0x0112] = orientation
    decoded = decode_image(encoded(lying, kind, exif=exif, **({"quality": 95} if kind in ("JPEG", "WEBP") else {})))
    assert decoded.pixels.size == SIZE
    assert is_near(at(decoded, TOP_LEFT), RED, 30)
    assert is_near(at(decoded, TOP_RIGHT), GREEN, 30)
    assert is_near(at(decoded, BOTTOM_LEFT), BLUE, 30)
    assert_clean(decoded)


@pytest.mark.parametrize(
    ("kind", "told"),
    [
        *((kind, {0: False, 1: True, 6: True, 8: True, 9: False}) for kind in ("JPEG", "PNG", "WEBP", "TIFF")),
        ("HEIF", {1: True, 6: True, 8: True}),
        # Upright is what Pillow writes by writing nothing.
        ("AVIF", {1: False, 6: True, 8: True}),
    ],
    ids=str,
)
def test_it_is_known_whether_the_file_tells_how_it_is_held(kind: str, told: dict[int, bool]) -> None:
    exif = Image.Exif()
    exif[0x010F] = "a camera"
    assert not decode_image(encoded(picture(), kind)).oriented
    assert not decode_image(encoded(picture(), kind, exif=exif)).oriented
    for orientation, tells in told.items():
        exif[0x0112] = orientation
        assert decode_image(encoded(picture(), kind, exif=exif)).oriented == tells, orientation


def test_a_png_may_tell_it_behind_its_pixels() -> None:
    exif = Image.Exif()
    exif[0x0112] = 3
    data = encoded(picture(), "PNG", exif=exif)
    start = data.index(b"eXIf") - 4
    end = start + 12 + struct.unpack_from(">I", data, start)[0]
    moved = data[:start] + data[end:-12] + data[start:end] + data[-12:]
    assert decode_image(moved).oriented
    assert is_near(at(decode_image(moved), (-5, -5)), RED, 0)


@pytest.mark.filterwarnings("ignore:Corrupt EXIF")
def test_broken_exif_does_not_spoil_the_picture() -> None:
    decoded = decode_image(encoded(picture(), "PNG", exif=b"Exif\0\0MM\0*\xff\xff\xff\xff\x01\x12"))
    assert at(decoded, TOP_LEFT) == RED
    assert not decoded.oriented


def wide_profile() -> bytes:
    """A profile of sRGB's curve whose red and green have changed places: whoever ignores it sees it at once."""
    profile = bytearray(ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes())
    tags = {bytes(profile[i : i + 4]): i for i in range(132, 132 + 12 * struct.unpack_from(">I", profile, 128)[0], 12)}
    red, green = tags[b"rXYZ"], tags[b"gXYZ"]
    profile[red + 4 : red + 12], profile[green + 4 : green + 12] = (
        profile[green + 4 : green + 12],
        profile[red + 4 : red + 12],
    )
    return bytes(profile)


@pytest.mark.parametrize("mode", ["RGB", "RGBA", "P"])
def test_colours_are_converted_from_the_pictures_profile(mode: str) -> None:
    image = picture().quantize(8) if mode == "P" else picture(mode)
    decoded = decode_image(encoded(image, "PNG", icc_profile=wide_profile()))
    assert is_near(at(decoded, TOP_LEFT), (RED[1], RED[0], RED[2]), 2)
    assert is_near(at(decoded, TOP_RIGHT), (GREEN[1], GREEN[0], GREEN[2]), 2)
    assert_clean(decoded)


def test_srgb_stays_srgb() -> None:
    srgb = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    assert is_near(at(decode_image(encoded(picture(), "PNG", icc_profile=srgb)), TOP_LEFT), RED, 1)


@pytest.mark.parametrize("profile", [b"rubbish", b"\0" * 200, wide_profile()[:300]], ids=["text", "zeros", "cut"])
def test_a_broken_profile_says_nothing_about_the_pixels(profile: bytes) -> None:
    assert at(decode_image(encoded(picture(), "PNG", icc_profile=profile)), TOP_LEFT) == RED


def test_a_profile_of_another_colour_space_says_nothing_about_the_pixels() -> None:
    assert at(decode_image(encoded(Image.new("L", SIZE, 82), "PNG", icc_profile=wide_profile())), TOP_LEFT) == (82,) * 3


@pytest.mark.parametrize("kind", ["GIF", "WEBP", "PNG"])
def test_an_animation_gives_its_first_frame(kind: str) -> None:
    frames = {"save_all": True, "append_images": [Image.new("RGB", SIZE, BLUE)], "duration": 100}
    decoded = decode_image(encoded(Image.new("RGB", SIZE, RED), kind, **frames))
    assert is_near(at(decoded, TOP_LEFT), RED, 4)


def test_the_smallest_picture_has_16_pixels_a_side() -> None:
    assert decode_image(encoded(Image.new("RGB", (16, 16)), "PNG")).pixels.size == (16, 16)
    for size in ((15, 400), (400, 15), (1, 1)):
        with pytest.raises(InvalidImage, match=f"{size[0]}×{size[1]} pixels; each side needs 16"):
            decode_image(encoded(Image.new("RGB", size), "PNG"))


@pytest.mark.parametrize("side", [10_001, 60_000])
def test_too_many_pixels_are_refused_before_they_are_decoded(side: int) -> None:
    header = struct.pack(">2I5B", side, side, 8, 2, 0, 0, 0)
    chunk = struct.pack(">I", 13) + b"IHDR" + header + struct.pack(">I", zlib.crc32(b"IHDR" + header))
    with pytest.raises(InvalidImage, match="megapixels"):
        decode_image(b"\x89PNG\r\n\x1a\n" + chunk + struct.pack(">I", 0) + b"IDAT" + b"\0" * 64)


def test_too_many_bytes_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    data = encoded(picture(), "BMP")
    monkeypatch.setattr(images, "MAX_BYTES", len(data))
    decode_image(data)
    with pytest.raises(InvalidImage, match="MB; the limit is"):
        decode_image(data + b"\0")


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "TIFF", "BMP", "GIF", "AVIF"])
def test_a_truncated_picture_is_refused(kind: str) -> None:
    noise = Image.fromarray(np.random.default_rng(0).integers(0, 256, (64, 64, 3), np.uint8))
    data = encoded(noise, kind)
    with pytest.raises(InvalidImage) as caught:
        decode_image(data[: len(data) * 2 // 3])
    assert str(caught.value).startswith(("The picture is ", "Not a picture"))


@pytest.mark.parametrize("data", [b"", b"hello", b"%PDF-1.7\n", b"<svg/>", b"\0" * 1000])
def test_what_is_no_picture_is_refused(data: bytes) -> None:
    with pytest.raises(InvalidImage, match=r"is empty|Not a picture of a known type\. JPEG, PNG"):
        decode_image(data)


def test_equal_pictures_are_equal_files_that_say_they_are_srgb() -> None:
    first = encode_jpeg(picture())
    images.srgb_profile.cache_clear()  # its time of creation would be another now
    assert encode_jpeg(picture()) == first
    image = Image.open(BytesIO(first))
    profile = ImageCms.ImageCmsProfile(BytesIO(image.info["icc_profile"]))
    assert "sRGB" in ImageCms.getProfileDescription(profile)
    assert image.info["icc_profile"][24:36] == bytes(12)
    assert image.layer == [(1, 1, 1, 0), (2, 1, 1, 1), (3, 1, 1, 1)], "colour in full resolution"  # type: ignore[attr-defined]
    assert is_near(at(decode_image(first), TOP_RIGHT), GREEN, 6)


def test_a_lower_quality_is_a_smaller_file() -> None:
    noise = Image.fromarray(np.random.default_rng(0).integers(0, 256, (64, 64, 3), np.uint8))
    assert len(encode_jpeg(noise, quality=50)) < len(encode_jpeg(noise))


def test_a_png_keeps_every_pixel() -> None:
    noise = Image.fromarray(np.random.default_rng(0).integers(0, 256, (64, 48, 3), np.uint8))
    decoded = decode_image(encode_png(noise))
    assert decoded.pixels.tobytes() == noise.tobytes()
    assert encode_png(noise) == encode_png(decoded.pixels)


def test_a_picture_a_hundred_times_as_long_as_wide_is_taken_and_a_longer_one_is_not() -> None:
    assert decode_image(encode_png(Image.new("RGB", (1600, 16)))).pixels.size == (1600, 16)
    with pytest.raises(InvalidImage, match="one side is more than 100 times the other"):
        decode_image(encode_png(Image.new("RGB", (16, 1601))))
