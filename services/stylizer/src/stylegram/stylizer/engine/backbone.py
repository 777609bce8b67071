"""VGG-19 and VGG-16 as feature extractors, block by block, cut off behind the deepest layer that a loss looks at."""

from collections.abc import Collection, Iterable
from typing import Literal

import torch
from torch import Tensor
from torch.nn import functional as F

from stylegram.common.errors import ConfigurationError
from stylegram.common.hyperparameters import layers_of
from stylegram.stylizer.engine.models.weights import IMAGENET_MEAN, IMAGENET_STD, Weights, convolution_indices

Precision = Literal["fp32", "bf16"]
Pooling = Literal["avg", "max"]


class Block:
    """Convolutions of one resolution, each rectified, and the pooling to the next block's.

    Args:
        number: from 1; the picture goes into the first.
        convolutions: name, weights and biases of each, shallow to deep.
        pooling: how the next block's input is made.
        dtype: of the features.
    """

    def __init__(
        self, number: int, convolutions: list[tuple[str, Tensor, Tensor]], pooling: Pooling, dtype: torch.dtype
    ) -> None:
        self.number = number
        self.names = [name for name, _, _ in convolutions]
        self._convolutions = convolutions
        self._pool = F.avg_pool2d if pooling == "avg" else F.max_pool2d
        self._dtype = dtype
        device = convolutions[0][1].device
        self._mean, self._std = (
            torch.tensor(values, device=device).view(1, 3, 1, 1) for values in (IMAGENET_MEAN, IMAGENET_STD)
        )

    @property
    def channels(self) -> int:
        """Of the features."""
        return self._convolutions[0][1].shape[0]

    def features(self, x: Tensor, depth: int) -> Iterable[tuple[str, Tensor]]:
        """The first `depth` rectified layers' names and features.

        Args:
            x: the output of the block before, shape (1, channels, H, W); into the first, the picture, sRGB in 0 … 1.
            depth: how many.

        Yields:
            Shape (1, `channels`, H, W).
        """
        padding = 1
        if self.number == 1:
            x, padding = self._padded_picture(x), 0
        for name, weight, bias in self._convolutions[:depth]:
            x = F.conv2d(x, weight, bias, padding=padding).relu_()
            padding = 1
            yield name, x

    def pool(self, features: Tensor) -> Tensor:
        """The next block's input, half as wide and high, odd sides rounded down."""
        return self._pool(features, 2)

    def _padded_picture(self, image: Tensor) -> Tensor:
        normalised = ((image - self._mean) / self._std).to(self._dtype, memory_format=torch.channels_last)
        # Not by F.pad, whose gradient a GPU sums in any order.
        wide = torch.cat((normalised[..., :1], normalised, normalised[..., -1:]), -1)
        return torch.cat((wide[..., :1, :], wide, wide[..., -1:, :]), -2)


class Backbone:
    """Frozen features.

    Deviations from Simonyan & Zisserman (2014): average pooling on request, which Gatys et al. (2015) found to look
    better; and the picture's edge is repeated, not surrounded by black, so that no frame is painted around it.

    Args:
        weights: normalised.
        layers: names of the rectified layers that are wanted, as in `relu4_1`; no convolution behind the deepest of
            them is kept.
        pooling: average or maximum.
        precision: of the convolutions; features come out in it.
        device: where to compute.
    """

    def __init__(
        self,
        weights: Weights,
        layers: Collection[str],
        *,
        pooling: Pooling,
        precision: Precision,
        device: torch.device,
    ) -> None:
        self.dtype = dtype = torch.bfloat16 if precision == "bf16" else torch.float32
        names = layers_of(weights.backbone)
        names = names[: 1 + max(names.index(layer) for layer in layers)]
        blocks: dict[int, list[tuple[str, Tensor, Tensor]]] = {}
        for name, index in zip(names, convolution_indices(weights.backbone), strict=False):
            # oneDNN and cuDNN convolve fastest with the channels last.
            weight = weights.state[f"features.{index}.weight"].to(device, dtype, memory_format=torch.channels_last)
            bias = weights.state[f"features.{index}.bias"].to(device, dtype)
            blocks.setdefault(int(name[4]), []).append((name, weight, bias))
        self.blocks = [Block(number, convolutions, pooling, dtype) for number, convolutions in blocks.items()]


def find_device(name: torch.device | str | None) -> torch.device:
    """The device of that name; a GPU where there is one, if None.

    Raises:
        ConfigurationError: this machine has no such device.
    """
    wanted = str(name or ("cuda" if torch.cuda.is_available() else "cpu"))
    reason = "only cpu and cuda are known."
    # torch knows twenty more; they lack fp64, which colours are transferred in, or anything to compute with.
    if wanted.partition(":")[0] in ("cpu", "cuda"):
        try:
            return torch.empty(1, device=wanted).device
        except (RuntimeError, AssertionError) as error:
            reason = next(iter(str(error).splitlines()), type(error).__name__).rstrip(".") + "."
    raise ConfigurationError(
        f"There is no device '{wanted}' here: {reason}",
        advice="Write cpu, cuda or cuda:0; or leave STYLEGRAM_DEVICE unset, which takes a GPU where there is one.",
    )


def native_precision(device: torch.device) -> Precision:
    """bf16 where the device computes it in hardware: it halves time and memory for 2 % of the final loss."""
    match device.type:
        case "cuda":
            native = torch.cuda.is_bf16_supported(including_emulation=False)
        case "cpu":
            native = torch.cpu._is_avx512_bf16_supported() or torch.cpu._is_amx_tile_supported()
        case _:
            native = False
    return "bf16" if native else "fp32"
