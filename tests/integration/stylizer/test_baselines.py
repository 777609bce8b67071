"""What relative errors and scores mean, with the network and the photographs that runs have."""

from pathlib import Path

import pytest
from PIL import Image
from safetensors.torch import load_file

from engine_fakes import cheap
from stylegram.common.records import Metrics
from stylegram.stylizer.engine.images import to_tensor
from stylegram.stylizer.engine.metrics import measure
from stylegram.stylizer.engine.models.model_files import PHOTOGRAPHS, fetch
from stylegram.stylizer.engine.models.weights import Weights
from stylegram.stylizer.engine.motif import Motif
from stylizer_fakes import CPU, picture

SIZE = (128, 128)


@pytest.fixture(scope="module")
def photographs(cache: Path) -> list[Image.Image]:
    """Those that backbones are normalised on, small."""
    pixels = load_file(fetch(PHOTOGRAPHS, cache))["photographs"].numpy()
    return [Image.fromarray(each).resize(SIZE) for each in pixels]


def measured(painted: Image.Image, photograph: Image.Image, weights: Weights) -> Metrics:
    motif = Motif(photograph, [picture(*SIZE, seed=1)], (), None, cheap(), CPU)
    return measure(to_tensor(painted, SIZE, CPU), motif, weights)


@pytest.mark.parametrize("index", [0, 2])
def test_a_picture_that_keeps_nothing_of_the_photograph_has_a_content_error_of_about_one(
    index: int, weights: Weights, photographs: list[Image.Image]
) -> None:
    photograph, other = photographs[index], photographs[2 - index]
    # Turned, it has the very features of the photograph, and hardly one in its place.
    for unrelated in (photograph.transpose(Image.Transpose.ROTATE_90), other):
        error = measured(unrelated, photograph, weights).relative_content_error
        assert error is not None
        assert 0.7 < error < 1.3
    mean_colour = photograph.resize((1, 1), Image.Resampling.BOX).resize(SIZE)
    blank = measured(mean_colour, photograph, weights).relative_content_error
    assert blank is not None
    assert 0.4 < blank < 0.8, "half of what another picture has, but for a mean that is not the photograph's"


def test_to_give_the_photograph_up_gains_nothing(weights: Weights, photographs: list[Image.Image]) -> None:
    unpainted = measured(photographs[0], photographs[0], weights)
    blank = measured(Image.new("RGB", SIZE, "grey"), photographs[0], weights)
    assert unpainted.score == pytest.approx(2)
    assert blank.score is not None
    assert blank.score > 2
