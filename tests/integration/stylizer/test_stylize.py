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

from stylegram.stylizer.engine import Hyperparameters, Result, Step, stylize
from stylegram.stylizer.engine.model_files import PHOTOGRAPHS, PREVIEW_PREDICT, PREVIEW_TRANSFORM
from stylegram.stylizer.engine.preview import preview
from stylegram.stylizer.engine.weights import Weights
from stylizer_fakes import picture, random_pixels

STARTS = ("preview", "content", "color_transfer", "noise")


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
    photographs = load_file(cache / PHOTOGRAPHS.filename)["photographs"].numpy()
    content, style = Image.fromarray(photographs[0]), Image.fromarray(photographs[2])
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
from stylegram.stylizer.engine.preview import preview
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
