from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from engine_fakes import cheap, small_tiles
from stylegram.common.errors import InvalidCheckpoint, NonFinite
from stylegram.stylizer.engine import painter as module
from stylegram.stylizer.engine.backbone import Backbone
from stylegram.stylizer.engine.checkpoint import Checkpoint
from stylegram.stylizer.engine.images import resized
from stylegram.stylizer.engine.losses import Losses, Objective
from stylegram.stylizer.engine.models.weights import StateDict, Weights
from stylegram.stylizer.engine.motif import Motif
from stylegram.stylizer.engine.painter import FromListener, Painter, _with_details
from stylizer_fakes import CPU, picture, random_pixels

NOWHERE = Path("/nowhere")
OUT_OF_MEMORY = RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried to allocate 9 bytes.")


class Diary:
    """What the painter said: the evaluation, the width and the total loss."""

    def __init__(self) -> None:
        self.painter: Painter
        self.lines: list[tuple[int, int, float]] = []

    def __call__(self, losses: Losses, pixels: Tensor) -> None:
        self.lines.append((self.painter.evaluation, pixels.shape[-1], float(losses.total.detach())))

    @property
    def evaluations(self) -> list[int]:
        return [evaluation for evaluation, _, _ in self.lines]


def painter_of(weights: Weights, **values: Any) -> tuple[Painter, Diary]:
    hyperparameters = cheap(**{"size": 48, "evaluations": (3, 3), "precision": "fp32", **values})
    motif = Motif(picture(48, 36), [picture(seed=1)], (), None, hyperparameters, CPU)
    diary = Diary()
    diary.painter = Painter(motif, hyperparameters, weights, CPU, diary)
    return diary.painter, diary


def failing(monkeypatch: pytest.MonkeyPatch, fails: Callable[[int, int], BaseException | None]) -> list[int]:
    """Objectives that fail as `fails` says, given the number of the call and of tiled blocks; a list of the latter."""
    calls: list[int] = []

    class Failing(Objective):
        def __init__(self, *arguments: Any, tiled_blocks: int, **options: Any) -> None:
            super().__init__(*arguments, tiled_blocks=tiled_blocks, **options)
            self.tiled = tiled_blocks

        def __call__(self, image: Tensor) -> Losses:
            calls.append(self.tiled)
            if error := fails(len(calls), self.tiled):
                raise error
            return super().__call__(image)

    monkeypatch.setattr(module, "Objective", Failing)
    return calls


def with_a_weight_that_bf16_cannot_hold(state: StateDict) -> Weights:
    """3.4e38 is finite in fp32 and rounds to infinity in bf16. Its channel sleeps: fp32 computes 0 × 3.4e38 = 0,
    bf16 0 × ∞."""
    changed = {key: value.clone() for key, value in state.items()}
    changed["features.0.weight"][0] = 0
    changed["features.0.bias"][0] = -1
    changed["features.2.weight"][:, 0] = 3.4e38
    return Weights("heavy", changed, "0" * 64)


HEAVY = {"content_layers": ("relu1_2",), "style_layers": ("relu1_2",)}


