from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from torch import Tensor

from stylegram.common.errors import ConfigurationError, NonFinite, OutOfMemory
from stylegram.stylizer.engine import Hyperparameters, Result, Step, stylize
from stylegram.stylizer.engine.backbone import Backbone
from stylegram.stylizer.engine.weights import StateDict, Weights
from stylizer_fakes import SHALLOW, picture

# The package's own `stylize` is the function.
MODULE = import_module("stylegram.stylizer.engine.stylize")


def settings(**values: Any) -> Hyperparameters:
    return Hyperparameters.model_validate({"size": 32, "evaluations": (2, 3), **SHALLOW, **values})


def with_a_weight_that_bf16_cannot_hold(state: StateDict) -> StateDict:
    """3.4e38 is finite in fp32 and rounds to infinity in bf16. Its channel sleeps: fp32 computes 0 × 3.4e38 = 0,
    bf16 0 × ∞."""
    changed = {key: value.clone() for key, value in state.items()}
    changed["features.0.weight"][0] = 0
    changed["features.0.bias"][0] = -1
    changed["features.2.weight"][:, 0] = 3.4e38
    return changed


class OverflowingBackbone(Backbone):
    """In bf16, infinite from its n-th picture on, the two targets included."""

    at = 0

    def __init__(self, *arguments: Any, precision: str, **options: Any) -> None:
        super().__init__(*arguments, precision="fp32", **options)
        self.left = type(self).at if precision == "bf16" else -1

    def __call__(self, image: Tensor) -> dict[str, Tensor]:
        self.left -= 1
        factor = float("inf") if self.left == 0 else 1
        return {name: feature * factor for name, feature in super().__call__(image).items()}


def test_each_evaluation_is_told_with_its_number_scale_losses_and_picture(weights: Weights) -> None:
    steps: list[tuple[int, int, tuple[int, int], set[str], tuple[int, int]]] = []

    def listen(step: Step) -> None:
        steps.append((step.evaluation, step.evaluations, step.size, set(step.losses), step.image.size))

    result = stylize(
        picture(64, 48), picture(seed=1), settings(size=128, evaluations=(2, 3)), on_step=listen, weights=weights
    )
    names = {"total", "content", "style", "tv", "content.relu2_1", "style.relu1_1", "style.relu2_1"}
    sizes = [(64, 48)] * 2 + [(128, 96)] * 3
    assert steps == [(number, 5, size, names, size) for number, size in enumerate(sizes, 1)]
    assert result.evaluations == 5
    assert set(result.losses) == names


@pytest.mark.parametrize("optimizer", ["lbfgs", "adam"])
def test_what_on_step_raises_reaches_the_caller(weights: Weights, optimizer: str) -> None:
    class Enough(Exception):
        pass

    seen = []

    def listen(step: Step) -> None:
        seen.append(step.evaluation)
        if step.evaluation == 3:
            raise Enough

    with pytest.raises(Enough):
        stylize(picture(), picture(seed=1), settings(optimizer=optimizer), on_step=listen, weights=weights)
    assert seen == [1, 2, 3]


def test_the_record_of_the_result_is_complete(weights: Weights) -> None:
    result = stylize(picture(), picture(seed=1), settings(precision="fp32"), weights=weights, device="cpu")
    assert (result.weights, result.weights_digest, result.device, result.precision) == (
        weights.name,
        weights.digest,
        "cpu",
        "fp32",
    )
    assert set(result.durations) == {"load", "start", "optimise", "judge"}
    assert result.peak_memory_mb > 0


def test_the_final_losses_are_in_fp32_whatever_it_was_painted_in(weights: Weights) -> None:
    def judged(precision: str) -> Result:
        return stylize(
            picture(),
            picture(seed=1),
            settings(evaluations=(0,), start="content", precision=precision),
            weights=weights,
        )

    half, full = judged("bf16"), judged("fp32")
    assert half.precision == "bf16"
    assert half.losses == full.losses


def test_no_evaluations_give_the_starting_picture(weights: Weights) -> None:
    photograph = picture(32, 32)
    result = stylize(photograph, picture(seed=1), settings(evaluations=(0, 0), start="content"), weights=weights)
    # Through the half-sized scale and back.
    assert result.evaluations == 0
    assert result.image.size == (32, 32)
    assert np.abs(np.asarray(result.image, int) - np.asarray(photograph, int)).mean() < 15


