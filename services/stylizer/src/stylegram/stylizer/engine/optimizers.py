"""Optimisers of a picture's pixels: gradients in, steps out, one at a time.

Their state is plain tensors, so that it can be saved after any step and resized to the next scale.
"""

from collections import deque
from typing import NamedTuple, Protocol, Self

import torch
from torch import Tensor
from torch.nn import functional as F

from stylegram.common.hyperparameters import Hyperparameters

_FIRST_STEP = 0.02
"""Root mean square change of a pixel in L-BFGS's first step, before any curvature is known: five grey levels."""
_LONGEST_STEP = 0.1
"""Most that a pixel may change in one of L-BFGS's steps. Where a picture has more contrast than elsewhere, slopes are
steeper than the curvature learned there, and longer steps leave confetti that takes dozens of evaluations to heal."""
_LEAST_CURVATURE = 1e-4
"""Cosine between a displacement and the gradient's change; an update below it says little but rounding."""
_HISTORY_BYTES = 256_000_000
_LEAST_HISTORY = 4


class Optimizer(Protocol):
    """Turns gradients into steps."""

    def step(self, point: Tensor, gradient: Tensor) -> Tensor:
        """What to add to `point`, where the loss has that gradient; all of shape (1, 3, H, W).

        The point need not be where the last step led: the picture is clipped to 0 … 1 in between. Both are kept, and
        must stay as they are.
        """

    def at_scale(self, width: int, height: int) -> Self:
        """The optimiser for the next scale, with what holds there of what it learned."""

    def state(self) -> dict[str, Tensor]:
        """All that it remembers."""

    def restore(self, state: dict[str, Tensor]) -> None:
        """Remember that instead.

        Raises:
            KeyError: there is something missing.
        """


def make_optimizer(hyperparameters: Hyperparameters, width: int, height: int) -> Optimizer:
    """The optimiser that was asked for, for pictures of that size."""
    if hyperparameters.optimizer == "adam":
        return Adam(hyperparameters)
    return LBFGS(hyperparameters, width, height)


def history_bytes(hyperparameters: Hyperparameters, width: int, height: int) -> int:
    """What that optimiser remembers at most of pictures of that size."""
    # Adam's moments are as large as two updates, being of fp32.
    updates = 2 if hyperparameters.optimizer == "adam" else _history_size(hyperparameters, width, height)
    return updates * _update_bytes(width, height)


class _Update(NamedTuple):
    """A displacement and the gradient's change along it, bf16, and their product."""

    moved: Tensor
    change: Tensor
    product: Tensor

    @classmethod
    def of(cls, moved: Tensor, change: Tensor) -> "_Update":
        moved, change = moved.bfloat16(), change.bfloat16()
        return cls(moved, change, _dot(moved, change))

    @property
    def curves_upwards(self) -> bool:
        """Whether it may be learned from: the inverse curvature stays positive."""
        bound = (_dot(self.moved, self.moved) * _dot(self.change, self.change)).sqrt()
        return bool(self.product > _LEAST_CURVATURE * bound)


