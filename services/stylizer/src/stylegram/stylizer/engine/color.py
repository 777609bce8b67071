"""Colours of one picture on another."""

import torch
from torch import Tensor

# Grey pictures have no variance across their greys: as much as one grey level's keeps the square roots finite.
_REGULARISATION = (1 / 255) ** 2


def transfer_colors(image: Tensor, palette: Tensor) -> Tensor:
    """Map the image's colours linearly so that they have the palette's mean and covariance.

    With the symmetric square roots, which move colours least (Gatys et al. 2016, "Preserving color in neural
    artistic style transfer", section 5.1).

    Args:
        image: shape (1, 3, H, W), in 0 … 1.
        palette: shape (1, 3, h, w), in 0 … 1.

    Returns:
        Shape (1, 3, H, W), clipped to 0 … 1.
    """
    pixels, target = image.flatten(2)[0].double(), palette.flatten(2)[0].double()
    mean, covariance = _moments(pixels)
    target_mean, target_covariance = _moments(target)
    matrix = _power(target_covariance, 0.5) @ _power(covariance, -0.5)
    mapped = matrix @ (pixels - mean) + target_mean
    return mapped.clamp(0, 1).float().view_as(image)


def _moments(pixels: Tensor) -> tuple[Tensor, Tensor]:
    identity = torch.eye(3, dtype=pixels.dtype, device=pixels.device)
    return pixels.mean(1, keepdim=True), torch.cov(pixels) + _REGULARISATION * identity


def _power(matrix: Tensor, exponent: float) -> Tensor:
    values, vectors = torch.linalg.eigh(matrix)
    powers = values.clamp(min=_REGULARISATION).pow(exponent)
    power: Tensor = (vectors * powers) @ vectors.T
    return power
