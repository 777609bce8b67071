"""The pictures by how much people like them, and how sure that order is."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from stylegram.common.views.preferences import MOST_COMPARED, RankedPicture, Ranking
from stylegram.logger.preferences.bradley_terry import Strengths, fit
from stylegram.logger.preferences.signals import Picture, prior_means

_SURE_DEVIATIONS = 1.2815515655446004  # of a normal distribution, below which `SURE` of it lies: nine tenths

Indices = npt.NDArray[np.signedinteger[Any]]


@dataclass(frozen=True)
class Standings:
    """Pictures with their strengths.

    Args:
        pictures: in no order that means anything.
        strengths: of the pictures, by their index; further ones may follow that were compared and are no more.
        times: how often two pictures were compared, by the pair of their indices, the lower first.
    """

    pictures: tuple[Picture, ...]
    strengths: Strengths
    times: Counter[tuple[int, int]]


def standings(pictures: Iterable[Picture], tallies: Iterable[tuple[str, str, int]]) -> Standings:
    """The strengths of the pictures after all comparisons.

    Args:
        pictures: those that count; one may be there twice.
        tallies: which picture was preferred to which, by their jobs' ids, and how often. One that is no more still
            tells how those with which it was compared relate.
    """
    known = {each.job_id: each for each in pictures}
    counted = _most_compared(tallies)
    # By name, so that the same record gives the same numbers to the last bit.
    vanished = sorted({job_id for better, worse, _ in counted for job_id in (better, worse)} - set(known))
    ordered = [known[job_id] for job_id in sorted(known)]
    index = {job_id: number for number, job_id in enumerate([*(each.job_id for each in ordered), *vanished])}
    prior = np.concatenate([prior_means(ordered), np.zeros(len(vanished))])
    strengths = fit(
        len(index),
        [index[better] for better, _, _ in counted],
        [index[worse] for _, worse, _ in counted],
        times=[times for *_, times in counted],
        prior_means=prior,
    )
    met: Counter[tuple[int, int]] = Counter()
    for better, worse, count in counted:
        first, second = sorted((index[better], index[worse]))
        met[first, second] += count
    return Standings(tuple(ordered), strengths, met)


def ranking(standing: Standings, limit: int) -> Ranking:
    """The strongest pictures, at most `limit`, and how sure the order of all is."""
    pictures, strengths = standing.pictures, standing.strengths
    # Stable, so that equal strengths stay in the order of their jobs' ids.
    order = np.argsort(-strengths.means[: len(pictures)], kind="stable")
    compared = Counter[int]()
    for (first, second), count in standing.times.items():
        compared[first] += count
        compared[second] += count
    shown = order[:limit]
    below = [float(chance) for chance in strengths.is_better(order[:-1], order[1:])[: len(shown)]]
    return Ranking(
        items=[
            RankedPicture(
                place=place,
                job_id=pictures[at].job_id,
                content_name=pictures[at].content_name,
                style_name=pictures[at].style_name,
                origin=pictures[at].origin,
                rating=pictures[at].rating,
                strength=float(strengths.means[at]),
                deviation=float(strengths.deviations[at]),
                comparisons=compared[int(at)],
                better_than_next=below[place - 1] if place <= len(below) else None,
            )
            for place, at in enumerate(shown, 1)
        ],
        pictures=len(pictures),
        comparisons=sum(standing.times.values()),
        neighbours_sure=_share_sure(strengths, order[:-1], order[1:]),
        pairs_sure=_share_of_pairs(strengths, order[:MOST_COMPARED]),
        first_is_best=_first_is_best(strengths, order),
    )


def _most_compared(tallies: Iterable[tuple[str, str, int]]) -> list[tuple[str, str, int]]:
    """The comparisons among so many pictures as can be computed with; in an order of their own."""
    counted = sorted(tallies)
    met = Counter[str]()
    for better, worse, times in counted:
        met[better] += times
        met[worse] += times
    kept = {job_id for job_id, _ in met.most_common(MOST_COMPARED)}
    return [each for each in counted if each[0] in kept and each[1] in kept]


def _share_sure(strengths: Strengths, better: Indices, worse: Indices) -> float:
    """Of 0 pairs, 0: nothing is known."""
    mean, deviation = strengths.difference(better, worse)
    return float(np.mean(mean > _SURE_DEVIATIONS * deviation)) if mean.size else 0.0


def _share_of_pairs(strengths: Strengths, order: Indices) -> float:
    # Row by row: all at once, some thousands of pictures would take gigabytes.
    count = len(order)
    sure = sum(_share_sure(strengths, order[at : at + 1], order[at + 1 :]) * (count - 1 - at) for at in range(count))
    return sure / max(count * (count - 1) / 2, 1)


def _first_is_best(strengths: Strengths, order: Indices) -> float:
    """The probabilities that another is better, added up, are no less than the probability that any is (Boole)."""
    if not len(order):
        return 0.0
    return max(0.0, 1.0 - float(np.sum(strengths.is_better(order[1:], order[:1]))))
