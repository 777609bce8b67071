from typing import Literal

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image
from torch import Tensor

from stylegram.stylizer.engine.color import (
    luminance,
    match_luminance,
    prepare_photograph,
    transfer_colors,
    with_colors_of,
)
from stylizer_fakes import picture, random_pixels


def mild(seed: int) -> Tensor:
    """Correlated colours, far from black and white, so that nothing is clipped."""
    mixture = torch.tensor([[0.5, 0.2, 0.1], [0.1, 0.4, 0.0], [0.0, 0.1, 0.6]])
    if seed % 2:
        mixture = mixture.flip(0)
    return torch.einsum("ij,njhw->nihw", mixture, random_pixels(40, 30, seed) - 0.5) * 0.6 + 0.5


def moments(image: Tensor) -> tuple[Tensor, Tensor]:
    pixels = image.flatten(2)[0]
    return pixels.mean(1), torch.cov(pixels)


def test_mean_and_covariance_become_the_palettes() -> None:
    image, palette = mild(0), mild(1)
    mapped = transfer_colors(image, palette)
    assert mapped.shape == image.shape
    assert not torch.allclose(moments(image)[1], moments(palette)[1], atol=1e-3)
    for ours, theirs in zip(moments(mapped), moments(palette), strict=True):
        torch.testing.assert_close(ours, theirs, rtol=0.02, atol=1e-4)


def test_a_picture_in_its_own_colours_stays_as_it_is() -> None:
    image = mild(0)
    torch.testing.assert_close(transfer_colors(image, image), image, rtol=0, atol=1e-5)


@pytest.mark.parametrize("matching", ["linear", "histogram"])
@pytest.mark.parametrize(
    ("image", "palette"),
    [
        pytest.param(random_pixels(8, 8)[:, :1].expand(1, 3, 8, 8), mild(1), id="grey image"),
        pytest.param(mild(0), random_pixels(8, 8)[:, :1].expand(1, 3, 8, 8), id="grey palette"),
        pytest.param(mild(0), random_pixels(8, 8)[:, :1].expand(1, 3, 8, 8).round(), id="black and white palette"),
        pytest.param(torch.zeros(1, 3, 8, 8), mild(1), id="black image"),
        pytest.param(mild(0), torch.ones(1, 3, 8, 8), id="white palette"),
        pytest.param(torch.ones(1, 3, 8, 8), torch.zeros(1, 3, 8, 8), id="white image, black palette"),
        pytest.param(torch.ones(1, 3, 1, 1), mild(1), id="one pixel"),
        pytest.param(mild(0), torch.ones(1, 3, 1, 1), id="palette of one pixel"),
    ],
)
def test_pictures_without_colours_give_finite_ones(
    image: Tensor, palette: Tensor, matching: Literal["linear", "histogram"]
) -> None:
    mapped = transfer_colors(image, palette, matching=matching)
    assert mapped.shape == image.shape
    assert mapped.dtype == torch.float32
    assert torch.isfinite(mapped).all()
    assert mapped.min() >= 0
    assert mapped.max() <= 1


def test_a_grey_picture_takes_a_coloured_palettes_mean() -> None:
    grey = random_pixels(16, 16)[:, :1].expand(1, 3, 16, 16) * 0.2 + 0.4
    torch.testing.assert_close(moments(transfer_colors(grey, mild(1)))[0], moments(mild(1))[0], rtol=0, atol=0.02)


def test_a_grey_palette_makes_a_coloured_picture_grey() -> None:
    grey = random_pixels(16, 16)[:, :1].expand(1, 3, 16, 16) * 0.2 + 0.4
    mapped = transfer_colors(mild(0), grey)
    assert (mapped - mapped.mean(1, keepdim=True)).abs().max() < 0.05


def distance(a: Tensor, b: Tensor) -> float:
    """Sliced Wasserstein distance: mean distance of the quantiles, over thirty directions."""
    directions = torch.nn.functional.normalize(torch.randn((30, 3), generator=torch.Generator().manual_seed(1)))
    at = torch.linspace(0.01, 0.99, 99)
    ours, theirs = (torch.quantile(directions @ picture.flatten(2)[0], at, dim=1) for picture in (a, b))
    return float((ours - theirs).abs().mean())


def islands(height: int, width: int, seed: int) -> Tensor:
    """Three unequal clusters of colour: a distribution that mean and covariance do not tell."""
    generator = torch.Generator().manual_seed(seed)
    centres = torch.tensor([[0.2, 0.2, 0.6], [0.8, 0.6, 0.2], [0.3, 0.8, 0.7]])
    which = torch.randint(0, 6, (height * width,), generator=generator).clamp(max=2)
    colors = centres[which] + 0.03 * torch.randn((height * width, 3), generator=generator)
    return colors.T.reshape(1, 3, height, width).clamp(0, 1)


def test_the_whole_distribution_becomes_the_palettes() -> None:
    image, palette = mild(0), islands(50, 60, 0)
    linear = transfer_colors(image, palette)
    whole = transfer_colors(image, palette, matching="histogram")
    assert whole.shape == image.shape
    assert distance(linear, palette) < distance(image, palette)
    assert distance(whole, palette) < distance(linear, palette) / 3


