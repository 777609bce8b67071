"""Strengths of pictures from comparisons of two, by the model of Bradley and Terry.

Rank analysis of incomplete block designs: I. The method of paired comparisons (Biometrika 39, 1952): each picture i has
a strength s_i, and i is preferred to j with probability 1 / (1 + exp(s_j - s_i)).

Three deviations from that paper. Strengths have a Gaussian prior, so that a picture that was never beaten has a finite
one, and pictures between which no chain of comparisons leads can be ranked at all. What is found is the peak of the
posterior, by Newton's method, rather than of the likelihood. And the strengths are uncertain: the posterior is taken
for a Gaussian with the inverse of the Hessian at the peak as its covariance (Laplace's approximation).

>>> strengths = fit(3, better=[0, 0, 1, 0], worse=[1, 1, 2, 2])
>>> strengths.means.round(2).tolist()
[0.77, -0.17, -0.6]
>>> round(float(strengths.is_better(0, 2)), 2), round(float(strengths.wins(0, 2)), 2)
(0.89, 0.75)
"""

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Integers = npt.NDArray[np.int64]

PRIOR_DEVIATION = 1.0
"""Of a strength before anybody compared the picture: of two pictures drawn from that, the better one is preferred in 73
of 100 comparisons, on average. People who choose between two stylised pictures agree with themselves about so often."""

# Newton's steps roughly square the error: from anywhere some ten are enough.
_MOST_STEPS = 100
_TOLERANCE = 1e-10
_normal_distribution = np.vectorize(lambda z: 0.5 * math.erfc(-z / math.sqrt(2)), otypes=[np.float64])


@dataclass(frozen=True)
class Strengths:
    """Strengths, and how sure they are.

    Args:
        means: (pictures,), on the scale of log-odds.
        deviations: (pictures,), standard deviations of the same.
        covariance: (coupled, coupled), of those that were compared; all others are independent of everything.
        place: (pictures,), where a picture is in `covariance`; -1 where it is not.
    """

    means: Floats
    deviations: Floats
    covariance: Floats
    place: Integers

    def difference(self, first: npt.ArrayLike, second: npt.ArrayLike) -> tuple[Floats, Floats]:
        """By how much the first pictures are stronger than the second ones: means, and standard deviations.

        Args:
            first: indices of pictures, of any shape.
            second: likewise; each is another picture than the first.
        """
        one, two = np.asarray(first), np.asarray(second)
        at, other = self.place[one], self.place[two]
        together = (at >= 0) & (other >= 0)
        # An index of -1 finds something, which then does not count.
        shared = np.where(together, self.covariance[at, other], 0.0) if self.covariance.size else 0.0
        variance = self.deviations[one] ** 2 + self.deviations[two] ** 2 - 2 * shared
        return self.means[one] - self.means[two], np.sqrt(np.maximum(variance, 0.0))

    def is_better(self, first: npt.ArrayLike, second: npt.ArrayLike) -> Floats:
        """The probability that the first picture is stronger than the second: how sure their order is."""
        mean, deviation = self.difference(first, second)
        return np.asarray(_normal_distribution(mean / deviation))

    def wins(self, first: npt.ArrayLike, second: npt.ArrayLike) -> Floats:
        """The probability that the first picture is preferred in one comparison with the second.

        The logistic function averaged over the uncertain difference, by MacKay's approximation (The evidence framework
        applied to classification networks, Neural Computation 4, 1992, section 3).
        """
        mean, deviation = self.difference(first, second)
        return _logistic(mean / np.sqrt(1 + math.pi / 8 * deviation**2))


def fit(
    count: int,
    better: npt.ArrayLike,
    worse: npt.ArrayLike,
    *,
    times: npt.ArrayLike | None = None,
    prior_means: npt.ArrayLike | None = None,
    prior_deviation: float = PRIOR_DEVIATION,
) -> Strengths:
    """The strengths after all comparisons; in which order they were made does not matter.

    Args:
        count: how many pictures there are.
        better: (comparisons,), the index of the picture that was preferred.
        worse: (comparisons,), the index of the other, which is another one.
        times: (comparisons,), how often that was said; once by default.
        prior_means: (pictures,), what their strengths are thought to be before; zeros by default.
        prior_deviation: how far they may well be from that.
    """
    prior = np.zeros(count) if prior_means is None else np.asarray(prior_means, dtype=np.float64)
    winners, losers = np.asarray(better, dtype=np.int64), np.asarray(worse, dtype=np.int64)
    said = np.ones(len(winners)) if times is None else np.asarray(times, dtype=np.float64)
    # A picture that was never compared stays as it was, and the others do not hear of it.
    coupled = np.unique(np.concatenate([winners, losers]))
    place = np.full(count, -1, dtype=np.int64)
    place[coupled] = np.arange(len(coupled))
    means, deviations = prior.copy(), np.full(count, prior_deviation)
    peak, covariance = _peak(place[winners], place[losers], said, prior[coupled], prior_deviation**-2)
    means[coupled], deviations[coupled] = peak, np.sqrt(np.diag(covariance))
    return Strengths(means, deviations, covariance, place)


def _peak(winners: Integers, losers: Integers, times: Floats, prior: Floats, certainty: float) -> tuple[Floats, Floats]:
    """Where the posterior peaks, and the inverse of the Hessian there; every picture is in some comparison.

    Minus the logarithm of the posterior is convex, strictly so by the prior: there is one peak.
    """
    count = len(prior)
    # What was compared many times is one pair; sorted, so that sums do not depend on the order of the comparisons.
    pairs, at = np.unique(winners * max(count, 1) + losers, return_inverse=True)
    wins = np.bincount(at, times, len(pairs))
    better, worse = np.divmod(pairs, max(count, 1))

    def loss(strengths: Floats) -> float:
        surprise = np.logaddexp(0, strengths[worse] - strengths[better])
        return float(wins @ surprise + certainty / 2 * np.sum((strengths - prior) ** 2))

    def slopes(strengths: Floats) -> tuple[Floats, Floats]:
        chance = _logistic(strengths[better] - strengths[worse])
        pull = wins * (1 - chance)
        gradient = certainty * (strengths - prior)
        gradient += np.bincount(worse, pull, count) - np.bincount(better, pull, count)
        stiffness = wins * chance * (1 - chance)
        hessian = np.zeros((count, count))
        # Of (a, b) and (b, a) each is there once: no place is written twice in one statement.
        hessian[better, worse] -= stiffness
        hessian[worse, better] -= stiffness
        hessian[np.diag_indices(count)] = certainty - hessian.sum(axis=1)
        return gradient, hessian

    strengths, now = prior.copy(), loss(prior)
    for _ in range(_MOST_STEPS):
        gradient, hessian = slopes(strengths)
        step = np.linalg.solve(hessian, gradient)
        if np.max(np.abs(step), initial=0.0) < _TOLERANCE:
            break
        # A whole step from far away could overshoot.
        while (then := loss(strengths - step)) > now + _TOLERANCE * max(1.0, now):
            step = step / 2
        strengths, now = strengths - step, then
    _, hessian = slopes(strengths)
    return strengths, np.asarray(np.linalg.inv(hessian), dtype=np.float64)


def _logistic(x: Any) -> Floats:  # noqa: ANN401  (numbers of any shape)
    return np.asarray(0.5 * (1 + np.tanh(0.5 * x)))
