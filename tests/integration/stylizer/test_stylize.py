import csv
import math
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.torch import load_file

from engine_fakes import Enough, objective_for, slope_of, without_measuring
from stylegram.stylizer.engine import Hyperparameters, Result, Step, stylize, tiles
from stylegram.stylizer.engine.images import to_tensor
from stylegram.stylizer.engine.models.model_files import PHOTOGRAPHS, PREVIEW_PREDICT, PREVIEW_TRANSFORM, fetch
from stylegram.stylizer.engine.models.preview import preview
from stylegram.stylizer.engine.models.shelf import WeightsShelf
from stylegram.stylizer.engine.models.weights import Weights
from stylizer_fakes import CPU, picture, random_pixels

STARTS = ("preview", "content", "color_transfer", "noise", "blend")
with (Path(__file__).parents[2] / "data" / "first_system_runs.csv").open(newline="") as file:
    FIRST_SYSTEM_RUNS = list(csv.DictReader(file))


def photograph(cache: Path, index: int, size: tuple[int, int] = (384, 384)) -> Image.Image:
    """One of those that backbones are normalised on."""
    pixels = load_file(fetch(PHOTOGRAPHS, cache))["photographs"][index].numpy()
    return Image.fromarray(pixels).resize(size)


def assert_sound(result: Result) -> None:
    assert np.isfinite(result.pixels).all()
    assert result.pixels.min() >= 0
    assert result.pixels.max() <= 1
    assert result.metrics
    metrics = result.metrics.model_dump()
    numbers = [*metrics.pop("layer_errors").values(), *metrics.values(), *result.losses.values()]
    assert all(map(math.isfinite, numbers))


def painting(width: int = 64, height: int = 64) -> Image.Image:
    """Soft diagonal strokes between two colours: a texture that no photograph has."""
    y, x = np.mgrid[:height, :width]
    stroke = (0.5 + 0.5 * np.sin((x + y) / 2))[..., None]
    return Image.fromarray((stroke * (230, 190, 40) + (1 - stroke) * (60, 70, 120)).astype(np.uint8))


def paint(weights: Weights, cache: Path, **values: Any) -> Result:
    settings = Hyperparameters.model_validate({"size": 64, "evaluations": (3, 2), **values})
    return stylize(picture(), painting(), settings, weights=weights, cache=cache)


@pytest.mark.parametrize("start", STARTS)
@pytest.mark.parametrize("optimizer", ["lbfgs", "adam"])
def test_the_same_seed_makes_the_same_picture(weights: Weights, cache: Path, start: str, optimizer: str) -> None:
    first, second = (paint(weights, cache, start=start, optimizer=optimizer, seed=3) for _ in range(2))
    assert first.image.tobytes() == second.image.tobytes()
    assert first.losses == second.losses


def test_another_seed_makes_another_picture_of_noise(weights: Weights, cache: Path) -> None:
    one, other = (paint(weights, cache, start="noise", seed=seed).image.tobytes() for seed in (3, 4))
    assert one != other


@pytest.mark.parametrize("start", STARTS)
def test_the_picture_moves_towards_the_style(weights: Weights, cache: Path, start: str) -> None:
    # Adam's way is smooth; that of L-BFGS is not the same on any two machines.
    untouched = paint(weights, cache, evaluations=(0,), start="content")
    steps: list[Step] = []
    settings = Hyperparameters.model_validate({"size": 64, "evaluations": (40,), "start": start, "optimizer": "adam"})
    result = stylize(picture(), painting(), settings, weights=weights, cache=cache, on_step=steps.append)
    assert result.losses["style"] < 0.6 * steps[0].losses["style"]
    assert result.losses["style"] < 0.3 * untouched.losses["style"]


def test_lbfgs_moves_a_photograph_towards_a_painting(weights: Weights, cache: Path) -> None:
    steps: list[Step] = []
    content, style = photograph(cache, 0), photograph(cache, 2)
    settings = Hyperparameters(size=64, evaluations=(30,))
    result = stylize(content, style, settings, weights=weights, cache=cache, on_step=steps.append)
    assert result.losses["total"] < 0.5 * steps[0].losses["total"]


def test_the_content_weight_keeps_the_content(weights: Weights, cache: Path) -> None:
    with_content, without = (
        paint(weights, cache, evaluations=(30,), start="content", optimizer="adam", content_weight=weight)
        for weight in (3, 0)
    )
    assert with_content.losses["content"] < 0.7 * without.losses["content"]
    assert with_content.losses["style"] > without.losses["style"]


def test_bf16_paints_what_fp32_paints(weights: Weights, cache: Path) -> None:
    half, full = (
        paint(weights, cache, evaluations=(15,), optimizer="adam", precision=precision)
        for precision in ("bf16", "fp32")
    )
    assert (half.precision, full.precision) == ("bf16", "fp32")
    assert half.losses["total"] == pytest.approx(full.losses["total"], rel=0.1)


