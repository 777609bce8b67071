"""How good a finished picture is, by measures that no run optimises.

Always the same layers and sizes, whatever the run's hyperparameters were, so that runs compare.
"""

from collections.abc import Mapping

import torch
from torch import Tensor

from stylegram.common.hyperparameters import Hyperparameters
from stylegram.common.records import Metrics
from stylegram.stylizer.engine.backbone import Backbone, native_precision
from stylegram.stylizer.engine.images import Size, at_least, resized
from stylegram.stylizer.engine.losses import Objective
from stylegram.stylizer.engine.models.weights import Weights
from stylegram.stylizer.engine.motif import Motif
from stylegram.stylizer.engine.picture_metrics import color_distance, high_frequency_ratio, structural_similarity

_SIZES = (512, 256, 128)
_STYLE_LAYERS = ("relu1_1", "relu2_1", "relu3_1", "relu4_1", "relu5_1")
_HELD_OUT_LAYERS = ("relu1_2", "relu2_2", "relu3_3", "relu4_3", "relu5_2")
_CONTENT_LAYER = "relu4_2"


@torch.no_grad()
def measure(picture: Tensor, motif: Motif, weights: Weights) -> Metrics:
    """Judge the finished picture.

    At its own size where that is below 512, 256 or 128 pixels.

    Args:
        picture: shape (1, 3, H, W), sRGB in 0 … 1.
        motif: what it was painted from.
        weights: of the run's backbone; with average pooling and in the device's native precision, whatever the run
            had: bf16 moves the errors by some thousandths and halves the time.
    """
    backbone = Backbone(
        weights,
        (*_STYLE_LAYERS, *_HELD_OUT_LAYERS, _CONTENT_LAYER),
        pooling="avg",
        precision=native_precision(picture.device),
        device=picture.device,
    )
    largest = max(picture.shape[-2:])
    judged: dict[Size, tuple[dict[str, float], dict[str, float]]] = {}
    errors: dict[str, float] = {}
    means: dict[int, float] = {}
    baselines: dict[int, float] = {}
    for side in _SIZES:
        finest = side == _SIZES[0]
        layers = (*_STYLE_LAYERS, *_HELD_OUT_LAYERS) if finest else _STYLE_LAYERS
        settings = Hyperparameters(
            style_layers=layers, content_layers=(_CONTENT_LAYER,) if finest else (), backbone=weights.backbone
        )
        size = at_least(motif.size, min(side, largest))
        # Of a small picture several sizes are one, and the finest has all layers.
        if size not in judged:
            small, content = resized(picture, size), motif.content(size)
            objective = Objective(backbone, content, motif.styles(size), settings)
            judged[size] = objective(motif.seen(small)).as_floats(), objective(content).as_floats()
        losses, unpainted = judged[size]
        errors |= {f"{layer}@{side}": losses[f"style.{layer}"] for layer in layers}
        means[side], baselines[side] = _style_error(losses), _style_error(unpainted)
        if finest:
            content_error = losses[f"content.{_CONTENT_LAYER}"]
            # Features that have nothing to do with each other differ by both their variances.
            content_baseline = 2 * objective.content_variance()[_CONTENT_LAYER]
            style = motif.palette(size)
            similarity = structural_similarity(small, content)
            distance, details = color_distance(small, style), high_frequency_ratio(small, style)
    return Metrics(
        content_error=content_error,
        style_error_512=means[512],
        style_error_256=means[256],
        style_error_128=means[128],
        held_out_style_error=sum(errors[f"{layer}@512"] for layer in _HELD_OUT_LAYERS) / len(_HELD_OUT_LAYERS),
        ssim=similarity,
        color_distance=distance,
        high_frequency_ratio=details,
        layer_errors=errors,
        content_baseline=content_baseline,
        style_baseline=sum(baselines.values()) / len(baselines),
    )


def _style_error(losses: Mapping[str, float]) -> float:
    return sum(losses[f"style.{layer}"] for layer in _STYLE_LAYERS) / len(_STYLE_LAYERS)
