"""What the engine's tests share: cheap settings, backbones that compute in fp64, and small tiles."""

from collections.abc import Collection
from typing import Any

import pytest
import torch
from PIL import Image
from torch import Tensor

from stylegram.common.hyperparameters import Hyperparameters
from stylegram.common.records import Metrics
from stylegram.stylizer.engine import style_transfer, tiles
from stylegram.stylizer.engine.backbone import Backbone, Pooling, Precision
from stylegram.stylizer.engine.losses import Objective, StyleImage
from stylegram.stylizer.engine.models.weights import Weights
from stylizer_fakes import CPU, SHALLOW


class Enough(Exception):
    """What a listener raises that has seen enough."""


def cheap(**values: Any) -> Hyperparameters:
    """Two tiny scales and shallow layers, but for `values`."""
    return Hyperparameters.model_validate({"size": 32, "evaluations": (2, 3), **SHALLOW, **values})


def backbone_for(
    weights: Weights,
    layers: Collection[str],
    *,
    pooling: Pooling = "avg",
    precision: Precision = "fp32",
    fp64: bool = False,
) -> Backbone:
    """A backbone with these layers.

    In fp64 no rectifier and no pooling decides otherwise because of rounding, so that gradients compare.
    """
    backbone = Backbone(weights, layers, pooling=pooling, precision=precision, device=CPU)
    if fp64:
        for block in backbone.blocks:
            block._dtype = torch.float64
            block._convolutions = [(name, w.double(), b.double()) for name, w, b in block._convolutions]
    return backbone


def objective_for(
    weights: Weights,
    hyperparameters: Hyperparameters,
    content: Tensor,
    *styles: Tensor | StyleImage,
    tiled_blocks: int = 0,
    fp64: bool = False,
) -> Objective:
    """The objective of these pictures, at their size."""
    layers = {*hyperparameters.content_layers, *hyperparameters.style_layers}
    backbone = backbone_for(weights, layers, pooling=hyperparameters.pooling, fp64=fp64)
    images = [style if isinstance(style, StyleImage) else StyleImage(style) for style in styles]
    return Objective(backbone, content, images, hyperparameters, tiled_blocks=tiled_blocks)


def slope_of(objective: Objective, image: Tensor) -> tuple[dict[str, float], Tensor]:
    """The losses of the picture, and the total's gradient."""
    pixels = image.detach().clone().requires_grad_()
    losses = objective(pixels)
    (gradient,) = torch.autograd.grad(losses.total, pixels)
    return losses.as_floats(), gradient


def small_tiles(monkeypatch: pytest.MonkeyPatch, side: int) -> None:
    """Tiles of that side in the deepest blocks, and of more in those that have fewer channels."""
    monkeypatch.setattr(tiles, "_TILE_ELEMENTS", 512 * side * side)


def without_measuring(monkeypatch: pytest.MonkeyPatch) -> None:
    """Metrics of nothing: with tiny pictures, measuring takes most of a run's time."""
    numbers = {name: 0.0 for name in Metrics.model_fields if name != "layer_errors"}
    monkeypatch.setattr(style_transfer, "measure", lambda *_: Metrics.model_validate(numbers))


def half(width: int = 64, height: int = 64, *, left: bool = True) -> Image.Image:
    """A mask: one half white, the other black."""
    mask = Image.new("L", (width, height))
    mask.paste(255, (0, 0, width // 2, height) if left else (width // 2, 0, width, height))
    return mask
