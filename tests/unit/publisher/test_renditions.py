from io import BytesIO
from typing import get_args

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageCms

from stylegram.common.errors import InvalidImage
from stylegram.common.images import encode_png
from stylegram.publisher.renditions import SIZES, Fit, PostFormat, render

FITS = get_args(Fit)
FORMATS = get_args(PostFormat)


def decode(jpeg: bytes) -> Image.Image:
    image = Image.open(BytesIO(jpeg))
    assert (image.format, image.mode) == ("JPEG", "RGB")
    return image


def bands(width: int, height: int) -> bytes:
    """Red left, blue right, a white line around."""
    image = Image.new("RGB", (width, height), "white")
    image.paste("red", (1, 1, width // 2, height - 1))
    image.paste("blue", (width // 2, 1, width - 1, height - 1))
    return encode_png(image)


def test_the_sizes_are_those_of_the_feed() -> None:
    assert SIZES == {"square": (1080, 1080), "portrait": (1080, 1350), "landscape": (1080, 566)}


@settings(max_examples=25, deadline=None)
@given(
    width=st.integers(16, 700),
    height=st.integers(16, 700),
    post_format=st.sampled_from(FORMATS),
    fit=st.sampled_from(FITS),
)
def test_any_picture_gets_exactly_the_size(width: int, height: int, post_format: PostFormat, fit: Fit) -> None:
    assert decode(render(bands(width, height), post_format, fit)).size == SIZES[post_format]


@pytest.mark.parametrize("fit", FITS)
@pytest.mark.parametrize("size", [(16, 1_600), (1_600, 16)])
def test_so_does_a_strip(size: tuple[int, int], fit: Fit) -> None:
    assert decode(render(bands(*size), "square", fit)).size == (1080, 1080)


def test_crop_keeps_the_middle() -> None:
    pixels = np.asarray(decode(render(bands(3000, 1000), "square", "crop"))).astype(int)
    assert np.abs(pixels[540, 10] - (255, 0, 0)).max() < 10  # the white line at the left is gone
    assert np.abs(pixels[540, -10] - (0, 0, 255)).max() < 10
    edge = np.flatnonzero(pixels[540, :, 2] > 128)[0]
    assert abs(edge - 540) <= 2


def test_pad_shows_the_whole_picture_on_a_dark_blur_of_itself() -> None:
    pixels = np.asarray(decode(render(bands(1000, 500), "square", "pad"))).astype(int)
    top, bottom = 270, 809
    assert pixels[top, 100].min() > 180  # the white line of the picture's edge
    assert pixels[bottom, 100].min() > 180
    background = pixels[100, 200]
    assert 100 < background[0] < 160  # red, darkened
    assert background[1:].max() < 40
    middle = pixels[100, 500:580, 0]
    assert np.abs(np.diff(middle)).max() < 8  # no edge between the red and the blue is left


def test_stretch_keeps_the_corners() -> None:
    pixels = np.asarray(decode(render(bands(1000, 40), "portrait", "stretch"))).astype(int)
    assert pixels[5, 500].min() > 150
    assert pixels[-5, 500].min() > 150


@pytest.mark.parametrize("fit", FITS)
def test_it_says_that_it_is_srgb(fit: Fit) -> None:
    image = decode(render(bands(100, 100), "square", fit, quality=92))
    profile = ImageCms.ImageCmsProfile(BytesIO(image.info["icc_profile"]))
    assert "sRGB" in ImageCms.getProfileDescription(profile)


def test_no_picture_is_refused() -> None:
    with pytest.raises(InvalidImage):
        render(b"no picture", "square", "crop")
