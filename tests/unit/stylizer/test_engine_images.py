import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from stylegram.stylizer.engine.images import Size, fit, pyramid, to_image, to_tensor, with_area_of
from stylizer_fakes import CPU, picture

SIDES = st.integers(16, 20_000)
SIZES = st.tuples(SIDES, SIDES)


@settings(deadline=None)
@given(SIZES, st.integers(32, 4096), st.integers(1, 6))
def test_every_scale_reaches_the_deepest_layer_and_keeps_the_proportions(size: Size, longer: int, levels: int) -> None:
    scales = pyramid(size, longer, levels)
    assert len(scales) == levels
    for width, height in scales:
        assert min(width, height) // 2**4 >= 1
        # Rounding moves a side by half a pixel at most.
        long, short = (width, height) if size[0] >= size[1] else (height, width)
        assert abs(short - long * min(size) / max(size)) <= 0.51
    assert [max(scale) for scale in scales] == sorted(max(scale) for scale in scales)
    assert max(scales[-1]) >= longer


@settings(deadline=None)
@given(SIZES, st.integers(32, 4096), st.integers(1, 6))
def test_only_a_panoramas_scales_are_larger_than_asked_for(size: Size, longer: int, levels: int) -> None:
    for level, scale in enumerate(reversed(pyramid(size, longer, levels))):
        assert max(scale) == round(longer / 2**level) or min(scale) in (32, 33)


@settings(deadline=None)
@given(SIZES, st.integers(32, 4096))
def test_fit_gives_the_longer_side_and_at_least_a_pixel(size: Size, longer: int) -> None:
    fitted = fit(size, longer)
    assert max(fitted) == longer
    assert min(fitted) >= 1
    assert (fitted[0] >= fitted[1]) == (size[0] >= size[1]) or fitted[0] == fitted[1]


@settings(deadline=None)
@given(SIZES, SIZES)
def test_a_style_gets_the_contents_area_in_its_own_proportions(size: Size, other: Size) -> None:
    width, height = with_area_of(size, other)
    assert min(width, height) >= 32
    long, short = (width, height) if size[0] >= size[1] else (height, width)
    # Half a pixel of rounding on either side.
    assert (long - 0.51) / (short + 0.51) <= max(size) / min(size) <= (long + 0.51) / (short - 0.51)
    area = other[0] * other[1]
    assert abs(width * height - area) <= width + height or min(width, height) == 32


def test_a_picture_survives_the_way_there_and_back_exactly() -> None:
    levels = np.arange(256, dtype=np.uint8).repeat(3).reshape(16, 16, 3)
    image = picture(20, 30)
    image.paste(to_image(torch.from_numpy(levels).permute(2, 0, 1)[None] / 255), (0, 0))
    assert np.array_equal(np.asarray(to_image(to_tensor(image, image.size, CPU))), np.asarray(image))


def test_a_tensor_is_rgb_rows_by_columns_in_unit_range() -> None:
    image = picture(20, 30)
    image.putpixel((19, 2), (255, 0, 51))
    tensor = to_tensor(image, (20, 30), CPU)
    assert tuple(tensor.shape) == (1, 3, 30, 20)
    assert tensor.dtype == torch.float32
    assert tensor[0, :, 2, 19].tolist() == pytest.approx([1, 0, 0.2])


def test_values_beyond_the_range_are_clipped() -> None:
    assert to_image(torch.tensor([-0.5, 0.5, 1.5]).view(1, 3, 1, 1)).getpixel((0, 0)) == (0, 128, 255)


def test_shrinking_keeps_the_mean_colour() -> None:
    image = picture(400, 300)
    assert tuple(to_tensor(image, (40, 30), CPU).shape) == (1, 3, 30, 40)
    small, large = to_tensor(image, (40, 30), CPU), to_tensor(image, (400, 300), CPU)
    torch.testing.assert_close(small.mean((0, 2, 3)), large.mean((0, 2, 3)), rtol=0, atol=0.01)
