"""A try that is not likely to fail: what the sampler proposes, unless runs near it failed."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from stylegram.common.errors import InvalidHyperparameters
from stylegram.logger.suggestions.likeness import Pictures
from stylegram.logger.suggestions.model import Proposal, Tried, propose
from stylegram.logger.suggestions.refusal import REFUSED_ABOVE, Risks
from stylegram.logger.suggestions.samplers import SamplerName
from stylegram.logger.suggestions.space import Params, Space

_DRAWS = 12
# The sampler's own; after that any point will do, and those drawn at random are spread the most.
_DRAWS_OF_SAMPLER = 4


def draw(
    sampler: SamplerName,
    space: Space,
    pictures: Pictures,
    evidence: Sequence[Tried],
    running: Sequence[Params],
    risks: Risks,
    *,
    seed: int,
    number: int,
    pinned: Mapping[str, Any],
    fits: Callable[[Params], object],
) -> Proposal:
    """What to try next: the first draw that is not refused, or else the one that is the least likely to fail.

    Args:
        sampler: how it is chosen.
        space: where.
        pictures: the pair.
        evidence: what was tried, on this pair and on others, the most telling first.
        running: what is being tried on this pair.
        risks: how likely runs fail in the space.
        seed: the study's; the same study makes the same choices.
        number: the trial's, which has random numbers of its own.
        pinned: values of some dimensions that are not searched this time.
        fits: raises `InvalidHyperparameters` for a point whose values do not go together.

    Raises:
        InvalidHyperparameters: nothing that was drawn fits.
        ConfigurationError: the sampler cannot be used here.
    """
    searched = space.without(set(pinned))
    if not searched.root:
        fits(dict(pinned))
        return Proposal(dict(pinned), "All that it searches was chosen beforehand.")
    known = [replace(each, params=_part(each.params, searched)) for each in evidence]
    trying = [_part(params, searched) for params in running]
    best: tuple[float, Proposal] | None = None
    misfit: InvalidHyperparameters | None = None
    refused = 0
    for attempt in range(_DRAWS):
        by = sampler if attempt < _DRAWS_OF_SAMPLER else SamplerName.RANDOM
        own = int(np.random.SeedSequence([seed, number, attempt]).generate_state(1)[0])
        proposal = propose(by, searched, pictures, known, trying, seed=own)
        params = {**proposal.params, **pinned}
        try:
            fits(params)
        except InvalidHyperparameters as error:
            misfit = error
            continue
        risk = risks.probability(params)
        if best is None or risk < best[0]:
            best = risk, replace(proposal, params=params)
        if risk <= REFUSED_ABOVE:
            break
        refused += 1
    if best is None:
        assert misfit
        raise misfit
    risk, proposal = best
    return replace(proposal, reason=" ".join(filter(None, [proposal.reason, _words(refused, risk, risks)])))


def _words(refused: int, risk: float, risks: Risks) -> str:
    if not refused:
        return ""
    told = f"by {' and '.join(risks.dimensions)}"
    if risk > REFUSED_ABOVE:
        return f"Of {refused} draws it is the least likely to fail, at {risk:.0%} ({told})."
    draws = "another draw was" if refused == 1 else f"{refused} other draws were"
    return f"Before it {draws} refused, as runs near there failed ({told})."


def _part(params: Params, space: Space) -> Params:
    return {name: params[name] for name in space.root}
