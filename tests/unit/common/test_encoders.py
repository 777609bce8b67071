"""What each format keeps of a picture's pixels, and what it refuses."""

from io import BytesIO

import numpy as np
import pytest
import tifffile
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image, ImageCms

from stylegram.common.encoders import ENCODERS, Pixels, check_encodable, encode_pixels, to_image
from stylegram.common.errors import ConfigurationError
from stylegram.common.images import decode_image

ICC_PROFILE = 34_675


@pytest.fixture(scope="module")
def pixels() -> Pixels:
    """A smooth picture, wider than high, that goes from one corner's colour to another's."""
    y, x = np.mgrid[0:40, 0:64].astype(np.float32)
    return np.stack([x / 63, y / 39, (x + y) / 102], axis=-1)


@pytest.mark.parametrize(
    ("ending", "kind", "tolerance"),
    [
        (".png", "PNG", 0),
        (".PNG", "PNG", 0),
        (".jpg", "JPEG", 6),
        (".jpeg", "JPEG", 6),
        (".webp", "WEBP", 12),
        (".tif", "TIFF", 1),
        (".TIFF", "TIFF", 1),
    ],
)
def test_every_ending_gives_its_format_with_the_size_and_the_colours(
    pixels: Pixels, ending: str, kind: str, tolerance: int
) -> None:
    decoded = decode_image(encode_pixels(pixels, ending))
    assert decoded.format == kind
    assert decoded.pixels.size == (64, 40)
    difference = np.abs(np.asarray(decoded.pixels).astype(int) - np.asarray(to_image(pixels)))
    assert difference.max() <= tolerance


@pytest.mark.parametrize("ending", ENCODERS)
def test_equal_pixels_are_equal_bytes(pixels: Pixels, ending: str) -> None:
    before = pixels.copy()
    assert encode_pixels(pixels, ending) == encode_pixels(pixels.copy(), ending)
    np.testing.assert_array_equal(pixels, before, "the caller's pixels are left as they are")


@pytest.mark.parametrize("ending", [".jpg", ".webp", ".tiff"])
def test_a_file_says_that_it_is_srgb(pixels: Pixels, ending: str) -> None:
    profile = Image.open(BytesIO(encode_pixels(pixels, ending))).info["icc_profile"]
    assert "sRGB" in ImageCms.getProfileDescription(ImageCms.ImageCmsProfile(BytesIO(profile)))


def test_a_tiff_holds_every_one_of_16_bits() -> None:
    # Two neighbours differ by a 64th of an 8-bit level.
    values = np.arange(4096, dtype=np.uint16).reshape(32, 128) * 4 + 20_000
    values = np.stack([values, values[::-1], 65_535 - values], axis=-1)
    data = encode_pixels((values / 65_535).astype(np.float32), ".tiff")
    read = tifffile.imread(BytesIO(data))
    assert read.dtype == np.uint16
    np.testing.assert_array_equal(read, values)
    assert len(np.unique(read[..., 0])) == 4096


def test_a_tiff_is_compressed_without_loss_and_tells_neither_date_nor_software(pixels: Pixels) -> None:
    data = encode_pixels(pixels, ".tiff")
    assert len(data) < pixels.nbytes / 4, "half of what 16 bits a channel take"
    with tifffile.TiffFile(BytesIO(data)) as file:
        tags = file.pages.first.tags
        assert ICC_PROFILE in tags
        assert not {"Software", "DateTime", "ImageDescription"} & {tag.name for tag in tags}


def test_what_lies_outside_is_clipped() -> None:
    pixels = np.array([[[-0.5, 0.5, 1.5]]], np.float32)
    assert to_image(pixels).getpixel((0, 0)) == (0, 128, 255)
    np.testing.assert_array_equal(tifffile.imread(BytesIO(encode_pixels(pixels, ".tif"))), [[[0, 32_768, 65_535]]])


@given(st.integers(0, 255), st.floats(-0.49, 0.49))
def test_a_value_becomes_the_nearest_level(level: int, offset: float) -> None:
    pixels = np.full((1, 1, 3), (level + offset) / 255, np.float32)
    assert to_image(pixels).getpixel((0, 0)) == (level,) * 3


@pytest.mark.parametrize("ending", ["", ".gif", "png", ".heic"])
def test_an_unknown_ending_is_refused_with_those_that_are_known(pixels: Pixels, ending: str) -> None:
    with pytest.raises(ConfigurationError, match=r"\.png, \.jpg, \.jpeg, \.webp, \.tif, \.tiff") as caught:
        encode_pixels(pixels, ending)
    assert f"'{ending}'" in str(caught.value)


@pytest.mark.parametrize(("ending", "limit"), [(".webp", 16_383), (".WebP", 16_383), (".jpg", 65_500)])
def test_a_side_that_the_format_does_not_hold_is_refused(ending: str, limit: int) -> None:
    encode_pixels(np.zeros((limit, 1, 3), np.float32), ending)
    with pytest.raises(ConfigurationError, match=f"holds {limit} pixels a side at most; the picture has {limit + 1}"):
        encode_pixels(np.zeros((1, limit + 1, 3), np.float32), ending)
    check_encodable(".tiff", limit + 1)
