"""A model of both errors, learned from all pairs at once: a Gaussian process over hyperparameters and pictures.

Of an error's logarithm, a part is the pair's own (some are easier), a part depends on the hyperparameters in the same
way everywhere, and a part depends on them in this pair's own way (Bonilla, Chai & Williams 2007, "Multi-task Gaussian
process prediction"). Pairs whose pictures are alike share more of what is their own. Nothing but numpy: a few hundred
runs take a second.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from stylegram.logger.suggestions.space import Choice, Space

Array = NDArray[np.float64]

# The photograph itself has no content error at all; below a twentieth nobody sees a difference.
_OFFSET = 0.05
_SQRT5 = math.sqrt(5)
_STEPS = 80
# Spread of the prior over each logarithm of a scale, and of a step of the search for them.
_PRIOR_DEVIATION = 1.0
_STEP = 0.35
_JITTER = 1e-8


@dataclass(frozen=True)
class Prediction:
    """What is expected at some points, of the logarithm of each error beyond an offset; see `errors`.

    Args:
        mean: shape (points, 2).
        deviation: shape (points, 2).
        correlation: of what both errors are missed by.
    """

    mean: Array
    deviation: Array
    correlation: float

    def errors(self, normal: Array) -> Array:
        """Errors as they might come out.

        Args:
            normal: shape (draws, 2), of the normal distribution, independent of each other.

        Returns:
            Shape (points, draws, 2); 0 or more.
        """
        both = self.correlation * normal[:, 0] + math.sqrt(1 - self.correlation**2) * normal[:, 1]
        logs = self.mean[:, None, :] + self.deviation[:, None, :] * np.stack([normal[:, 0], both], axis=1)
        return np.maximum(np.exp(logs) - _OFFSET, 0)


class Surrogate:
    """The model, fitted.

    Args:
        space: in which all points lie.
        points: what was tried, one at least.
        pairs: of each point, the pair's number.
        errors: shape (points, 2); relative content and style error.
        likeness: shape (pairs, pairs); how much of their own two pairs share, 1 on the diagonal, positive semidefinite.
        seed: of the search for the model's scales.
    """

    def __init__(
        self,
        space: Space,
        points: Sequence[Mapping[str, Any]],
        pairs: Sequence[int],
        errors: Array,
        likeness: Array,
        *,
        seed: int = 0,
    ) -> None:
        self._space = space
        self._places = _places(space, points)
        self._pairs = np.asarray(pairs)
        self._likeness = likeness
        # Other people's exports may hold errors below 0, of which there is no logarithm.
        logs = np.log(np.maximum(errors, 0) + _OFFSET)
        self._mean, self._scale = logs.mean(axis=0), np.maximum(logs.std(axis=0), 1e-3)
        targets = (logs - self._mean) / self._scale
        distances = _distances(space, self._places, self._places)
        alike = likeness[np.ix_(self._pairs, self._pairs)]
        generator = np.random.default_rng(seed)
        self._outputs = [_fit(distances, alike, targets[:, output], generator) for output in range(2)]
        # What keeps more of the photograph than was expected has less of the painting: as if they were independent,
        # every uncertain point would promise both.
        self._correlation = _correlation(*(output.left_out for output in self._outputs))

    def predict(self, points: Sequence[Mapping[str, Any]], pair: int) -> Prediction:
        """What is expected of points on a pair."""
        distances = _distances(self._space, _places(self._space, points), self._places)
        alike = np.broadcast_to(self._likeness[pair, self._pairs], distances.shape[1:])
        means, deviations = [], []
        for output in self._outputs:
            cross = _covariance(output.scales, distances, alike)
            solved = np.linalg.solve(output.factor, cross.T)
            prior = output.scales.pair + output.scales.shared + output.scales.own
            means.append(cross @ output.weights)
            deviations.append(np.sqrt(np.maximum(prior - (solved**2).sum(axis=0), 1e-9)))
        mean = np.stack(means, axis=1) * self._scale + self._mean
        return Prediction(mean, np.stack(deviations, axis=1) * self._scale, self._correlation)

    def expected(self, point: Mapping[str, Any], pair: int) -> tuple[float, float]:
        """The errors that are as likely to be missed as to be beaten by a point on a pair."""
        content, style = self.predict([point], pair).errors(np.zeros((1, 2)))[0, 0].tolist()
        return content, style


@dataclass(frozen=True)
class _Scales:
    """Variances, in units of the targets', and lengths, in units of the dimensions'.

    Args:
        pair: of what is a pair's own whatever the hyperparameters.
        shared: of what hyperparameters do everywhere.
        own: of what they do on one pair only.
        noise: of the rest.
        lengths: of each dimension.
    """

    pair: float
    shared: float
    own: float
    noise: float
    lengths: Array

    @classmethod
    def of(cls, logs: Array) -> "_Scales":
        pair, shared, own, noise = np.exp(logs[:4]).tolist()
        return cls(pair, shared, own, noise, np.exp(logs[4:]))


@dataclass(frozen=True)
class _Output:
    """The process of one error.

    Args:
        scales: its scales.
        factor: of its covariance, by Cholesky.
        weights: of each try in a prediction.
        left_out: what each try is missed by where the others alone are known.
    """

    scales: _Scales
    factor: Array
    weights: Array
    left_out: Array


def _fit(distances: Array, alike: Array, targets: Array, generator: np.random.Generator) -> _Output:
    """The most probable scales, by random steps that are kept where they help, and the process with them."""
    start = np.log([0.3, 0.5, 0.2, 0.05, *[1.0] * len(distances)])
    best, best_value = start, _improbability(start, start, distances, alike, targets)
    for _ in range(_STEPS):
        step = generator.normal(size=start.size) * (generator.random(start.size) < 0.3) * _STEP
        value = _improbability(best + step, start, distances, alike, targets)
        if value < best_value:
            best, best_value = best + step, value
    scales = _Scales.of(best)
    factor = _factor(scales, distances, alike)
    inverse = np.linalg.inv(factor)
    precision = inverse.T @ inverse
    weights = precision @ targets
    # Rasmussen & Williams 2006, eq. 5.12.
    return _Output(scales, factor, weights, weights / np.diag(precision))


def _correlation(some: Array, others: Array) -> float:
    """Pearson's; 0 where one of them is the same everywhere, as where each run left the photograph unpainted."""
    if not (some.std() and others.std()):
        return 0.0
    return float(np.corrcoef(some, others)[0, 1])


