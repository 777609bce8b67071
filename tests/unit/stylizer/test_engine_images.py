import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from stylegram.stylizer.engine.images import (
    Size,
    at_least,
    fit,
    resize_image,
    resized,
    to_image,
    to_mask,
    to_pixels,
    to_tensor,
    with_area_of,
)
from stylizer_fakes import CPU, picture, random_pixels

SIDES = st.integers(16, 20_000)
SIZES = st.tuples(SIDES, SIDES)


@settings(deadline=None)
@given(SIZES, st.integers(1, 4096))
def test_every_scale_reaches_the_deepest_layer_and_keeps_the_proportions(size: Size, longer: int) -> None:
    width, height = at_least(size, longer)
    assert min(width, height) >= 32
    # Rounding moves a side by half a pixel at most.
    long, short = (width, height) if size[0] >= size[1] else (height, width)
    assert abs(short - long * min(size) / max(size)) <= 0.51
    assert long >= longer


@settings(deadline=None)
@given(SIZES, st.integers(1, 4096))
def test_only_a_panoramas_scales_are_larger_than_asked_for(size: Size, longer: int) -> None:
    scale = at_least(size, longer)
    assert max(scale) == longer or min(scale) in (32, 33)


@settings(deadline=None)
@given(SIZES, st.lists(st.integers(1, 4096), min_size=2, max_size=8).map(sorted))
def test_larger_scales_are_no_smaller(size: Size, sides: list[int]) -> None:
    scales = [max(at_least(size, side)) for side in sides]
    assert scales == sorted(scales)


@settings(deadline=None)
@given(SIZES, st.integers(32, 4096))
def test_fit_gives_the_longer_side_and_at_least_a_pixel(size: Size, longer: int) -> None:
    fitted = fit(size, longer)
    assert max(fitted) == longer
    assert min(fitted) >= 1
    assert (fitted[0] >= fitted[1]) == (size[0] >= size[1]) or fitted[0] == fitted[1]


@settings(deadline=None)
@given(SIZES, SIZES, st.sampled_from([0.1, 1.0, 4.0]))
def test_a_style_gets_the_contents_area_in_its_own_proportions(size: Size, other: Size, scale: float) -> None:
    width, height = with_area_of(size, other, scale=scale)
    assert min(width, height) >= 32
    long, short = (width, height) if size[0] >= size[1] else (height, width)
    # Half a pixel of rounding on either side.
    assert (long - 0.51) / (short + 0.51) <= max(size) / min(size) <= (long + 0.51) / (short - 0.51)
    area = other[0] * other[1] * scale**2
    assert abs(width * height - area) <= width + height or min(width, height) == 32 or long == 8192
    assert long <= 8192 or short == 32


def test_a_picture_survives_the_way_there_and_back_exactly() -> None:
    levels = np.arange(256, dtype=np.uint8).repeat(3).reshape(16, 16, 3)
    image = picture(20, 30)
    image.paste(to_image(torch.from_numpy(levels).permute(2, 0, 1)[None] / 255), (0, 0))
    tensor = to_tensor(image, image.size, CPU)
    assert np.array_equal(np.asarray(to_image(tensor)), np.asarray(image))
    assert np.array_equal((to_pixels(tensor) * 255).round(), np.asarray(image))


def test_a_tensor_is_rgb_rows_by_columns_in_unit_range() -> None:
    image = picture(20, 30)
    image.putpixel((19, 2), (255, 0, 51))
    tensor = to_tensor(image, (20, 30), CPU)
    assert tuple(tensor.shape) == (1, 3, 30, 20)
    assert tensor.dtype == torch.float32
    assert tensor.is_contiguous()
    assert tensor[0, :, 2, 19].tolist() == pytest.approx([1, 0, 0.2])


def test_a_mask_has_one_channel_in_unit_range() -> None:
    image = Image.new("L", (5, 3), 51)
    image.putpixel((4, 0), 255)
    mask = to_mask(image, CPU)
    assert tuple(mask.shape) == (1, 1, 3, 5)
    assert mask[0, 0, 0].tolist() == pytest.approx([0.2, 0.2, 0.2, 0.2, 1])


def test_values_beyond_the_range_are_clipped() -> None:
    beyond = torch.tensor([-0.5, 0.5, 1.5]).view(1, 3, 1, 1)
    assert to_image(beyond).getpixel((0, 0)) == (0, 128, 255)
    assert to_pixels(beyond).tolist() == [[[0, 0.5, 1]]]


def test_pixels_lie_row_by_row_and_need_no_graph() -> None:
    pixels = to_pixels(torch.rand(1, 3, 4, 5, requires_grad=True))
    assert pixels.shape == (4, 5, 3)
    assert pixels.dtype == np.float32
    assert pixels.flags.c_contiguous


def test_a_picture_that_has_the_size_is_not_touched() -> None:
    image = picture()
    assert resize_image(image, image.size) is image


def test_shrinking_keeps_the_mean_colour() -> None:
    image = picture(400, 300)
    assert tuple(to_tensor(image, (40, 30), CPU).shape) == (1, 3, 30, 40)
    small, large = to_tensor(image, (40, 30), CPU), to_tensor(image, (400, 300), CPU)
    torch.testing.assert_close(small.mean((0, 2, 3)), large.mean((0, 2, 3)), rtol=0, atol=0.01)


def test_pixels_that_have_the_size_are_not_touched() -> None:
    image = random_pixels(6, 8)
    assert resized(image, (8, 6)) is image


def test_resizing_keeps_the_colours_and_the_range() -> None:
    image = (random_pixels(24, 32) > 0.5).float()
    for size in ((16, 12), (64, 48)):
        other = resized(image, size)
        assert other.shape == (1, 3, *reversed(size))
        assert other.min() >= 0
        assert other.max() <= 1
        assert other.mean() == pytest.approx(float(image.mean()), abs=0.02)
