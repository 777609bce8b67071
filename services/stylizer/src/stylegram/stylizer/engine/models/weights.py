"""A backbone's weights: a VGG-19 or VGG-16 under torchvision's names, normalised, whatever file they come from.

The weight of a loss means the same for every backbone only if features have the same scale. Gatys et al. (2015,
section 2) therefore rescaled VGG-19 so that the mean activation of each filter, over images and positions, is
one. The default weights are such a network; any other is normalised here as it is loaded.

Nothing is unpickled: `.pth` files go through torch's restricted reader, which knows tensors and no code. scipy's
reader of `.mat` files runs no code either, but a maliciously damaged one can crash it: name only files you trust.
"""

import hashlib
from dataclasses import dataclass
from functools import cached_property
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
from stylegram.common.hyperparameters import CONVOLUTIONS, layers_of
from stylegram.stylizer.engine.models.model_files import MODEL_FILES, PHOTOGRAPHS, TITLES, check_digest, fetch

StateDict = dict[str, Tensor]

IMAGENET_MEAN = (0.485, 0.456, 0.406)
IMAGENET_STD = (0.229, 0.224, 0.225)
"""What torchvision's state dicts expect of their input: RGB in 0 … 1, less the mean, over the deviation."""

_NAMES = ", ".join(file.name for file in MODEL_FILES if file.backbone)
_WIDTHS = (64, 128, 256, 512, 512)
"""Channels of each block (Simonyan & Zisserman 2014, table 1)."""


def convolution_indices(backbone: str) -> tuple[int, ...]:
    """Index of each convolution in torchvision's `vgg19().features` or `vgg16().features`, shallow to deep.

    >>> convolution_indices("vgg16")
    (0, 2, 5, 7, 10, 12, 14, 17, 19, 21, 24, 26, 28)
    """
    indices: list[int] = []
    place = 0
    for convolutions in CONVOLUTIONS[backbone]:
        indices += range(place, place + 2 * convolutions, 2)  # a rectifier follows each
        place += 2 * convolutions + 1  # and a pooling all of them
    return tuple(indices)


def shapes_of(backbone: str) -> dict[str, tuple[int, ...]]:
    """Torchvision's name of each kernel and bias → its shape: (out, in, 3, 3) or (out,).

    >>> shapes_of("vgg16")["features.28.weight"]
    (512, 512, 3, 3)
    """
    blocks = zip(_WIDTHS, CONVOLUTIONS[backbone], strict=True)
    widths = [width for width, convolutions in blocks for _ in range(convolutions)]
    shapes: dict[str, tuple[int, ...]] = {}
    for index, inputs, width in zip(convolution_indices(backbone), [3, *widths], widths, strict=False):
        shapes |= {f"features.{index}.weight": (width, inputs, 3, 3), f"features.{index}.bias": (width,)}
    return shapes


def backbone_of(state: StateDict) -> str:
    """Which network it is, by the shapes of its tensors; of one that is neither, which it is most like."""

    def likeness(backbone: str) -> int:
        return sum(name in state and tuple(state[name].shape) == shape for name, shape in shapes_of(backbone).items())

    return max(CONVOLUTIONS, key=likeness)


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

    @cached_property
    def backbone(self) -> str:
        """Which network it is: `vgg19` or `vgg16`."""
        return backbone_of(self.state)


def read_weights(path: Path, name: str, *, sha256: str | None = None) -> Weights:
    """Read a VGG-19 or VGG-16 from a .safetensors, .pth, .pt or MatConvNet .mat file, as it is.

    Args:
        path: the file.
        name: what to call the weights.
        sha256: the digest that its bytes must have; any where None. The bytes that are checked are those that are
            parsed, whatever happens to the file meanwhile.

    Raises:
        WeightsUnavailable: there is no such file.
        WeightsCorrupt: it has another digest, cannot be read, or is neither of the two.
    """
    try:
        data = path.read_bytes()
    except OSError as error:
        raise WeightsUnavailable(
            f"There are no weights '{name}': {error.strerror}.",
            advice=f"The names are {_NAMES}; a path must lead to a .safetensors, .pth or .mat file.",
        ) from None
    digest = hashlib.sha256(data).hexdigest()
    if sha256 is not None:
        check_digest(path, digest, sha256)
    return Weights(name, _network(_parse(path, data), name), digest)


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
    backbone = backbone_of(state)
    for index, layer in zip(convolution_indices(backbone), layers_of(backbone), strict=True):
        if index and layer.endswith("_1"):
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


def read_photographs(cache: Path) -> Tensor:
    """Those to normalise on, shape (N, 3, H, W), RGB in 0 … 1; fetched where they are not in the cache.

    Raises:
        WeightsUnavailable: they cannot be had.
        WeightsCorrupt: the file is not what was made here.
    """
    data = fetch(PHOTOGRAPHS, cache).read_bytes()
    return load_safetensors(data)["photographs"].permute(0, 3, 1, 2).float() / 255


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


def _network(state: StateDict, name: str) -> StateDict:
    """Only the convolutions, in fp32 and without gradients, after a look at their shapes and numbers."""
    tensors = (
        {key: value for key, value in state.items() if isinstance(value, Tensor)} if isinstance(state, dict) else {}
    )
    backbone = backbone_of(tensors)
    result: StateDict = {}
    for key, shape in shapes_of(backbone).items():
        tensor = tensors.get(key)
        if tensor is None or tuple(tensor.shape) != shape:
            found = "is missing" if tensor is None else f"has shape {tuple(tensor.shape)}"
            raise WeightsCorrupt(
                f"'{name}' is no {TITLES[backbone]} under torchvision's names: {key}, of shape {shape}, {found}.",
                advice=f"Known to work are {_NAMES}.",
            )
        result[key] = tensor.detach().float()
        if not torch.isfinite(result[key]).all() or (tensor.ndim == 4 and not tensor.any()):
            raise WeightsCorrupt(f"'{name}' is damaged: {key} has numbers that are not finite, or only zeros.")
    return result


def _matconvnet(data: bytes) -> StateDict:
    """MatConvNet's imagenet-vgg-verydeep-19 and -16: layers with kernels of height × width × in × out, input RGB in
    0 … 255 less a mean colour that the file holds (under another name before MatConvNet's beta 18)."""
    from scipy.io import loadmat  # a second of import, and only this format needs it

    file: dict[str, Any] = loadmat(BytesIO(data), squeeze_me=True, struct_as_record=False)
    convolutions = [layer for layer in file["layers"] if layer.type == "conv" and layer.name.startswith("conv")]
    backbone = next((each for each, blocks in CONVOLUTIONS.items() if sum(blocks) == len(convolutions)), "")
    if not backbone:
        raise ValueError(f"it has {len(convolutions)} convolutions, as no backbone has.")
    state: StateDict = {}
    for index, layer in zip(convolution_indices(backbone), convolutions, strict=True):
        kernel, bias = layer.weights if hasattr(layer, "weights") else (layer.filters, layer.biases)
        kernel = np.ascontiguousarray(kernel.transpose(3, 2, 0, 1), np.float32)
        state[f"features.{index}.weight"] = torch.from_numpy(kernel)
        state[f"features.{index}.bias"] = torch.from_numpy(np.array(bias, np.float32).reshape(-1))
    normalization = file["meta"].normalization if "meta" in file else file["normalization"]
    return fold_input(state, mean=np.asarray(normalization.averageImage, np.float64).reshape(-1, 3).mean(0))
