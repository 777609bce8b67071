"""The optimisation of the pixels, one scale after another."""

import math
from collections.abc import Callable
from functools import partial

import torch
from torch import Tensor

from stylegram.common.errors import NonFinite
from stylegram.common.hyperparameters import Hyperparameters
from stylegram.stylizer.engine.cuda_graphs import Evaluate, record
from stylegram.stylizer.engine.losses import Losses
from stylegram.stylizer.engine.optimizers import Optimizer, make_optimizer

OnEvaluation = Callable[[Losses, Tensor], None]


class Minimiser:
    """Minimises one objective after another, coarse to fine. What ends it leaves it as it was after the last
    evaluation: `run` goes on from there, with the same objective or one that computes the same in another way.

    Args:
        hyperparameters: the optimiser and its settings.
        on_evaluation: told of the losses and the picture at each evaluation; what it raises ends the work.
    """

    def __init__(self, hyperparameters: Hyperparameters, on_evaluation: OnEvaluation) -> None:
        self._hyperparameters = hyperparameters
        self._on_evaluation = on_evaluation
        self._optimizer: Optimizer | None = None
        # Only the weights' proportions are to matter, but optimisers know gradients that are too small for them. What
        # is far below the bound, fp32 knows neither.
        weights = (hyperparameters.content_weight, hyperparameters.style_weight, hyperparameters.tv_weight)
        self._factor = 1 / max(sum(weights), 1e-30)

    def begin(self, image: Tensor) -> None:
        """Start a scale.

        Args:
            image: where to start, shape (1, 3, H, W), in 0 … 1; it stays as it is.
        """
        height, width = image.shape[-2:]
        carried = self._optimizer and self._optimizer.at_scale(width, height)
        self._optimizer = carried or make_optimizer(self._hyperparameters, width, height)
        self._pixels = image
        self._slope: Tensor | None = None
        self._done, self._lowest, self._best = 0, math.inf, image

    def run(self, objective: Callable[[Tensor], Losses], evaluations: int) -> Tensor:
        """Improve the picture until that many evaluations of loss and gradient are done at this scale.

        Args:
            objective: the loss at this scale.
            evaluations: 0 gives the picture back as it came.

        Returns:
            The picture, in 0 … 1: the last one, or the best one where the loss was rising at the end.

        Raises:
            NonFinite: a loss or a gradient is not a number.
        """
        evaluate: Evaluate = partial(self._evaluate, objective)
        if self._hyperparameters.cuda_graphs and self._done < evaluations:
            evaluate = record(evaluate, self._pixels)
        while self._done < evaluations:
            self._move()
            losses, slope = evaluate(self._pixels)
            if not torch.isfinite(losses.total) or not torch.isfinite(slope).all():
                height, width = slope.shape[-2:]
                raise NonFinite(f"The optimisation left the finite numbers at {width}×{height} pixels.")
            self._done += 1
            self._slope = slope
            total = float(losses.total.detach())
            self._rose = total > self._lowest
            if not self._rose:
                self._lowest, self._best = total, self._pixels
            self._on_evaluation(losses, self._pixels)
        # The last step has not been evaluated. After one that rose it is not to be trusted: without a line search an
        # optimiser may end worse than it was.
        if self._slope is None or self._rose:
            return self._best
        self._move()
        return self._pixels

    def state(self) -> dict[str, Tensor]:
        """All that a later `run` depends on; for `restore` of another minimiser of the same hyperparameters. Some of
        the tensors share their memory."""
        assert self._optimizer is not None and self._slope is not None
        numbers = torch.tensor((self._done, self._lowest, self._rose), dtype=torch.float64)
        own = {"pixels": self._pixels, "slope": self._slope, "numbers": numbers}
        if self._rose:  # else it is the picture itself
            own["best"] = self._best
        return own | {f"optimizer.{name}": tensor for name, tensor in self._optimizer.state().items()}

    def restore(self, state: dict[str, Tensor]) -> None:
        """Go on where another one was.

        Raises:
            KeyError: there is something missing.
        """
        self._pixels, self._slope = state["pixels"].clone(), state["slope"].clone()
        done, self._lowest, rose = state["numbers"].tolist()
        self._done, self._rose = int(done), bool(rose)
        self._best = state["best"].clone() if self._rose else self._pixels
        height, width = self._pixels.shape[-2:]
        self._optimizer = make_optimizer(self._hyperparameters, width, height)
        prefix = "optimizer."
        self._optimizer.restore(
            {name.removeprefix(prefix): each for name, each in state.items() if name.startswith(prefix)}
        )

    def _move(self) -> None:
        if self._slope is None:
            return
        assert self._optimizer is not None
        # Clipping after every step, not once at the end: the loss is then that of a picture that can be shown, and it
        # ends lower.
        self._pixels = self._optimizer.step(self._pixels, self._slope).add_(self._pixels).clamp_(0, 1)
        self._slope = None

    def _evaluate(self, objective: Callable[[Tensor], Losses], picture: Tensor) -> tuple[Losses, Tensor]:
        pixels = picture.detach().requires_grad_()
        losses = objective(pixels)
        (slope,) = torch.autograd.grad(losses.total * self._factor, pixels)
        return losses, slope.contiguous()
