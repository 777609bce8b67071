from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from engine_fakes import Enough, cheap, objective_for
from stylegram.common.errors import NonFinite
from stylegram.stylizer.engine.losses import Losses
from stylegram.stylizer.engine.models.weights import Weights
from stylegram.stylizer.engine.optimize import Minimiser
from stylizer_fakes import random_pixels

OPTIMIZERS = ("lbfgs", "adam")


class Quadratic:
    """An objective of which everything is known: the mean squared distance from a grey."""

    def __init__(self, target: float = 0.7, factor: float = 1.0) -> None:
        self.target = target
        self.factor = factor

    def __call__(self, image: Tensor) -> Losses:
        total = self.factor * ((image - self.target) ** 2).mean()
        return Losses(total, total, total, total, {})


class Broken(Quadratic):
    """Finite but for its n-th evaluation."""

    def __init__(self, at: int, *, gradient_only: bool = False) -> None:
        super().__init__()
        self.left = at
        self.gradient_only = gradient_only

    def __call__(self, image: Tensor) -> Losses:
        self.left -= 1
        if self.left:
            return super().__call__(image)
        # The root's slope at 0 is infinite, its value is not.
        total = (image * 0).sqrt().sum() if self.gradient_only else (image * float("nan")).sum()
        return Losses(total, total, total, total, {})


class Scripted:
    """Losses that follow a script, with a slope that leads the picture on."""

    def __init__(self, *totals: float) -> None:
        self.totals = list(totals)

    def __call__(self, image: Tensor) -> Losses:
        total = image.mean() - image.mean().detach() + self.totals.pop(0)
        return Losses(total, total, total, total, {})


class Diary:
    """What the minimiser said."""

    def __init__(self) -> None:
        self.totals: list[float] = []
        self.pictures: list[Tensor] = []

    def __call__(self, losses: Losses, pixels: Tensor) -> None:
        self.totals.append(float(losses.total.detach()))
        self.pictures.append(pixels.clone())


def begun(optimizer: str, image: Tensor | None = None, **values: Any) -> tuple[Minimiser, Diary]:
    """A minimiser at the start of a scale, and what it says."""
    diary = Diary()
    minimiser = Minimiser(cheap(optimizer=optimizer, **values), diary)
    minimiser.begin(random_pixels(4, 4) if image is None else image)
    return minimiser, diary


@settings(deadline=None)
@given(st.sampled_from(OPTIMIZERS), st.integers(0, 25), st.sampled_from([0.0, 1e-9, 1.0, 1e9]))
def test_evaluations_are_counted_exactly(optimizer: str, evaluations: int, factor: float) -> None:
    # A factor of 0 has no slope anywhere, and a quadratic is solved before the count is out.
    minimiser, diary = begun(optimizer)
    minimiser.run(Quadratic(factor=factor), evaluations)
    assert len(diary.totals) == evaluations


@pytest.mark.parametrize("optimizer", OPTIMIZERS)
def test_no_evaluations_give_the_picture_back(optimizer: str) -> None:
    image = random_pixels(4, 4)
    minimiser, diary = begun(optimizer, image)
    assert torch.equal(minimiser.run(Quadratic(), 0), image)
    assert not diary.totals


@pytest.mark.parametrize("optimizer", OPTIMIZERS)
def test_the_loss_falls_and_the_start_stays_as_it_is(weights: Weights, optimizer: str) -> None:
    content, style = random_pixels(32, 32, 0), random_pixels(32, 32, 1) ** 3
    objective = objective_for(weights, cheap(), content, style)
    before = content.clone()
    minimiser, diary = begun(optimizer, content)
    painted = minimiser.run(objective, 20)
    assert torch.equal(content, before)
    assert float(objective(painted).total) < 0.5 * diary.totals[0]
    assert not painted.requires_grad


@pytest.mark.parametrize("optimizer", OPTIMIZERS)
def test_every_picture_on_the_way_can_be_shown(optimizer: str) -> None:
    minimiser, diary = begun(optimizer, learning_rate=50)
    painted = minimiser.run(Quadratic(target=3), 8)
    for picture in (*diary.pictures, painted):
        assert picture.min() >= 0
        assert picture.max() <= 1


