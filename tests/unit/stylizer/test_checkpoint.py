import json
import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image
from safetensors.torch import load

from engine_fakes import Enough, cheap, half, small_tiles, without_measuring
from stylegram.common.errors import InvalidCheckpoint
from stylegram.common.hyperparameters import Hyperparameters
from stylegram.stylizer.engine import Result, Step, checkpoint, style_transfer, stylize
from stylegram.stylizer.engine.backbone import native_precision
from stylegram.stylizer.engine.checkpoint import Checkpoint, fingerprint
from stylegram.stylizer.engine.models.weights import Weights
from stylizer_fakes import CPU, picture, random_pixels

STATE = {
    "pixels": random_pixels(4, 5),
    "numbers": torch.tensor([1.5, float("inf")], dtype=torch.float64),
    "scalar": torch.tensor(7),
    "turned": random_pixels(4, 5).transpose(2, 3),
}
FACTS = {"level": 1, "evaluation": 12, "precision": "bf16"}
NOTES = {"curve": b'[{"total": 1}]', "empty": b"", "void": b"", "zeros": bytes(9)}
PACKED = Checkpoint("ab" * 32, FACTS, STATE, NOTES).pack()


def test_what_is_packed_is_unpacked() -> None:
    back = Checkpoint.unpack(PACKED)
    assert (back.fingerprint, back.facts, back.notes) == ("ab" * 32, FACTS, NOTES)
    assert set(back.state) == set(STATE)
    assert all(torch.equal(back.state[name], tensor) for name, tensor in STATE.items())
    assert all(back.state[name].dtype == tensor.dtype for name, tensor in STATE.items())


@settings(deadline=None, max_examples=60)
@given(st.integers(0, len(PACKED) - 1))
def test_one_that_is_cut_off_is_refused(length: int) -> None:
    with pytest.raises(InvalidCheckpoint, match="cannot be read"):
        Checkpoint.unpack(PACKED[:length])


@settings(deadline=None, max_examples=60)
@given(st.integers(0, len(PACKED) - 1), st.integers(1, 255))
def test_one_in_which_a_single_byte_is_damaged_is_refused(place: int, change: int) -> None:
    damaged = bytearray(PACKED)
    damaged[place] ^= change
    with pytest.raises(InvalidCheckpoint):
        Checkpoint.unpack(bytes(damaged))


@settings(deadline=None, max_examples=40)
@given(st.binary(max_size=200))
def test_any_other_bytes_are_refused(data: bytes) -> None:
    with pytest.raises(InvalidCheckpoint):
        Checkpoint.unpack(data)


def test_nothing_is_unpickled(tmp_path: Path) -> None:
    class Trap:
        def __reduce__(self) -> tuple[Any, ...]:
            return Path.touch, (tmp_path / "sprung",)

    torch.save({"state": Trap()}, tmp_path / "torch")
    for data in (pickle.dumps(Trap()), (tmp_path / "torch").read_bytes()):
        with pytest.raises(InvalidCheckpoint):
            Checkpoint.unpack(data)
    assert not (tmp_path / "sprung").exists()