@pytest.mark.parametrize(
    ("values", "widths"),
    [
        ({"schedule": ((44, 2), (46, 1), (48, 3))}, [44, 44, 46, 48, 48, 48]),
        ({"brush_scale": 1}, [48] * 3),
        ({"evaluations": (1,)}, [48]),
        ({"size": 128, "evaluations": (2, 1), "brush_scale": 2}, [64, 64, 128]),
        ({"size": 192, "evaluations": (1, 2), "brush_scale": 4}, [48, 96, 192, 192]),
        ({"schedule": ((48, 1), (48, 0), (48, 2))}, [48] * 3),
        # Below 32 pixels across a picture is too small for the deepest layers.
        ({"schedule": ((32, 1), (48, 1))}, [43, 48]),
    ],
)
def test_scales_are_those_of_the_schedule_or_the_brush(
    weights: Weights, values: dict[str, Any], widths: list[int]
) -> None:
    painter, diary = painter_of(weights, **{"size": 48, "tiling": "off", **values})
    painted = painter.paint(NOWHERE)
    assert [width for _, width, _ in diary.lines] == widths
    assert diary.evaluations == list(range(1, len(widths) + 1))
    assert painted.shape == (1, 3, widths[-1] * 3 // 4, widths[-1])


def test_painting_lowers_the_loss(weights: Weights) -> None:
    painter, diary = painter_of(weights, start="content", evaluations=(15,), tv_weight=0)
    assert painter.judge(painter.paint(NOWHERE))["total"] < 0.5 * diary.lines[0][2]


@pytest.mark.parametrize("style_loss", ["gram", "wasserstein"])
def test_what_bf16_cannot_hold_is_painted_in_fp32(state: StateDict, style_loss: str) -> None:
    heavy = with_a_weight_that_bf16_cannot_hold(state)
    painter, diary = painter_of(heavy, precision="bf16", style_loss=style_loss, **HEAVY)
    painted = painter.paint(NOWHERE)
    assert painter.precision == "fp32"
    assert diary.evaluations == [1, 2, 3, 4, 5, 6]
    reference, other = painter_of(heavy, precision="fp32", style_loss=style_loss, **HEAVY)
    assert torch.equal(painted, reference.paint(NOWHERE))
    assert diary.lines == other.lines


def test_what_was_painted_in_bf16_can_be_judged_in_fp32(state: StateDict) -> None:
    painter, _ = painter_of(with_a_weight_that_bf16_cannot_hold(state), precision="bf16", evaluations=(0,), **HEAVY)
    losses = painter.judge(painter.paint(NOWHERE))
    assert painter.precision == "fp32"
    assert torch.isfinite(torch.tensor([*losses.values()])).all()


@pytest.mark.parametrize("fails_at", range(1, 7))
def test_after_bf16_it_goes_on_from_the_same_picture_and_counts_on(
    weights: Weights, monkeypatch: pytest.MonkeyPatch, fails_at: int
) -> None:
    # Both precisions compute the same here, so that nothing but the way around the failure could change the picture.
    monkeypatch.setattr(module, "Backbone", InFp32)
    calm, calm_diary = painter_of(weights, precision="bf16")
    expected = calm.paint(NOWHERE)
    failing(monkeypatch, lambda call, _: NonFinite("overflow") if call == fails_at else None)
    painter, diary = painter_of(weights, precision="bf16")
    assert torch.equal(painter.paint(NOWHERE), expected)
    assert diary.lines == calm_diary.lines
    assert (calm.precision, painter.precision) == ("bf16", "fp32")


class InFp32(Backbone):
    """One that says bf16 and computes in fp32."""

    def __init__(self, *arguments: Any, precision: str, **options: Any) -> None:
        super().__init__(*arguments, precision="fp32", **options)


@pytest.mark.parametrize("precision", ["fp32", "bf16"])
def test_what_is_not_finite_in_fp32_either_is_an_error(state: StateDict, precision: str) -> None:
    broken = {key: value.clone() for key, value in state.items()}
    broken["features.0.bias"][3] = float("nan")
    painter, diary = painter_of(Weights("broken", broken, ""), precision=precision)
    with pytest.raises(NonFinite, match="left the finite numbers"):
        painter.paint(NOWHERE)
    assert not diary.lines


def test_a_picture_that_was_never_evaluated_is_still_judged(state: StateDict) -> None:
    broken = {**state, "features.0.bias": torch.full((64,), float("inf"))}
    painter, _ = painter_of(Weights("broken", broken, ""), evaluations=(0,))
    with pytest.raises(NonFinite, match="finished picture"):
        painter.judge(painter.paint(NOWHERE))


@pytest.mark.parametrize("fails_at", range(1, 7))
@pytest.mark.parametrize("error", [OUT_OF_MEMORY, MemoryError()])
def test_out_of_memory_it_goes_on_tiled_from_the_same_picture_and_counts_on(
    weights: Weights, monkeypatch: pytest.MonkeyPatch, fails_at: int, error: BaseException
) -> None:
    small_tiles(monkeypatch, 8)
    calm, calm_diary = painter_of(weights, tiling="auto", optimizer="adam")
    expected = calm.paint(NOWHERE)
    calls = failing(monkeypatch, lambda call, _: error if call == fails_at else None)
    painter, diary = painter_of(weights, tiling="auto", optimizer="adam")
    painted = painter.paint(NOWHERE)
    assert (calm.tiled_blocks, painter.tiled_blocks) == (0, 2)
    assert calls == [0] * fails_at + [2] * (7 - fails_at)
    assert diary.evaluations == [1, 2, 3, 4, 5, 6]
    for line, calm_line in zip(diary.lines, calm_diary.lines, strict=True):
        assert line == pytest.approx(calm_line, rel=1e-3)
    assert (painted - expected).abs().mean() < 1e-3


@pytest.mark.parametrize("tiling", ["off", "on", "auto"])
def test_a_lack_of_memory_that_tiles_do_not_help_is_told(
    weights: Weights, monkeypatch: pytest.MonkeyPatch, tiling: str
) -> None:
    calls = failing(monkeypatch, lambda *_: OUT_OF_MEMORY)
    painter, _ = painter_of(weights, tiling=tiling)
    with pytest.raises(RuntimeError, match="can't allocate"):
        painter.paint(NOWHERE)
    assert calls == {"off": [0], "on": [2], "auto": [0, 2]}[tiling]


def test_a_picture_that_memory_does_not_hold_whole_is_judged_tiled(
    weights: Weights, monkeypatch: pytest.MonkeyPatch
) -> None:
    failing(monkeypatch, lambda _, tiled: None if tiled else OUT_OF_MEMORY)
    painter, _ = painter_of(weights, tiling="auto", evaluations=(0,))
    assert painter.judge(painter.paint(NOWHERE))["total"] > 0
    assert painter.tiled_blocks == 2


def test_a_defect_is_not_taken_for_a_lack_of_memory(weights: Weights, monkeypatch: pytest.MonkeyPatch) -> None:
    calls = failing(monkeypatch, lambda *_: RuntimeError("size mismatch"))
    painter, _ = painter_of(weights)
    with pytest.raises(RuntimeError, match="size mismatch"):
        painter.paint(NOWHERE)
    assert calls == [0]


def test_little_memory_tiles_from_the_start_and_more_at_larger_scales(
    weights: Weights, monkeypatch: pytest.MonkeyPatch
) -> None:
    wanted = iter([1, 0, 2, 1])
    monkeypatch.setattr(module, "blocks_to_tile", lambda *_, **__: next(wanted))
    calls = failing(monkeypatch, lambda *_: None)
    painter, _ = painter_of(weights, schedule=((45, 1), (46, 1), (47, 1), (48, 1)))
    painter.paint(NOWHERE)
    assert calls == [1, 1, 2, 2]


def test_auto_tiles_where_the_memory_asks_for_it(weights: Weights, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("stylegram.stylizer.engine.memory.free_bytes", lambda _: 0)
    for tiling, tiled_blocks in (("auto", 2), ("on", 2), ("off", 0)):
        painter, _ = painter_of(weights, tiling=tiling)
        painter.paint(NOWHERE)
        assert painter.tiled_blocks == tiled_blocks  # as many as the shallow backbone has


def test_features_take_twice_the_memory_in_fp32_and_the_optimiser_as_much(
    weights: Weights, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[dict[str, Any]] = []

    def plan(*_: Any, **options: Any) -> int:
        asked.append(options)
        return 0

    monkeypatch.setattr(module, "blocks_to_tile", plan)
    for precision in ("bf16", "fp32"):
        painter, _ = painter_of(weights, precision=precision, evaluations=(1,), history_size=6)
        painter.paint(NOWHERE)
    assert [options["bytes_per_feature"] for options in asked] == [2, 4]
    history, content = 6 * 2 * 2 * 3 * 48 * 36, 128 * 24 * 18  # updates are of bf16 always
    assert [options["held_bytes"] for options in asked] == [history + 2 * content, history + 4 * content]


@pytest.mark.parametrize(("scale", "planned"), [(0.5, (48, 36)), (3.0, (125, 125))])
def test_the_larger_of_picture_and_style_image_is_planned_for(
    weights: Weights, monkeypatch: pytest.MonkeyPatch, scale: float, planned: tuple[int, int]
) -> None:
    asked: list[tuple[int, int]] = []

    def plan(_: object, size: tuple[int, int], **__: object) -> int:
        asked.append(size)
        return 0

    monkeypatch.setattr(module, "blocks_to_tile", plan)
    painter, _ = painter_of(weights, evaluations=(1,), style_scale=scale)
    painter.paint(NOWHERE)
    assert asked == [planned]


@pytest.mark.parametrize("error", [MemoryError(), OUT_OF_MEMORY, NonFinite("mine"), KeyboardInterrupt()])
def test_what_the_listener_raises_is_not_taken_for_the_engines_own(weights: Weights, error: BaseException) -> None:
    def listen(*_: object) -> None:
        raise error

    painter, _ = painter_of(weights, precision="bf16", evaluations=(1,))
    painter._on_evaluation = listen
    with pytest.raises(FromListener) as caught:
        painter.paint(NOWHERE)
    assert caught.value.original is error
    assert (painter.evaluation, painter.precision, painter.tiled_blocks) == (1, "bf16", 0)


def test_an_objective_serves_its_scale_and_the_last_one_the_judging_too(
    weights: Weights, monkeypatch: pytest.MonkeyPatch
) -> None:
    made: list[tuple[int, ...]] = []

    class Counted(Objective):
        def __init__(self, backbone: Backbone, content: Tensor, *arguments: Any, **options: Any) -> None:
            super().__init__(backbone, content, *arguments, **options)
            made.append(tuple(content.shape[-2:]))

    monkeypatch.setattr(module, "Objective", Counted)
    # Less and less memory: what judges the picture is what painted it, all the same.
    free = iter([1 << 40, 1 << 40, 0, 0])
    monkeypatch.setattr("stylegram.stylizer.engine.memory.free_bytes", lambda _: next(free))
    painter, _ = painter_of(weights, size=96, evaluations=(2, 2))
    painter.judge(painter.paint(NOWHERE))
    assert made == [(36, 48), (72, 96)]
    assert painter.tiled_blocks == 0


def interrupted(weights: Weights, optimizer: str) -> Checkpoint:
    """One of a run in the middle of its second scale."""
    painter, _ = painter_of(weights, optimizer=optimizer)
    checkpoints = []
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(painter, "_on_evaluation", lambda *_: checkpoints.append(painter.checkpoint("ab" * 32, {})))
        painter.paint(NOWHERE)
    return checkpoints[-1]


@pytest.mark.parametrize("optimizer", ["lbfgs", "adam"])
def test_a_checkpoint_that_lacks_something_is_refused(weights: Weights, optimizer: str) -> None:
    whole = interrupted(weights, optimizer)
    resumed, _ = painter_of(weights, optimizer=optimizer)
    resumed.resume(whole)
    assert resumed.evaluation == 6
    for lost in (*whole.facts, *whole.state):
        facts = {name: fact for name, fact in whole.facts.items() if name != lost}
        state = {name: tensor for name, tensor in whole.state.items() if name != lost}
        other, _ = painter_of(weights, optimizer=optimizer)
        with pytest.raises(InvalidCheckpoint, match=f"lacks '{lost.removeprefix('optimizer.')}'"):
            other.resume(Checkpoint(whole.fingerprint, facts, state))


@pytest.mark.parametrize(
    "wrong", [{"level": 2}, {"level": -1}, {"level": "1"}, {"level": 0.5}, {"level": None}, {"level": [1]}], ids=str
)
def test_a_checkpoint_of_a_scale_that_is_not_there_is_refused(weights: Weights, wrong: dict[str, Any]) -> None:
    whole = interrupted(weights, "adam")
    other, _ = painter_of(weights, optimizer="adam")
    with pytest.raises(InvalidCheckpoint, match="is wrong"):
        other.resume(Checkpoint(whole.fingerprint, {**whole.facts, **wrong}, whole.state))


def test_a_checkpoint_whose_numbers_are_too_few_is_refused(weights: Weights) -> None:
    whole = interrupted(weights, "adam")
    other, _ = painter_of(weights, optimizer="adam")
    with pytest.raises(InvalidCheckpoint, match="is wrong"):
        other.resume(Checkpoint(whole.fingerprint, whole.facts, {**whole.state, "numbers": torch.zeros(2)}))


SIDES = st.integers(32, 90)


@settings(deadline=None, max_examples=30)
@given(SIDES, SIDES, SIDES, SIDES)
def test_a_start_without_details_of_its_own_adds_none(width: int, height: int, wide: int, high: int) -> None:
    image, plain = random_pixels(height, width), torch.full((1, 3, high, wide), 0.4)
    torch.testing.assert_close(_with_details(image, plain), resized(image, (wide, high)), rtol=0, atol=1e-6)
    assert _with_details(image, random_pixels(high, wide)).min() >= 0
    assert _with_details(image, random_pixels(high, wide)).max() <= 1


def smooth(width: int, height: int, seed: int) -> Tensor:
    """What a picture half as large can hold, away from black and white, where nothing is clipped."""
    return 0.3 + 0.4 * resized(random_pixels(6, 8, seed), (width, height))


def test_the_next_scale_has_the_coarse_picture_and_the_details_of_the_start() -> None:
    coarse, start = smooth(48, 36, 1), smooth(96, 72, 2)
    stripes = 0.1 * (torch.arange(96) % 2 * 2 - 1.0).expand(1, 3, 72, 96)
    plain, detailed = _with_details(coarse, start), _with_details(coarse, start + stripes)
    torch.testing.assert_close(detailed - plain, stripes, rtol=0, atol=0.02)
    for image in (plain, detailed):
        torch.testing.assert_close(resized(image, (48, 36)), coarse, rtol=0, atol=0.02)
    assert (resized(start, (48, 36)) - coarse).abs().mean() > 0.05


def test_a_start_that_is_the_picture_enlarged_leaves_it_as_it_is() -> None:
    coarse = smooth(48, 36, 1)
    enlarged = resized(coarse, (96, 72))
    torch.testing.assert_close(_with_details(coarse, enlarged), enlarged, rtol=0, atol=0.01)


def test_each_scale_begins_with_the_details_of_the_start(weights: Weights) -> None:
    painter, _ = painter_of(weights, size=96, evaluations=(0, 0), start="content")
    coarse, fine = (painter._motif.content(size) for size in ((48, 36), (96, 72)))
    assert torch.equal(painter.paint(NOWHERE), _with_details(coarse, fine))
