from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from engine_fakes import cheap
from stylegram.stylizer.engine import optimizers
from stylegram.stylizer.engine.optimizers import LBFGS, Adam, Optimizer, history_bytes, make_optimizer
from stylizer_fakes import random_pixels

SIDE = 6


def made(kind: str, width: int = SIDE, height: int = SIDE, **values: Any) -> Optimizer:
    return make_optimizer(cheap(optimizer=kind, **values), width, height)


def curvatures() -> Tensor:
    """Of a quadratic that steepest descent is slow on: its axes differ by a factor of a hundred."""
    return torch.logspace(0, 2, 3 * SIDE**2).view(1, 3, SIDE, SIDE)


def quadratic_slope(point: Tensor) -> Tensor:
    """Of ½ Σ curvature · (point − ½)², which is least at ½."""
    return curvatures() * (point - 0.5)


def loss_after(optimizer: Optimizer, steps: int, start: Tensor | None = None) -> float:
    """Relative to what it was."""
    point = random_pixels(SIDE, SIDE) if start is None else start.clone()
    first = (quadratic_slope(point) * (point - 0.5)).sum()
    for _ in range(steps):
        point = (point + optimizer.step(point, quadratic_slope(point))).clamp(0, 1)
    return float((quadratic_slope(point) * (point - 0.5)).sum() / first)


def test_the_one_that_was_asked_for_is_made() -> None:
    assert isinstance(made("lbfgs"), LBFGS)
    assert isinstance(made("adam"), Adam)


@settings(deadline=None, max_examples=25)
@given(
    learning_rate=st.floats(1e-4, 1),
    beta_1=st.floats(0, 0.99),
    beta_2=st.floats(0.5, 0.999),
    epsilon=st.sampled_from([1e-8, 1e-3, 0.1]),
    scale=st.sampled_from([1e-3, 1.0, 1e3]),
)
def test_adam_is_torchs_adam_step_for_step(
    learning_rate: float, beta_1: float, beta_2: float, epsilon: float, scale: float
) -> None:
    values: dict[str, Any] = {"learning_rate": learning_rate, "beta_1": beta_1, "beta_2": beta_2, "epsilon": epsilon}
    ours, point = made("adam", **values), random_pixels(SIDE, SIDE)
    theirs = random_pixels(SIDE, SIDE).requires_grad_()
    reference = torch.optim.Adam([theirs], lr=learning_rate, betas=(beta_1, beta_2), eps=epsilon)
    for seed in range(8):
        gradient = scale * (random_pixels(SIDE, SIDE, seed) - 0.5)
        point = point + ours.step(point, gradient)
        theirs.grad = gradient
        reference.step()
        torch.testing.assert_close(point, theirs.detach(), rtol=1e-4, atol=1e-5 * max(1, learning_rate))


def test_adam_learns_the_same_wherever_the_point_is() -> None:
    one, other = made("adam"), made("adam")
    for seed in range(3):
        gradient = random_pixels(SIDE, SIDE, seed) - 0.5
        steps = (one.step(random_pixels(SIDE, SIDE), gradient), other.step(torch.zeros(1, 3, SIDE, SIDE), gradient))
        assert torch.equal(*steps)


def test_lbfgs_minimises_a_quadratic_that_a_slope_alone_does_not_lead_down() -> None:
    assert loss_after(made("lbfgs"), 60) < 1e-3
    assert loss_after(made("lbfgs", history_size=20), 60) < 0.1 * loss_after(made("adam"), 60)


def test_the_first_step_is_along_the_slope_whatever_its_size() -> None:
    slope = random_pixels(SIDE, SIDE) - 0.5
    steps = [made("lbfgs").step(random_pixels(SIDE, SIDE), slope * factor) for factor in (1e-8, 1, 1e8)]
    for step in steps:
        assert step.square().mean().sqrt() == pytest.approx(float(steps[1].square().mean().sqrt()), rel=1e-3)
        assert torch.cosine_similarity(step.flatten(), -slope.flatten(), 0) > 0.9999


@pytest.mark.parametrize("kind", ["lbfgs", "adam"])
def test_the_learning_rate_is_a_factor_on_the_steps(kind: str) -> None:
    slope = random_pixels(SIDE, SIDE) - 0.5
    small, large = (made(kind, learning_rate=rate).step(random_pixels(SIDE, SIDE), slope) for rate in (0.01, 0.5))
    torch.testing.assert_close(large, 50 * small)