@pytest.mark.parametrize("optimizer", OPTIMIZERS)
def test_the_weights_proportions_count_and_not_their_size(weights: Weights, optimizer: str) -> None:
    content, style = random_pixels(32, 32, 0), random_pixels(32, 32, 1) ** 3
    ends = []
    for factor in (1e-20, 1, 1e7):
        values = {"content_weight": 0.1 * factor, "style_weight": factor, "tv_weight": 0.02 * factor}
        objective = objective_for(weights, cheap(**values), content, style)
        minimiser, _ = begun(optimizer, content, **values)
        ends.append(float(objective(minimiser.run(objective, 15)).style))
    assert ends == pytest.approx([ends[1]] * 3, rel=0.05)


@pytest.mark.parametrize("optimizer", OPTIMIZERS)
@pytest.mark.parametrize("weight", [5e-324, 1e-300, 1e-40])
def test_weights_that_fp32_cannot_hold_leave_the_numbers_finite(
    weights: Weights, optimizer: str, weight: float
) -> None:
    content, style = random_pixels(32, 32, 0), random_pixels(32, 32, 1)
    values = {"content_weight": 0, "style_weight": weight, "tv_weight": 0}
    if sum(cheap(style_weight=1).style_shares) * weight == 0:
        pytest.skip("these hyperparameters are refused")
    minimiser, _ = begun(optimizer, content, **values)
    assert torch.isfinite(minimiser.run(objective_for(weights, cheap(**values), content, style), 4)).all()


@pytest.mark.parametrize("optimizer", OPTIMIZERS)
def test_the_best_picture_is_given_where_the_loss_was_rising_at_the_end(optimizer: str) -> None:
    minimiser, diary = begun(optimizer, learning_rate=0.01)
    assert torch.equal(minimiser.run(Scripted(5, 3, 1, 2, 4), 5), diary.pictures[2])


@pytest.mark.parametrize("optimizer", OPTIMIZERS)
def test_the_last_step_is_taken_where_the_loss_was_falling(optimizer: str) -> None:
    minimiser, diary = begun(optimizer, learning_rate=0.01)
    painted = minimiser.run(Scripted(5, 7, 4, 3), 4)
    # It is a step further than the last picture that was evaluated.
    assert painted.mean() < diary.pictures[-1].mean()


def test_adams_moments_are_carried_to_the_next_scale() -> None:
    image = torch.full((1, 3, 8, 8), 0.5)
    larger = torch.full((1, 3, 16, 16), 0.5)
    carried, _ = begun("adam", image, learning_rate=0.01)
    carried.run(Quadratic(target=1), 10)
    carried.begin(larger)
    fresh, _ = begun("adam", larger, learning_rate=0.01)
    # One step against the slope so far: a fresh Adam follows the new slope at once, one with moments is slow to turn.
    turned, at_once = (minimiser.run(Quadratic(target=0), 1) for minimiser in (carried, fresh))
    assert at_once.mean() == pytest.approx(0.49, abs=1e-4)
    assert turned.mean() > 0.5


def test_lbfgs_begins_each_scale_anew() -> None:
    used, _ = begun("lbfgs")
    used.run(Quadratic(), 5)
    used.begin(random_pixels(6, 6))
    fresh, _ = begun("lbfgs", random_pixels(6, 6))
    assert torch.equal(used.run(Quadratic(), 5), fresh.run(Quadratic(), 5))


@pytest.mark.parametrize("optimizer", OPTIMIZERS)
@pytest.mark.parametrize("gradient_only", [False, True])
def test_leaving_the_finite_numbers_is_told_before_it_is_reported(optimizer: str, *, gradient_only: bool) -> None:
    minimiser, diary = begun(optimizer, random_pixels(4, 6))
    with pytest.raises(NonFinite, match="6×4 pixels"):
        minimiser.run(Broken(3, gradient_only=gradient_only), 9)
    assert len(diary.totals) == 2