def test_a_weight_beyond_bf16_makes_it_paint_in_fp32(state: StateDict) -> None:
    heavy = Weights("heavy", with_a_weight_that_bf16_cannot_hold(state), "0" * 64)
    images = (picture(), picture(seed=1))
    layers = {"content_layers": ("relu1_2",), "style_layers": ("relu1_2",)}
    seen: list[int] = []
    result = stylize(
        *images, settings(precision="bf16", **layers), weights=heavy, on_step=lambda step: seen.append(step.evaluation)
    )
    assert result.precision == "fp32"
    assert result.evaluations == 5
    assert seen == [1, 2, 3, 4, 5]
    asked_for = stylize(*images, settings(precision="fp32", **layers), weights=heavy)
    assert np.array_equal(np.asarray(result.image), np.asarray(asked_for.image))


def test_a_scale_that_fails_in_bf16_is_begun_anew_and_counted_anew(
    weights: Weights, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[tuple[int, int]] = []
    # Two targets and three evaluations; both scales are of one size, so that only the second fails.
    monkeypatch.setattr(OverflowingBackbone, "at", 2 + 3)
    monkeypatch.setattr(MODULE, "Backbone", OverflowingBackbone)
    result = stylize(
        picture(),
        picture(seed=1),
        settings(evaluations=(2, 4), size=64, precision="bf16"),
        weights=weights,
        on_step=lambda step: seen.append((step.size[0], step.evaluation)),
    )
    assert seen == [(32, 1), (32, 2), (64, 3), (64, 4), (64, 3), (64, 4), (64, 5), (64, 6)]
    assert result.evaluations == 6
    assert result.precision == "fp32"


@pytest.mark.parametrize("precision", ["fp32", "bf16"])
def test_what_is_not_finite_in_fp32_either_is_an_error(state: StateDict, precision: str) -> None:
    broken = {key: value.clone() for key, value in state.items()}
    broken["features.0.bias"][3] = float("nan")
    with pytest.raises(NonFinite):
        stylize(picture(), picture(seed=1), settings(precision=precision), weights=Weights("broken", broken, ""))


def test_a_picture_that_was_never_evaluated_is_still_judged(state: StateDict) -> None:
    broken = {**state, "features.0.bias": torch.full((64,), float("inf"))}
    with pytest.raises(NonFinite, match="finished picture"):
        stylize(picture(), picture(seed=1), settings(evaluations=(0,)), weights=Weights("broken", broken, ""))


@pytest.mark.parametrize(
    ("content", "style", "expected"),
    [
        pytest.param((500, 100), (64, 64), (32, 6), id="panorama 5:1"),
        pytest.param((1600, 16), (64, 64), (32, 1), id="panorama 100:1"),
        pytest.param((16, 16), (64, 64), (32, 32), id="tiny"),
        pytest.param((16, 16), (16, 16), (32, 32), id="tiny in a tiny style"),
        pytest.param((30, 60), (64, 64), (16, 32), id="portrait"),
        pytest.param((64, 64), (16, 800), (32, 32), id="a scroll as the style"),
        pytest.param((67, 41), (33, 90), (32, 20), id="odd sides"),
    ],
)
def test_the_result_has_the_contents_proportions(
    weights: Weights, content: tuple[int, int], style: tuple[int, int], expected: tuple[int, int]
) -> None:
    deepest = {"content_layers": (), "style_layers": ("relu1_1", "relu5_1")} if max(content) <= 100 else SHALLOW
    result = stylize(
        picture(*content), picture(*style, seed=1), settings(evaluations=(1, 1), **deepest), weights=weights
    )
    assert result.image.size == expected
    assert result.image.mode == "RGB"


def test_a_blank_photograph_is_painted(weights: Weights) -> None:
    blank = Image.new("RGB", (64, 64), (200, 180, 90))
    result = stylize(blank, picture(seed=1), settings(size=64, evaluations=(15, 15)), weights=weights)
    assert np.asarray(result.image).std((0, 1)).max() > 1


@pytest.mark.parametrize("start", ["content", "color_transfer", "noise"])
@pytest.mark.parametrize("optimizer", ["lbfgs", "adam"])
def test_the_same_seed_makes_the_same_picture(weights: Weights, start: str, optimizer: str) -> None:
    def paint(seed: int) -> bytes:
        chosen = settings(start=start, optimizer=optimizer, seed=seed)
        return stylize(picture(), picture(seed=1), chosen, weights=weights).image.tobytes()

    assert paint(1) == paint(1)
    assert (paint(1) == paint(2)) == (start != "noise")


def test_more_content_weight_stays_nearer_to_the_photograph(weights: Weights) -> None:
    def distance(content_weight: float) -> float:
        chosen = settings(evaluations=(15,), start="noise", content_weight=content_weight)
        return stylize(picture(), picture(seed=1), chosen, weights=weights).losses["content"]

    assert distance(10) < 0.5 * distance(0)


@pytest.mark.parametrize("mode", ["L", "P", "RGBA", "CMYK", "1"])
def test_a_picture_of_any_mode_is_painted_as_its_rgb(weights: Weights, mode: str) -> None:
    content, style = picture().convert(mode), picture(seed=1).convert(mode)
    one, other = (
        stylize(*images, settings(), weights=weights).image
        for images in ((content, style), (content.convert("RGB"), style.convert("RGB")))
    )
    assert one.tobytes() == other.tobytes()


@pytest.mark.parametrize(
    ("content", "size", "expected"),
    [((64, 64), 32, (512, 512)), ((512, 16), 32, (1024, 32)), ((512, 16), 4096, (2048, 64))],
)
def test_a_preview_is_neither_too_coarse_nor_too_large_for_the_memory(
    weights: Weights, monkeypatch: pytest.MonkeyPatch, content: tuple[int, int], size: int, expected: tuple[int, int]
) -> None:
    sizes = []

    def painted(content: Image.Image, style: Image.Image, cache: Path) -> Image.Image:
        sizes.append(content.size)
        return content

    monkeypatch.setattr(MODULE, "preview", painted)
    chosen = settings(size=size, evaluations=(0,), start="preview")
    stylize(picture(*content), picture(seed=1), chosen, weights=weights)
    assert sizes == [expected]


@pytest.mark.parametrize(
    "error",
    [
        torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB."),
        RuntimeError("[enforce fail] DefaultCPUAllocator: can't allocate memory: you tried to allocate 9 bytes."),
        RuntimeError("DefaultCPUAllocator: not enough memory: you tried to allocate 9 bytes."),
        MemoryError(),
    ],
)
def test_a_lack_of_memory_is_told_with_the_size_and_what_to_do(
    weights: Weights, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    def full(*_: object) -> None:
        raise error

    monkeypatch.setattr(OverflowingBackbone, "__call__", full)
    monkeypatch.setattr(MODULE, "Backbone", OverflowingBackbone)
    with pytest.raises(OutOfMemory, match=r"not enough memory .* of 32 pixels\. Choose a smaller size\.") as caught:
        stylize(picture(), picture(seed=1), settings(), weights=weights)
    assert (caught.value.code, caught.value.retryable, caught.value.__cause__) == ("out-of-memory", False, error)


def test_torchs_own_words_for_a_lack_of_memory_are_known(weights: Weights) -> None:
    def listen(_: Step) -> None:
        torch.empty(10**15)

    with pytest.raises(OutOfMemory):
        stylize(picture(), picture(seed=1), settings(), on_step=listen, weights=weights, device="cpu")


def test_a_defect_is_not_taken_for_a_lack_of_memory(weights: Weights) -> None:
    def listen(_: Step) -> None:
        torch.zeros(2) @ torch.zeros(3)

    with pytest.raises(RuntimeError, match="size"):
        stylize(picture(), picture(seed=1), settings(), on_step=listen, weights=weights)


def test_cudnn_is_exact_while_it_paints_and_as_it_was_afterwards(weights: Weights) -> None:
    cudnn = torch.backends.cudnn

    def flags() -> tuple[bool, bool, bool, bool]:
        return cudnn.enabled, cudnn.benchmark, cudnn.deterministic, cudnn.allow_tf32

    before, seen = flags(), []
    stylize(picture(), picture(seed=1), settings(), on_step=lambda _: seen.append(flags()), weights=weights)
    assert set(seen) == {(True, False, True, False)}
    assert flags() == before


def test_a_device_that_is_not_there_is_refused_in_a_sentence(weights: Weights) -> None:
    with pytest.raises(ConfigurationError, match="no device 'cuda:99'"):
        stylize(picture(), picture(seed=1), settings(), weights=weights, device="cuda:99")