class LBFGS:
    """L-BFGS (Liu & Nocedal 1989, "On the limited memory BFGS method for large scale optimization") without a line
    search: each step costs one evaluation, and a fixed step length suits the curvature that it has learned.

    Deviations: no pixel moves further than a tenth of its range in one step; displacements are measured after that, not
    as they were meant; the first step goes as far as one of Adam's; and updates are remembered in bf16, whose rounding
    they survive, in half the memory.

    Args:
        hyperparameters: step size and how many updates to remember.
        width: of the pictures; large ones have room for fewer updates.
        height: likewise.
    """

    def __init__(self, hyperparameters: Hyperparameters, width: int, height: int) -> None:
        self._hyperparameters = hyperparameters
        self._updates: deque[_Update] = deque(maxlen=_history_size(hyperparameters, width, height))
        self._last: tuple[Tensor, Tensor] | None = None

    def step(self, point: Tensor, gradient: Tensor) -> Tensor:
        """See `Optimizer`."""
        if self._last is not None:
            update = _Update.of(point - self._last[0], gradient - self._last[1])
            if update.curves_upwards:
                self._updates.append(update)
        self._last = (point, gradient)
        step = self._times_inverse(gradient).mul_(-self._hyperparameters.step_size)
        if not torch.isfinite(step).all():
            # Updates that almost cancel out can exceed fp32; without them it is a step along the slope.
            self._updates.clear()
            step = self._times_inverse(gradient).mul_(-self._hyperparameters.step_size)
        return step.clamp_(-_LONGEST_STEP, _LONGEST_STEP)

    def at_scale(self, width: int, height: int) -> "LBFGS":
        """A new one: curvatures are those of the pixels there."""
        return LBFGS(self._hyperparameters, width, height)

    def state(self) -> dict[str, Tensor]:
        """See `Optimizer`."""
        pairs = (*((each.moved, each.change) for each in self._updates), *([self._last] if self._last else []))
        names = [*(f"update{index}" for index in range(len(self._updates))), "last"]
        return {
            f"{name}.{part}": tensor
            for name, pair in zip(names, pairs, strict=False)
            for part, tensor in zip(("point", "gradient"), pair, strict=True)
        }

    def restore(self, state: dict[str, Tensor]) -> None:
        """See `Optimizer`."""

        def pair(name: str) -> tuple[Tensor, Tensor]:
            return state[f"{name}.point"], state[f"{name}.gradient"]

        names = {name.partition(".")[0] for name in state}
        self._updates.clear()
        self._updates.extend(_Update.of(*pair(f"update{index}")) for index in range(len(names - {"last"})))
        self._last = pair("last") if "last" in names else None

    def _times_inverse(self, gradient: Tensor) -> Tensor:
        """The gradient times the inverse curvature: the two-loop recursion (Nocedal & Wright 2006, algorithm 7.4)."""
        if not self._updates:
            return gradient * (_FIRST_STEP / gradient.square().mean().sqrt().clamp(min=1e-30))
        result = gradient.clone()
        factors = []
        for moved, change, product in reversed(self._updates):
            factor = _dot(moved, result) / product
            result.addcmul_(change, -factor)
            factors.append(factor)
        _, change, product = self._updates[-1]
        result *= product / _dot(change, change)
        for (moved, change, product), factor in zip(self._updates, reversed(factors), strict=True):
            result.addcmul_(moved, factor - _dot(change, result) / product)
        return result


class Adam:
    """Adam (Kingma & Ba 2015, algorithm 1).

    Args:
        hyperparameters: step size, decays and ε.
    """

    def __init__(self, hyperparameters: Hyperparameters) -> None:
        self._hyperparameters = hyperparameters
        self._mean, self._square = torch.zeros(()), torch.zeros(())
        self._steps = 0

    def step(self, point: Tensor, gradient: Tensor) -> Tensor:  # noqa: ARG002
        """See `Optimizer`; where the point is does not matter."""
        settings = self._hyperparameters
        steps = self._steps + 1
        mean = settings.beta_1 * self._mean.to(gradient) + (1 - settings.beta_1) * gradient
        square = settings.beta_2 * self._square.to(gradient) + (1 - settings.beta_2) * gradient.square()
        root = (square / (1 - settings.beta_2**steps)).sqrt().add_(settings.epsilon)
        step = (mean / (1 - settings.beta_1**steps)).div_(root).mul_(-settings.step_size)
        # Only now, for a step that the memory did not suffice for is taken once more.
        self._mean, self._square, self._steps = mean, square, steps
        return step

    def at_scale(self, width: int, height: int) -> "Adam":
        """With its moments: without them the first steps there would undo the scale before."""
        other = Adam(self._hyperparameters)
        other._steps = self._steps
        if self._steps:
            other._mean, other._square = (
                F.interpolate(each, (height, width), mode="bilinear") for each in (self._mean, self._square)
            )
        return other

    def state(self) -> dict[str, Tensor]:
        """See `Optimizer`."""
        return {"mean": self._mean, "square": self._square, "steps": torch.tensor(self._steps)}

    def restore(self, state: dict[str, Tensor]) -> None:
        """See `Optimizer`."""
        self._mean, self._square, self._steps = state["mean"], state["square"], int(state["steps"])


def _history_size(hyperparameters: Hyperparameters, width: int, height: int) -> int:
    """How many updates L-BFGS remembers."""
    room = _HISTORY_BYTES // _update_bytes(width, height)
    return min(hyperparameters.history_size, max(_LEAST_HISTORY, room))


def _update_bytes(width: int, height: int) -> int:
    """An update of L-BFGS: two pictures in bf16."""
    return 2 * 2 * 3 * width * height


def _dot(a: Tensor, b: Tensor) -> Tensor:
    return torch.dot(a.flatten().float(), b.flatten().float())