@pytest.mark.parametrize("kind", ["lbfgs", "adam"])
@pytest.mark.parametrize("steps", [1, 2, 7])
def test_one_that_was_restored_goes_on_exactly_as_the_other(kind: str, steps: int) -> None:
    first, point = made(kind, history_size=4), random_pixels(SIDE, SIDE)
    for _ in range(steps):
        point = point + first.step(point, quadratic_slope(point))
    second, other = made(kind, history_size=4), point.clone()
    second.restore({name: tensor.clone() for name, tensor in first.state().items()})
    for _ in range(6):
        point = point + first.step(point, quadratic_slope(point))
        other = other + second.step(other, quadratic_slope(other))
        assert torch.equal(point, other)


@pytest.mark.parametrize("kind", ["lbfgs", "adam"])
def test_one_that_has_not_begun_can_be_stored_too(kind: str) -> None:
    fresh, restored = made(kind), made(kind)
    restored.restore(fresh.state())
    point = random_pixels(SIDE, SIDE)
    assert torch.equal(fresh.step(point, quadratic_slope(point)), restored.step(point, quadratic_slope(point)))


@pytest.mark.parametrize("kind", ["lbfgs", "adam"])
def test_no_two_tensors_of_a_state_share_memory(kind: str) -> None:
    optimizer, point = made(kind), random_pixels(SIDE, SIDE)
    for _ in range(4):
        places = [tensor.data_ptr() for tensor in optimizer.state().values()]
        assert len(set(places)) == len(places)
        point = point + optimizer.step(point, quadratic_slope(point))


@pytest.mark.parametrize("size", [1, 3, 20])
def test_lbfgs_remembers_as_many_updates_as_it_may(size: int) -> None:
    optimizer, point = made("lbfgs", history_size=size), random_pixels(SIDE, SIDE)
    for _ in range(10):
        point = point + optimizer.step(point, quadratic_slope(point))
    updates = {name.partition(".")[0] for name in optimizer.state() if name.startswith("update")}
    assert len(updates) == min(size, 9)
    assert history_bytes(cheap(history_size=size), SIDE, SIDE) == size * 2 * 2 * 3 * SIDE * SIDE


def test_large_pictures_leave_room_for_fewer_updates_but_for_four_at_least(monkeypatch: pytest.MonkeyPatch) -> None:
    def updates(side: int, size: int) -> int:
        one = history_bytes(cheap(history_size=1), side, side)
        return history_bytes(cheap(history_size=size), side, side) // one

    monkeypatch.setattr(optimizers, "_HISTORY_BYTES", 10 * history_bytes(cheap(history_size=1), 64, 64))
    assert [updates(side, 15) for side in (32, 64, 128, 4096)] == [15, 10, 4, 4]
    assert updates(4096, 2) == 2


def test_adam_remembers_two_pictures_in_fp32() -> None:
    adam = made("adam")
    adam.step(random_pixels(4, 8), random_pixels(4, 8))
    moments = [adam.state()[name] for name in ("mean", "square")]
    assert history_bytes(cheap(optimizer="adam"), 8, 4) == sum(each.nbytes for each in moments)


def test_an_update_that_bends_the_wrong_way_is_not_learned_from() -> None:
    optimizer, point = made("lbfgs"), random_pixels(SIDE, SIDE)
    optimizer.step(point, quadratic_slope(point))
    optimizer.step(point, quadratic_slope(point))  # moved nowhere
    optimizer.step(point + 0.1, quadratic_slope(point))  # the slope stayed
    optimizer.step(point + 0.2, quadratic_slope(point) - 0.1)  # it fell on the way up
    assert not [name for name in optimizer.state() if name.startswith("update")]


def test_an_update_is_judged_as_it_is_stored() -> None:
    # The gradient's change is across the displacement but for a rise, which is lost when 1.001 is rounded to bf16.
    moved = torch.full((1, 3, SIDE, SIDE), 0.5)
    change = torch.ones_like(moved)
    change[..., ::2] = -1
    change[..., 1::2] += 1e-3
    optimizer, nowhere = made("lbfgs"), torch.zeros_like(moved)
    optimizer.step(nowhere, nowhere)
    optimizer.step(moved, change)
    assert not [name for name in optimizer.state() if name.startswith("update")]