@pytest.mark.parametrize("size", [(64, 64), (65, 33), (320, 32), (33, 161)])
def test_a_preview_has_the_size_of_its_photograph(cache: Path, size: tuple[int, int]) -> None:
    assert preview(picture(*size), painting(), cache).size == size


def test_a_preview_takes_the_colours_of_the_painting(cache: Path) -> None:
    photograph, red = picture(96, 96), Image.new("RGB", (64, 64), (220, 20, 20))
    before, after = (np.asarray(image, float).mean((0, 1)) for image in (photograph, preview(photograph, red, cache)))
    assert after[0] - after[2] > before[0] - before[2] + 20


def test_a_preview_leaves_nothing_in_the_cache_but_its_own_models(cache: Path, tmp_path: Path) -> None:
    models = tmp_path / "stylegram"
    models.mkdir()
    for file in (PREVIEW_PREDICT, PREVIEW_TRANSFORM):
        (models / file.filename).symlink_to(cache / file.filename)
    program = """
from stylegram.common.model_cache import default_cache
from stylegram.stylizer.engine.models.preview import preview
from stylizer_fakes import picture

preview(picture(), picture(seed=1), default_cache())
"""
    environment = {name: value for name, value in os.environ.items() if name != "ORT_DISABLE_TELEMETRY"}
    tests = str(Path(__file__).parents[2])
    subprocess.run(
        [sys.executable, "-c", program],
        env={**environment, "XDG_CACHE_HOME": str(tmp_path), "PYTHONPATH": tests, "OMP_NUM_THREADS": "1"},
        check=True,
        timeout=120,
    )
    assert [path.name for path in tmp_path.iterdir()] == ["stylegram"]


@pytest.mark.parametrize("size", [(500, 100), (16, 16), (40, 200)])
def test_every_start_fits_pictures_of_any_proportions(weights: Weights, cache: Path, size: tuple[int, int]) -> None:
    settings = Hyperparameters(size=32, evaluations=(1, 1), start="preview", style_layers=("relu1_1",))
    result = stylize(picture(*size), painting(), settings, weights=weights, cache=cache)
    assert max(result.image.size) == 32


def test_the_edge_is_painted_like_the_rest(weights: Weights, cache: Path) -> None:
    """Black surroundings would show as a frame of its own brightness on a plain picture in a plain style."""
    plain, style = Image.new("RGB", (64, 64), (200, 200, 200)), Image.new("RGB", (64, 64), (210, 210, 210))
    settings = Hyperparameters(size=64, evaluations=(20,), start="content")
    pixels = np.asarray(stylize(plain, style, settings, weights=weights, cache=cache).image, float)
    assert abs(pixels[:2].mean() - pixels[30:34, 30:34].mean()) < 16


def test_the_random_pictures_of_these_tests_are_seeded() -> None:
    assert torch.equal(random_pixels(4, 4), random_pixels(4, 4))
    assert picture().tobytes() == picture().tobytes()


@pytest.mark.parametrize("row", FIRST_SYSTEM_RUNS, ids=range(len(FIRST_SYSTEM_RUNS)))
def test_each_run_of_the_first_system_can_be_asked_for(
    weights: Weights, cache: Path, monkeypatch: pytest.MonkeyPatch, row: dict[str, str]
) -> None:
    without_measuring(monkeypatch)
    hyperparameters = Hyperparameters.model_validate(
        {
            "size": 64,
            "evaluations": (2,),
            "start": "content",
            "optimizer": "adam",
            "epsilon": 0.1,
            "precision": "fp32",  # some weigh the content a hundred million times more: in bf16 its rounding rules
            "learning_rate": row["learning_rate"],
            "beta_1": row["beta_1"],
            "style_weight": row["style_weight"],
            "content_weight": row["content_weight"],
            "content_layers": row["content_layers"].split(),
            "style_layers": row["style_layers"].split(),
        }
    )
    steps: list[Step] = []
    content = photograph(cache, 0, (64, 64))
    result = stylize(content, painting(), hyperparameters, weights=weights, cache=cache, on_step=steps.append)
    assert_sound(result)
    assert result.evaluations == len(steps) == 2
    changed = not np.array_equal(result.pixels, np.asarray(content, np.float32) / 255)
    assert changed or result.losses["total"] <= steps[0].losses["total"]


def test_the_first_systems_runs_are_all_there() -> None:
    assert len(FIRST_SYSTEM_RUNS) == 60
    assert {name for row in FIRST_SYSTEM_RUNS for name in row["content_layers"].split()} == {
        *("block3_conv3", "block4_conv2", "block5_conv2", "block5_conv3"),
    }


