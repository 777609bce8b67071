"""Which way up a photograph is, where its file does not say: told from its pixels, by VGG-19's features.

One linear scorer says how upright a picture looks; it is asked about all four rotations of the picture, and a softmax
over its answers gives their probabilities. So a picture that comes rotated is judged as the one that comes upright,
but for rotated answers, and the scorer has a quarter of the weights that a classifier of four directions needs.

Everything is numpy: the container of ingest has no torch. The scorer's weights, `orientation.safetensors` beside this
file, are made by `bench/orientation_train.py`; what it is worth, `bench/orientation.py` measures.
"""

from collections.abc import Mapping
from hashlib import file_digest
from itertools import product
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from safetensors import SafetensorError, safe_open

from stylegram.common.errors import ConfigurationError
from stylegram.common.hyperparameters import CONVOLUTIONS, LAYERS
from stylegram.common.model_cache import HOW_TO_FETCH

Array = NDArray[np.float32]

SIDE = 128
"""Pixels of the square that a picture is squeezed into: its sky and its ground stay in it, whatever its shape."""
ROWS = 4
"""Bands that a layer's features are averaged over, top to bottom. A mirrored picture is as upright: no columns."""
SEEN = ("relu4_1", "relu4_4", "relu5_1", "relu5_4")
"""Those of VGG-19's layers that the scorer sees."""
HEAD = Path(__file__).with_name("orientation.safetensors")

_MEAN = np.array((0.485, 0.456, 0.406), np.float32)
_STD = np.array((0.229, 0.224, 0.225), np.float32)


class Orientation:
    """Judges photographs.

    Args:
        convolutions: kernel (3, 3, in, out) and bias of each of VGG-19's, shallow to deep.
        head: a layer's name → how upright its features look: shape (`ROWS`, channels).
        confidence: probability from which on a judgement is one.
    """

    def __init__(self, convolutions: list[tuple[Array, Array]], head: Mapping[str, Array], confidence: float) -> None:
        self._convolutions = convolutions
        self._head = head
        self.confidence = confidence

    @classmethod
    def load(cls, vgg: Path) -> "Orientation":
        """The judge, with its scorer out of this package.

        Args:
            vgg: the file `vgg19-gatys.safetensors` of the user's cache; the scorer was trained on this very network.

        Raises:
            ConfigurationError: it is not there, or is another.
        """
        with safe_open(HEAD, "numpy") as file:
            known = file.metadata()
            head = {layer: file.get_tensor(layer) for layer in SEEN}
        advice = f"Run {HOW_TO_FETCH}, or set STYLEGRAM_TURN_UPRIGHT=false."
        try:
            with vgg.open("rb") as opened:
                digest = file_digest(opened, "sha256").hexdigest()
            if digest != known["vgg_sha256"]:
                raise ConfigurationError(
                    f"{vgg} is not the VGG-19 that orientation is judged by: its SHA-256 is {digest}, not"
                    f" {known['vgg_sha256']}.",
                    advice=advice,
                )
            return cls(read_convolutions(vgg), head, float(known["confidence"]))
        except (OSError, SafetensorError) as error:
            reason = error.strerror if isinstance(error, OSError) else str(error)
            raise ConfigurationError(f"Orientation cannot be judged without {vgg}: {reason}.", advice=advice) from error

    def upright(self, pixels: Image.Image) -> int:
        """Degrees counter-clockwise by which to rotate the picture so that it is upright; 0 where that is not sure.

        Args:
            pixels: of any size and mode.
        """
        probabilities = self.probabilities(pixels)
        turns = int(probabilities.argmax())
        return 90 * turns if probabilities[turns] >= self.confidence else 0

    def probabilities(self, pixels: Image.Image) -> Array:
        """How likely the picture is upright once it is rotated by 0, 90, 180 and 270 degrees counter-clockwise.

        Args:
            pixels: of any size and mode.

        Returns:
            Shape (4,), summing to one.
        """
        square = squeeze(pixels)
        scores = np.array([self._score(np.rot90(square, turns)) for turns in range(4)])
        likelihoods = np.exp(scores - scores.max())
        return np.asarray(likelihoods / likelihoods.sum(), np.float32)

    def _score(self, square: Array) -> float:
        seen = features(square, self._convolutions)
        return float(sum((describe(seen[layer]) * self._head[layer]).sum() for layer in SEEN))


