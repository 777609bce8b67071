from typing import Any

import pytest
import torch
from PIL import Image
from torch import Tensor

from engine_fakes import backbone_for, cheap, half
from stylegram.common.hyperparameters import layers_of
from stylegram.common.records import Metrics
from stylegram.stylizer.engine.images import to_tensor
from stylegram.stylizer.engine.metrics import measure
from stylegram.stylizer.engine.models.weights import Weights
from stylegram.stylizer.engine.motif import Motif
from stylizer_fakes import CPU, picture, random_pixels, random_state

STYLE_LAYERS = ("relu1_1", "relu2_1", "relu3_1", "relu4_1", "relu5_1")
HELD_OUT_LAYERS = ("relu1_2", "relu2_2", "relu3_3", "relu4_3", "relu5_2")
SIZE = (64, 48)
CONTENT, STYLE = picture(*SIZE), picture(64, 48, seed=1)


def measured(
    weights: Weights, painted: Tensor, *, content: Image.Image = CONTENT, style: Image.Image = STYLE, **values: Any
) -> Metrics:
    motif = Motif(content, [style], values.pop("masks", ()), None, cheap(**values), CPU)
    return measure(painted, motif, weights)


def tensor(image: Image.Image, size: tuple[int, int] = SIZE) -> Tensor:
    return to_tensor(image, size, CPU)


def test_the_photograph_itself_has_all_its_content_and_the_painting_all_its_style(weights: Weights) -> None:
    photograph, painting = measured(weights, tensor(CONTENT)), measured(weights, tensor(STYLE))
    assert photograph.content_error == 0
    assert photograph.ssim == pytest.approx(1)
    assert painting.style_error_512 == painting.held_out_style_error == pytest.approx(0, abs=1e-9)
    assert painting.style_error_256 == painting.style_error_128 == pytest.approx(0, abs=1e-9)
    assert painting.color_distance == pytest.approx(0, abs=1e-6)
    assert painting.high_frequency_ratio == pytest.approx(1)
    assert painting.content_error > 0.01
    assert photograph.style_error_512 > 0.01
    assert photograph.color_distance > 0.1


def test_the_photograph_unpainted_has_relative_errors_of_0_and_1_and_a_score_of_2(weights: Weights) -> None:
    metrics = measured(weights, tensor(CONTENT))
    assert metrics.relative_content_error == 0
    assert metrics.relative_style_error == pytest.approx(1)
    assert metrics.score == pytest.approx(2)


def test_baselines_are_of_the_photograph_whatever_is_painted(weights: Weights) -> None:
    photograph, other = measured(weights, tensor(CONTENT)), measured(weights, random_pixels(*reversed(SIZE)))
    assert (other.content_baseline, other.style_baseline) == (photograph.content_baseline, photograph.style_baseline)
    assert other.style_baseline == pytest.approx(photograph.style_error)


def test_the_content_baseline_is_twice_the_share_of_the_features_that_is_variance(weights: Weights) -> None:
    features = tensor(CONTENT)
    for block in backbone_for(weights, ["relu4_2"]).blocks:
        before = features if block.number == 1 else block.pool(features)
        *_, (_, features) = block.features(before, len(block.names))
    left = features - features.mean((-2, -1), keepdim=True)
    share = float((left**2).sum() / (features**2).sum())
    assert 0.01 < share < 0.99
    assert measured(weights, tensor(STYLE)).content_baseline == pytest.approx(2 * share, rel=1e-2)


def test_where_only_brightness_is_painted_the_baselines_are_of_brightness(weights: Weights) -> None:
    grey = CONTENT.convert("L").convert("RGB")
    of_colours = measured(weights, tensor(CONTENT), colors="luminance")
    of_grey = measured(weights, tensor(grey), content=grey, colors="luminance")
    assert of_colours.content_baseline == pytest.approx(of_grey.content_baseline, rel=1e-2)
    assert of_colours.score == pytest.approx(2)


def test_noise_is_bad_at_everything(weights: Weights) -> None:
    noise = measured(weights, random_pixels(*reversed(SIZE)))
    photograph = measured(weights, tensor(CONTENT))
    assert noise.content_error > 0.1
    assert noise.style_error_512 > photograph.style_error_512
    assert noise.ssim < 0.2
    assert noise.high_frequency_ratio > 10


@pytest.mark.parametrize(
    "values",
    [
        {"content_layers": ("relu1_1",), "style_layers": ("relu5_4",), "content_weight": 0, "tv_weight": 9},
        {"pooling": "max", "precision": "bf16", "tiling": "on", "style_loss": "wasserstein"},
        {"optimizer": "adam", "start": "noise", "size": 1024, "style_layer_weights": (1, 0), "seed": 5},
    ],
)
def test_the_runs_layers_pooling_and_precision_do_not_matter(weights: Weights, values: dict[str, Any]) -> None:
    painted = tensor(picture(64, 48, seed=7))
    assert measured(weights, painted, **values) == measured(weights, painted)


