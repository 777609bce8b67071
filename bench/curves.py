"""Loss over time: single-scale optimisers as others run them, and ours, all judged alike.

A picture is judged as one would see it: clipped, rounded to 8 bits, by the default objective at full size in fp32. The
judging itself is not counted. On a shared machine a second of today is not one of yesterday, so while ours paints, an
evaluation of loss and gradient in fp32 is timed now and then: it is the unit that times are compared in.
"""

import statistics
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field

import torch
from bench import measure
from bench.objective import default_weights, objective, tensors
from bench.pairs import Pair
from PIL import Image
from torch import Tensor

from stylegram.common.hyperparameters import Hyperparameters
from stylegram.stylizer.engine import Step, stylize
from stylegram.stylizer.engine.images import to_image, to_tensor
from stylegram.stylizer.engine.losses import Losses

_CPU = torch.device("cpu")

Advance = Callable[[], None]


@dataclass(frozen=True)
class Point:
    """A picture on the way.

    Args:
        evaluations: of loss and gradient so far.
        seconds: processor time so far, without judging.
        loss: as judged.
    """

    evaluations: int
    seconds: float
    loss: float


@dataclass
class Curve:
    """Loss over time.

    Args:
        points: in order of time.
        units: what an evaluation in fp32 took, in seconds, each time that it was measured on the way.
    """

    points: list[Point] = field(default_factory=list)
    units: list[float] = field(default_factory=list)

    @property
    def unit(self) -> float:
        """Seconds that an evaluation of loss and gradient in fp32 took, on average while the curve was made."""
        return statistics.mean(self.units)

    def lowest(self, evaluations: int) -> Point:
        """The best picture within so many evaluations."""
        return min((point for point in self.points if point.evaluations <= evaluations), key=lambda point: point.loss)

    def first(self, loss: float) -> Point | None:
        """The first picture at least that good."""
        return next((point for point in self.points if point.loss <= loss), None)


class Judge:
    """The default objective of a pair at full size in fp32.

    Args:
        pair: whose.
        hyperparameters: size, layers and weights.
    """

    def __init__(self, pair: Pair, hyperparameters: Hyperparameters) -> None:
        content, style = pair.pictures()
        self.objective = objective(content, style, hyperparameters.size, hyperparameters)
        self.content, self.style = tensors(content, style, hyperparameters.size)

    def losses(self, picture: Image.Image) -> Losses:
        """Those of a picture of any size; it is resized to the full one."""
        height, width = self.content.shape[-2:]
        with torch.no_grad():
            return self.objective(to_tensor(picture, (width, height), _CPU))

    def evaluate(self) -> None:
        """One evaluation of loss and gradient, for its time."""
        self.objective(self.content.clone().requires_grad_()).total.backward()


class _Stopwatch:
    """Notes points of a curve, and stands still while it does."""

    def __init__(self, judge: Judge) -> None:
        self.curve = Curve()
        self._judge = judge
        self._start = measure.clock(_CPU)

    def note(self, evaluations: int, picture: Callable[[], Image.Image]) -> Point:
        now = measure.clock(_CPU)
        point = Point(evaluations, now - self._start, float(self._judge.losses(picture()).total))
        self.curve.points.append(point)
        self._start += measure.clock(_CPU) - now
        return point

    def measure_unit(self) -> None:
        now = measure.clock(_CPU)
        self._judge.evaluate()
        seconds = measure.clock(_CPU) - now
        self.curve.units.append(seconds)
        self._start += seconds


# --- as others do it ----------------------------------------------------------------------------------------------

OPTIMISERS: dict[str, Callable[[Tensor, int], torch.optim.Optimizer]] = {
    "L-BFGS": lambda pixels, evaluations: torch.optim.LBFGS(
        [pixels], max_iter=evaluations, max_eval=evaluations, tolerance_grad=-1, tolerance_change=-1, history_size=100
    ),
    "Adam 1/255": lambda pixels, _: torch.optim.Adam([pixels], lr=1 / 255),
    "Adam 0.02": lambda pixels, _: torch.optim.Adam([pixels], lr=0.02),
}
"""As neural-style-pt runs them, but with pixels in 0 … 1 instead of 0 … 255: its Adam's step of 1 is 1/255 of that,
and 0.02 is what others take. Its L-BFGS's first step, of length 1 over all pixels together, would be lost in the
rounding of fp32 at 0 … 255: here it is one that it can learn from."""


def descend(judge: Judge, optimiser: str, evaluations: int, every: int, advance: Advance) -> Curve:
    """One scale, in fp32, from the content image; pixels may leave 0 … 1 on the way.

    Args:
        judge: whose objective is also the one that is minimised.
        optimiser: a key of `OPTIMISERS`.
        evaluations: how many.
        every: how many between two judgings.
        advance: called after each evaluation.
    """
    pixels = judge.content.clone().requires_grad_()
    pixels.register_hook(Tensor.contiguous)  # torch's L-BFGS views gradients, whatever their layout
    optimizer = OPTIMISERS[optimiser](pixels, evaluations)
    watch = _Stopwatch(judge)
    done = 0

    def evaluate() -> float:
        nonlocal done
        if done % every == 0:
            watch.note(done, lambda: to_image(pixels))
        pixels.grad = None
        loss = judge.objective(pixels).total
        loss.backward()
        done += 1
        advance()
        return float(loss.detach())

    while done < evaluations:
        optimizer.step(evaluate)
    watch.note(done, lambda: to_image(pixels))
    return watch.curve


# --- as we do it --------------------------------------------------------------------------------------------------


class _GoodEnough(Exception):  # how a run is ended, not an error
    pass


def paint(
    judge: Judge, pair: Pair, hyperparameters: Hyperparameters, loss: float, at_least: int, advance: Advance
) -> Curve:
    """`stylize` until a picture is good enough. Its time counts from the call on, so with targets and all scales, but
    without the reading of weights and without its own judging at the end.

    Args:
        judge: for the pair.
        pair: what to paint.
        hyperparameters: of the run.
        loss: good enough.
        at_least: evaluations to do in any case.
        advance: called after each evaluation.
    """
    content, style = pair.pictures()
    weights = default_weights()
    watch = _Stopwatch(judge)

    def on_step(step: Step) -> None:
        advance()
        now_and_then = step.evaluation % 10 == 0
        if now_and_then:
            watch.measure_unit()
        often = max(step.size) == hyperparameters.size and step.evaluation % 2 == 0
        if now_and_then or often or step.evaluation == at_least:
            point = watch.note(step.evaluation, lambda: step.image)
            if point.loss <= loss and step.evaluation >= at_least:
                raise _GoodEnough

    with suppress(_GoodEnough):
        stylize(content, style, hyperparameters, weights=weights, on_step=on_step)
    return watch.curve
