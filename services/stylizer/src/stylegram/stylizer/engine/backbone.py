"""VGG-19 as a feature extractor, cut off behind the deepest layer that a loss looks at."""

from collections.abc import Collection
from typing import Literal

import torch
from torch import Tensor
from torch.nn import functional as F

from stylegram.common.errors import ConfigurationError
from stylegram.common.hyperparameters import LAYERS
from stylegram.stylizer.engine.weights import CONVOLUTIONS, IMAGENET_MEAN, IMAGENET_STD, POOLS, StateDict

Precision = Literal["fp32", "bf16"]


class Backbone:
    """Frozen VGG-19 features.

    Deviations from Simonyan & Zisserman (2014): average pooling on request, which Gatys et al. (2015) found to look
    better; and the picture's edge is repeated, not surrounded by black, so that no frame is painted around it.

    Args:
        state: normalised weights under torchvision's names.
        layers: names of the rectified layers that are wanted, as in `relu4_1`.
        pooling: average or maximum.
        precision: of the convolutions; features come out in it.
        device: where to compute.
    """

    def __init__(
        self,
        state: StateDict,
        layers: Collection[str],
        *,
        pooling: Literal["avg", "max"],
        precision: Precision,
        device: torch.device,
    ) -> None:
        self._dtype = torch.bfloat16 if precision == "bf16" else torch.float32
        self._pool = F.avg_pool2d if pooling == "avg" else F.max_pool2d
        self._mean, self._std = (
            torch.tensor(values, device=device).view(1, 3, 1, 1) for values in (IMAGENET_MEAN, IMAGENET_STD)
        )
        depth = 1 + max(LAYERS.index(layer) for layer in layers)
        self._wanted = frozenset(layers)
        # oneDNN and cuDNN convolve fastest with the channels last.
        self._convolutions = [
            (
                name,
                index - 1 in POOLS,
                state[f"features.{index}.weight"].to(device, self._dtype, memory_format=torch.channels_last),
                state[f"features.{index}.bias"].to(device, self._dtype),
            )
            for name, index in zip(LAYERS[:depth], CONVOLUTIONS[:depth], strict=True)
        ]

    def __call__(self, image: Tensor) -> dict[str, Tensor]:
        """Features by layer, each of shape (1, channels, height, width).

        Args:
            image: shape (1, 3, H, W), sRGB in 0 … 1, each side 16 pixels or more.
        """
        normalised = ((image - self._mean) / self._std).to(self._dtype, memory_format=torch.channels_last)
        activation = F.pad(normalised, (1, 1, 1, 1), mode="replicate")
        padding = 0
        features: dict[str, Tensor] = {}
        for name, pooled, weight, bias in self._convolutions:
            if pooled:
                activation = self._pool(activation, 2)
            activation = F.relu(F.conv2d(activation, weight, bias, padding=padding))
            padding = 1
            if name in self._wanted:
                features[name] = activation
        return features


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
