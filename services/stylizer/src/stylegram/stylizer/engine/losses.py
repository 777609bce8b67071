"""What a picture is judged by: content, style and smoothness, each relative to its target's energy.

Dividing by the energy makes a weight mean the same for every pair of pictures and every backbone, without which
a record of hyperparameters would compare nothing.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from stylegram.common.hyperparameters import Hyperparameters
from stylegram.stylizer.engine.backbone import Backbone

_TINY = 1e-12
"""Guards the division by a target without energy."""
_LEAST_VARIATION = (1 / 255) ** 2
"""That of one grey level: a blank style has none, and relative to that every picture would cost too much."""
_STRIP = 1 << 15
"""Positions in fp32 at once: 8 MB of 64 channels, which caches hold."""


@dataclass(frozen=True)
class Losses:
    """The losses of one picture, scalars on its device.

    Args:
        total: weighted sum; what is minimised.
        content: mean of the content layers' losses.
        style: mean of the style layers' losses.
        tv: total variation relative to the style image's, for it is the style's strokes that vary.
        layers: each layer's loss, as in `style.relu4_1`.
    """

    total: Tensor
    content: Tensor
    style: Tensor
    tv: Tensor
    layers: Mapping[str, Tensor]

    def as_floats(self) -> dict[str, float]:
        """All of them by name."""
        parts = {"total": self.total, "content": self.content, "style": self.style, "tv": self.tv, **self.layers}
        return {name: float(value.detach()) for name, value in parts.items()}


def gram_matrix(features: Tensor) -> Tensor:
    """Correlations of the channels, averaged over positions (Gatys et al. 2015, eq. 3).

    In fp32 whatever the features are: sums over a million positions need the digits.

    Args:
        features: shape (1, C, H, W).

    Returns:
        Shape (C, C), fp32.
    """
    gram: Tensor = _GramMatrix.apply(features)  # type: ignore[no-untyped-call]
    return gram


class _GramMatrix(torch.autograd.Function):
    """The Gram matrix strip by strip, so that no fp32 copy of bf16 features is kept for the gradient: at a megapixel
    that copy alone would take a third of the memory."""

    @staticmethod
    def forward(ctx: Any, features: Tensor) -> Tensor:  # noqa: ANN401  (torch does not name its type)
        ctx.save_for_backward(features)
        channels, positions = features.shape[1], features[0, 0].numel()
        gram = features.new_zeros((channels, channels), dtype=torch.float32)
        for strip in _strips(features):
            flat = strip.float()
            gram.addmm_(flat, flat.T)
        return gram / positions

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> Tensor:  # noqa: ANN401
        (features,) = ctx.saved_tensors
        # Both factors of the product are the features, hence the sum with the transpose.
        both = (gradient + gradient.T) / features[0, 0].numel()
        # Of any other layout than these two the strips could be copies, and the result would stay as it is allocated.
        result = torch.empty_like(features, memory_format=torch.channels_last)
        for source, target in zip(_strips(features), _strips(result), strict=True):
            target.copy_(both @ source.float())
        return result


def _strips(features: Tensor) -> tuple[Tensor, ...]:
    """Of shape (C, some positions); views of features whose channels come last, or whose rows come one by one."""
    strips: tuple[Tensor, ...] = features[0].flatten(1).split(_STRIP, dim=1)
    return strips


def total_variation(image: Tensor) -> Tensor:
    """Mean squared difference of neighbouring pixels (Mahendran & Vedaldi 2015, eq. 4, β = 2)."""
    return (image.diff(dim=-1) ** 2).mean() + (image.diff(dim=-2) ** 2).mean()


class Objective:
    """The loss of a picture at one scale.

    Args:
        backbone: gives the features; has all layers that the hyperparameters name.
        content: the content image at this scale, shape (1, 3, H, W).
        style: the style image at this scale, shape (1, 3, h, w).
        hyperparameters: layers and weights.
    """

    def __init__(self, backbone: Backbone, content: Tensor, style: Tensor, hyperparameters: Hyperparameters) -> None:
        self._backbone = backbone
        self._hyperparameters = hyperparameters
        with torch.no_grad():
            features = backbone(content)
            self._content = {layer: features[layer] for layer in hyperparameters.content_layers}
            features = backbone(style)
            self._style = {layer: gram_matrix(features[layer]) for layer in hyperparameters.style_layers}
            self._variation = total_variation(style).clamp(min=_LEAST_VARIATION)

    def __call__(self, image: Tensor) -> Losses:
        """The losses of `image`, shape (1, 3, H, W), with their graph."""
        features = self._backbone(image)
        content = {f"content.{layer}": _relative(features[layer], t) for layer, t in self._content.items()}
        style = {f"style.{layer}": _relative(gram_matrix(features[layer]), t) for layer, t in self._style.items()}
        tv = total_variation(image) / self._variation
        content_loss, style_loss = _mean(content, image), _mean(style, image)
        weights = self._hyperparameters
        total = weights.content_weight * content_loss + weights.style_weight * style_loss
        if weights.tv_weight:
            total = total + weights.tv_weight * tv
        return Losses(total, content_loss, style_loss, tv, {**content, **style})


def _relative(value: Tensor, target: Tensor) -> Tensor:
    target = target.float()
    return ((value.float() - target) ** 2).sum() / ((target**2).sum() + _TINY)


def _mean(losses: Mapping[str, Tensor], image: Tensor) -> Tensor:
    return torch.stack(list(losses.values())).mean() if losses else image.new_zeros(())