@pytest.mark.parametrize("optimizer", OPTIMIZERS)
@pytest.mark.parametrize("fails_at", [1, 2, 6])
def test_after_a_failure_it_goes_on_as_if_there_had_been_none(optimizer: str, fails_at: int) -> None:
    calm, calm_diary = begun(optimizer)
    expected = calm.run(Quadratic(), 6)
    minimiser, diary = begun(optimizer)
    with pytest.raises(NonFinite):
        minimiser.run(Broken(fails_at), 6)
    assert torch.equal(minimiser.run(Quadratic(), 6), expected)
    assert diary.totals == calm_diary.totals


@pytest.mark.parametrize("optimizer", OPTIMIZERS)
@pytest.mark.parametrize("evaluations", [1, 3, 6])
def test_one_that_was_restored_goes_on_to_the_same_picture(optimizer: str, evaluations: int) -> None:
    whole, _ = begun(optimizer)
    expected = whole.run(Quadratic(), 6)
    first, _ = begun(optimizer)
    first.run(Quadratic(), evaluations - 1)
    states: list[dict[str, Tensor]] = []

    def listen(losses: Losses, pixels: Tensor) -> None:
        # As bytes would be: what happens later does not change them.
        states.append({name: tensor.clone() for name, tensor in interrupted.state().items()})
        if len(states) == evaluations:
            raise Enough

    interrupted = Minimiser(cheap(optimizer=optimizer), listen)
    interrupted.begin(random_pixels(4, 4))
    with pytest.raises(Enough):
        interrupted.run(Quadratic(), 6)
    second = Minimiser(cheap(optimizer=optimizer), Diary())
    second.restore(states[-1])
    assert torch.equal(second.run(Quadratic(), 6), expected)


def test_a_minimiser_that_was_restored_shares_no_pixels_with_the_state() -> None:
    first, _ = begun("adam")
    state: dict[str, Tensor] = {}

    def listen(losses: Losses, pixels: Tensor) -> None:
        state.update({name: tensor.clone() for name, tensor in minimiser.state().items()})

    minimiser = Minimiser(cheap(optimizer="adam"), listen)
    minimiser.begin(random_pixels(4, 4))
    minimiser.run(Quadratic(), 1)
    before = {name: tensor.clone() for name, tensor in state.items()}
    first.restore(state)
    first.run(Quadratic(), 4)
    assert all(torch.equal(before[name], tensor) for name, tensor in state.items())


@pytest.mark.parametrize("optimizer", OPTIMIZERS)
def test_what_the_listener_raises_ends_the_work(optimizer: str) -> None:
    def listen(losses: Losses, pixels: Tensor) -> None:
        raise Enough

    minimiser = Minimiser(cheap(optimizer=optimizer), listen)
    minimiser.begin(random_pixels(4, 4))
    with pytest.raises(Enough):
        minimiser.run(Quadratic(), 5)


@pytest.mark.parametrize("optimizer", OPTIMIZERS)
def test_the_best_picture_is_stored_only_where_it_is_not_the_last(optimizer: str) -> None:
    stored: list[bool] = []
    minimiser = Minimiser(cheap(optimizer=optimizer), lambda *_: stored.append("best" in minimiser.state()))
    minimiser.begin(random_pixels(4, 4))
    minimiser.run(Scripted(5, 3, 4, 2), 4)
    assert stored == [False, False, True, False]


@pytest.mark.parametrize("optimizer", OPTIMIZERS)
@pytest.mark.parametrize("cut", [1, 2, 3])
def test_the_best_picture_survives_an_interruption(optimizer: str, cut: int) -> None:
    script = (5, 3, 4, 6)
    states: list[dict[str, Tensor]] = []
    first = Minimiser(cheap(optimizer=optimizer), lambda *_: states.append(first.state()))
    first.begin(random_pixels(4, 4))
    expected = first.run(Scripted(*script), 4)
    second = Minimiser(cheap(optimizer=optimizer), Diary())
    second.restore({name: tensor.clone() for name, tensor in states[cut - 1].items()})
    assert torch.equal(second.run(Scripted(*script[cut:]), 4), expected)
