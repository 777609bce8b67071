"""How good a picture is, by measures that need no network.

Tensors are (1, 3, H, W), fp32 or fp64, sRGB in 0 … 1, on any device.
"""

import math

import torch
import torch.nn.functional as F
from torch import Tensor

from stylegram.stylizer.engine.color import luminance

_WINDOW, _SIGMA = 11, 1.5
_C1, _C2 = 0.01**2, 0.03**2
"""K1 and K2 squared, for values in 0 … 1 (Wang et al. 2004, section III.B and C)."""
_BINS = 16
"""Per channel; each holds 16 of an 8-bit picture's levels."""
_BINOMIAL = [0.25, 0.5, 0.25]
# What rounding to 8 bits leaves of a flat picture: noise of a level's width, 41/64 of which the blur does not take.
_LEAST_DETAIL = 41 / 64 / 12 / 255**2


def structural_similarity(a: Tensor, b: Tensor) -> float:
    """Mean structural similarity of the luminances (Wang et al. 2004, "Image quality assessment: from error visibility
    to structural similarity", eq. 13): Gaussian window of 11 × 11 pixels, σ = 1.5, only where all of it is inside.

    Args:
        a: shape (1, 3, H, W), in 0 … 1.
        b: of the same shape. On sides of fewer than 11 pixels the window is as long as the side.

    Returns:
        -1 … 1; 1 where the pictures' luminances are equal.

    Raises:
        ValueError: the pictures differ in size.
    """
    if a.shape != b.shape:
        raise ValueError(f"structural similarity compares pictures of one size, not {(*a.shape,)} and {(*b.shape,)}")
    x, y = luminance(a)[:, :1], luminance(b)[:, :1]
    down, across = (_gaussian(min(_WINDOW, side)) for side in x.shape[2:])
    maps = _blur(torch.cat([x, y, x * x, y * y, x * y]), down, across)
    mean_x, mean_y = maps[0], maps[1]
    variance_x, variance_y, covariance = maps[2] - mean_x**2, maps[3] - mean_y**2, maps[4] - mean_x * mean_y
    brightness = (2 * mean_x * mean_y + _C1) / (mean_x**2 + mean_y**2 + _C1)
    structure = (2 * covariance + _C2) / (variance_x + variance_y + _C2)
    return float((brightness * structure).mean())


def color_distance(a: Tensor, b: Tensor) -> float:
    """Hellinger distance of the joint histograms of red, green and blue, 16 bins each.

    It knows of no likeness between bins: colours one bin apart count as much as black and white.

    Args:
        a: shape (1, 3, H, W), in 0 … 1.
        b: shape (1, 3, h, w), in 0 … 1.

    Returns:
        0 … 1; 0 where both have the same colours equally often, 1 where they share none.
    """
    difference = _histogram(a).sqrt() - _histogram(b).sqrt()
    return min(1.0, math.sqrt(float((difference**2).sum()) / 2))


def high_frequency_ratio(picture: Tensor, style: Tensor) -> float:
    """Energy of the finest details over that of the style's: near 1 where the picture is painted as the style is, far
    above where it is noise, far below where it is blurred.

    The finest details are what a binomial blur of 3 × 3 pixels takes from the luminance, the finest band of a
    Laplacian pyramid (Burt & Adelson 1983); their energy is their mean square.

    Args:
        picture: shape (1, 3, H, W), in 0 … 1.
        style: shape (1, 3, h, w), in 0 … 1; of about as many pixels, for details depend on scale.

    Returns:
        0 or more. A flat style counts as if it had the noise of rounding to 8 bits.
    """
    return _detail(picture) / max(_detail(style), _LEAST_DETAIL)


def _gaussian(length: int) -> list[float]:
    weights = [math.exp(-((index - (length - 1) / 2) ** 2) / (2 * _SIGMA**2)) for index in range(length)]
    return [weight / sum(weights) for weight in weights]


def _blur(maps: Tensor, down: list[float], across: list[float]) -> Tensor:
    """Separable weighted means over every window inside the maps, shape (n, 1, H, W).

    As a sum of shifted maps: for a single channel that is several times faster than a convolution.
    """
    for side, weights in ((2, down), (3, across)):
        length = maps.shape[side] - len(weights) + 1
        total = maps.narrow(side, 0, length) * weights[0]
        for start, weight in enumerate(weights[1:], 1):
            total.add_(maps.narrow(side, start, length), alpha=weight)
        maps = total
    return maps


def _histogram(picture: Tensor) -> Tensor:
    """Share of the pixels in each bin, shape (4096,), fp64."""
    red, green, blue = (picture[0].flatten(1) * _BINS).long().clamp_(0, _BINS - 1)
    counts = torch.bincount((red * _BINS + green) * _BINS + blue, minlength=_BINS**3)
    return counts.double() / counts.sum()


def _detail(picture: Tensor) -> float:
    brightness = luminance(picture)[:, :1]
    blurred = _blur(F.pad(brightness, (1, 1, 1, 1), mode="replicate"), _BINOMIAL, _BINOMIAL)
    return float(((brightness - blurred) ** 2).mean())
