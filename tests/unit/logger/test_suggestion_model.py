import math
from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from optuna.samplers import RandomSampler
from optuna.study import create_study

from stylegram.common.records import PictureFeatures
from stylegram.logger.suggestions.acquisition import improvement
from stylegram.logger.suggestions.front import Point, hypervolume
from stylegram.logger.suggestions.likeness import Pictures, likeness
from stylegram.logger.suggestions.model import Tried, propose
from stylegram.logger.suggestions.samplers import SamplerName
from stylegram.logger.suggestions.space import Choice, Params, Range, Space
from stylegram.logger.suggestions.surrogate import Surrogate

SPACE = Space(
    {
        "content_weight": Range(low=0.01, high=10, log=True),
        "tv_weight": Range(low=0, high=1),
        "start": Choice(values=("content", "noise", "preview")),
    }
)
NEW = Pictures("new", "new")
ERRORS = st.tuples(st.floats(0, 1.2), st.floats(0, 1.2))


def points(count: int, seed: int = 0) -> list[Params]:
    return [
        create_study(sampler=RandomSampler(seed=1000 * seed + number)).ask(SPACE.distributions()).params
        for number in range(count)
    ]


def painted(params: Params, hardness: tuple[float, float] = (1.0, 1.0)) -> tuple[float, float]:
    """Two errors that pull at the weight, and both want a little smoothing and another start than noise."""
    waste = 0.4 * (params["tv_weight"] - 0.3) ** 2 + {"content": 0.05, "noise": 0.3, "preview": 0.0}[params["start"]]
    weight = (math.log10(params["content_weight"]) + 2) / 3
    return hardness[0] * (0.1 + 0.5 * (1 - weight) + waste), hardness[1] * (0.1 + 0.5 * weight + waste)


def record(pairs: dict[str, tuple[float, float]], count: int) -> list[Tried]:
    return [
        Tried(params, painted(params, hardness), Pictures(pair, pair))
        for seed, (pair, hardness) in enumerate(pairs.items())
        for params in points(count, seed)
    ]


def follow(sampler: SamplerName, evidence: Sequence[Tried], tries: int, seed: int = 0) -> list[Tried]:
    """What came of following the proposals on a new pair."""
    done: list[Tried] = []
    for number in range(tries):
        params = propose(sampler, SPACE, NEW, [*done, *evidence], seed=1000 * seed + number).params
        done.append(Tried(params, painted(params, (1.3, 0.9)), NEW))
    return done


def area(tried: Sequence[Tried]) -> float:
    return hypervolume([each.errors for each in tried if each.errors])


def test_a_hard_pair_is_told_from_bad_luck_with_the_hyperparameters() -> None:
    """The easy one was painted with bad hyperparameters only."""
    points_, pairs, errors = [], [], []
    for params in points(60):
        for pair, hardness in enumerate([2.0, 1.0]):
            if pair == 0 or params["start"] == "noise":
                points_.append(params)
                pairs.append(pair)
                errors.append(painted(params, (hardness, hardness)))

    model = Surrogate(SPACE, points_, pairs, np.array(errors), np.eye(2))

    unseen = {"content_weight": 1.0, "tv_weight": 0.3, "start": "preview"}
    for pair, hardness in enumerate([2.0, 1.0]):
        assert model.expected(unseen, pair) == pytest.approx(painted(unseen, (hardness, hardness)), rel=0.25)


def test_what_was_tried_is_more_certain_than_what_was_not() -> None:
    tried = points(40)
    model = Surrogate(SPACE, tried, [0] * 40, np.array([painted(each) for each in tried]), np.eye(2))

    here, elsewhere = model.predict(tried, 0), model.predict(tried, 1)

    assert here.deviation.mean() < elsewhere.deviation.mean() / 2
    assert np.abs(here.errors(np.zeros((1, 2)))[:, 0] - [painted(each) for each in tried]).max() < 0.1


