"""What is kept of a style: sums over the positions of a layer, and how far a picture's are from a painting's."""

from typing import Any, Protocol

import torch
from torch import Tensor

_TINY = 1e-12
"""Guards the division by a target without energy."""
_STRIP = 1 << 11
"""Positions whose sums are rounded to the features' precision, before strips are added up in fp32: what bf16 loses in
each averages out."""


def moments(features: Tensor, mask: Tensor | None = None) -> Tensor:
    """Sums over positions of each channel, and of the products of every two.

    Multiplied in the features' precision, five times as fast in bf16 as in fp32, and added up in fp32: sums over a
    million positions need the digits. bf16 leaves a relative error of 0.001, fp32 one of 1e-7.

    Args:
        features: shape (1, C, H, W).
        mask: how much each position counts, shape (1, 1, H, W), in the features' precision; all the same where None.

    Returns:
        Shape (C, C + 1), fp32: the products, and in the last column the channels. Over the number of positions, the
        products are the Gram matrix (Gatys et al. 2015, eq. 3), the channels the means.
    """
    result: Tensor = _Moments.apply(features, mask)  # type: ignore[no-untyped-call]
    return result


class _Moments(torch.autograd.Function):
    """The moments strip by strip, and their gradient in one product: what autograd would keep of the strips would take
    as much memory again as the features."""

    @staticmethod
    def forward(ctx: Any, features: Tensor, mask: Tensor | None) -> Tensor:  # noqa: ANN401  (torch does not name its type)
        ctx.save_for_backward(features, mask)
        channels = features.shape[1]
        flat = _by_position(features)
        counts = None if mask is None else _by_position(mask).split(_STRIP)
        sums = features.new_zeros((channels, channels + 1), dtype=torch.float32)
        for index, strip in enumerate(flat.split(_STRIP)):
            counted = strip if counts is None else strip * counts[index]
            sums[:, :channels] += counted.T @ strip
            sums[:, channels] += counted.sum(0, dtype=torch.float32)
        return sums

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None]:  # noqa: ANN401
        features, mask = ctx.saved_tensors
        flat = _by_position(features)
        products, sums = gradient[:, :-1], gradient[:, -1]
        # Both factors of a product are features, hence the sum with the transpose.
        slope = torch.addmm(sums.to(flat.dtype), flat, (products + products.T).to(flat.dtype))
        if mask is not None:
            slope *= _by_position(mask)
        _, channels, height, width = features.shape
        return slope.view(1, height, width, channels).permute(0, 3, 1, 2), None


def _by_position(features: Tensor) -> Tensor:
    """Shape (positions, C): a view where the channels come last."""
    return features[0].permute(1, 2, 0).flatten(0, 1)


class StyleTarget(Protocol):
    """A painting's statistics at one layer.

    Args:
        means: of the painting, see `moments`, over the number of positions.
    """

    def __init__(self, means: Tensor) -> None: ...

    def __call__(self, means: Tensor) -> Tensor:
        """How far a picture's statistics are, relative to the painting's energy; a scalar."""


class GramTarget:
    """Squared distance of Gram matrices (Gatys et al. 2015, eq. 4); here relative to the painting's.

    Args:
        means: of the painting, shape (C, C + 1).
    """

    def __init__(self, means: Tensor) -> None:
        self._gram = means[:, :-1].clone()
        self._energy = (self._gram**2).sum() + _TINY

    def __call__(self, means: Tensor) -> Tensor:
        """The relative distance."""
        return ((means[:, :-1] - self._gram) ** 2).sum() / self._energy


class GaussianTarget:
    """Squared Wasserstein distance of the normal distributions that features have by their means and covariances:
    |μ − ν|² + tr A + tr B − 2 tr (√A B √A)^½ (Olkin & Pukelsheim 1982, "The distance between two random vectors with
    given dispersion matrices"). Relative to the painting's mean square.

    Args:
        means: of the painting, shape (C, C + 1).
    """

    def __init__(self, means: Tensor) -> None:
        self._mean = means[:, -1].clone()
        covariance = _covariance(means)
        self._trace = covariance.trace()
        values, vectors = _eigen(covariance.double())
        self._root = (vectors * values.clamp(min=0).sqrt()) @ vectors.T
        self._energy = means[:, :-1].trace() + _TINY

    def __call__(self, means: Tensor) -> Tensor:
        """The relative distance."""
        covariance = _covariance(means)
        common: Tensor = _TraceOfRoot.apply(covariance, self._root)  # type: ignore[no-untyped-call]
        shift = ((means[:, -1] - self._mean) ** 2).sum()
        # Never below 0 but for rounding, where the slope is nothing but rounding too.
        return (shift + covariance.trace() + self._trace - 2 * common).clamp(min=0) / self._energy


class _TraceOfRoot(torch.autograd.Function):
    """tr (R B R)^½ of a covariance B and a fixed root R, with its gradient ½ R (R B R)^-½ R.

    Not left to autograd, whose gradient of eigenvectors divides by the differences of eigenvalues, and covariances of
    few positions have many that are equal. And in fp64: eigenvalues of features span six decades, those of R B R twice
    as many, of which fp32 knows seven; the gradient near the painting lies in the others.
    """

    @staticmethod
    def forward(ctx: Any, covariance: Tensor, root: Tensor) -> Tensor:  # noqa: ANN401
        inner = root @ covariance.double() @ root
        values, vectors = _eigen((inner + inner.T) / 2)
        # The covariance itself is of fp32; below what that knows, an inverse root would be noise.
        roots: Tensor = values.clamp(min=0).sqrt()
        floor = roots.max() * 1e-5 + _TINY
        ctx.save_for_backward(root, vectors, torch.where(roots > floor, 1 / roots.clamp(min=floor), 0))
        return roots.sum().float()

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None]:  # noqa: ANN401
        root, vectors, inverse = ctx.saved_tensors
        slope = root @ (vectors * inverse) @ vectors.T @ root
        return gradient / 2 * slope.float(), None


def _eigen(matrix: Tensor) -> tuple[Tensor, Tensor]:
    """A symmetric matrix' eigenvalues and -vectors; not numbers where none are found, as of a matrix of such: what is
    done about them, its caller's caller knows."""
    try:
        values, vectors = torch.linalg.eigh(matrix)
    except torch.linalg.LinAlgError:  # type: ignore[attr-defined]
        return torch.full_like(matrix[0], torch.nan), torch.full_like(matrix, torch.nan)
    return values, vectors


def _covariance(means: Tensor) -> Tensor:
    mean = means[:, -1]
    return means[:, :-1] - torch.outer(mean, mean)
