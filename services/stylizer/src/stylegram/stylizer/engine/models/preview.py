"""A picture in one pass: arbitrary stylisation of Ghiasi et al. (2017, arXiv 1705.06830), through onnxruntime.

A first network turns the painting into a vector of 100 numbers, a second one paints the photograph by it. Not as
good as what the optimisation makes, but there in a blink, and a better start for it than the photograph is.
"""

import os
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from stylegram.stylizer.engine.models.model_files import PREVIEW_PREDICT, PREVIEW_TRANSFORM, fetch

if TYPE_CHECKING:
    import onnxruntime

_STYLE_SIZE = (256, 256)
_STYLE_VECTOR = "mobilenet_conv/Conv/BiasAdd"
"""The name that both networks give to the vector between them."""
_SHORTEST = 16
"""Shorter side of what is painted: the network mirrors up to four pixels at the edge, at a quarter of the size too."""


def preview(content: Image.Image, style: Image.Image, cache: Path) -> Image.Image:
    """The content image in the manner of the style image, in the content image's size.

    Args:
        content: RGB; up to some 4 megapixels, which take 1 GB.
        style: RGB, any size.
        cache: the folder of model files; what is missing is fetched into it.

    Raises:
        WeightsUnavailable: the models are neither cached nor to be had.
        WeightsCorrupt: the models are not those that were pinned.
    """
    predict = _session(fetch(PREVIEW_PREDICT, cache))
    transform = _session(fetch(PREVIEW_TRANSFORM, cache))
    vector = predict.run(None, {"style_image": _batch(style.resize(_STYLE_SIZE, Image.Resampling.LANCZOS))})[0]
    pixels = _batch(content)
    missing = [max(0, _SHORTEST - side) for side in pixels.shape[1:3]]
    pixels = np.pad(pixels, ((0, 0), (0, missing[0]), (0, missing[1]), (0, 0)), mode="edge")
    painted = transform.run(None, {"content_image": pixels, _STYLE_VECTOR: vector})[0][0]
    # What was added goes again, and so does what its two strided convolutions add, which round odd sides up.
    picture = Image.fromarray((painted.clip(0, 1) * 255).round().astype(np.uint8))
    return picture.crop((0, 0, *content.size))


@lru_cache(maxsize=4)
def _session(path: Path) -> "onnxruntime.InferenceSession":
    # onnxruntime collects telemetry from its import on, and keeps it in the user's cache folder: to forbid it
    # afterwards is too late, hence the import here. Who has set the variable has decided.
    os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")
    import onnxruntime

    options = onnxruntime.SessionOptions()
    # A pass takes a tenth of a second of one core: more threads would spend longer in waiting for one another, as
    # soon as anything else runs, and spin as they wait.
    options.intra_op_num_threads = 1
    return onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])


def _batch(image: Image.Image) -> NDArray[np.float32]:
    return np.asarray(image, np.float32)[None] / np.float32(255)
