"""The optimisation of the pixels at one scale, by L-BFGS or Adam."""

import math
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional as F

from stylegram.common.errors import NonFinite
from stylegram.common.hyperparameters import Hyperparameters
from stylegram.stylizer.engine.losses import Losses, Objective

OnEvaluation = Callable[[Losses, Tensor], None]


@dataclass(frozen=True)
class Moments:
    """Adam's running means of the gradient and of its square, and how many steps they have seen."""

    mean: Tensor
    square: Tensor
    steps: Tensor

    def resized(self, height: int, width: int) -> "Moments":
        """The moments at another scale; without them the first steps there would undo the scale before."""
        mean, square = (F.interpolate(each, (height, width), mode="bilinear") for each in (self.mean, self.square))
        return Moments(mean, square, self.steps.clone())


class Minimiser:
    """Minimises one objective after another, coarse to fine.

    Args:
        hyperparameters: the optimiser and its settings.
        on_evaluation: told of the losses and the picture at each evaluation; what it raises ends the work.
    """

    def __init__(self, hyperparameters: Hyperparameters, on_evaluation: OnEvaluation) -> None:
        self._hyperparameters = hyperparameters
        self._on_evaluation = on_evaluation
        self._moments: Moments | None = None
        self._best: Tensor | None = None
        # Only the weights' proportions are to matter, but L-BFGS and Adam know gradients that are too small for them.
        weights = (hyperparameters.content_weight, hyperparameters.style_weight, hyperparameters.tv_weight)
        self._scale = 1 / sum(weights)

    def minimise(self, image: Tensor, objective: Objective, evaluations: int) -> Tensor:
        """Improve the picture by that many evaluations of loss and gradient.

        Args:
            image: where to start, shape (1, 3, H, W), in 0 … 1; it stays as it is.
            objective: the loss at this scale.
            evaluations: 0 gives the picture back as it came.

        Returns:
            The picture, in 0 … 1: the last one, or the best one where the loss was rising at the end.

        Raises:
            NonFinite: a loss or a gradient is not a number.
        """
        self._lowest, self._best, self._rose = math.inf, None, False
        pixels = image.clone().requires_grad_()
        if self._hyperparameters.optimizer == "lbfgs":
            # L-BFGS flattens gradients by view, which those of channels-last convolutions do not allow.
            pixels.register_hook(Tensor.contiguous)
            self._lbfgs(pixels, objective, evaluations)
        else:
            self._adam(pixels, objective, evaluations)
        # The last step has not been evaluated. After one that rose it is not to be trusted: without a line search an
        # optimiser may end worse than it was.
        picture = self._best if self._rose and self._best is not None else pixels.detach()
        return picture.clamp_(0, 1)

    def _lbfgs(self, pixels: Tensor, objective: Objective, evaluations: int) -> None:
        done = 0

        def evaluate() -> Tensor:
            nonlocal done
            done += 1
            return self._evaluate(pixels, objective)

        while done < evaluations:
            # Gives up early where its model of the curvature has gone wrong: it begins anew with what is left.
            optimizer = torch.optim.LBFGS(
                [pixels],
                lr=self._hyperparameters.step_size,
                max_iter=evaluations - done,
                max_eval=evaluations - done,
                history_size=self._hyperparameters.history_size,
                tolerance_grad=0,
                tolerance_change=0,
            )
            optimizer.step(evaluate)

    def _adam(self, pixels: Tensor, objective: Objective, evaluations: int) -> None:
        settings = self._hyperparameters
        optimizer = torch.optim.Adam(
            [pixels], lr=settings.step_size, betas=(settings.beta_1, settings.beta_2), eps=settings.epsilon
        )
        if self._moments:
            moments = self._moments.resized(*pixels.shape[-2:])
            optimizer.state[pixels] = {"exp_avg": moments.mean, "exp_avg_sq": moments.square, "step": moments.steps}
        for _ in range(evaluations):
            optimizer.step(lambda: self._evaluate(pixels, objective))
        if state := optimizer.state[pixels]:
            self._moments = Moments(state["exp_avg"], state["exp_avg_sq"], state["step"])

    def _evaluate(self, pixels: Tensor, objective: Objective) -> Tensor:
        # Clipping at every evaluation, not once at the end: the loss is then that of a picture that can be shown,
        # and it ends lower, though L-BFGS does not know that its steps were shortened.
        with torch.no_grad():
            pixels.clamp_(0, 1)
        pixels.grad = None
        losses = objective(pixels)
        (losses.total * self._scale).backward()
        if pixels.grad is None or not torch.isfinite(losses.total) or not torch.isfinite(pixels.grad).all():
            raise NonFinite(
                f"The optimisation left the finite numbers at {pixels.shape[-1]}×{pixels.shape[-2]} pixels."
            )
        total = losses.total.detach()
        self._rose = float(total) > self._lowest
        if not self._rose:
            self._lowest, self._best = float(total), pixels.detach().clone()
        self._on_evaluation(losses, pixels.detach())
        return total