@pytest.mark.parametrize("pooling", ["avg", "max"])
@pytest.mark.parametrize("backbone", ["vgg19", "vgg16"])
def test_tiles_give_the_losses_and_the_gradient_of_the_whole(
    shelf: WeightsShelf, cache: Path, monkeypatch: pytest.MonkeyPatch, backbone: str, pooling: str
) -> None:
    monkeypatch.setattr(tiles, "_TILE_ELEMENTS", 64 * 40 * 40)
    content, style, image = (to_tensor(photograph(cache, index), (131, 97), CPU) for index in (0, 1, 2))
    hyperparameters = Hyperparameters.model_validate({"backbone": backbone, "pooling": pooling})
    whole, tiled = (
        slope_of(objective_for(shelf.get(backbone), hyperparameters, content, style, tiled_blocks=count), image)
        for count in (0, 5)
    )
    assert tiled[0] == pytest.approx(whole[0], rel=1e-5)
    # A rectifier or a pooling that rounding makes decide otherwise moves a pixel's slope by more than rounding does.
    assert (tiled[1] - whole[1]).norm() < 1e-5 * whole[1].norm()
    assert (tiled[1] - whole[1]).abs().max() < 1e-4 * whole[1].abs().max()


@pytest.mark.parametrize("backbone", ["vgg19", "vgg16"])
@pytest.mark.parametrize("style_loss", ["gram", "wasserstein"])
def test_either_backbone_paints_by_either_style_loss(
    shelf: WeightsShelf, cache: Path, backbone: str, style_loss: str
) -> None:
    steps: list[Step] = []
    settings = Hyperparameters.model_validate(
        {"size": 64, "evaluations": (12,), "backbone": backbone, "style_loss": style_loss, "optimizer": "adam"}
    )
    content = photograph(cache, 0)
    result = stylize(content, painting(), settings, weights=shelf.get(backbone), cache=cache, on_step=steps.append)
    assert_sound(result)
    assert result.losses["style"] < 0.8 * steps[0].losses["style"]


def test_the_pinned_weights_of_the_backbone_are_taken_by_themselves(shelf: WeightsShelf, cache: Path) -> None:
    settings = Hyperparameters(size=32, evaluations=(0,), backbone="vgg16")
    result = stylize(picture(), painting(), settings, cache=cache)
    assert (result.weights, result.weights_digest) == (shelf.get("vgg16").name, shelf.get("vgg16").digest)


@pytest.mark.parametrize(
    "values",
    [
        {"learning_rate": 100, "content_weight": 1e12, "style_weight": 1e-12},
        {"learning_rate": 100, "optimizer": "adam", "beta_1": 0.9999999999, "beta_2": 0.9999999999, "epsilon": 1e-20},
        {"learning_rate": 1e-30, "optimizer": "adam", "beta_1": 0, "beta_2": 0, "epsilon": 1},
        {"content_weight": 0, "style_weight": 1e-30, "tv_weight": 1e12, "start": "noise"},
        {"style_loss": "wasserstein", "content_weight": 0, "tv_weight": 0, "history_size": 1},
        {"style_loss": "wasserstein", "precision": "bf16", "pooling": "max", "colors": "luminance", "style_scale": 4},
        {"brightness": 10, "greyscale": True, "colors": "matched", "color_matching": "histogram", "recolor": True},
    ],
)
def test_extremes_stay_finite(weights: Weights, cache: Path, values: dict[str, Any]) -> None:
    blank = Image.new("RGB", (40, 33), (0, 0, 0))
    noise = Image.effect_noise((40, 40), 200).convert("RGB")
    for content, style in ((blank, noise), (noise, blank), (blank, blank)):
        settings = Hyperparameters.model_validate({"size": 32, "evaluations": (2, 2), **values})
        assert_sound(stylize(content, style, settings, weights=weights, cache=cache))


@pytest.mark.parametrize("optimizer", ["lbfgs", "adam"])
def test_a_run_that_was_cut_off_goes_on_to_the_same_picture(weights: Weights, cache: Path, optimizer: str) -> None:
    last = b""

    def listen(step: Step) -> None:
        nonlocal last
        last = step.checkpoint({})
        if step.evaluation == 4:
            raise Enough

    settings = Hyperparameters.model_validate({"size": 64, "evaluations": (3, 3), "optimizer": optimizer})
    whole = stylize(picture(), painting(), settings, weights=weights, cache=cache)
    with pytest.raises(Enough):
        stylize(picture(), painting(), settings, weights=weights, cache=cache, on_step=listen)
    rest = stylize(picture(), painting(), settings, weights=weights, cache=cache, resume=last)
    assert rest.sha256 == whole.sha256
    assert rest.losses == whole.losses
