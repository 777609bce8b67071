from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError

from stylegram.common.errors import InvalidHyperparameters
from stylegram.common.hyperparameters import (
    LAYERS,
    Hyperparameters,
    StrictHyperparameters,
    parse_assignments,
    parse_hyperparameters,
)


def refusal(**values: Any) -> str:
    with pytest.raises(InvalidHyperparameters) as caught:
        parse_hyperparameters(values)
    return str(caught.value)


def test_the_defaults_are_valid() -> None:
    defaults = Hyperparameters()
    assert parse_hyperparameters({}) == defaults
    assert parse_hyperparameters(defaults.model_dump()) == defaults


def test_the_layers_are_those_of_vgg19() -> None:
    assert len(LAYERS) == 16
    assert (LAYERS[0], LAYERS[-1]) == ("relu1_1", "relu5_4")


def test_every_hyperparameter_is_documented() -> None:
    for name, field in Hyperparameters.model_fields.items():
        assert field.description, name
        assert field.description.endswith("."), name


def test_they_do_not_change() -> None:
    hyperparameters = Hyperparameters()
    with pytest.raises(ValidationError, match="frozen"):
        hyperparameters.size = 64  # type: ignore[misc]
    assert len({hyperparameters, Hyperparameters()}) == 1


@settings(deadline=None, max_examples=60)
@given(
    size=st.integers(32, 4096),
    evaluations=st.lists(st.integers(0, 10_000), min_size=1, max_size=6),
    learning_rate=st.none() | st.floats(1e-300, 100),
    style_weight=st.floats(0, 1e12, exclude_min=True),
    style_layers=st.lists(st.sampled_from(LAYERS), min_size=1, unique=True),
    seed=st.integers(0, 2**63 - 1),
)
def test_json_keeps_every_value(**values: Any) -> None:
    hyperparameters = parse_hyperparameters(values)
    assert Hyperparameters.model_validate_json(hyperparameters.model_dump_json()) == hyperparameters
    assert parse_hyperparameters(hyperparameters.model_dump(mode="json")) == hyperparameters


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"size": 31}, "size: Input should be greater than or equal to 32"),
        ({"size": 4097}, "size: Input should be less than or equal to 4096"),
        ({"size": "large"}, "size: Input should be a valid integer"),
        ({"size": 64.5}, "size: Input should be a valid integer"),
        ({"size": None}, "size: Input should be a valid integer"),
        ({"size": 10**400}, "size: "),
        ({"evaluations": ()}, "evaluations: Tuple should have at least 1 item"),
        ({"evaluations": [1] * 7}, "evaluations: Tuple should have at most 6 items"),
        ({"evaluations": [10, -1]}, "evaluations.1: Input should be greater than or equal to 0"),
        ({"evaluations": "30"}, "evaluations: Input should be a valid tuple"),
        ({"start": "finish"}, "start: Input should be 'preview', 'content', 'color_transfer' or 'noise'"),
        ({"optimizer": "sgd"}, "optimizer: Input should be 'lbfgs' or 'adam'"),
        ({"learning_rate": 0}, "learning_rate: Input should be greater than 0"),
        ({"learning_rate": float("inf")}, "learning_rate: "),
        ({"learning_rate": float("nan")}, "learning_rate: Input should be a finite number"),
        ({"beta_1": 1}, "beta_1: Input should be less than 1"),
        ({"beta_2": float("nan")}, "beta_2: "),
        ({"epsilon": 0}, "epsilon: Input should be greater than 0"),
        ({"history_size": 0}, "history_size: Input should be greater than or equal to 1"),
        ({"style_weight": -1}, "style_weight: Input should be greater than or equal to 0"),
        ({"tv_weight": 1e13}, "tv_weight: "),
        ({"content_weight": float("nan")}, "content_weight: Input should be a finite number"),
        (
            {"content_layers": ["relu9_9", "conv1"]},
            "content_layers: unknown layer relu9_9, conv1; the layers are relu1_1,",
        ),
        ({"style_layers": ["relu1_1", "relu1_1"]}, "style_layers: a layer is named twice"),
        ({"style_layers": [1]}, "style_layers.0: Input should be a valid string"),
        ({"content_weight": 0, "style_weight": 0}, "hyperparameters: nothing to optimise: give content or style"),
        ({"content_layers": [], "style_layers": []}, "nothing to optimise"),
        ({"content_weight": 0, "style_layers": []}, "nothing to optimise"),
        ({"pooling": "min"}, "pooling: Input should be 'avg' or 'max'"),
        ({"precision": "fp16"}, "precision: Input should be 'auto', 'fp32' or 'bf16'"),
        ({"seed": -1}, "seed: Input should be greater than or equal to 0"),
        ({"seed": 2**63}, "seed: Input should be less than"),
    ],
    ids=str,
)
def test_a_refusal_names_the_field_and_its_range(values: dict[str, Any], words: str) -> None:
    reason = refusal(**values)
    assert words in reason
    assert "Known names" not in reason
    assert "Value error" not in reason


