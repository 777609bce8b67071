"""What a picture is judged by: content, style and smoothness, each relative to its target's energy.

Dividing by the energy makes a weight mean the same for every pair of pictures and every backbone, without which
a record of hyperparameters would compare nothing.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F

from stylegram.common.errors import InvalidInput
from stylegram.common.hyperparameters import Hyperparameters
from stylegram.stylizer.engine.backbone import Backbone
from stylegram.stylizer.engine.statistics import GaussianTarget, GramTarget, StyleTarget, moments
from stylegram.stylizer.engine.tiles import Probe, Region, probe

_TINY = 1e-12
"""Guards the division by a target without energy."""
_LEAST_VARIATION = (1 / 255) ** 2
"""That of one grey level: a blank style has none, and relative to that every picture would cost too much."""
_TARGETS: dict[str, type[StyleTarget]] = {"gram": GramTarget, "wasserstein": GaussianTarget}


@dataclass(frozen=True)
class Losses:
    """The losses of one picture, scalars on its device.

    Args:
        total: weighted sum; what is minimised.
        content: of the content layers, by their shares.
        style: of the style layers, by theirs and by the style images'.
        tv: total variation relative to the style images', for it is the style's strokes that vary.
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
        # One transfer from the device for all.
        return dict(zip(parts, torch.stack([each.detach() for each in parts.values()]).tolist(), strict=True))


@dataclass(frozen=True)
class StyleImage:
    """A style image at one scale.

    Args:
        pixels: shape (1, 3, h, w), sRGB in 0 … 1.
        share: how much it counts beside the others.
        mask: where in the picture it counts, shape (1, 1, H, W), in 0 … 1; everywhere where None.
    """

    pixels: Tensor
    share: float = 1.0
    mask: Tensor | None = None


def total_variation(image: Tensor) -> Tensor:
    """Mean squared difference of neighbouring pixels (Mahendran & Vedaldi 2015, eq. 4, β = 2)."""
    variation: Tensor = _TotalVariation.apply(image)  # type: ignore[no-untyped-call]
    return variation


class _TotalVariation(torch.autograd.Function):
    """With a gradient that keeps no more than the picture: autograd would keep three."""

    @staticmethod
    def forward(ctx: Any, image: Tensor) -> Tensor:  # noqa: ANN401  (torch does not name its type)
        ctx.save_for_backward(image)
        return _mean_square(image.diff(dim=-1)) + _mean_square(image.diff(dim=-2))

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> Tensor:  # noqa: ANN401
        (image,) = ctx.saved_tensors
        result = torch.zeros_like(image)
        for dim in (-1, -2):
            slope = image.diff(dim=dim)
            slope *= 2 * gradient / max(slope.numel(), 1)
            length = slope.shape[dim]
            result.narrow(dim, 1, length).add_(slope)
            result.narrow(dim, 0, length).sub_(slope)
        return result


def _mean_square(values: Tensor) -> Tensor:
    return _sum_of_squares(values) / max(values.numel(), 1)


def _sum_of_squares(values: Tensor) -> Tensor:
    """In fp32 whatever the values are."""
    norm: Tensor = torch.linalg.vector_norm(values, dtype=torch.promote_types(values.dtype, torch.float32))
    return norm.square()


class Objective:
    """The loss of a picture at one scale.

    Args:
        backbone: gives the features; has all layers that the hyperparameters name.
        content: the content image at this scale, shape (1, 3, H, W).
        styles: the style images at this scale, one at least.
        hyperparameters: layers and weights.
        tiled_blocks: how many of the backbone's blocks to compute tile by tile.

    Raises:
        InvalidInput: all masks are black.
    """

    def __init__(
        self,
        backbone: Backbone,
        content: Tensor,
        styles: Sequence[StyleImage],
        hyperparameters: Hyperparameters,
        *,
        tiled_blocks: int = 0,
    ) -> None:
        self._hyperparameters = hyperparameters
        self._dtype = backbone.dtype
        self._probe = partial(probe, backbone, tiled_blocks=tiled_blocks)
        self._probes: list[Probe] = []
        self._terms: list[_Term] = []
        with torch.no_grad():
            self._add_content(content)
            size = (content.shape[-2], content.shape[-1])
            variation = torch.zeros((), device=content.device)
            for style, share in _by_area(styles):
                self._add_style(style, share, size)
                variation += share * total_variation(style.pixels)
            self._variation = variation.clamp(min=_LEAST_VARIATION)

    def __call__(self, image: Tensor) -> Losses:
        """The losses of `image`, shape (1, 3, H, W), with their graph."""
        sums = self._probe(image, self._probes)
        totals = {"content": image.new_zeros(()), "style": image.new_zeros(())}
        layers: dict[str, Tensor] = {}
        for term in self._terms:
            loss = term.share * term.distance(sums[term.probe] / term.positions)
            totals[term.kind] = totals[term.kind] + term.layer_share * loss
            name = f"{term.kind}.{self._probes[term.probe].layer}"
            layers[name] = layers[name] + loss if name in layers else loss
        tv = total_variation(image) / self._variation
        weights = self._hyperparameters
        total = weights.content_weight * totals["content"] + weights.style_weight * totals["style"]
        if weights.tv_weight:
            total = total + weights.tv_weight * tv
        return Losses(total, totals["content"], totals["style"], tv, layers)

    @torch.no_grad()
    def content_variance(self) -> dict[str, float]:
        """For each content layer, by its name, how much of the content image's energy is variance over positions: the
        content loss of features that are the same everywhere, the image's means."""
        return {each.layer: each.variance / each.energy for each in self._probes if isinstance(each, _Distance)}

    def _add_content(self, content: Tensor) -> None:
        settings = self._hyperparameters
        copies = [_Copy(layer) for layer in settings.content_layers]
        self._probe(content, copies)
        for copy, layer_share in zip(copies, settings.content_shares, strict=True):
            target = _Distance(copy.layer, copy.features)
            self._terms.append(_Term("content", layer_share, 1.0, len(self._probes), target.energy, lambda loss: loss))
            self._probes.append(target)

    def _add_style(self, style: StyleImage, share: float, size: tuple[int, int]) -> None:
        settings = self._hyperparameters
        make = _TARGETS[settings.style_loss]
        sums = self._probe(style.pixels, [_Moments(layer) for layer in settings.style_layers])
        for layer, layer_share, target_sums in zip(settings.style_layers, settings.style_shares, sums, strict=True):
            target = make(target_sums / _positions(layer, (style.pixels.shape[-2], style.pixels.shape[-1])))
            # What positions are divided by is what counts them, to the last digit.
            mask = None if style.mask is None else F.avg_pool2d(style.mask, _stride(layer)).to(self._dtype)
            positions = _positions(layer, size) if mask is None else float(mask.sum(dtype=torch.float32)) + _TINY
            index = self._add_moments(layer, mask)
            self._terms.append(_Term("style", layer_share, share, index, positions, target))

    def _add_moments(self, layer: str, mask: Tensor | None) -> int:
        """The number of the probe, which all style images without a mask share."""
        if mask is None:
            for index, each in enumerate(self._probes):
                if isinstance(each, _Moments) and each.layer == layer and each.mask is None:
                    return index
        self._probes.append(_Moments(layer, mask))
        return len(self._probes) - 1


