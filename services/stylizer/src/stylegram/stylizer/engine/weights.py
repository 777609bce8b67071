"""The backbone's weights: a VGG-19 under torchvision's names, normalised, whatever file they come from.

The weight of a loss means the same for every backbone only if features have the same scale. Gatys et al. (2015,
section 2) therefore rescaled VGG-19 so that the mean activation of each filter, over images and positions, is
one. The default weights are such a network; any other is normalised here as it is loaded.

Nothing is unpickled: `.pth` files go through torch's restricted reader, which knows tensors and no code. scipy's
reader of `.mat` files runs no code either, but a maliciously damaged one can crash it: name only files you trust.
"""

import hashlib
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors.torch import load as load_safetensors
from torch import Tensor
from torch.nn import functional as F

from stylegram.common.errors import WeightsCorrupt, WeightsUnavailable

StateDict = dict[str, Tensor]

CONVOLUTIONS = (0, 2, 5, 7, 10, 12, 14, 16, 19, 21, 23, 25, 28, 30, 32, 34)
"""Index of each convolution in torchvision's `vgg19().features`, shallow to deep; its rectifier follows it."""
WIDTHS = (64, 64, 128, 128, *[256] * 4, *[512] * 8)
"""Channels that each of them puts out."""
POOLS = frozenset({4, 9, 18, 27})
"""Index of each pooling that lies between two of them."""
IMAGENET_MEAN = (0.485, 0.456, 0.406)
IMAGENET_STD = (0.229, 0.224, 0.225)
"""What torchvision's state dicts expect of their input: RGB in 0 … 1, less the mean, over the deviation."""


@dataclass(frozen=True)
class Weights:
    """A network's weights.

    Args:
        name: as they were asked for.
        state: torchvision's names → fp32 tensors, normalised.
        digest: SHA-256 of the file that they came from.
    """

    name: str
    state: StateDict
    digest: str


def read_weights(path: Path, name: str, *, sha256: str | None = None) -> Weights:
    """Read a VGG-19 from a .safetensors, .pth, .pt or MatConvNet .mat file, as it is.

    Args:
        path: the file.
        name: what to call the weights.
        sha256: the digest that its bytes must have; any where None. The bytes that are checked are those that are
            parsed, whatever happens to the file meanwhile.

    Raises:
        WeightsUnavailable: there is no such file.
        WeightsCorrupt: it has another digest, cannot be read, or is no VGG-19.
    """
    try:
        data = path.read_bytes()
    except OSError as error:
        raise WeightsUnavailable(
            f"There are no weights '{name}': {error.strerror}.",
            advice="`stylegram weights list` shows the names; a path must lead to a .safetensors, .pth or .mat file.",
        ) from None
    digest = hashlib.sha256(data).hexdigest()
    if sha256 is not None:
        check_digest(path, digest, sha256)
    return Weights(name, _vgg19(_parse(path, data), name), digest)


def check_digest(path: Path, digest: str, expected: str) -> None:
    """Compare the digest of the file at `path` with the one that is pinned.

    Raises:
        WeightsCorrupt: they differ.
    """
    if digest != expected:
        raise WeightsCorrupt(
            f"{path} is damaged or has been exchanged: its SHA-256 is {digest}, not {expected}.",
            advice="Delete it and run `stylegram weights fetch`.",
        )


def is_normalised(state: StateDict, photographs: Tensor) -> bool:
    """Whether each layer's mean activation is near one; in networks that are not normalised it is far off.

    Args:
        state: the network.
        photographs: shape (N, 3, H, W), RGB in 0 … 1.
    """
    means = [float(channels.mean()) for channels in _walk(state, photographs, rescale=False)[1]]
    return min(means) > 0.3 and max(means) < 3


def normalise(state: StateDict, photographs: Tensor) -> StateDict:
    """Scale every filter to a mean activation of one over the photographs, and undo it in the next layer's kernels.

    Rectifiers and poolings commute with positive factors: the network computes the same, but for each channel's
    scale. Deviation from Gatys et al.: a few photographs instead of ImageNet; on others, channels then lie within
    a factor of 1.5 (one standard deviation) of ImageNet's.

    Args:
        state: the network.
        photographs: shape (N, 3, H, W), RGB in 0 … 1.
    """
    return _walk(state, photographs, rescale=True)[0]


