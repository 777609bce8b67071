from collections.abc import Iterator
from copy import copy
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.numpy import load_file
from safetensors.torch import save_file

from stylegram.common.errors import ConfigurationError
from stylegram.common.model_cache import default_cache
from stylegram.ingest import orientation
from stylegram.ingest.orientation import HEAD, ROWS, SEEN, Orientation
from stylegram.stylizer.engine.backbone import Backbone
from stylegram.stylizer.engine.models.model_files import GATYS, PHOTOGRAPHS, fetch
from stylegram.stylizer.engine.models.weights import Weights
from stylizer_fakes import random_state

TURNS = {90: Image.Transpose.ROTATE_90, 180: Image.Transpose.ROTATE_180, 270: Image.Transpose.ROTATE_270}


@pytest.fixture(scope="module", autouse=True)
def _one_thread() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="module")
def random_vgg(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A VGG-19 with random weights."""
    path = tmp_path_factory.mktemp("vgg") / "random.safetensors"
    save_file(random_state(), path)
    return path


@pytest.fixture(scope="module")
def shipped() -> Orientation:
    """The judge as ingest loads it."""
    return Orientation.load(fetch(GATYS, default_cache()))


@pytest.fixture(scope="module")
def opinionated(random_vgg: Path) -> Orientation:
    """One that knows nothing, and is sure of it."""
    rng = np.random.default_rng(1)
    head = {layer: rng.normal(size=(ROWS, 512)).astype(np.float32) for layer in SEEN}
    return Orientation(orientation.read_convolutions(random_vgg), head, confidence=0)


def turned(picture: Image.Image, degrees: int) -> Image.Image:
    return picture.transpose(TURNS[degrees]) if degrees else picture


def noise(width: int, height: int) -> Image.Image:
    cells = np.random.default_rng(2).integers(0, 256, (7, 5, 3), np.uint8)
    return Image.fromarray(cells).resize((width, height), Image.Resampling.BICUBIC)


def photograph(number: int) -> Image.Image:
    """Upright: 0 is a woman, 1 a cat, 2 a cup, 3 a rocket."""
    return Image.fromarray(load_file(fetch(PHOTOGRAPHS, default_cache()))["photographs"][number])


def test_the_features_are_those_that_torch_computes(random_vgg: Path) -> None:
    state = random_state()
    square = orientation.squeeze(noise(90, 70))[:, :100]  # not a square, so that no axes are exchanged
    seen = orientation.features(square, orientation.read_convolutions(random_vgg))
    weights = Weights("random", state, "0" * 64)
    backbone = Backbone(weights, SEEN, pooling="max", precision="fp32", device=torch.device("cpu"))
    mean, std = (torch.tensor(each) for each in ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225)))
    x = (torch.from_numpy(square) * std + mean).permute(2, 0, 1)[None]
    with torch.inference_mode():
        for block in backbone.blocks:
            for name, expected in block.features(x, len(block.names)):
                if name in SEEN:
                    difference = np.abs(seen[name] - expected[0].permute(1, 2, 0).numpy()).max()
                    assert difference < 1e-3 * float(expected.abs().mean()), name
            x = block.pool(expected)
    assert set(seen) == set(SEEN)


def test_a_picture_that_comes_rotated_is_turned_to_the_same_side(opinionated: Orientation) -> None:
    picture = noise(96, 64)
    upright = turned(picture, opinionated.upright(picture))
    for degrees in TURNS:
        rotated = turned(picture, degrees)
        assert turned(rotated, opinionated.upright(rotated)).tobytes() == upright.tobytes()


def test_probabilities_are_of_turns_counter_clockwise(opinionated: Orientation) -> None:
    picture = noise(96, 64)
    found = opinionated.probabilities(picture)
    assert found.sum() == pytest.approx(1, abs=1e-5)
    # Once it has been turned by 90 degrees already, what was right at 90 is right at 0.
    np.testing.assert_allclose(opinionated.probabilities(turned(picture, 90)), np.roll(found, -1), atol=0.02)


@pytest.mark.parametrize("size", [(16, 1600), (3001, 1999)])
def test_pictures_of_any_shape_are_judged(opinionated: Orientation, size: tuple[int, int]) -> None:
    assert np.isfinite(opinionated.probabilities(noise(*size))).all()


@pytest.mark.parametrize("mode", ["L", "RGBA"])
def test_pictures_of_any_mode_are_judged(opinionated: Orientation, mode: str) -> None:
    assert opinionated.probabilities(noise(40, 30).convert(mode)).sum() == pytest.approx(1, abs=1e-5)


@pytest.mark.parametrize("degrees", [0, 90])
def test_what_has_no_up_stays_as_it_is(shipped: Orientation, degrees: int) -> None:
    grain = Image.fromarray(np.random.default_rng(3).integers(0, 256, (128, 128, 3), np.uint8))
    assert shipped.upright(turned(grain, degrees)) == 0


@pytest.mark.parametrize("degrees", [0, 90])
def test_an_astronaut_is_set_upright(shipped: Orientation, degrees: int) -> None:
    probabilities = shipped.probabilities(turned(photograph(0), degrees))
    assert 90 * probabilities.argmax() == -degrees % 360


def test_a_judge_that_is_not_sure_turns_nothing(opinionated: Orientation) -> None:
    picture = turned(noise(60, 40), 90)
    # As it would come if it had to be turned by 90 degrees.
    picture = turned(picture, (opinionated.upright(picture) - 90) % 360)
    careful = copy(opinionated)
    careful.confidence = float(opinionated.probabilities(picture).max())
    assert careful.upright(picture) == 90
    careful.confidence += 1e-3
    assert careful.upright(picture) == 0


def test_without_the_network_it_says_how_to_get_it(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match=r"No such file.*`stylegram weights fetch`"):
        Orientation.load(tmp_path / "vgg19-gatys.safetensors")


def test_another_network_is_refused(random_vgg: Path) -> None:
    with pytest.raises(ConfigurationError, match=r"is not the VGG-19 .*`stylegram weights fetch`"):
        Orientation.load(random_vgg)


def test_the_scorer_is_small() -> None:
    assert HEAD.stat().st_size < 100_000