def test_a_flat_update_that_rounding_leaves_as_it_is_does_not_count() -> None:
    moved, change = torch.zeros((2, 1, 3, SIDE, SIDE))
    moved[..., 0], change[..., 0], change[..., 1] = 1, 2**-14, 1  # a cosine of 6e-5
    optimizer, nowhere = made("lbfgs"), torch.zeros_like(moved)
    optimizer.step(nowhere, nowhere)
    optimizer.step(moved, change)
    assert not [name for name in optimizer.state() if name.startswith("update")]


@pytest.mark.parametrize("shrink", [1e-18, 1e-25, 1e18])
def test_updates_beyond_fp32_are_forgotten_and_the_slope_is_followed(shrink: float) -> None:
    optimizer, point = made("lbfgs"), random_pixels(SIDE, SIDE)
    for seed in range(6):
        gradient = quadratic_slope(point) * shrink * 10 ** (seed % 3)
        step = optimizer.step(point, gradient)
        assert torch.isfinite(step).all()
        point = (point + step).clamp(0, 1)


@pytest.mark.parametrize("kind", ["lbfgs", "adam"])
@pytest.mark.parametrize("factor", [0.0, 1e-38, 1e-20, 1e20, 1e37])
def test_steps_are_finite_whatever_the_slopes_size(kind: str, factor: float) -> None:
    optimizer, point = made(kind, learning_rate=100), random_pixels(SIDE, SIDE)
    for seed in range(4):
        step = optimizer.step(point, (random_pixels(SIDE, SIDE, seed) - 0.5) * factor)
        assert torch.isfinite(step).all()
        point = (point + step).clamp(0, 1)


def test_lbfgs_forgets_curvatures_at_the_next_scale() -> None:
    optimizer, point = made("lbfgs"), random_pixels(SIDE, SIDE)
    for _ in range(3):
        point = point + optimizer.step(point, quadratic_slope(point))
    larger = optimizer.at_scale(2 * SIDE, 2 * SIDE)
    assert not larger.state()
    assert len(optimizer.state()) == 2 * 3  # the old one stays as it is: two updates and the last point


def test_adam_takes_its_moments_along_to_the_next_scale() -> None:
    adam = made("adam")
    for seed in range(3):
        adam.step(random_pixels(4, 8), random_pixels(4, 8, seed))
    before = {name: tensor.clone() for name, tensor in adam.state().items()}
    state = adam.at_scale(16, 8).state()
    assert state["mean"].shape == state["square"].shape == (1, 3, 8, 16)
    assert state["square"].min() >= 0
    assert state["mean"].mean() == pytest.approx(float(before["mean"].mean()), rel=0.05)
    assert int(state["steps"]) == 3
    assert all(torch.equal(before[name], tensor) for name, tensor in adam.state().items())


def test_an_adam_that_has_not_begun_has_nothing_to_take_along() -> None:
    fresh = made("adam").at_scale(8, 8)
    gradient = random_pixels(8, 8) - 0.5
    assert torch.equal(fresh.step(gradient, gradient), made("adam").step(gradient, gradient))


def test_an_adam_that_ran_out_of_memory_in_a_step_takes_it_again(monkeypatch: pytest.MonkeyPatch) -> None:
    calm, starved, point = made("adam"), made("adam"), random_pixels(SIDE, SIDE)
    for seed in range(3):
        gradient = random_pixels(SIDE, SIDE, seed) - 0.5
        with monkeypatch.context() as patch, pytest.raises(MemoryError):
            patch.setattr(Tensor, "sqrt", _out_of_memory)
            starved.step(point, gradient)
        assert torch.equal(starved.step(point, gradient), calm.step(point, gradient))


def _out_of_memory(*_: object) -> Tensor:
    raise MemoryError


def test_no_pixel_moves_far_in_one_step_of_lbfgs_however_steep_its_slope() -> None:
    optimizer, point = made("lbfgs", learning_rate=50), random_pixels(SIDE, SIDE)
    for _ in range(6):
        slope = quadratic_slope(point)
        slope[..., 0, 0] *= 1e4
        step = optimizer.step(point, slope)
        assert step.abs().max() == pytest.approx(0.1)
        point = (point + step).clamp(0, 1)
