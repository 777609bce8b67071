"""Nine tiles that read as one picture on a profile, which shows the 3:4 in the middle of each."""

from typing import get_args

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from PIL import Image

from stylegram.publisher.renditions.canvas import paint
from stylegram.publisher.renditions.grid import Grid, grid
from stylegram.publisher.renditions.look import Fit, Size

FITS = get_args(Fit)
Levels = NDArray[np.int64]


def detailed(width: int, height: int) -> Image.Image:
    """Shades and noise of several sizes, so that any shift shows."""
    random = np.random.default_rng(5)
    image = Image.linear_gradient("L").resize((width, height)).convert("RGB")
    for size in (40, 7, 2):
        coarse = random.integers(0, 256, (height // size + 1, width // size + 1, 3), dtype=np.uint8)
        image = Image.blend(image, Image.fromarray(coarse).resize((width, height), Image.Resampling.BICUBIC), 0.35)
    return image


def of(image: Image.Image, fit: Fit = "crop", max_enlargement: float = 2.0) -> Grid:
    return grid(image.size, lambda: image, fit, max_enlargement)


def tile(whole: Grid, image: Image.Image, number: int) -> Levels:
    painted = whole.paint(image, number)
    assert painted.size == whole.tile
    return np.asarray(painted).astype(np.int64)


def profile(whole: Grid, image: Image.Image) -> Levels:
    """What the profile shows."""
    width, height = whole.tile
    shown = height * 3 / 4
    margin = (width - shown) / 2
    begin, end = int(np.ceil(margin)), int(np.floor(width - margin))
    tiles = [tile(whole, image, number)[:, begin:end] for number in range(1, 10)]
    return np.concatenate([np.concatenate(tiles[row : row + 3], axis=1) for row in (0, 3, 6)])


@pytest.mark.parametrize("fit", FITS)
@pytest.mark.parametrize("size", [(1600, 1100), (700, 1900), (1000, 1280), (160, 90)])
def test_the_visible_parts_are_the_picture_resized_at_once(size: Size, fit: Fit) -> None:
    image = detailed(*size)
    whole = of(image, fit, 1.3)
    assert np.abs(profile(whole, image) - np.asarray(paint(image, whole.framing))).max() <= 2


def test_that_is_the_part_of_the_picture_that_was_chosen() -> None:
    image = detailed(900, 1200)
    whole = of(image, max_enlargement=4)
    resized = image.resize(whole.framing.canvas, Image.Resampling.LANCZOS)
    difference = np.abs(profile(whole, image) - np.asarray(resized))
    assert whole.tile == (1080, 1350)
    assert difference.mean() < 1  # two columns of 3038 are cut, as pixels have no halves


@pytest.mark.parametrize("fit", FITS)
def test_the_margins_show_what_the_neighbours_show(fit: Fit) -> None:
    image = detailed(1500, 1200)
    whole = of(image, fit)
    margin, width = whole.margin, whole.tile[0]
    for row in (1, 4, 7):
        for left in (row, row + 1):
            here, there = tile(whole, image, left), tile(whole, image, left + 1)
            assert np.abs(here[:, width - 2 * margin :] - there[:, : 2 * margin]).max() <= 2


def test_the_outer_margins_show_the_picture_where_it_goes_on() -> None:
    image = detailed(2000, 1000)
    whole = of(image)
    left, _, right, _ = whole.framing.part
    step = (right - left) * image.width / whole.framing.canvas[0]
    begin, margin = left * image.width, whole.margin
    assert begin - margin * step > 0
    middle = image.resize(
        (margin, whole.tile[1]), Image.Resampling.LANCZOS, box=(begin - margin * step, 0, begin, 1000 / 3)
    )
    assert np.abs(tile(whole, image, 1)[:, :margin] - np.asarray(middle)).max() <= 2


@pytest.mark.parametrize("fit", ["crop", "pad", "stretch"])
def test_and_its_mirror_image_where_it_does_not(fit: Fit) -> None:
    image = detailed(900, 2000)
    whole = of(image, fit)
    margin = whole.margin
    left, right = tile(whole, image, 4), tile(whole, image, 6)
    assert (left[:, :margin] == left[:, margin : 2 * margin][:, ::-1]).all()
    assert (right[:, -margin:] == right[:, -2 * margin : -margin][:, ::-1]).all()


@given(st.integers(16, 6000), st.integers(16, 6000), st.sampled_from(FITS), st.floats(1, 8))
def test_tiles_are_as_large_as_instagram_takes_them(width: int, height: int, fit: Fit, max_enlargement: float) -> None:
    whole = grid((width, height), lambda: Image.new("RGB", (64, 64)), fit, max_enlargement)
    across, down = whole.tile
    assert 320 <= across <= 1080
    assert across * 5 == down * 4
    assert across % 2 == down % 2 == 0
    assert (across - 2 * whole.margin) * 3 == whole.framing.canvas[0]
    assert abs((across - 2 * whole.margin) - down * 3 / 4) < 2


@pytest.mark.parametrize(
    ("size", "max_enlargement", "tile_size", "fills"),
    [
        ((3100, 4200), 1, (1080, 1350), True),
        ((1519, 2025), 2, (1080, 1350), True),
        ((768, 1024), 2, (544, 680), True),
        ((450, 600), 2, (320, 400), True),
        ((440, 590), 2, (320, 400), False),
    ],
)
def test_tiles_are_no_larger_than_there_are_pixels_for(
    size: Size, max_enlargement: float, tile_size: Size, fills: bool
) -> None:
    whole = grid(size, lambda: Image.new("RGB", (64, 64)), "crop", max_enlargement)
    assert whole.tile == tile_size
    assert whole.framing.fills is fills