def _improbability(logs: Array, prior: Array, distances: Array, alike: Array, targets: Array) -> float:
    """Minus the logarithm of the posterior of the scales, but for a constant (Rasmussen & Williams 2006, eq. 5.8)."""
    factor = _factor(_Scales.of(logs), distances, alike)
    solved = np.linalg.solve(factor, targets)
    fit = 0.5 * solved @ solved + np.log(np.diag(factor)).sum()
    return float(fit + 0.5 * (((logs - prior) / _PRIOR_DEVIATION) ** 2).sum())


def _factor(scales: _Scales, distances: Array, alike: Array) -> Array:
    covariance = _covariance(scales, distances, alike)
    covariance[np.diag_indices_from(covariance)] += scales.noise + _JITTER
    return np.asarray(np.linalg.cholesky(covariance), dtype=np.float64)


def _covariance(scales: _Scales, distances: Array, alike: Array) -> Array:
    """Matérn's with 5/2 over the hyperparameters (Rasmussen & Williams 2006, eq. 4.17)."""
    scaled = _SQRT5 * np.sqrt(np.tensordot(scales.lengths**-2, distances, axes=1))
    near = (1 + scaled + scaled**2 / 3) * np.exp(-scaled)
    result: Array = scales.pair * alike + near * (scales.shared + scales.own * alike)
    return result


def _places(space: Space, points: Sequence[Mapping[str, Any]]) -> Array:
    """Where points lie along each dimension, a row for each."""
    return np.array(
        [[dimension.place(point[name]) for name, dimension in space.root.items()] for point in points], dtype=np.float64
    )


def _distances(space: Space, a: Array, b: Array) -> Array:
    """Squared distances along each dimension, shape (dimensions, a, b); of different choices 1."""
    squared = (a.T[:, :, None] - b.T[:, None, :]) ** 2
    choices = [isinstance(dimension, Choice) for dimension in space.root.values()]
    squared[choices] = np.minimum(squared[choices], 1)
    return squared
