"""The engine's objective for a pair of pictures: the one place where measurements meet the engine's inner parts."""

from collections.abc import Callable
from functools import cache

import torch
from PIL import Image
from torch import Tensor

from stylegram.common.hyperparameters import Hyperparameters
from stylegram.common.model_cache import DEFAULT_WEIGHTS, default_cache
from stylegram.stylizer.engine.backbone import Backbone, Precision
from stylegram.stylizer.engine.images import fit, to_tensor, with_area_of
from stylegram.stylizer.engine.losses import Losses, Objective, StyleImage
from stylegram.stylizer.engine.models.shelf import load_weights
from stylegram.stylizer.engine.models.weights import Weights

_CPU = torch.device("cpu")


@cache
def default_weights() -> Weights:
    """The default backbone's weights, read once."""
    return load_weights(DEFAULT_WEIGHTS, default_cache())


def tensors(content: Image.Image, style: Image.Image, size: int, device: torch.device = _CPU) -> tuple[Tensor, Tensor]:
    """Both pictures, shape (1, 3, H, W) each, as the engine resizes them for a scale of that longer side."""
    wanted = fit(content.size, size)
    return to_tensor(content, wanted, device), to_tensor(style, with_area_of(style.size, wanted), device)


def objective(
    content: Image.Image,
    style: Image.Image,
    size: int,
    hyperparameters: Hyperparameters,
    precision: Precision = "fp32",
    device: torch.device = _CPU,
    tiled_blocks: int = 0,
) -> Callable[[Tensor], Losses]:
    """The losses of a picture of shape (1, 3, H, W), with their graph, at one scale.

    Args:
        content: RGB.
        style: RGB.
        size: longer side of the scale.
        hyperparameters: layers and weights.
        precision: of the convolutions.
        device: where to compute.
        tiled_blocks: how many of the backbone's blocks to compute tile by tile.
    """
    layers = {*hyperparameters.content_layers, *hyperparameters.style_layers}
    backbone = Backbone(default_weights(), layers, pooling=hyperparameters.pooling, precision=precision, device=device)
    content_pixels, style_pixels = tensors(content, style, size, device)
    styles = [StyleImage(style_pixels)]
    return Objective(backbone, content_pixels, styles, hyperparameters, tiled_blocks=tiled_blocks)
