import hashlib
import shutil
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file
from torch.nn import functional as F

from stylegram.common.errors import WeightsCorrupt
from stylegram.common.hyperparameters import layers_of
from stylegram.common.model_cache import DEFAULT_WEIGHTS
from stylegram.stylizer.engine.models.model_files import (
    DEFAULT_FILES,
    GATYS,
    LPIPS,
    PHOTOGRAPHS,
    ModelFile,
    fetch,
    verify,
)
from stylegram.stylizer.engine.models.shelf import WeightsShelf, load_weights
from stylegram.stylizer.engine.models.weights import (
    IMAGENET_MEAN,
    IMAGENET_STD,
    StateDict,
    Weights,
    convolution_indices,
    is_normalised,
    read_photographs,
)


@pytest.fixture(scope="module")
def photographs(cache: Path) -> torch.Tensor:
    pixels = read_photographs(cache)
    assert tuple(pixels.shape) == (4, 3, 384, 384)
    return pixels


@pytest.fixture(scope="module")
def vgg16(cache: Path) -> Weights:
    fetch(LPIPS, cache)
    return load_weights("vgg16-lpips", cache)


@torch.no_grad()
def features(state: StateDict, backbone: str, images: torch.Tensor) -> dict[str, torch.Tensor]:
    mean, std = (torch.tensor(values).view(1, 3, 1, 1) for values in (IMAGENET_MEAN, IMAGENET_STD))
    x = (images - mean) / std
    found: dict[str, torch.Tensor] = {}
    for name, index in zip(layers_of(backbone), convolution_indices(backbone), strict=True):
        if index and name.endswith("_1"):
            x = F.max_pool2d(x, 2)
        x = F.conv2d(x, state[f"features.{index}.weight"], state[f"features.{index}.bias"], padding=1).relu()
        found[name] = x
    return found


@pytest.mark.parametrize("file", DEFAULT_FILES, ids=lambda file: file.name)
def test_what_is_cached_is_what_was_pinned(cache: Path, file: ModelFile) -> None:
    digest = hashlib.sha256((cache / file.filename).read_bytes()).hexdigest()
    assert verify(file, cache) == digest
    if file is not PHOTOGRAPHS:
        assert file.sha256 == digest


def test_one_flipped_bit_is_noticed_at_the_next_load(cache: Path, tmp_path: Path) -> None:
    copy = tmp_path / GATYS.filename
    shutil.copyfile(cache / GATYS.filename, copy)
    assert load_weights(DEFAULT_WEIGHTS, tmp_path).digest == GATYS.sha256
    with copy.open("r+b") as file:
        file.seek(40_000_000)
        byte = file.read(1)[0]
        file.seek(40_000_000)
        file.write(bytes([byte ^ 1]))
    with pytest.raises(WeightsCorrupt, match="damaged or has been exchanged"):
        load_weights(DEFAULT_WEIGHTS, tmp_path)


def test_the_pinned_backbones_are_normalised_in_all_their_layers(
    weights: Weights, vgg16: Weights, photographs: torch.Tensor
) -> None:
    for each in (weights, vgg16):
        means = {name: float(layer.mean()) for name, layer in features(each.state, each.backbone, photographs).items()}
        assert means.keys() == set(layers_of(each.backbone))
        assert all(0.5 <= mean <= 1.5 for mean in means.values()), means


def test_vgg16_is_the_one_that_was_trained_on_imagenet(vgg16: Weights, photographs: torch.Tensor) -> None:
    assert vgg16.backbone == "vgg16"
    # Normalising scales each filter and its bias alike: their ratio is still the published network's. These numbers
    # are the first of torchvision's IMAGENET1K_V1.
    kernel, bias = vgg16.state["features.0.weight"][0, 0, 0], vgg16.state["features.0.bias"][0]
    torch.testing.assert_close(kernel / bias, torch.tensor((-0.5537, 0.1427, 0.5290)) / 0.4034, rtol=1e-3, atol=0.0)
    # A trained network's deepest neurons are silent but for what they have learned to see; random ones speak half of
    # the time, and those of a network whose layers were mixed up more often than these.
    deepest = features(vgg16.state, "vgg16", photographs[..., ::2, ::2])["relu5_3"]
    assert float((deepest == 0).float().mean()) > 0.85


def test_the_shelf_has_both_backbones(cache: Path, weights: Weights, vgg16: Weights) -> None:
    shelf = WeightsShelf(cache, "vgg16-lpips")
    assert (shelf.get("vgg16").digest, shelf.get("vgg19").digest) == (vgg16.digest, weights.digest)


def test_a_scaled_copy_of_it_is_brought_back_to_the_same_scale(
    weights: Weights, photographs: torch.Tensor, cache: Path, tmp_path: Path
) -> None:
    small_photographs = F.interpolate(photographs, (96, 96), mode="area")
    # As torchvision's network is to Gatys': the same, with filters on another scale.
    scaled = {**weights.state}
    for index, factor in ((0, 30.0), (10, 0.02), (28, 7.0)):
        scaled |= {
            f"features.{index}.{part}": scaled[f"features.{index}.{part}"] * factor for part in ("weight", "bias")
        }
    small = tmp_path / "cache"
    small.mkdir()
    save_file(
        {"photographs": (small_photographs * 255).byte().permute(0, 2, 3, 1).contiguous()}, small / PHOTOGRAPHS.filename
    )
    digest = hashlib.sha256((small / PHOTOGRAPHS.filename).read_bytes()).hexdigest()
    (small / f"{PHOTOGRAPHS.filename}.sha256").write_text(f"{digest}  {PHOTOGRAPHS.filename}\n")
    own = tmp_path / "own.safetensors"
    save_file(scaled, own)
    assert not is_normalised(scaled, small_photographs)
    assert is_normalised(load_weights(str(own), small).state, small_photographs)
