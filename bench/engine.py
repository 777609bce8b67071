"""Measure the engine: one evaluation of loss and gradient, beside the textbook way.

The textbook way is the same five layers in fp32, through a network whose weights want gradients too, with features
computed to the end of the network and the channels first, as tutorials have it. Ratios hold on any machine; seconds
are this one's.

    make bench
"""

import resource
import statistics
import time
from collections.abc import Callable

import torch
from rich.console import Console
from rich.table import Table
from torch import Tensor
from torch.nn import functional as F

from stylegram.common.hyperparameters import LAYERS, Hyperparameters
from stylegram.common.model_cache import DEFAULT_WEIGHTS, default_cache
from stylegram.stylizer.engine.backbone import Backbone, Precision, native_precision
from stylegram.stylizer.engine.losses import Objective
from stylegram.stylizer.engine.model_files import load_weights
from stylegram.stylizer.engine.weights import CONVOLUTIONS, POOLS, StateDict

SIZES = (256, 512, 1024)
REPEATS = 3


def main() -> None:
    """Print a table of seconds per evaluation."""
    console = Console()
    # One thread: what a second one adds depends on whether it has a core of its own.
    torch.set_num_threads(1)
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    state = load_weights(DEFAULT_WEIGHTS, default_cache()).state
    table = Table("pixels", "textbook", "ours, fp32", f"ours, {native_precision(device)}", "ratio", title=str(device))
    for size in SIZES:
        content, style = (torch.rand(1, 3, size, size, device=device) for _ in range(2))
        textbook = _seconds(_textbook(state, content, style), content)
        ours = {p: _seconds(_ours(state, content, style, p), content) for p in ("fp32", native_precision(device))}
        best = ours[native_precision(device)]
        table.add_row(
            f"{size}²", f"{textbook:.3f} s", f"{ours['fp32']:.3f} s", f"{best:.3f} s", f"{textbook / best:.2f}"
        )
    console.print(table)
    console.print(f"one thread; peak memory of all this: {_peak_gb():.2f} GB")


def _ours(state: StateDict, content: Tensor, style: Tensor, precision: Precision) -> Callable[[Tensor], Tensor]:
    settings = Hyperparameters()
    layers = {*settings.content_layers, *settings.style_layers}
    backbone = Backbone(state, layers, pooling="avg", precision=precision, device=content.device)
    objective = Objective(backbone, content, style, settings)
    return lambda image: objective(image).total


def _textbook(state: StateDict, content: Tensor, style: Tensor) -> Callable[[Tensor], Tensor]:
    settings = Hyperparameters()
    parameters = {key: tensor.to(content.device).clone().requires_grad_() for key, tensor in state.items()}

    def features(image: Tensor) -> dict[str, Tensor]:
        found = {}
        for name, index in zip(LAYERS, CONVOLUTIONS, strict=True):
            if index - 1 in POOLS:
                image = F.max_pool2d(image, 2)
            weight, bias = parameters[f"features.{index}.weight"], parameters[f"features.{index}.bias"]
            image = found[name] = F.relu(F.conv2d(image, weight, bias, padding=1))
        return found

    def gram(feature: Tensor) -> Tensor:
        flat = feature[0].flatten(1)
        return flat @ flat.T / flat.shape[1]

    with torch.no_grad():
        found = features(content)
        wanted_content = {layer: found[layer] for layer in settings.content_layers}
        found = features(style)
        wanted_style = {layer: gram(found[layer]) for layer in settings.style_layers}

    def loss(image: Tensor) -> Tensor:
        found = features(image)
        content_loss = torch.stack([F.mse_loss(found[layer], target) for layer, target in wanted_content.items()]).sum()
        style_loss = torch.stack(
            [F.mse_loss(gram(found[layer]), target) for layer, target in wanted_style.items()]
        ).sum()
        return content_loss + style_loss

    return loss


def _seconds(loss: Callable[[Tensor], Tensor], image: Tensor) -> float:
    """Median of processor seconds (seconds of a GPU), after one run that does not count."""
    durations = []
    for _ in range(REPEATS + 1):
        pixels = image.clone().requires_grad_()
        start = _clock(image.device)
        loss(pixels).backward()
        durations.append(_clock(image.device) - start)
    return statistics.median(durations[1:])


def _clock(device: torch.device) -> float:
    if device.type == "cuda":
        torch.cuda.synchronize(device)
        return time.perf_counter()
    # Other processes on a shared machine do not count.
    return time.process_time()


def _peak_gb() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6


if __name__ == "__main__":
    main()
