import pytest
from hypothesis import given
from hypothesis import strategies as st
from optuna.samplers import RandomSampler
from optuna.study import create_study
from pydantic import ValidationError

from stylegram.common.errors import InvalidHyperparameters, InvalidInput
from stylegram.common.hyperparameters import Hyperparameters
from stylegram.logger.suggestions.space import DEFAULT_SPACE, Choice, Range, Space

BASE = Hyperparameters(size=256, evaluations=(10, 10))


@given(st.integers(0, 2**31))
def test_every_point_makes_hyperparameters_that_lie_where_it_does(seed: int) -> None:
    params = create_study(sampler=RandomSampler(seed=seed)).ask(DEFAULT_SPACE.distributions()).params

    found = DEFAULT_SPACE.params_of(DEFAULT_SPACE.hyperparameters(params, BASE))

    assert found is not None
    assert found.pop("learning_rate") == pytest.approx(params.pop("learning_rate"))
    assert found == params


def test_what_is_not_searched_stays_the_bases() -> None:
    space = Space({"content_weight": Range(low=0.1, high=1)})

    painted = space.hyperparameters({"content_weight": 0.5}, BASE.model_copy(update={"tv_weight": 0.3}))

    assert (painted.content_weight, painted.tv_weight, painted.size) == (0.5, 0.3, 256)


def test_the_learning_rate_is_a_factor_on_the_usual_one() -> None:
    space = Space({"optimizer": Choice(values=("adam", "lbfgs")), "learning_rate": Range(low=0.1, high=10)})

    rates = [
        space.hyperparameters({"optimizer": name, "learning_rate": 2.0}, BASE).learning_rate
        for name in ("adam", "lbfgs")
    ]

    assert rates == [0.04, 2.0]


def test_a_brush_that_nobody_named_is_as_large_as_the_scales_make_it() -> None:
    space = Space({"brush_scale": Choice(values=(1.0, 2.0, 4.0))})

    assert space.params_of(Hyperparameters(evaluations=(10, 10, 10))) == {"brush_scale": 4.0}


@pytest.mark.parametrize("outside", [{"content_weight": 1000}, {"start": "blend"}, {"content_layers": ("relu1_1",)}])
def test_what_lies_outside_has_no_place(outside: dict[str, object]) -> None:
    assert DEFAULT_SPACE.params_of(Hyperparameters.model_validate({"content_weight": 1, **outside})) is None


def test_a_space_survives_json() -> None:
    assert Space.model_validate_json(DEFAULT_SPACE.model_dump_json()) == DEFAULT_SPACE


def test_whole_numbers_stay_whole() -> None:
    space = Space({"history_size": Range(low=4.5, high=6.5)})

    drawn = {create_study().ask(space.distributions()).params["history_size"] for _ in range(20)}

    assert drawn == {5, 6}


@pytest.mark.parametrize(
    ("space", "words"),
    [
        (Space({}), "Nothing is searched"),
        (Space({"size": Range(low=64, high=128)}), "decides what a picture is measured by"),
        (Space({"colors": Choice(values=("style", "luminance"))}), "decides what a picture is measured by"),
        (Space({"contentweight": Range(low=0, high=1)}), "is no hyperparameter"),
    ],
)
def test_what_cannot_be_searched_is_refused(space: Space, words: str) -> None:
    with pytest.raises(InvalidInput, match=words):
        space.check(BASE)


@pytest.mark.parametrize(
    "space",
    [
        Space({"content_weight": Range(low=-1, high=1)}),
        Space({"start": Choice(values=("content", "scratch"))}),
        Space({"content_layers": Choice(values=("relu4_2", "relu9_9"))}),
    ],
)
def test_values_that_the_hyperparameters_refuse_are_refused(space: Space) -> None:
    with pytest.raises(InvalidHyperparameters):
        space.check(BASE)


@pytest.mark.parametrize(
    "dimension",
    [
        {"low": 2, "high": 1},
        {"low": 0, "high": 1, "log": True},
        {"low": 0, "high": float("inf")},
        {"values": []},
        {"values": ["a", "a"]},
        {"low": 1, "high": 2, "values": [1]},
    ],
)
def test_a_dimension_that_is_none_is_refused(dimension: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        Space.model_validate({"content_weight": dimension})
