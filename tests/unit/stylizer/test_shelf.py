from pathlib import Path

import pytest
import torch
from safetensors.torch import save as save_safetensors

from stylegram.common.errors import WeightsCorrupt, WeightsUnavailable
from stylegram.stylizer.engine.models import shelf as module
from stylegram.stylizer.engine.models.shelf import WeightsShelf
from stylegram.stylizer.engine.models.weights import Weights, normalise
from stylizer_fakes import put_photographs, random_pixels, random_state

OTHER = {"vgg19": "vgg16", "vgg16": "vgg19"}
PINNED = {"vgg19": "vgg19-gatys", "vgg16": "vgg16-lpips"}


@pytest.fixture
def loads(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The names that are loaded from now on; pinned weights are random ones, and files are what they are."""
    names: list[str] = []
    load = module.load_weights

    def watched(name: str, cache: Path) -> Weights:
        names.append(name)
        pinned = [backbone for backbone, each in PINNED.items() if each == name]
        return Weights(name, random_state(backbone=pinned[0]), "") if pinned else load(name, cache)

    monkeypatch.setattr(module, "load_weights", watched)
    return names


def own(folder: Path, backbone: str) -> Path:
    """A file of one's own, with what it is normalised on beside it."""
    put_photographs(folder)
    photographs = torch.cat([random_pixels(32, 32, seed) for seed in range(2)])
    path = folder / "own.safetensors"
    path.write_bytes(save_safetensors(normalise(random_state(backbone=backbone), photographs)))
    return path


def test_nothing_is_loaded_before_it_is_asked_for_and_nothing_twice(tmp_path: Path, loads: list[str]) -> None:
    shelf = WeightsShelf(tmp_path)
    assert loads == []
    first = shelf.get("vgg16")
    assert (first.name, first.backbone) == ("vgg16-lpips", "vgg16")
    assert shelf.get("vgg19").backbone == "vgg19"
    assert shelf.get("vgg16") is first
    assert loads == ["vgg16-lpips", "vgg19-gatys"]


@pytest.mark.parametrize("backbone", ["vgg19", "vgg16"])
def test_a_choice_of_ones_own_serves_the_backbone_that_it_is(tmp_path: Path, loads: list[str], backbone: str) -> None:
    path = str(own(tmp_path, backbone))
    shelf = WeightsShelf(tmp_path, path)
    other = OTHER[backbone]
    for _ in range(2):
        assert shelf.get(other).name == PINNED[other]
        assert (shelf.get(backbone).name, shelf.get(backbone).backbone) == (path, backbone)
    assert loads == [path, PINNED[other]]


def test_a_choice_that_is_not_there_is_told_at_every_job(tmp_path: Path, loads: list[str]) -> None:
    shelf = WeightsShelf(tmp_path, "vgg-20")
    for backbone in ("vgg19", "vgg16", "vgg19"):
        with pytest.raises(WeightsUnavailable, match="no weights 'vgg-20'"):
            shelf.get(backbone)
    assert loads == ["vgg-20"] * 3


def test_a_choice_that_is_no_backbone_is_refused(tmp_path: Path) -> None:
    (tmp_path / "own.safetensors").write_bytes(save_safetensors({"x": torch.zeros(1)}))
    with pytest.raises(WeightsCorrupt, match="is no VGG-19"):
        WeightsShelf(tmp_path, str(tmp_path / "own.safetensors")).get("vgg16")