@given(
    st.lists(st.tuples(st.floats(0, 1.2), st.floats(0, 1.2)), max_size=8),
    st.tuples(st.floats(0, 1.2), st.floats(0, 1.2)),
)
def test_the_improvement_is_what_the_hypervolume_grows_by(had: list[Point], errors: Point) -> None:
    grown = hypervolume([*had, errors]) - hypervolume(had)

    assert improvement(np.array(errors), had) == pytest.approx(grown, abs=1e-9)


def test_pairs_are_alike_by_their_pictures() -> None:
    def features(brightness: float) -> PictureFeatures:
        return PictureFeatures(**dict.fromkeys(PictureFeatures.model_fields, brightness))

    pairs = [
        Pictures("a", "x", features(0.1), features(0.5)),
        Pictures("b", "x", features(0.2), features(0.5)),
        Pictures("c", "x", features(0.9), features(0.5)),
        Pictures("a", "y", features(0.1), None),
        Pictures("d", "z"),
    ]

    alike = likeness(pairs)

    assert np.allclose(np.diag(alike), 1)
    assert np.allclose(alike, alike.T)
    assert np.linalg.eigvalsh(alike).min() > -1e-9
    assert 0.5 < alike[0, 2] < alike[0, 1] < 1, "the same painting, and a photograph that is more or less like it"
    assert alike[0, 3] == 0.5, "the same photograph"
    assert alike[0, 4] == 0, "nothing is known of it"


@pytest.mark.parametrize("sampler", [SamplerName.TRANSFER, SamplerName.TPE])
def test_a_record_of_other_pairs_makes_the_first_tries_good(sampler: SamplerName) -> None:
    evidence = record({"a": (0.6, 1.0), "b": (1.2, 0.7), "c": (1.0, 1.0)}, 30)
    by_chance = [area(follow(SamplerName.RANDOM, evidence, 12, seed)) for seed in range(5)]

    assert area(follow(sampler, evidence, 12)) > max(by_chance)


@pytest.mark.parametrize(("sampler", "tries"), [("random", 12), ("tpe", 12), ("nsga", 15), ("transfer", 10), ("gp", 9)])
def test_none_needs_a_record(sampler: str, tries: int) -> None:
    assert len(follow(SamplerName(sampler), [], tries)) == tries


def test_a_model_gets_better_without_any_record() -> None:
    learned = [area(follow(SamplerName.TRANSFER, [], 20, seed)) for seed in range(2)]
    by_chance = [area(follow(SamplerName.RANDOM, [], 20, seed)) for seed in range(2)]

    assert sum(learned) > sum(by_chance)


def test_chance_is_not_moved_by_what_is_known() -> None:
    evidence = record({"a": (1.0, 1.0)}, 20)

    with_it, without = (propose(SamplerName.RANDOM, SPACE, NEW, known, seed=3).params for known in (evidence, []))

    assert with_it == without


def test_the_same_seed_proposes_the_same_and_another_seed_something_else() -> None:
    proposals = [propose(SamplerName.TPE, SPACE, NEW, [], seed=seed).params for seed in (1, 1, 2)]

    assert proposals[0] == proposals[1] != proposals[2]


@pytest.mark.parametrize("sampler", [SamplerName.TRANSFER, SamplerName.TPE, SamplerName.NSGA])
def test_what_is_being_tried_is_not_proposed_again(sampler: SamplerName) -> None:
    evidence = record({"a": (1.0, 1.0)}, 20)
    running: list[Params] = []
    for number in range(4):
        running.append(propose(sampler, SPACE, NEW, evidence, running, seed=number).params)

    assert all(params not in running[:number] for number, params in enumerate(running))


def test_failures_are_no_evidence_of_errors() -> None:
    evidence = record({"a": (1.0, 1.0)}, 20)
    failed = [Tried(params, None, NEW) for params in points(5, seed=7)]

    with_them, without = (
        propose(SamplerName.TRANSFER, SPACE, NEW, known, seed=0) for known in (evidence + failed, evidence)
    )

    assert with_them == without
