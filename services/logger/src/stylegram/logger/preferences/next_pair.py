"""Which two pictures to compare next: those whose comparison tells most."""

import random
from collections.abc import Collection

import numpy as np

from stylegram.common.errors import NotFound
from stylegram.logger.preferences.bradley_terry import Floats, Integers
from stylegram.logger.preferences.ranking import Standings
from stylegram.logger.preferences.signals import Picture

SAME_PHOTOGRAPH = 1.5
"""What it counts for that two pictures are of one photograph. They differ in how they were painted, which is what is to
be learned; of two photographs people like one for what it shows."""
SAME_PAINTING = 1.25
"""Likewise of one painting: what is left to differ are the hyperparameters, and what became of the other picture."""
MOST_TIMES = 3
"""A pair that was compared so often is not asked for again: who still hesitates will for ever."""

_NEAR_THE_BEST = 0.95
# As many pairs as are weighed in some tenths of a second.
_MOST_PAIRS = 20_000
# Of Gauss and Hermite: exact to four digits for the deviations that strengths have.
_NODES, _WEIGHTS = np.polynomial.hermite_e.hermegauss(15)


def next_pair(
    standing: Standings, chooser: random.Random, *, among: set[str], skipped: Collection[frozenset[str]] = ()
) -> tuple[Picture, Picture]:
    """Two pictures, in the order in which they are to be shown; every time others of about the same worth.

    A pair counts for what its outcome tells of the strengths, in bits, times what it counts for that the two have a
    picture in common. Once those tell little, pairs that have none come first, and all becomes one ranking.

    Args:
        standing: the pictures with their strengths.
        chooser: of pairs that tell about as much, and of who is shown first.
        among: the jobs' ids of those that come into question.
        skipped: two jobs' ids each, of pairs that nobody wants to see now; one of them comes where no other is left.

    Raises:
        NotFound: there are no two, or all were compared often enough.
    """
    candidates = [number for number, picture in enumerate(standing.pictures) if picture.job_id in among]
    if len(candidates) < 2:
        raise NotFound(
            f"There is nothing to compare: {len(candidates)} such pictures.", advice="Have some more painted."
        )
    pairs = [pair for pair in _pairs(candidates, chooser) if standing.times[pair] < MOST_TIMES]
    if not pairs:
        raise NotFound(f"Every pair was compared {MOST_TIMES} times.", advice="Have some more painted.")
    ids = [picture.job_id for picture in standing.pictures]
    pairs = [(one, two) for one, two in pairs if frozenset((ids[one], ids[two])) not in skipped] or pairs
    first, second = np.array(pairs).T
    worth = information(*standing.strengths.difference(first, second)) * _in_common(standing, first, second)
    at = chooser.choice(np.flatnonzero(worth >= _NEAR_THE_BEST * worth.max()).tolist())
    shown = [standing.pictures[number] for number in pairs[at]]
    chooser.shuffle(shown)
    return shown[0], shown[1]


def information(mean: Floats, deviation: Floats) -> Floats:
    """What a comparison tells, in bits, 0 … 1: by how much its outcome is expected to lower the uncertainty about the
    difference of strengths.

    That is the entropy of the outcome, less what would be left of it if the strengths were known (Houlsby, Huszár,
    Ghahramani & Lengyel, Bayesian active learning for classification and preference learning, 2011, equation 2).

    Args:
        mean: (pairs,), of the difference.
        deviation: (pairs,), likewise.
    """
    differences = mean[:, None] + deviation[:, None] * _NODES
    chances = 0.5 * (1 + np.tanh(differences / 2))
    weights = _WEIGHTS / _WEIGHTS.sum()
    return np.asarray(_entropy(chances @ weights) - _entropy(chances) @ weights)


def _entropy(chance: Floats) -> Floats:
    inside = np.clip(chance, 1e-12, 1 - 1e-12)
    return np.asarray(-inside * np.log2(inside) - (1 - inside) * np.log2(1 - inside))


def _pairs(candidates: list[int], chooser: random.Random) -> list[tuple[int, int]]:
    """All pairs, the lower index first, or some that are drawn from very many."""
    count = len(candidates)
    if count * (count - 1) // 2 <= _MOST_PAIRS:
        return [(one, two) for at, one in enumerate(candidates) for two in candidates[at + 1 :]]
    drawn = (sorted(chooser.sample(candidates, 2)) for _ in range(_MOST_PAIRS))
    return [(one, two) for one, two in drawn]


def _in_common(standing: Standings, first: Integers, second: Integers) -> Floats:
    worth = np.ones(len(first))
    for name, factor in (("content_sha256", SAME_PHOTOGRAPH), ("style_sha256", SAME_PAINTING)):
        # What is not known is in common with nothing.
        picture = np.array([getattr(each, name) or f"?{at}" for at, each in enumerate(standing.pictures)])
        worth[picture[first] == picture[second]] *= factor
    return worth
