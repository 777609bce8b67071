from typing import Any, Literal

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from stylegram.common.errors import NonFinite
from stylegram.common.hyperparameters import Hyperparameters
from stylegram.stylizer.engine.backbone import Backbone
from stylegram.stylizer.engine.losses import Losses, Objective
from stylegram.stylizer.engine.optimize import Minimiser
from stylegram.stylizer.engine.weights import StateDict
from stylizer_fakes import CPU, SHALLOW, random_pixels

OPTIMIZERS = ("lbfgs", "adam")


class Quadratic(Objective):
    """An objective of which everything is known: the mean squared distance from a grey."""

    def __init__(self, target: float = 0.7, factor: float = 1.0) -> None:
        self.target = target
        self.factor = factor

    def __call__(self, image: Tensor) -> Losses:
        total = self.factor * ((image - self.target) ** 2).mean()
        return Losses(total, total, total, total, {})


class Broken(Quadratic):
    """Finite until its n-th evaluation."""

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


class Diary:
    """What the minimiser said."""

    def __init__(self) -> None:
        self.totals: list[float] = []
        self.pictures: list[Tensor] = []

    def __call__(self, losses: Losses, pixels: Tensor) -> None:
        self.totals.append(float(losses.total.detach()))
        self.pictures.append(pixels.clone())


def minimiser(optimizer: str, **settings: Any) -> tuple[Minimiser, Diary]:
    diary = Diary()
    return Minimiser(Hyperparameters.model_validate({"optimizer": optimizer, **SHALLOW, **settings}), diary), diary


@settings(deadline=None)
@given(st.sampled_from(OPTIMIZERS), st.integers(0, 25), st.sampled_from([0.0, 1e-9, 1.0, 1e9]))
def test_evaluations_are_counted_exactly(optimizer: Literal["lbfgs", "adam"], evaluations: int, factor: float) -> None:
    # A factor of 0 has no slope anywhere, and a quadratic is solved before the count is out: L-BFGS gives up early.
    minimise, diary = minimiser(optimizer)
    minimise.minimise(random_pixels(4, 4), Quadratic(factor=factor), evaluations)
    assert len(diary.totals) == evaluations


@pytest.mark.parametrize("optimizer", OPTIMIZERS)
def test_no_evaluations_give_the_picture_back(optimizer: str) -> None:
    image = random_pixels(4, 4)
    minimise, diary = minimiser(optimizer)
    assert torch.equal(minimise.minimise(image, Quadratic(), 0), image)
    assert not diary.totals


@pytest.mark.parametrize("optimizer", OPTIMIZERS)
def test_the_loss_falls_and_the_start_stays_as_it_is(state: StateDict, optimizer: str) -> None:
    content, style = random_pixels(32, 32, 0), random_pixels(32, 32, 1) ** 3
    hyperparameters = Hyperparameters(optimizer="lbfgs" if optimizer == "lbfgs" else "adam", **SHALLOW)
    layers = (*hyperparameters.content_layers, *hyperparameters.style_layers)
    objective = Objective(
        Backbone(state, layers, pooling="avg", precision="fp32", device=CPU), content, style, hyperparameters
    )
    before = content.clone()
    diary = Diary()
    painted = Minimiser(hyperparameters, diary).minimise(content, objective, 20)
    assert torch.equal(content, before)
    assert float(objective(painted).total) < 0.5 * diary.totals[0]
    assert not painted.requires_grad


@pytest.mark.parametrize("optimizer", OPTIMIZERS)
def test_every_picture_on_the_way_can_be_shown(optimizer: str) -> None:
    minimise, diary = minimiser(optimizer, learning_rate=50)
    painted = minimise.minimise(random_pixels(4, 4), Quadratic(target=3), 8)
    for picture in (*diary.pictures, painted):
        assert picture.min() >= 0
        assert picture.max() <= 1


@pytest.mark.parametrize("optimizer", OPTIMIZERS)
def test_the_weights_proportions_count_and_not_their_size(optimizer: str, state: StateDict) -> None:
    content, style = random_pixels(32, 32, 0), random_pixels(32, 32, 1) ** 3
    ends = []
    for factor in (1e-7, 1, 1e7):
        weights = {"content_weight": 0.1 * factor, "style_weight": factor, "tv_weight": 0.02 * factor}
        hyperparameters = Hyperparameters.model_validate({"optimizer": optimizer, **SHALLOW, **weights})
        layers = (*hyperparameters.content_layers, *hyperparameters.style_layers)
        backbone = Backbone(state, layers, pooling="avg", precision="fp32", device=CPU)
        objective = Objective(backbone, content, style, hyperparameters)
        painted = Minimiser(hyperparameters, Diary()).minimise(content, objective, 15)
        ends.append(float(objective(painted).style))
    assert ends == pytest.approx([ends[1]] * 3, rel=0.05)


def test_adams_moments_are_carried_to_the_next_scale() -> None:
    image = torch.full((1, 3, 8, 8), 0.5)
    carried, _ = minimiser("adam", learning_rate=0.01)
    carried.minimise(image, Quadratic(target=1), 10)
    fresh, _ = minimiser("adam", learning_rate=0.01)
    larger = torch.full((1, 3, 16, 16), 0.5)
    # One step against the slope so far: a fresh Adam follows the new slope at once, one with moments is slow to turn.
    turned = carried.minimise(larger, Quadratic(target=0), 1)
    at_once = fresh.minimise(larger, Quadratic(target=0), 1)
    assert at_once.mean() == pytest.approx(0.49, abs=1e-4)
    assert turned.mean() > 0.5


def test_adams_moments_are_resized_by_area_and_keep_their_steps() -> None:
    minimise, _ = minimiser("adam")
    minimise.minimise(random_pixels(8, 4), Quadratic(), 3)
    first = minimise._moments
    assert first is not None
    resized = first.resized(16, 8)
    assert tuple(resized.mean.shape) == tuple(resized.square.shape) == (1, 3, 16, 8)
    assert resized.square.min() >= 0
    assert resized.steps == first.steps == 3
    minimise.minimise(random_pixels(16, 8), Quadratic(), 2)
    assert minimise._moments is not None
    assert minimise._moments.steps == 5
    assert first.steps == 3


@pytest.mark.parametrize("optimizer", OPTIMIZERS)
@pytest.mark.parametrize("gradient_only", [False, True])
def test_leaving_the_finite_numbers_is_told_before_it_is_reported(optimizer: str, gradient_only: bool) -> None:
    minimise, diary = minimiser(optimizer)
    with pytest.raises(NonFinite, match="6×4 pixels"):
        minimise.minimise(random_pixels(4, 6), Broken(3, gradient_only=gradient_only), 9)
    assert len(diary.totals) == 2


@pytest.mark.parametrize("optimizer", OPTIMIZERS)
def test_what_the_listener_raises_ends_the_work(optimizer: str) -> None:
    class Enough(Exception):
        pass

    def listen(losses: Losses, pixels: Tensor) -> None:
        raise Enough

    hyperparameters = Hyperparameters.model_validate({"optimizer": optimizer})
    with pytest.raises(Enough):
        Minimiser(hyperparameters, listen).minimise(random_pixels(4, 4), Quadratic(), 5)