@dataclass(frozen=True)
class _Term:
    """One layer's part of the loss.

    Args:
        kind: content or style.
        layer_share: of the layer among those of its kind.
        share: of the style image among all.
        probe: number of the sum that it looks at.
        positions: what the sum is divided by.
        distance: from the target.
    """

    kind: str
    layer_share: float
    share: float
    probe: int
    positions: float
    distance: Callable[[Tensor], Tensor]


@dataclass(frozen=True, eq=False)
class _Distance:
    """Squared distance of features from a content image's."""

    layer: str
    target: Tensor

    @property
    def energy(self) -> float:
        """The target's sum of squares."""
        return float(_sum_of_squares(self.target)) + _TINY

    @property
    def variance(self) -> float:
        """The sum of squares of what is left of the target without each channel's mean."""
        features = self.target.float()
        return float(_sum_of_squares(features - features.mean((-2, -1), keepdim=True)))

    def __call__(self, features: Tensor, region: Region) -> Tensor:
        distance: Tensor = _SquaredDistance.apply(features, region.of(self.target))  # type: ignore[no-untyped-call]
        return distance


class _SquaredDistance(torch.autograd.Function):
    """Without the copies in fp32 that autograd would keep of bf16 features."""

    @staticmethod
    def forward(ctx: Any, features: Tensor, target: Tensor) -> Tensor:  # noqa: ANN401
        ctx.save_for_backward(features, target)
        return _sum_of_squares(features - target)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None]:  # noqa: ANN401
        features, target = ctx.saved_tensors
        return (features - target).mul_(2 * gradient), None


@dataclass(frozen=True, eq=False)
class _Moments:
    """A layer's moments where the mask is white."""

    layer: str
    mask: Tensor | None = None

    def __call__(self, features: Tensor, region: Region) -> Tensor:
        return moments(features, None if self.mask is None else region.of(self.mask))


class _Copy:
    """Sums nothing up, but keeps a layer's features."""

    def __init__(self, layer: str) -> None:
        self.layer = layer
        self.features = torch.empty(0)

    def __call__(self, features: Tensor, region: Region) -> Tensor:
        if not self.features.numel():
            shape = (1, features.shape[1], region.height, region.width)
            self.features = (
                torch.empty_like(features[:, :, :1, :1]).expand(shape).clone(memory_format=torch.channels_last)
            )
        region.of(self.features).copy_(features)
        return features.new_zeros(())


def _by_area(styles: Sequence[StyleImage]) -> list[tuple[StyleImage, float]]:
    """The style images with their shares, together 1. One that has only a part of the picture counts by its area, so
    that the strokes are as strong there as elsewhere."""
    areas = [style.share * (1.0 if style.mask is None else float(style.mask.mean())) for style in styles]
    if not sum(areas):
        raise InvalidInput("No style image has a place in the picture.", advice="Paint some of its mask white.")
    return [(style, area / sum(areas)) for style, area in zip(styles, areas, strict=True) if area]


def _stride(layer: str) -> int:
    """Pixels from one position of the layer to the next."""
    return 1 << (int(layer[4]) - 1)


def _positions(layer: str, size: tuple[int, int]) -> int:
    """How many positions the layer has in a picture of that height and width."""
    height, width = size
    return (height // _stride(layer)) * (width // _stride(layer))
