"""Regions of a space in which runs failed: nothing is suggested there.

How likely a run fails is a mean over the runs near it, weighted by a Gaussian kernel over the unit cube of the space
(Nadaraya 1964, Watson 1964), with a weak prior. In many dimensions nothing is near anything; therefore the kernel looks
only at the few that failures depend on, found one after another by what they add to the leave-one-out likelihood.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from stylegram.logger.suggestions.space import Choice, Params, Space

REFUSED_ABOVE = 0.5
"""The probability of failure above which a point is refused."""

# As if one run had been made everywhere, and failed as often as runs of our engine may.
_PRIOR_RUNS, _PRIOR_SHARE = 1.0, 0.1
# Widths of the kernel: of a range's length; of a choice, where all that differ are 1 apart, one at which they hardly
# know of each other.
_RANGE_WIDTHS, _CHOICE_WIDTHS = (0.1, 0.2, 0.4), (0.4,)
# Nats that a dimension has to add: by chance one in fifty does.
_LEAST_GAIN = 2.0
_MOST_DIMENSIONS = 4

_Array = NDArray[np.float64]


class Risks:
    """How likely a run fails, by where it lies in a space.

    Args:
        space: the points'.
        points: of runs that ended; beyond some hundreds, only the newest are worth their time.
        failed: whether each of them failed.
    """

    def __init__(self, space: Space, points: Sequence[Params], failed: Sequence[bool]) -> None:
        self._space = space
        self._units = [_units(space, name, [point[name] for point in points]) for name in space.root]
        self._failed = np.array(failed, dtype=np.float64)
        self._widths = self._learn() if 0 < sum(failed) < len(failed) else {}

    @property
    def dimensions(self) -> tuple[str, ...]:
        """What failures depend on; empty where none of the dimensions tells failures from successes."""
        names = list(self._space.root)
        return tuple(names[number] for number in self._widths)

    def probability(self, params: Params) -> float:
        """How likely a run at that point fails, 0 … 1.

        Where nothing tells failures from successes it is 0, however many there are: no other point would be better.
        """
        if not self._widths:
            return 0.0
        exponent = np.zeros(len(self._failed))
        for number, width in self._widths.items():
            name = list(self._space.root)[number]
            (here,) = _units(self._space, name, [params[name]])
            exponent += _apart(self._space, name, self._units[number], here) / width**2
        weights = np.exp(-exponent / 2)
        return float(_mean(weights, self._failed, axis=0))

    def _learn(self) -> dict[int, float]:
        """The width of the kernel in each dimension, by number, that matters."""
        squares = [
            _apart(self._space, name, units[:, None], units[None, :])
            for name, units in zip(self._space.root, self._units, strict=True)
        ]
        widths: dict[int, float] = {}
        exponent = np.zeros_like(squares[0])
        likelihood = self._left_out(exponent)
        while len(widths) < _MOST_DIMENSIONS:
            gains = [
                (self._left_out(exponent + squares[number] / width**2) - likelihood, number, width)
                for number, dimension in enumerate(self._space.root.values())
                if number not in widths
                for width in (_CHOICE_WIDTHS if isinstance(dimension, Choice) else _RANGE_WIDTHS)
            ]
            gain, number, width = max(gains, default=(0.0, 0, 0.0))
            if gain < _LEAST_GAIN:
                break
            widths[number] = width
            exponent += squares[number] / width**2
            likelihood += gain
        return widths

    def _left_out(self, exponent: _Array) -> float:
        """Logarithm of the likelihood of each run's end, judged by the other runs."""
        weights = np.exp(-exponent / 2)
        np.fill_diagonal(weights, 0.0)
        probabilities = _mean(weights, self._failed, axis=1)
        return float(np.log(np.where(self._failed, probabilities, 1 - probabilities)).sum())


def _mean(weights: _Array, failed: _Array, axis: int) -> _Array:
    mean: _Array = (_PRIOR_RUNS * _PRIOR_SHARE + weights @ failed) / (_PRIOR_RUNS + weights.sum(axis=axis))
    return mean


def _units(space: Space, name: str, values: Sequence[Any]) -> _Array:
    """Where values lie, 0 … 1; of a choice, which it is."""
    return np.array([space.root[name].place(value) for value in values], dtype=np.float64)


def _apart(space: Space, name: str, some: _Array, others: _Array) -> _Array:
    """The squares of distances in a dimension."""
    if isinstance(space.root[name], Choice):
        differ: _Array = np.not_equal(some, others).astype(np.float64)
        return differ
    squares: _Array = (some - others) ** 2
    return squares
