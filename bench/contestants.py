"""One engine in a process of its own, which evaluates loss and gradient whenever it is asked to.

`bench.cost` starts such processes (`python -m bench.contestants NAME SIZE FOLDER [CODE]`) and talks to them: a line
with a number in, a line of JSON with that many durations and the memory out.

Engines by others are run as they are: their folder is named on the command line, and what stands in for a part of
theirs is only the optimiser (`Turns`), which waits to be asked instead of moving pixels, and where their weights come
from. All see the same pictures and a VGG-19 with the same numbers.
"""

import importlib
import json
import os
import sys
from collections.abc import Callable, Iterable
from pathlib import Path
from types import ModuleType
from typing import Any, TextIO

import torch
from bench import measure
from bench.objective import default_weights, objective, tensors
from bench.textbook import textbook
from PIL import Image
from torch import Tensor

from stylegram.common.hyperparameters import Hyperparameters
from stylegram.stylizer.engine.backbone import Precision, native_precision

Loss = Callable[[], Any]

CONTENT, STYLE = "content.png", "style.png"
"""The two pictures in the folder that a contestant is given."""


class Finished(Exception):  # it is how a contestant's turn ends, not an error
    """Nobody asks any more."""


class Turns:
    """Stands in for an optimiser: evaluates when asked, moves no pixel and, in the end, raises `Finished`.

    Args:
        parameters: the picture.
    """

    answers: TextIO = sys.stdout
    resident_before_mb = 0.0

    def __init__(self, parameters: Iterable[Tensor], **_: object) -> None:
        self._parameters = list(parameters)

    def zero_grad(self) -> None:
        """Forget the gradient, as torch's optimisers do."""
        for parameter in self._parameters:
            parameter.grad = None

    def step(self, evaluate: Loss) -> None:
        """Evaluate as often as each line of standard input says."""
        device = self._parameters[0].device
        whole = measure.peak_mb(device)
        measure.forget_peak(device)
        self._answer({"ready": True})
        for line in sys.stdin:
            seconds = []
            for _ in range(int(line)):
                self.zero_grad()
                start = measure.clock(device)
                evaluate()
                seconds.append(measure.clock(device) - start)
            peak = measure.peak_mb(device)
            self._answer(
                {
                    "seconds": seconds,
                    "peak_mb": peak,
                    "added_mb": peak - (0 if device.type == "cuda" else self.resident_before_mb),
                    "peak_with_loading_mb": max(whole, peak),
                }
            )
        raise Finished

    def _answer(self, answer: dict[str, object]) -> None:
        print(json.dumps(answer), file=self.answers, flush=True)


def main() -> None:
    """Be one contestant."""
    name, size, folder, *code = sys.argv[1:]
    # Engines print what they like: their words go where errors go, the answers where they are waited for.
    Turns.answers = os.fdopen(os.dup(sys.stdout.fileno()), "w")
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
    # One thread: what a second one adds depends on whether it has a core of its own.
    torch.set_num_threads(1)
    Turns.resident_before_mb = measure.resident_mb()
    try:
        _CONTESTANTS[name](Path(folder), int(size), *map(Path, code))
    except Finished:
        return


def _ours(folder: Path, size: int, precision: Precision, tiled_blocks: int = 0) -> None:
    content, style = _pictures(folder)
    device = measure.default_device()
    losses = objective(content, style, size, Hyperparameters(), precision, device, tiled_blocks)
    _evaluate(lambda image: losses(image).total, tensors(content, style, size, device)[0])


def _textbook(folder: Path, size: int) -> None:
    device = measure.default_device()
    content, style = tensors(*_pictures(folder), size, device)
    _evaluate(textbook(default_weights().state, content, style), content)


def _evaluate(loss: Callable[[Tensor], Tensor], image: Tensor) -> None:
    pixels = image.clone().requires_grad_()
    Turns([pixels]).step(lambda: loss(pixels).backward())


def _pictures(folder: Path) -> tuple[Image.Image, Image.Image]:
    return Image.open(folder / CONTENT).convert("RGB"), Image.open(folder / STYLE).convert("RGB")


def _neural_style_pt(folder: Path, size: int, code: Path) -> None:
    """github.com/ProGamerGov/neural-style-pt with its own defaults."""
    _use_turns()
    _make_torchvision_importable()
    # Its loader knows the architecture by the file's name. The classifier, which is not looked at, is left out.
    model = folder / "vgg19.pth"
    torch.save(default_weights().state, model)
    default_weights.cache_clear()
    options = {
        "content_image": folder / CONTENT,
        "style_image": folder / STYLE,
        "image_size": size,
        "model_file": model,
        "gpu": 0 if measure.default_device().type == "cuda" else "c",
        "init": "image",
        "print_iter": 0,
        "save_iter": 0,
        "num_iterations": 1_000_000,
    }
    sys.argv = ["neural_style.py", "-disable_check"]
    for option, value in options.items():
        sys.argv += [f"-{option}", str(value)]
    sys.path.insert(0, str(code))
    importlib.import_module("neural_style").main()


def _style_transfer_pytorch(folder: Path, size: int, code: Path) -> None:
    """github.com/crowsonkb/style-transfer-pytorch with its own defaults, at one scale."""
    _use_turns()
    _make_torchvision_importable()
    models = importlib.import_module("torchvision.models")
    make = models.vgg19

    def vgg19(**_: object) -> torch.nn.Module:
        model: torch.nn.Module = make(weights=None)
        model.load_state_dict(default_weights().state, strict=False)
        default_weights.cache_clear()
        return model

    models.vgg19 = vgg19  # type: ignore[attr-defined]
    # Their package imports its web pages first, which need a server that nothing is served by here.
    package = ModuleType("style_transfer")
    package.__path__ = [str(code / "style_transfer")]
    sys.modules[package.__name__] = package
    engine = importlib.import_module("style_transfer.style_transfer")
    content, style = _pictures(folder)
    transfer = engine.StyleTransfer(devices=[str(measure.default_device())])
    transfer.stylize(content, [style], min_scale=size, end_scale=size)


def _use_turns() -> None:
    torch.optim.LBFGS = torch.optim.Adam = Turns  # type: ignore[misc, assignment]


def _make_torchvision_importable() -> None:
    """Where torchvision's libraries are made for another torch, its Python half does, once two operators have names."""
    try:
        importlib.import_module("torchvision")
    except RuntimeError:
        for module in [name for name in sys.modules if name.partition(".")[0] == "torchvision"]:
            del sys.modules[module]
        library = torch.library.Library("torchvision", "DEF")
        for operator in ("nms", "qnms"):
            library.define(f"{operator}(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")
        importlib.import_module("torchvision")


_ALL_BLOCKS = 5
_CONTESTANTS: dict[str, Callable[..., None]] = {
    "ours": lambda folder, size: _ours(folder, size, native_precision(measure.default_device())),
    "ours, tiled": lambda folder, size: _ours(
        folder, size, native_precision(measure.default_device()), tiled_blocks=_ALL_BLOCKS
    ),
    "ours, fp32": lambda folder, size: _ours(folder, size, "fp32"),
    "textbook": _textbook,
    "neural-style-pt": _neural_style_pt,
    "style-transfer-pytorch": _style_transfer_pytorch,
}


if __name__ == "__main__":
    main()
