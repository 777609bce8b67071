import pytest
import torch
from torch import Tensor

from stylegram.stylizer.engine.color import transfer_colors
from stylizer_fakes import random_pixels


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


@pytest.mark.parametrize(
    ("image", "palette"),
    [
        pytest.param(random_pixels(8, 8)[:, :1].expand(1, 3, 8, 8), mild(1), id="grey image"),
        pytest.param(mild(0), random_pixels(8, 8)[:, :1].expand(1, 3, 8, 8), id="grey palette"),
        pytest.param(mild(0), random_pixels(8, 8)[:, :1].expand(1, 3, 8, 8).round(), id="black and white palette"),
        pytest.param(torch.zeros(1, 3, 8, 8), mild(1), id="black image"),
        pytest.param(mild(0), torch.ones(1, 3, 8, 8), id="white palette"),
        pytest.param(torch.ones(1, 3, 8, 8), torch.zeros(1, 3, 8, 8), id="white image, black palette"),
    ],
)
def test_pictures_without_colours_give_finite_ones(image: Tensor, palette: Tensor) -> None:
    mapped = transfer_colors(image, palette)
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
