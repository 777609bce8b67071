"""Optimisers of a picture's pixels: gradients in, steps out, one at a time.

Their state is plain tensors, so that it can be saved after any step and resized to the next scale.
"""

from collections import deque
from typing import Protocol, Self

import torch
from torch import Tensor
from torch.nn import functional as F

from stylegram.common.hyperparameters import Hyperparameters

_FIRST_STEP = 0.02
"""Root mean square change of a pixel in L-BFGS's first step, before any curvature is known: five grey levels."""
_LEAST_CURVATURE = 1e-10
"""Relative; an update below it says nothing but rounding."""
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

    def history_bytes(self, width: int, height: int) -> int:
        """What it remembers at most of pictures of that size."""

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


class LBFGS:
    """L-BFGS (Liu & Nocedal 1989, "On the limited memory BFGS method for large scale optimization") without a line
    search: each step costs one evaluation, and a fixed step length suits the curvature that it has learned.

    Deviations: displacements are measured after the picture was clipped, not as they were meant; the first step goes as
    far as one of Adam's; and updates are remembered in bf16, whose rounding they survive, in half the memory.

    Args:
        hyperparameters: step size and how many updates to remember.
        width: of the pictures; large ones have room for fewer updates.
        height: likewise.
    """

    def __init__(self, hyperparameters: Hyperparameters, width: int, height: int) -> None:
        self._hyperparameters = hyperparameters
        room = _HISTORY_BYTES // _update_bytes(width, height)
        size = min(hyperparameters.history_size, max(_LEAST_HISTORY, room))
        self._updates: deque[tuple[Tensor, Tensor]] = deque(maxlen=size)
        self._last: tuple[Tensor, Tensor] | None = None

    def step(self, point: Tensor, gradient: Tensor) -> Tensor:
        """See `Optimizer`."""
        if self._last is not None:
            moved, change = point - self._last[0], gradient - self._last[1]
            if _dot(moved, change) > _LEAST_CURVATURE * (_dot(moved, moved) * _dot(change, change)).sqrt():
                self._updates.append((moved.bfloat16(), change.bfloat16()))
        self._last = (point, gradient)
        step = self._times_inverse(gradient).mul_(-self._hyperparameters.step_size)
        if not torch.isfinite(step).all():
            # Updates that almost cancel out can exceed fp32; without them it is a step along the slope.
            self._updates.clear()
            step = self._times_inverse(gradient).mul_(-self._hyperparameters.step_size)
        return step

    def at_scale(self, width: int, height: int) -> "LBFGS":
        """A new one: curvatures are those of the pixels there."""
        return LBFGS(self._hyperparameters, width, height)

    def history_bytes(self, width: int, height: int) -> int:
        """See `Optimizer`."""
        return (self._updates.maxlen or 0) * _update_bytes(width, height)

    def state(self) -> dict[str, Tensor]:
        """See `Optimizer`."""
        pairs = (*self._updates, *([self._last] if self._last else []))
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
        self._updates.extend(pair(f"update{index}") for index in range(len(names - {"last"})))
        self._last = pair("last") if "last" in names else None

    def _times_inverse(self, gradient: Tensor) -> Tensor:
        """The gradient times the inverse curvature: the two-loop recursion (Nocedal & Wright 2006, algorithm 7.4)."""
        if not self._updates:
            return gradient * (_FIRST_STEP / gradient.square().mean().sqrt().clamp(min=1e-30))
        result = gradient.clone()
        factors = []
        for moved, change in reversed(self._updates):
            factor = _dot(moved, result) / _dot(moved, change)
            result.addcmul_(change, -factor)
            factors.append(factor)
        moved, change = self._updates[-1]
        result *= _dot(moved, change) / _dot(change, change)
        for (moved, change), factor in zip(self._updates, reversed(factors), strict=True):
            result.addcmul_(moved, factor - _dot(change, result) / _dot(moved, change))
        return result


class Adam:
    """Adam (Kingma & Ba 2015, algorithm 1).

    Args:
        hyperparameters: step size, decays and ε.
    """

    def __init__(self, hyperparameters: Hyperparameters) -> None:
        self._hyperparameters = hyperparameters
        # Two of them: where tensors are stored, none may share another's memory.
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

    def history_bytes(self, width: int, height: int) -> int:
        """See `Optimizer`."""
        return 2 * _update_bytes(width, height)  # in fp32

    def state(self) -> dict[str, Tensor]:
        """See `Optimizer`."""
        return {"mean": self._mean, "square": self._square, "steps": torch.tensor(self._steps)}

    def restore(self, state: dict[str, Tensor]) -> None:
        """See `Optimizer`."""
        self._mean, self._square, self._steps = state["mean"], state["square"], int(state["steps"])


def _update_bytes(width: int, height: int) -> int:
    """An update of L-BFGS: two pictures in bf16."""
    return 2 * 2 * 3 * width * height


def _dot(a: Tensor, b: Tensor) -> Tensor:
    return torch.dot(a.flatten().float(), b.flatten().float())
