"""What to try next, from what was tried: a function of both, without a database.

`transfer`, which is ours, learns from all pairs at once how errors depend on hyperparameters, and on this pair's
pictures as far as it is known (see `surrogate`), and proposes what is expected to add most to what the pair has (see
`acquisition`): from the first try on. Optuna's samplers know of no pairs: they begin with the first few of those
proposals where there is a record to begin with, and then look at this pair's tries alone.
"""

import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import accumulate

import numpy as np
import optuna
from optuna.distributions import BaseDistribution
from optuna.study import StudyDirection
from optuna.trial import FrozenTrial, TrialState, create_trial

from stylegram.logger.suggestions.acquisition import most_promising
from stylegram.logger.suggestions.front import Point
from stylegram.logger.suggestions.likeness import Pictures, likeness
from stylegram.logger.suggestions.samplers import GENERATION, POPULATION, SamplerName, sampler_of
from stylegram.logger.suggestions.space import Params, Space
from stylegram.logger.suggestions.surrogate import Surrogate

DIRECTIONS = (StudyDirection.MINIMIZE, StudyDirection.MINIMIZE)
"""Of relative content error and relative style error."""

_WARM_STARTS = 8
_LEAST_TRIES = 8
"""Below, a model has nothing to learn from."""
_UNPAINTED = 0.02
"""Relative content error up to which a picture is its photograph: the optimiser found no way, or went astray."""
MOST_EVIDENCE = 300
"""What a model is made of: more takes long, and says little more."""


@dataclass(frozen=True)
class Tried:
    """A run as suggestions see it.

    Args:
        params: the point of the space.
        errors: relative content and style error; None where it failed.
        pictures: of which pair.
    """

    params: Params
    errors: Point | None
    pictures: Pictures


@dataclass(frozen=True)
class Proposal:
    """What to try next.

    Args:
        params: the point of the space.
        reason: why, in a sentence for people.
        expected: relative content and style error that a model expects; None where none was asked.
    """

    params: Params
    reason: str
    expected: Point | None = None


def propose(
    sampler: SamplerName,
    space: Space,
    pictures: Pictures,
    evidence: Sequence[Tried],
    running: Sequence[Params] = (),
    *,
    seed: int,
) -> Proposal:
    """The next try on a pair.

    Args:
        sampler: how it is chosen.
        space: where; all that was tried lies in it.
        pictures: the pair.
        evidence: what was tried, on this pair and on others, the most telling first; nothing to begin from nothing.
        running: what is being tried on this pair, and not known yet.
        seed: of the choice; another one each time.

    Raises:
        ConfigurationError: the sampler cannot be used here.
    """
    here = [each for each in evidence if _is_of(pictures, each)]
    there = [each for each in evidence if not _is_of(pictures, each)]
    begins = bool(there) and len(here) + len(running) < _WARM_STARTS
    if sampler == SamplerName.TRANSFER or (sampler != SamplerName.RANDOM and begins):
        known = [each for each in (*here, *there) if each.errors is not None][:MOST_EVIDENCE]
        if len(known) >= _LEAST_TRIES:
            return _transferred(space, pictures, known, running, seed)
        sampler = SamplerName.RANDOM if sampler == SamplerName.TRANSFER else sampler
    model = optuna.create_study(directions=DIRECTIONS, sampler=sampler_of(sampler, seed))
    distributions = space.distributions()
    # The newest come first.
    model.add_trials(_trials(here[::-1], distributions))
    model.add_trials(
        [create_trial(state=TrialState.RUNNING, params=each, distributions=distributions) for each in running]
    )
    params: Params = model.ask(distributions).params
    return Proposal(params, f"Chosen by {sampler} from {len(here)} runs of these pictures.")


def _transferred(
    space: Space, pictures: Pictures, known: Sequence[Tried], running: Sequence[Params], seed: int
) -> Proposal:
    pairs = list(dict.fromkeys([pictures, *(each.pictures for each in known)]))
    points = [each.params for each in known]
    model = Surrogate(
        space,
        points,
        [pairs.index(each.pictures) for each in known],
        np.array([_learned(each.errors) for each in known if each.errors is not None]),
        likeness(pairs),
        seed=seed,
    )
    had = [each.errors for each in known if _is_of(pictures, each) and each.errors is not None]
    # What is being tried counts as if it had come out as expected.
    had += [model.expected(params, 0) for params in running]
    params = most_promising(space, model, 0, had, points, random.Random(seed))
    own = len(had) - len(running)
    return Proposal(
        params,
        f"Promises the most of all after {own} runs of these pictures and {len(known) - own} of others.",
        model.expected(params, 0),
    )


def _learned(errors: Point) -> Point:
    """What a model is to think of errors: where the photograph was left as it was nothing was painted, which is no
    merit."""
    return errors if errors[0] > _UNPAINTED else (1.0, 1.0)


def _is_of(pictures: Pictures, tried: Tried) -> bool:
    return (tried.pictures.content, tried.pictures.style) == (pictures.content, pictures.style)


def _trials(tried: Sequence[Tried], distributions: Mapping[str, BaseDistribution]) -> list[FrozenTrial]:
    """Tries as Optuna has them, the oldest first."""
    done = accumulate((each.errors is not None for each in tried), initial=0)
    return [
        create_trial(
            state=TrialState.FAIL if each.errors is None else TrialState.COMPLETE,
            params=each.params,
            distributions=dict(distributions),
            values=each.errors,
            system_attrs={GENERATION: before // POPULATION},
        )
        for each, before in zip(tried, done, strict=False)
    ]