def read_convolutions(vgg: Path) -> list[tuple[Array, Array]]:
    """Kernel (3, 3, in, out) and bias of each convolution in the file, shallow to deep.

    Raises:
        OSError: it cannot be read.
        SafetensorError: it holds no VGG-19 under torchvision's names.
    """
    convolutions = []
    with safe_open(vgg, "numpy") as file:
        place = 0
        for block in CONVOLUTIONS["vgg19"]:
            for index in range(place, place + 2 * block, 2):  # a rectifier follows each
                kernel = file.get_tensor(f"features.{index}.weight").transpose(2, 3, 1, 0)
                convolutions.append((np.ascontiguousarray(kernel), file.get_tensor(f"features.{index}.bias")))
            place += 2 * block + 1  # and a pooling all of them
    return convolutions


def squeeze(pixels: Image.Image) -> Array:
    """The picture as a square, shape (`SIDE`, `SIDE`, 3), as VGG-19 takes it."""
    if pixels.mode != "RGB":  # Pillow would copy it, and it may have 100 megapixels
        pixels = pixels.convert("RGB")
    square = pixels.resize((SIDE, SIDE), Image.Resampling.BOX)
    return np.asarray((np.asarray(square, np.float32) / 255 - _MEAN) / _STD, np.float32)


def features(square: Array, convolutions: list[tuple[Array, Array]]) -> dict[str, Array]:
    """The layers of VGG-19 that the scorer sees: name → shape (height, width, channels).

    As in Simonyan & Zisserman (2014), with maximum pooling, but for the picture's edge, which is repeated: a black
    frame around it would be the same for each rotation.

    Args:
        square: shape (height, width, 3), normalised.
        convolutions: as `read_convolutions` gives them.
    """
    seen = {}
    x = square
    for name, (kernel, bias) in zip(LAYERS, convolutions, strict=True):
        first = name == LAYERS[0]
        if name.endswith("_1") and not first:
            height, width, channels = x.shape
            x = x[: height // 2 * 2, : width // 2 * 2].reshape(height // 2, 2, width // 2, 2, channels).max((1, 3))
        x = _convolve(x, kernel, bias, padding="edge" if first else "constant")
        if name in SEEN:
            seen[name] = x
    return seen


def describe(layer: Array) -> Array:
    """What the scorer sees of a layer: shape (`ROWS`, channels), of norm one.

    Square roots (Hellinger's distance, as for histograms) keep few strong features from drowning the many.

    Args:
        layer: shape (height, width, channels).
    """
    bands = np.sqrt(np.stack([band.mean((0, 1)) for band in np.array_split(layer, ROWS)]))
    return np.asarray(bands / max(float(np.linalg.norm(bands)), 1e-6), np.float32)


def _convolve(x: Array, kernel: Array, bias: Array, *, padding: str) -> Array:
    """A convolution of 3×3 and the rectifier behind it, as nine products of matrices.

    Rows lie one behind the other, so that a shift of the picture is another beginning of the same memory, and nothing
    is copied. What a shift carries over from one row's end to the next one's beginning ends up in the last two columns.
    """
    height, width, channels = x.shape
    stride = width + 2
    padded = np.pad(x, ((1, 1), (1, 1), (0, 0)), padding).reshape(-1, channels)  # type: ignore[call-overload]
    padded = np.concatenate((padded, np.zeros((2, channels), np.float32)))  # for the last shift's last two
    length = height * stride
    result = np.tile(bias, (length, 1))
    for y, x_shift in product(range(3), range(3)):
        begin = y * stride + x_shift
        result += padded[begin : begin + length] @ kernel[y, x_shift]
    np.maximum(result, 0, out=result)
    return result.reshape(height, stride, -1)[:, :width]