@torch.no_grad()  # not inference_mode, whose tensors no gradient may later flow past
def _walk(state: StateDict, photographs: Tensor, *, rescale: bool) -> tuple[StateDict, list[Tensor]]:
    """The state, rescaled or not, and each layer's mean activation per channel before rescaling."""
    mean, std = (torch.tensor(values).view(1, 3, 1, 1) for values in (IMAGENET_MEAN, IMAGENET_STD))
    features = (photographs - mean) / std
    undo = torch.ones(3)
    result: StateDict = {}
    activations = []
    for index in CONVOLUTIONS:
        if index - 1 in POOLS:
            features = F.max_pool2d(features, 2)
        weight = state[f"features.{index}.weight"] * undo.view(1, -1, 1, 1)
        bias = state[f"features.{index}.bias"]
        features = F.conv2d(features, weight, bias, padding=1).relu_()
        means = features.mean((0, 2, 3))
        activations.append(means)
        # A filter that these photographs hardly wake must not be blown up to the level of its noise.
        undo = means.clamp(min=float(means.mean()) / 20) if rescale else torch.ones_like(means)
        features /= undo.view(1, -1, 1, 1)
        result[f"features.{index}.weight"] = weight / undo.view(-1, 1, 1, 1)
        result[f"features.{index}.bias"] = bias / undo
    return result, activations


def fold_input(state: StateDict, *, mean: NDArray[np.float64]) -> StateDict:
    """Fold an input of 255 × RGB − `mean` into the first convolution, so that it takes torchvision's input.

    In fp64 and in one order, so that every machine makes the same file. (The padding's zeros now stand for
    torchvision's mean colour: at the very border the two networks differ by half a grey level.)
    """
    kernel = state["features.0.weight"].double().numpy()
    bias = state["features.0.bias"].double().numpy().copy()
    offset = 255 * np.array(IMAGENET_MEAN) - mean
    for channel, y, x in np.ndindex(kernel.shape[1:]):
        bias += kernel[:, channel, y, x] * offset[channel]
    kernel = kernel * (255 * np.array(IMAGENET_STD)).reshape(1, 3, 1, 1)
    return state | {
        "features.0.weight": torch.from_numpy(kernel).float(),
        "features.0.bias": torch.from_numpy(bias).float(),
    }


def _parse(path: Path, data: bytes) -> StateDict:
    try:
        match path.suffix.lower():
            case ".safetensors":
                return load_safetensors(data)
            case ".pth" | ".pt":
                state: StateDict = torch.load(BytesIO(data), map_location="cpu", weights_only=True)
                return state
            case ".mat":
                return _matconvnet(data)
            case suffix:
                raise WeightsCorrupt(
                    f"{path} has the unknown ending '{suffix}'; weights are .safetensors, .pth or .mat."
                )
    except WeightsCorrupt:
        raise
    except Exception as error:  # readers raise whatever they please on damaged bytes
        reason = next(iter(str(error).splitlines()), type(error).__name__)
        raise WeightsCorrupt(f"{path} cannot be read as weights: {reason}") from error


def _vgg19(state: StateDict, name: str) -> StateDict:
    """Only the convolutions, in fp32 and without gradients, after a look at their shapes and numbers."""
    result: StateDict = {}
    inputs = 3
    for index, width in zip(CONVOLUTIONS, WIDTHS, strict=True):
        for key, shape in ((f"features.{index}.weight", (width, inputs, 3, 3)), (f"features.{index}.bias", (width,))):
            tensor = state.get(key) if isinstance(state, dict) else None
            if not isinstance(tensor, Tensor) or tuple(tensor.shape) != shape:
                found = f"has shape {tuple(tensor.shape)}" if isinstance(tensor, Tensor) else "is missing"
                raise WeightsCorrupt(
                    f"'{name}' is no VGG-19 under torchvision's names: {key}, of shape {shape}, {found}.",
                    advice="`stylegram weights list` shows what is known to work.",
                )
            result[key] = tensor.detach().float()
            if not torch.isfinite(result[key]).all() or (tensor.ndim == 4 and not tensor.any()):
                raise WeightsCorrupt(f"'{name}' is damaged: {key} has numbers that are not finite, or only zeros.")
        inputs = width
    return result


def _matconvnet(data: bytes) -> StateDict:
    """MatConvNet's imagenet-vgg-verydeep-19: layers with kernels of height × width × in × out, input RGB in 0 … 255
    less a mean colour that the file holds (under another name before MatConvNet's beta 18)."""
    from scipy.io import loadmat  # a second of import, and only this format needs it

    file: dict[str, Any] = loadmat(BytesIO(data), squeeze_me=True, struct_as_record=False)
    convolutions = [layer for layer in file["layers"] if layer.type == "conv" and layer.name.startswith("conv")]
    state: StateDict = {}
    for index, layer in zip(CONVOLUTIONS, convolutions, strict=True):
        kernel, bias = layer.weights if hasattr(layer, "weights") else (layer.filters, layer.biases)
        kernel = np.ascontiguousarray(kernel.transpose(3, 2, 0, 1), np.float32)
        state[f"features.{index}.weight"] = torch.from_numpy(kernel)
        state[f"features.{index}.bias"] = torch.from_numpy(np.array(bias, np.float32).reshape(-1))
    normalization = file["meta"].normalization if "meta" in file else file["normalization"]
    return fold_input(state, mean=np.asarray(normalization.averageImage, np.float64).reshape(-1, 3).mean(0))
