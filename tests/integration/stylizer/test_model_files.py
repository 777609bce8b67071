import hashlib
import shutil
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file
from torch.nn import functional as F

from stylegram.common.errors import WeightsCorrupt
from stylegram.common.hyperparameters import LAYERS
from stylegram.common.model_cache import DEFAULT_WEIGHTS
from stylegram.stylizer.engine.backbone import Backbone
from stylegram.stylizer.engine.model_files import (
    DEFAULT_FILES,
    GATYS,
    PHOTOGRAPHS,
    ModelFile,
    load_weights,
    verify,
)
from stylegram.stylizer.engine.weights import Weights, is_normalised


@pytest.fixture(scope="module")
def photographs(cache: Path) -> torch.Tensor:
    pixels = load_file(cache / PHOTOGRAPHS.filename)["photographs"]
    assert tuple(pixels.shape) == (4, 384, 384, 3)
    return pixels.permute(0, 3, 1, 2).float() / 255


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


def test_the_default_backbone_is_normalised_in_all_its_layers(weights: Weights, photographs: torch.Tensor) -> None:
    backbone = Backbone(weights.state, LAYERS, pooling="max", precision="fp32", device=torch.device("cpu"))
    with torch.no_grad():
        features = [backbone(photograph[None]) for photograph in photographs]
    means = {name: sum(float(each[name].mean()) for each in features) / len(features) for name in LAYERS}
    assert all(0.5 <= mean <= 1.5 for mean in means.values()), means


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
