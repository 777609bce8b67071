"""Regions in which runs failed: they are found, they are refused, and nothing else is."""

import random
from collections.abc import Callable

import pytest

from stylegram.common.errors import InvalidHyperparameters
from stylegram.common.hyperparameters import Hyperparameters
from stylegram.logger.suggestions.drawing import draw
from stylegram.logger.suggestions.likeness import Pictures
from stylegram.logger.suggestions.model import Proposal
from stylegram.logger.suggestions.refusal import REFUSED_ABOVE, Risks
from stylegram.logger.suggestions.samplers import SamplerName
from stylegram.logger.suggestions.space import DEFAULT_SPACE, Choice, Params, Space

REGIONS: dict[str, Callable[[Params], bool]] = {
    "choice": lambda params: params["start"] == "noise",
    "range": lambda params: params["learning_rate"] > 4,
    "both": lambda params: params["optimizer"] == "adam" and params["learning_rate"] > 2,
}
PAIR = Pictures("c", "s")


def drawn(seed: int) -> Params:
    rng = random.Random(seed)
    point: Params = {}
    for name, dimension in DEFAULT_SPACE.root.items():
        if isinstance(dimension, Choice):
            point[name] = rng.choice(dimension.values)
        elif dimension.log:
            point[name] = dimension.low * (dimension.high / dimension.low) ** rng.random()
        else:
            point[name] = rng.uniform(dimension.low, dimension.high)
    return point


def risks(fails: Callable[[Params], bool], runs: int = 80) -> Risks:
    points = [drawn(seed) for seed in range(runs)]
    return Risks(DEFAULT_SPACE, points, [fails(point) for point in points])


@pytest.mark.parametrize("region", list(REGIONS))
def test_a_planted_region_is_refused_and_hardly_anything_beside_it(region: str) -> None:
    fails = REGIONS[region]
    learned = risks(fails)
    new = [drawn(seed) for seed in range(1000, 1300)]
    bad = [learned.probability(point) > REFUSED_ABOVE for point in new if fails(point)]
    good = [learned.probability(point) > REFUSED_ABOVE for point in new if not fails(point)]
    assert sum(bad) > 0.65 * len(bad), "its edge is soft"
    assert sum(good) < 0.05 * len(good)


def test_what_fails_everywhere_or_by_chance_or_never_refuses_nothing() -> None:
    rng = random.Random(0)
    for fails in (lambda _: True, lambda _: False, lambda _: rng.random() < 0.2):
        learned = risks(fails, 40)
        assert sum(learned.probability(drawn(seed)) > REFUSED_ABOVE for seed in range(100)) < 5
    assert Risks(DEFAULT_SPACE, [], []).probability(drawn(0)) == 0


def proposed(learned: Risks, number: int, pinned: Params | None = None, space: Space = DEFAULT_SPACE) -> Proposal:
    return draw(
        SamplerName.RANDOM,
        space,
        PAIR,
        [],
        [],
        learned,
        seed=1,
        number=number,
        pinned=pinned or {},
        fits=lambda params: space.hyperparameters(params, Hyperparameters()),
    )


def test_a_suggestion_is_drawn_again_until_it_lies_elsewhere_and_says_so() -> None:
    learned = risks(REGIONS["choice"])
    proposals = [proposed(learned, number) for number in range(30)]
    assert not [each for each in proposals if each.params["start"] == "noise"]
    again = [each for each in proposals if "refused" in each.reason]
    assert again
    assert "by start" in again[0].reason
    assert proposed(learned, 3) == proposed(learned, 3)


def test_where_everything_left_is_refused_the_least_likely_is_taken_and_says_so() -> None:
    proposal = proposed(risks(REGIONS["choice"]), 0, {"start": "noise"})
    assert proposal.params["start"] == "noise"
    assert "least likely to fail" in proposal.reason


def test_what_is_pinned_is_never_drawn() -> None:
    pinned = {"optimizer": "adam", "pooling": "max"}
    learned = risks(REGIONS["range"])
    assert all(proposed(learned, number, pinned).params.items() >= pinned.items() for number in range(5))
    every = drawn(0)
    assert proposed(learned, 0, every).params == every


def test_values_that_do_not_go_together_are_drawn_again_and_said_where_none_do() -> None:
    space = Space({"brush_scale": Choice(values=(1.0, 2.0))})

    def nothing_fits(_: Params) -> None:
        raise InvalidHyperparameters("no")

    unknown = Risks(space, [], [])
    with pytest.raises(InvalidHyperparameters):
        draw(SamplerName.RANDOM, space, PAIR, [], [], unknown, seed=0, number=0, pinned={}, fits=nothing_fits)