def test_every_layer_and_size_is_told_and_the_means_are_theirs(weights: Weights) -> None:
    metrics = measured(weights, tensor(picture(64, 48, seed=7)))
    errors = metrics.layer_errors
    assert set(errors) == {
        *(f"{layer}@{side}" for layer in STYLE_LAYERS for side in (512, 256, 128)),
        *(f"{layer}@512" for layer in HELD_OUT_LAYERS),
    }
    for side in (512, 256, 128):
        mean = sum(errors[f"{layer}@{side}"] for layer in STYLE_LAYERS) / 5
        assert getattr(metrics, f"style_error_{side}") == pytest.approx(mean)
    assert metrics.held_out_style_error == pytest.approx(sum(errors[f"{layer}@512"] for layer in HELD_OUT_LAYERS) / 5)


def test_a_small_picture_is_judged_at_its_own_size_throughout(weights: Weights) -> None:
    metrics = measured(weights, tensor(picture(seed=7), (32, 24)))
    assert metrics.style_error_512 == metrics.style_error_256 == metrics.style_error_128 > 0
    # The layers need 32 pixels across, so that both pictures are judged a bit larger, each from what there is of it.
    unpainted = measured(weights, tensor(CONTENT, (32, 24)))
    assert metrics.style_baseline == unpainted.style_baseline == pytest.approx(unpainted.style_error, rel=0.02)
    assert unpainted.score == pytest.approx(2, abs=0.1)


def test_sizes_are_told_apart_where_the_picture_is_large_enough(weights: Weights) -> None:
    content, style = picture(200, 40), picture(200, 40, seed=1)
    painted = tensor(picture(200, 40, seed=7), (200, 40))
    metrics = measured(weights, painted, content=content, style=style)
    assert metrics.style_error_512 == metrics.style_error_256 != metrics.style_error_128


@pytest.mark.parametrize("size", [(32, 4), (3, 32), (32, 1), (200, 12)])
def test_panoramas_are_judged_too(weights: Weights, size: tuple[int, int]) -> None:
    content = picture(size[0] * 16, size[1] * 16)
    metrics = measured(weights, tensor(content, size), content=content)
    numbers = [value for value in metrics.model_dump().values() if isinstance(value, float)]
    assert torch.isfinite(torch.tensor([*numbers, *metrics.layer_errors.values()])).all()


@pytest.mark.parametrize("colour", [0, 128, 255])
def test_blank_pictures_are_judged_in_finite_numbers(weights: Weights, colour: int) -> None:
    blank = Image.new("RGB", SIZE, (colour,) * 3)
    for painted in (tensor(blank), tensor(CONTENT)):
        metrics = measured(weights, painted, content=blank, style=blank)
        numbers = [value for value in metrics.model_dump().values() if isinstance(value, float)]
        assert torch.isfinite(torch.tensor([*numbers, *metrics.layer_errors.values()])).all()


def test_where_only_brightness_is_painted_only_that_is_judged(weights: Weights) -> None:
    grey = tensor(CONTENT.convert("L").convert("RGB"))
    assert measured(weights, grey, colors="luminance").content_error == pytest.approx(0, abs=1e-4)
    assert measured(weights, grey).content_error > 1e-3


def test_a_style_is_judged_where_it_counts(weights: Weights) -> None:
    painted = torch.cat([tensor(STYLE, (64, 96)), tensor(CONTENT, (64, 96))], 3)
    content, style = CONTENT.resize((128, 96)), STYLE
    inside, outside = (
        measured(weights, painted, content=content, style=style, masks=[half(left=left)]) for left in (True, False)
    )
    assert inside.style_error_512 < 0.5 * outside.style_error_512


def test_either_backbone_can_judge() -> None:
    network = Weights("random", random_state(3, "vgg16"), "1" * 64)
    metrics = measured(network, tensor(picture(64, 48, seed=7)), backbone="vgg16")
    assert {*STYLE_LAYERS, *HELD_OUT_LAYERS} <= set(layers_of("vgg16"))
    assert metrics.style_error_512 > 0


def test_judging_needs_no_graph_and_leaves_the_picture_as_it_is(weights: Weights) -> None:
    painted = tensor(CONTENT).requires_grad_()
    before = painted.detach().clone()
    assert isinstance(measured(weights, painted).content_error, float)
    assert torch.equal(painted, before)
    assert painted.grad is None