def test_matching_the_distribution_twice_gives_the_same_and_leaves_its_input_alone() -> None:
    image, palette = mild(0), islands(20, 30, 0)
    before = image.clone()
    first = transfer_colors(image, palette, matching="histogram")
    torch.randn(7)  # whatever else draws numbers
    assert torch.equal(transfer_colors(image, palette, matching="histogram"), first)
    assert torch.equal(image, before)


def test_a_picture_in_its_own_distribution_hardly_changes() -> None:
    image = islands(100, 100, 0)
    mapped = transfer_colors(image, image, matching="histogram")
    assert (mapped - image).abs().mean() < 2 / 255


def test_pixels_that_no_map_was_learnt_from_are_mapped_too() -> None:
    """More pixels than are sampled, and than make one chunk; every other one is none of the sampled."""
    image = islands(400, 500, 0)
    palette = mild(1)
    mapped = transfer_colors(image, palette, matching="histogram")
    assert distance(mapped[..., 1::10], palette) < 0.02
    assert distance(mapped[..., 1::10], palette) < distance(transfer_colors(image, palette)[..., 1::10], palette) / 2


def test_a_view_is_mapped_like_its_copy() -> None:
    turned = mild(0).transpose(2, 3)
    assert torch.equal(transfer_colors(turned, mild(1)), transfer_colors(turned.contiguous(), mild(1)))


def test_luminance_is_rec_601s_in_every_channel() -> None:
    colors = torch.tensor([[1.0, 0, 0], [0, 1, 0], [0, 0, 1], [1, 1, 1]]).T.view(1, 3, 2, 2)
    expected = torch.tensor([0.299, 0.587, 0.114, 1]).view(1, 1, 2, 2).expand(1, 3, 2, 2)
    torch.testing.assert_close(luminance(colors), expected)


def test_luminance_gets_the_contents_mean_and_deviation() -> None:
    style, content = random_pixels(30, 20, 1) * 0.3, mild(0)
    matched, wanted = match_luminance(style, content), luminance(content)
    assert matched.shape == style.shape
    assert torch.equal(matched[:, 0], matched[:, 2])
    torch.testing.assert_close(matched.mean(), wanted.mean(), rtol=0, atol=1e-3)
    torch.testing.assert_close(matched.std(), wanted.std(), rtol=0.02, atol=0)


@pytest.mark.parametrize("level", [0.0, 0.4, 1.0])
def test_a_flat_style_stays_flat_at_the_contents_brightness(level: float) -> None:
    content = mild(0)
    matched = match_luminance(torch.full((1, 3, 8, 8), level), content)
    torch.testing.assert_close(matched, luminance(content).mean().expand_as(matched), rtol=0, atol=1e-4)


@given(st.integers(0, 2**31))
def test_colors_of_another_keep_brightness_and_hue_even_where_they_do_not_exist(seed: int) -> None:
    image, content = random_pixels(9, 7, seed).pow(3), random_pixels(9, 7, seed + 1)
    mixed = with_colors_of(image, content)
    assert mixed.min() >= 0
    assert mixed.max() <= 1
    torch.testing.assert_close(luminance(mixed), luminance(image), rtol=0, atol=1e-5)
    chroma, wanted = mixed - luminance(mixed), content - luminance(content)
    share = (chroma * wanted).sum(1, keepdim=True) / (wanted**2).sum(1, keepdim=True)
    assert share.min() >= -1e-4
    assert share.max() <= 1 + 1e-4
    torch.testing.assert_close(chroma, share * wanted, rtol=0, atol=1e-4)
    inside = luminance(image) + wanted
    exists = ((inside >= 0) & (inside <= 1)).all(1, keepdim=True).expand_as(inside)
    torch.testing.assert_close(mixed[exists], inside[exists], rtol=0, atol=1e-5)


def test_a_picture_with_its_own_colors_stays_as_it_is() -> None:
    image = random_pixels(9, 7)
    torch.testing.assert_close(with_colors_of(image, image), image, rtol=0, atol=1e-5)


def test_a_photograph_of_which_nothing_is_asked_is_the_same_object() -> None:
    photograph = picture()
    assert prepare_photograph(photograph) is photograph


def test_a_photograph_becomes_brighter_grey_or_both() -> None:
    photograph = Image.new("RGB", (2, 1), (200, 100, 20))
    grey = round(0.299 * 200 + 0.587 * 100 + 0.114 * 20)
    assert prepare_photograph(photograph, brightness=1.5).getpixel((0, 0)) == (255, 150, 30)
    assert prepare_photograph(photograph, brightness=0.5).getpixel((1, 0)) == (100, 50, 10)
    assert prepare_photograph(photograph, greyscale=True).getpixel((0, 0)) == (grey,) * 3
    both = prepare_photograph(photograph, brightness=2, greyscale=True)
    assert both.mode == "RGB"
    assert both.getpixel((0, 0)) == (2 * grey,) * 3
    assert photograph.getpixel((0, 0)) == (200, 100, 20)