def test_one_of_another_version_is_refused_as_such(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(checkpoint, "_FORMAT", 99)
    with pytest.raises(InvalidCheckpoint, match="another version"):
        Checkpoint.unpack(PACKED)


def test_the_bytes_are_safetensors_that_others_can_read() -> None:
    tensors = load(PACKED[:-32])
    assert json.loads(tensors["facts"].numpy().tobytes())["evaluation"] == 12
    assert torch.equal(tensors["state.pixels"], STATE["pixels"])


def test_a_fingerprint_is_that_of_its_pictures_hyperparameters_and_weights() -> None:
    one, other, mask = picture(), picture(seed=1), half()
    touched = picture()
    touched.putpixel((3, 3), (1, 2, 3))
    flat, tall = Image.new("L", (6, 2)), Image.new("L", (2, 6))

    def mark_of(hyperparameters: Hyperparameters, digest: str, images: list[Image.Image | None]) -> str:
        return fingerprint(hyperparameters, digest, images, CPU)

    marks = [
        mark_of(cheap(), "a", [one, other, None, None]),
        mark_of(cheap(seed=1), "a", [one, other, None, None]),
        mark_of(cheap(tv_weight=0.021), "a", [one, other, None, None]),
        mark_of(cheap(), "b", [one, other, None, None]),
        mark_of(cheap(), "a", [touched, other, None, None]),
        mark_of(cheap(), "a", [other, one, None, None]),
        mark_of(cheap(), "a", [one, other, None, mask]),
        mark_of(cheap(), "a", [one, other, mask, None]),
        mark_of(cheap(), "a", [one, other, None, flat]),
        mark_of(cheap(), "a", [one, other, None, tall]),
        mark_of(cheap(), "a", [one, other, None, mask.convert("RGB")]),
    ]
    assert len(set(marks)) == len(marks)
    assert mark_of(cheap(), "a", [picture(), picture(seed=1), None, None]) == marks[0]
    assert len(marks[0]) == 64


def test_other_versions_and_kinds_of_device_have_other_fingerprints(monkeypatch: pytest.MonkeyPatch) -> None:
    def mark_on(device: str = "cpu") -> str:
        return fingerprint(cheap(), "a", [picture()], torch.device(device))

    marks = [mark_on(), mark_on("cuda")]
    with monkeypatch.context() as patch:
        patch.setattr(torch, "__version__", "0.1")
        marks.append(mark_on())
    monkeypatch.setattr(checkpoint, "version", lambda name: f"{name} 0.1")
    marks.append(mark_on())
    assert len(set(marks)) == 4
    assert mark_on("cuda:1") == mark_on("cuda:0")


def test_pictures_are_hashed_once_and_only_where_a_checkpoint_is_asked_for(
    weights: Weights, monkeypatch: pytest.MonkeyPatch
) -> None:
    without_measuring(monkeypatch)
    calls: list[object] = []

    def counted(*arguments: Any) -> str:
        calls.append(arguments)
        return fingerprint(*arguments)

    monkeypatch.setattr(style_transfer, "fingerprint", counted)
    stylize(picture(), picture(seed=1), cheap(), weights=weights)
    assert not calls
    painted(weights)
    assert len(calls) == 1


def painted(
    weights: Weights, resume: bytes | None = None, stop_at: int | None = None, **values: Any
) -> tuple[Result | None, list[tuple[int, dict[str, float]]], bytes]:
    """The result, the steps' losses, and the checkpoint of the last step."""
    steps: list[tuple[int, dict[str, float]]] = []
    last = b""

    def listen(step: Step) -> None:
        nonlocal last
        steps.append((step.evaluation, step.losses))
        last = step.checkpoint({"steps": json.dumps(len(steps)).encode()})
        if step.evaluation == stop_at:
            raise Enough

    hyperparameters = cheap(size=48, evaluations=(3, 3), **values)
    try:
        result = stylize(
            picture(48, 36), picture(seed=1), hyperparameters, weights=weights, resume=resume, on_step=listen
        )
    except Enough:
        return None, steps, last
    return result, steps, last


@pytest.mark.parametrize("tiling", ["on", "off"])
@pytest.mark.parametrize("precision", ["fp32", "bf16"])
@pytest.mark.parametrize("optimizer", ["lbfgs", "adam"])
def test_a_run_cut_off_anywhere_goes_on_to_the_same_picture(
    weights: Weights, monkeypatch: pytest.MonkeyPatch, optimizer: str, precision: str, tiling: str
) -> None:
    if precision == "bf16" and native_precision(CPU) != "bf16":
        pytest.skip("this machine only emulates bf16, which takes minutes")
    without_measuring(monkeypatch)
    small_tiles(monkeypatch, 8)
    values: dict[str, Any] = {"optimizer": optimizer, "precision": precision, "tiling": tiling}
    whole, steps, _ = painted(weights, **values)
    assert whole is not None
    for evaluation in range(1, 7):
        _, before, last = painted(weights, stop_at=evaluation, **values)
        rest, after, _ = painted(weights, last, **values)
        assert rest is not None
        assert before + after == steps
        assert np.array_equal(rest.pixels, whole.pixels)
        assert (rest.losses, rest.evaluations, rest.precision) == (whole.losses, 6, precision)


@pytest.mark.parametrize("stop_at", [2, 5])
def test_less_memory_after_an_interruption_changes_nothing_at_the_scale_that_was_cut_off(
    weights: Weights, monkeypatch: pytest.MonkeyPatch, stop_at: int
) -> None:
    without_measuring(monkeypatch)
    small_tiles(monkeypatch, 8)
    values: dict[str, Any] = {"tiling": "auto", "precision": "fp32"}
    whole, steps, _ = painted(weights, **values)
    _, before, last = painted(weights, stop_at=stop_at, **values)
    monkeypatch.setattr("stylegram.stylizer.engine.memory.free_bytes", lambda _: 0)
    rest, after, _ = painted(weights, last, **values)
    assert whole is not None
    assert rest is not None
    assert whole.tiled_blocks == 0
    if stop_at == 2:  # the next scale is planned for the memory there is then
        assert (before + after)[:3] == steps[:3]
        assert rest.tiled_blocks == 2
    else:
        assert before + after == steps
        assert np.array_equal(rest.pixels, whole.pixels)
        assert rest.tiled_blocks == 0


def test_a_run_cut_off_twice_goes_on_too(weights: Weights, monkeypatch: pytest.MonkeyPatch) -> None:
    without_measuring(monkeypatch)
    whole, steps, _ = painted(weights)
    _, first, last = painted(weights, stop_at=2)
    _, second, last = painted(weights, last, stop_at=5)
    rest, third, _ = painted(weights, last)
    assert rest is not None
    assert whole is not None
    assert first + second + third == steps
    assert np.array_equal(rest.pixels, whole.pixels)


def test_a_scale_without_evaluations_is_gone_past_after_an_interruption(
    weights: Weights, monkeypatch: pytest.MonkeyPatch
) -> None:
    without_measuring(monkeypatch)
    last = b""

    def listen(step: Step) -> None:
        nonlocal last
        last = step.checkpoint({})

    arguments = (picture(), picture(seed=1), cheap(schedule=((32, 2), (40, 0), (48, 1), (50, 0)), size=50))
    whole = stylize(*arguments, weights=weights, on_step=listen)
    assert np.array_equal(stylize(*arguments, weights=weights, resume=last).pixels, whole.pixels)


def test_notes_come_back(weights: Weights) -> None:
    _, _, last = painted(weights, stop_at=4)
    assert Checkpoint.unpack(last).notes == {"steps": b"4"}


def test_a_checkpoint_says_where_the_run_was(weights: Weights) -> None:
    _, _, last = painted(weights, stop_at=5, precision="fp32", tiling="off")
    assert Checkpoint.unpack(last).facts == {"level": 1, "evaluation": 5, "precision": "fp32", "tiled_blocks": 0}


@pytest.mark.parametrize("values", [{"seed": 5}, {"optimizer": "adam"}, {"tv_weight": 0.3}])
def test_a_checkpoint_of_other_hyperparameters_is_refused(weights: Weights, values: dict[str, Any]) -> None:
    _, _, last = painted(weights, stop_at=2)
    with pytest.raises(InvalidCheckpoint, match="of another run"):
        painted(weights, last, **values)


def test_a_checkpoint_of_other_pictures_masks_or_weights_is_refused(weights: Weights) -> None:
    last = b""

    def listen(step: Step) -> None:
        nonlocal last
        last = step.checkpoint({})
        raise Enough

    content, style, hyperparameters = picture(), picture(seed=1), cheap()
    with pytest.raises(Enough):
        stylize(content, style, hyperparameters, weights=weights, on_step=listen)
    other = Weights("other", weights.state, "1" * 64)
    runs: list[Callable[[], Result]] = [
        lambda: stylize(picture(seed=9), style, hyperparameters, weights=weights, resume=last),
        lambda: stylize(content, picture(seed=9), hyperparameters, weights=weights, resume=last),
        lambda: stylize(content, [style, style], hyperparameters, weights=weights, resume=last),
        lambda: stylize(content, style, hyperparameters, weights=weights, resume=last, masks=[half()]),
        lambda: stylize(content, style, hyperparameters, weights=weights, resume=last, start_image=content),
        lambda: stylize(content, style, hyperparameters, weights=other, resume=last),
    ]
    for run in runs:
        with pytest.raises(InvalidCheckpoint, match="of another run"):
            run()


def test_a_second_style_image_is_not_taken_for_a_start_image(weights: Weights) -> None:
    last = b""

    def listen(step: Step) -> None:
        nonlocal last
        last = step.checkpoint({})
        raise Enough

    content, one, other = picture(), picture(seed=1), picture(seed=2)
    with pytest.raises(Enough):
        stylize(content, [one, other], cheap(), weights=weights, on_step=listen)
    with pytest.raises(InvalidCheckpoint, match="of another run"):
        stylize(content, [one], cheap(), weights=weights, start_image=other, masks=[None], resume=last)


def test_bytes_that_are_no_checkpoint_are_refused_before_anything_is_painted(weights: Weights) -> None:
    with pytest.raises(InvalidCheckpoint, match="cannot be read"):
        stylize(picture(), picture(seed=1), cheap(), weights=weights, resume=b"")
