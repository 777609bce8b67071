import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from stylegram.stylizer.engine.color import luminance
from stylegram.stylizer.engine.picture_metrics import color_distance, high_frequency_ratio, structural_similarity
from stylizer_fakes import CPU, picture, random_pixels

seeds = st.integers(0, 2**31)
sides = st.integers(1, 24)


def painting(width: int = 64, height: int = 48, seed: int = 0) -> Tensor:
    levels = torch.tensor(list(picture(width, height, seed).tobytes()), dtype=torch.float32, device=CPU)
    return levels.view(height, width, 3).permute(2, 0, 1)[None] / 255


def literal_similarity(a: Tensor, b: Tensor) -> float:
    """Window by window, as Wang et al. 2004 write it: equations 13 to 16."""
    x, y = (luminance(picture)[0, 0].double().tolist() for picture in (a, b))
    window = {(i, j): math.exp(-((i - 5) ** 2 + (j - 5) ** 2) / (2 * 1.5**2)) for i in range(11) for j in range(11)}
    total = sum(window.values())
    values: list[float] = []
    for top in range(len(x) - 10):
        for left in range(len(x[0]) - 10):
            cells = [(weight / total, x[top + i][left + j], y[top + i][left + j]) for (i, j), weight in window.items()]
            mean_x = sum(w * p for w, p, _ in cells)
            mean_y = sum(w * q for w, _, q in cells)
            variance_x = sum(w * (p - mean_x) ** 2 for w, p, _ in cells)
            variance_y = sum(w * (q - mean_y) ** 2 for w, _, q in cells)
            covariance = sum(w * (p - mean_x) * (q - mean_y) for w, p, q in cells)
            c1, c2 = 0.01**2, 0.03**2
            values.append(
                (2 * mean_x * mean_y + c1)
                * (2 * covariance + c2)
                / ((mean_x**2 + mean_y**2 + c1) * (variance_x + variance_y + c2))
            )
    return sum(values) / len(values)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_similarity_is_that_of_the_formula_written_out(dtype: torch.dtype) -> None:
    a, b = painting(20, 15, 1).to(dtype), (painting(20, 15, 1) * 0.7 + painting(20, 15, 2) * 0.3).to(dtype)
    assert 0.2 < structural_similarity(a, b) < 0.9
    assert structural_similarity(a, b) == pytest.approx(literal_similarity(a, b), abs=1e-5)


@given(seeds, seeds, sides, sides)
def test_similarity_is_symmetric_and_1_only_between_equals_at_any_size(a: int, b: int, height: int, width: int) -> None:
    one, other = random_pixels(height, width, a), random_pixels(height, width, b)
    similarity = structural_similarity(one, other)
    assert similarity == pytest.approx(structural_similarity(other, one), abs=1e-6)
    assert -1 <= similarity <= 1 + 1e-6
    assert structural_similarity(one, one) == pytest.approx(1, abs=1e-6)


def test_similarity_falls_with_noise() -> None:
    clean = painting()
    noise = random_pixels(48, 64) - 0.5
    values = [structural_similarity(clean, clean + strength * noise) for strength in (0, 0.05, 0.2, 0.8)]
    assert values == sorted(values, reverse=True)
    assert values[-1] < 0.5


def test_another_brightness_costs_less_similarity_than_another_structure() -> None:
    clean = painting() * 0.8
    brighter = clean + 0.1
    assert 0.7 < structural_similarity(clean, brighter) < 0.999
    assert structural_similarity(clean, brighter) > structural_similarity(clean, clean.flip(3)) + 0.2


def test_the_inverse_of_a_picture_is_dissimilar() -> None:
    noise = random_pixels(32, 32)
    assert structural_similarity(noise, 1 - noise) < -0.5


def test_similarity_of_pictures_of_two_sizes_is_refused() -> None:
    with pytest.raises(ValueError, match="one size"):
        structural_similarity(random_pixels(20, 20), random_pixels(20, 1))


@given(seeds, sides, sides)
def test_color_distance_does_not_know_places_nor_sizes(seed: int, height: int, width: int) -> None:
    pixels = random_pixels(height, width, seed)
    assert color_distance(pixels, pixels.flip(2).transpose(2, 3)) == 0
    assert color_distance(pixels, torch.cat([pixels, pixels], 3)) == pytest.approx(0, abs=1e-7)


@given(seeds, seeds)
def test_color_distance_is_a_metric_in_0_to_1(a: int, b: int) -> None:
    one, other, third = random_pixels(20, 20, a) ** 3, random_pixels(10, 30, b), random_pixels(8, 8, a + 1)
    distance = color_distance(one, other)
    assert 0 <= distance <= 1
    assert distance == color_distance(other, one)
    assert distance <= color_distance(one, third) + color_distance(third, other) + 1e-12


def test_color_distance_of_half_shared_colors_is_hellingers() -> None:
    black, white = torch.zeros(1, 3, 4, 4), torch.ones(1, 3, 4, 4)
    both = torch.cat([black, white], 3)
    assert color_distance(black, white) == 1
    assert color_distance(black, both) == pytest.approx(math.sqrt(1 - math.sqrt(0.5)))


def test_color_distance_tells_channels_apart_that_have_the_same_marginals() -> None:
    ramp = torch.linspace(0, 1, 64).view(1, 1, 8, 8)
    grey, opposed = torch.cat([ramp, ramp, ramp], 1), torch.cat([ramp, ramp.flip(2, 3), ramp], 1)
    assert color_distance(grey, opposed) > 0.9


def test_a_picture_has_the_details_of_itself_and_of_its_mirror_image() -> None:
    style = painting()
    assert high_frequency_ratio(style, style) == 1
    assert high_frequency_ratio(style.flip(3), style) == pytest.approx(1, rel=1e-4)


def test_energy_of_details_goes_with_the_square_of_contrast() -> None:
    style = painting()
    assert high_frequency_ratio(style * 0.5, style) == pytest.approx(0.25, rel=1e-4)


def test_white_noise_over_a_painting_is_far_above_1_and_a_blurred_one_far_below() -> None:
    style = painting()
    noisy = (style + 0.3 * torch.randn(style.shape, generator=torch.Generator().manual_seed(0))).clamp(0, 1)
    blurred = torch.nn.functional.avg_pool2d(style, 5, 1, 2, count_include_pad=False)
    assert high_frequency_ratio(noisy, style) > 10
    assert high_frequency_ratio(blurred, style) < 0.2


def test_white_noise_keeps_41_64ths_of_its_variance() -> None:
    noise = random_pixels(200, 200)[:, :1].expand(1, 3, 200, 200)
    flat = torch.full((1, 3, 8, 8), 0.5)
    rounding = 41 / 64 / 12 / 255**2
    assert high_frequency_ratio(noise, flat) * rounding == pytest.approx(41 / 64 / 12, rel=0.03)


def test_a_flat_picture_has_no_details_and_a_flat_style_divides_by_more_than_0() -> None:
    flat = torch.full((1, 3, 8, 8), 0.5)
    assert high_frequency_ratio(flat, painting()) == 0
    assert high_frequency_ratio(flat, flat) == 0
    assert high_frequency_ratio(torch.ones(1, 3, 1, 1), torch.zeros(1, 3, 1, 1)) == 0
    assert math.isfinite(high_frequency_ratio(painting(), flat))