def test_an_unknown_name_is_refused_with_those_that_are_known() -> None:
    reason = refusal(style_wieght=1, size=1)
    assert "; there is no hyperparameter 'style_wieght'. Known names: size, evaluations, start," in reason
    assert "size: Input should be greater" in reason


def test_only_where_people_write_is_an_unknown_name_refused() -> None:
    values = {"size": 64, "retired": True}
    read = Hyperparameters.model_validate(values)
    assert read == Hyperparameters(size=64)
    body = TypeAdapter(StrictHyperparameters)
    # Of the same class: a job that is submitted again is compared with the one that is stored.
    assert body.validate_python({"size": 64}) == read
    with pytest.raises(ValidationError, match="retired"):
        body.validate_python(values)


def test_a_refusal_names_every_field_that_is_wrong() -> None:
    reason = refusal(size=1, optimizer="sgd", seed=-1)
    for name in ("size: ", "optimizer: ", "seed: "):
        assert name in reason


def test_one_of_content_and_style_is_enough() -> None:
    assert parse_hyperparameters({"content_weight": 0}).style_weight == 1
    assert parse_hyperparameters({"style_layers": []}).content_weight > 0


@pytest.mark.parametrize(("values", "step"), [({}, 1.0), ({"optimizer": "adam"}, 0.02), ({"learning_rate": 0.5}, 0.5)])
def test_the_step_size_is_the_one_given_or_the_optimisers(values: dict[str, Any], step: float) -> None:
    assert parse_hyperparameters(values).step_size == step


@pytest.mark.parametrize(
    ("text", "values"),
    [
        ("size=256", {"size": 256}),
        (" size = 256 ", {"size": 256}),
        ("learning-rate=1e-2", {"learning_rate": 0.01}),
        ("learning_rate=null", {"learning_rate": None}),
        ("optimizer=adam", {"optimizer": "adam"}),
        ('optimizer="adam"', {"optimizer": "adam"}),
        ("evaluations=30,10", {"evaluations": [30, 10]}),
        ("evaluations=[30, 10]", {"evaluations": [30, 10]}),
        ("evaluations=30", {"evaluations": [30]}),
        ("evaluations=30,", {"evaluations": [30]}),
        ("style_layers=relu1_1, relu2_1", {"style_layers": ["relu1_1", "relu2_1"]}),
        ("content_layers=relu4_2", {"content_layers": ["relu4_2"]}),
        ("content_layers=[]", {"content_layers": []}),
        ("optimizer=a=b", {"optimizer": "a=b"}),
        ("size=", {"size": ""}),
    ],
)
def test_assignments_become_values(text: str, values: dict[str, Any]) -> None:
    assert parse_assignments([text]) == values


def test_several_assignments_become_one_transfer() -> None:
    texts = ["size=256", "evaluations=30,10", "optimizer=adam", "size=128"]
    assert parse_hyperparameters(parse_assignments(texts)) == Hyperparameters(
        size=128, evaluations=(30, 10), optimizer="adam"
    )


def test_an_assignment_without_an_equals_sign_is_refused() -> None:
    with pytest.raises(InvalidHyperparameters, match=r"'size' is not a setting\. Write name=value"):
        parse_assignments(["size"])


@pytest.mark.parametrize("value", ["", "[", "[" * 100_000, "9" * 10_000, "NaN", "{}", "\0", ",,,", "true", "1e999"])
def test_a_hostile_value_is_refused_like_any_other(value: str) -> None:
    with pytest.raises(InvalidHyperparameters) as caught:
        parse_hyperparameters(parse_assignments([f"size={value}"]))
    assert "size" in str(caught.value)
    assert len(str(caught.value)) < 1_000
