from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from torch import Tensor

from engine_fakes import backbone_for, cheap, objective_for, slope_of, small_tiles
from stylegram.stylizer.engine import tiles
from stylegram.stylizer.engine.losses import StyleImage
from stylegram.stylizer.engine.models.weights import StateDict, Weights
from stylegram.stylizer.engine.tiles import Region, probe
from stylizer_fakes import random_pixels, random_state

DEEP = {
    "content_layers": ("relu2_2", "relu4_2"),
    "style_layers": ("relu1_1", "relu1_2", "relu2_1", "relu3_3", "relu4_1", "relu5_1"),
}


@dataclass(frozen=True, eq=False)
class Sum:
    """Adds up a layer, and notes which regions it saw."""

    layer: str
    seen: list[Region]

    def __call__(self, features: Tensor, region: Region) -> Tensor:
        self.seen.append(region)
        return features.sum()


@pytest.fixture(scope="module")
def vgg16() -> Weights:
    return Weights("random", random_state(3, "vgg16"), "1" * 64)


@pytest.fixture
def _restored(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Tiles as large as before, after hypothesis has set them."""
    before = tiles._TILE_ELEMENTS
    yield
    tiles._TILE_ELEMENTS = before


def assert_tiling_changes_nothing(
    weights: Weights, image: Tensor, styles: list[StyleImage], tiled_blocks: int, **values: Any
) -> None:
    hyperparameters = cheap(**{**DEEP, "backbone": weights.backbone, **values})
    content = picture_of(image.shape[2], image.shape[3], 8)
    whole, tiled = (
        slope_of(objective_for(weights, hyperparameters, content, *styles, tiled_blocks=count, fp64=True), image)
        for count in (0, tiled_blocks)
    )
    # Covariances of fp32 know their smallest eigenvalues' roots, and more so the inverses of these, to a few digits.
    digits = 1e-3 if values.get("style_loss") == "wasserstein" else 1e-5
    assert tiled[0] == pytest.approx(whole[0], rel=digits, abs=1e-7)
    # The largest difference anywhere: a seam would be one.
    assert (tiled[1] - whole[1]).abs().max() <= digits * whole[1].abs().max()


def picture_of(height: int, width: int, seed: int = 0) -> Tensor:
    return random_pixels(height, width, seed).double()


@pytest.mark.parametrize("style_loss", ["gram", "wasserstein"])
@pytest.mark.parametrize("tiled_blocks", range(1, 6))
def test_each_number_of_tiled_blocks_gives_the_same_losses_and_gradient(
    weights: Weights, monkeypatch: pytest.MonkeyPatch, tiled_blocks: int, style_loss: str
) -> None:
    small_tiles(monkeypatch, 4)
    styles = [StyleImage(picture_of(32, 37, 1))]
    assert_tiling_changes_nothing(weights, picture_of(27, 41), styles, tiled_blocks, style_loss=style_loss)


@pytest.mark.parametrize("pooling", ["avg", "max"])
@pytest.mark.parametrize("backbone", ["vgg19", "vgg16"])
def test_either_backbone_and_either_pooling_can_be_tiled(
    weights: Weights, vgg16: Weights, monkeypatch: pytest.MonkeyPatch, pooling: str, backbone: str
) -> None:
    small_tiles(monkeypatch, 4)
    network = {"vgg19": weights, "vgg16": vgg16}[backbone]
    assert_tiling_changes_nothing(network, picture_of(47, 33), [StyleImage(picture_of(32, 32, 1))], 5, pooling=pooling)


@pytest.mark.parametrize("style_loss", ["gram", "wasserstein"])
def test_masks_and_several_styles_can_be_tiled(
    weights: Weights, monkeypatch: pytest.MonkeyPatch, style_loss: str
) -> None:
    small_tiles(monkeypatch, 4)
    mask = random_pixels(38, 45, 5)[:, :1]
    styles = [
        StyleImage(picture_of(32, 32, 1), 0.5, mask),
        StyleImage(picture_of(33, 40, 2), 0.3, 1 - mask),
        StyleImage(picture_of(32, 50, 3), 0.2),
    ]
    assert_tiling_changes_nothing(weights, picture_of(38, 45), styles, 4, style_loss=style_loss)


@pytest.mark.usefixtures("_restored")
@settings(deadline=None, max_examples=6, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    size=st.tuples(st.integers(16, 44), st.integers(16, 44)) | st.tuples(st.just(16), st.integers(80, 110)),
    elements=st.integers(512 * 6**2, 512 * 12**2),
    tiled_blocks=st.integers(1, 5),
    pooling=st.sampled_from(["avg", "max"]),
    masked=st.booleans(),
)
def test_any_size_and_any_tile_give_the_same(
    weights: Weights, size: tuple[int, int], elements: int, tiled_blocks: int, pooling: str, *, masked: bool
) -> None:
    tiles._TILE_ELEMENTS = elements
    mask = random_pixels(*size, 5)[:, :1] if masked else None
    styles = [StyleImage(picture_of(32, 32, 1), mask=mask)]
    assert_tiling_changes_nothing(weights, picture_of(*size), styles, tiled_blocks, pooling=pooling)


@pytest.mark.parametrize("size", [(33, 33), (17, 49), (34, 65), (31, 16)])
def test_a_single_row_or_column_that_is_left_over_goes_to_the_tile_before(
    weights: Weights, monkeypatch: pytest.MonkeyPatch, size: tuple[int, int]
) -> None:
    # Tiles of 16 in the first block: one position more could not be pooled by itself.
    monkeypatch.setattr(tiles, "_TILE_ELEMENTS", 64 * 16 * 16)
    assert_tiling_changes_nothing(weights, picture_of(*size), [StyleImage(picture_of(32, 32, 1))], 5)


def test_tiles_cover_each_position_once(weights: Weights, monkeypatch: pytest.MonkeyPatch) -> None:
    small_tiles(monkeypatch, 4)
    layers = ("relu1_2", "relu2_1", "relu3_1")
    looks = [Sum(layer, []) for layer in layers]
    with torch.no_grad():
        probe(backbone_for(weights, layers), random_pixels(51, 70), looks, tiled_blocks=3)
    for look, (height, width) in zip(looks, [(51, 70), (25, 35), (12, 17)], strict=True):
        covered = torch.zeros(height, width)
        for region in look.seen:
            assert (region.height, region.width) == (height, width)
            region.of(covered).add_(1)
        assert len(look.seen) > 4
        assert torch.equal(covered, torch.ones(height, width))


def test_an_untiled_layer_is_seen_whole_and_no_deeper_than_it_is_looked_at(state: StateDict) -> None:
    shallow = {key: value for key, value in state.items() if int(key.split(".")[1]) <= 5}  # up to relu2_1
    look = Sum("relu2_1", [])
    (total,) = probe(backbone_for(Weights("shallow", shallow, ""), ["relu2_1"]), random_pixels(20, 22), [look])
    assert look.seen == [Region(slice(0, 10), slice(0, 11), 10, 11)]
    assert total > 0


def test_probes_sums_come_in_the_probes_order(weights: Weights) -> None:
    layers = ("relu3_1", "relu1_1", "relu2_2", "relu1_1")
    backbone = backbone_for(weights, layers)
    image = random_pixels(20, 22)
    for tiled_blocks in (0, 2):
        sums = probe(backbone, image, [Sum(layer, []) for layer in layers], tiled_blocks=tiled_blocks)
        alone = [probe(backbone, image, [Sum(layer, [])])[0] for layer in layers]
        torch.testing.assert_close(sums, alone)
        assert torch.equal(sums[1], sums[3])


def test_tiles_in_bf16_give_nearly_what_the_whole_gives(weights: Weights, monkeypatch: pytest.MonkeyPatch) -> None:
    small_tiles(monkeypatch, 4)
    backbone = backbone_for(weights, ["relu4_1"], precision="bf16")
    gradients = []
    for tiled_blocks in (0, 4):
        pixels = random_pixels(40, 51).requires_grad_()
        (total,) = probe(backbone, pixels, [Sum("relu4_1", [])], tiled_blocks=tiled_blocks)
        gradients.append(torch.autograd.grad(total.float(), pixels)[0])
    assert (gradients[1] - gradients[0]).norm() < 0.03 * gradients[0].norm()


def test_a_tiled_block_keeps_no_features_for_the_gradient(weights: Weights, monkeypatch: pytest.MonkeyPatch) -> None:
    def kept(tiled_blocks: int) -> int:
        sizes: list[int] = []

        def pack(tensor: Tensor) -> Tensor:
            sizes.append(tensor.numel())
            return tensor

        pixels = random_pixels(64, 64).requires_grad_()
        with torch.autograd.graph.saved_tensors_hooks(pack, lambda tensor: tensor):
            probe(backbone_for(weights, ["relu3_1"]), pixels, [Sum("relu3_1", [])], tiled_blocks=tiled_blocks)
        # Filters are saved too, but are there anyway.
        return sum(size for size in sizes if size not in {w.numel() for w in weights.state.values()})

    # A picture, a quarter of 64 channels and a sixteenth of 128, where the layers have 2 · 64, 2 · 32 and 16 channels
    # of a picture's size, each saved more than once.
    assert kept(3) <= 64 * 64 * (3 + 64 / 4 + 128 / 16)
    assert kept(0) > 10 * kept(3)
