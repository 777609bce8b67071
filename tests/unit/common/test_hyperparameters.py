import json
import math
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError

from stylegram.common.errors import InvalidHyperparameters
from stylegram.common.hyperparameters import (
    LAYERS,
    Hyperparameters,
    StrictHyperparameters,
    canonical_layer,
    layers_of,
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


def test_the_layers_of_vgg16_are_among_them() -> None:
    assert len(layers_of("vgg16")) == 13
    assert set(LAYERS) - set(layers_of("vgg16")) == {"relu3_4", "relu4_4", "relu5_4"}


@pytest.mark.parametrize(
    "name", ["relu4_2", "conv4_2", "block4_conv2", "ReLU4_2", "CONV4_2", "Block4_Conv2", " relu4_2 "]
)
def test_a_layer_goes_by_its_name_in_caffe_and_keras_too(name: str) -> None:
    assert canonical_layer(name) == "relu4_2"
    assert Hyperparameters(style_layers=(name,)).style_layers == ("relu4_2",)


@pytest.mark.parametrize(
    "name", ["relu4_22", "relu42", "block4_relu2", "conv_4_2", "pool4", "relu4_2\n1", "xrelu4_2", ""]
)
def test_what_is_no_layer_stays_what_it_is(name: str) -> None:
    assert canonical_layer(name) == name
    assert f"style_layers: unknown layer {name!r}; the layers are" in refusal(style_layers=[name])


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
    evaluations=st.lists(st.integers(0, 10_000), min_size=1, max_size=8),
    brush_scale=st.none() | st.floats(1, 64),
    style_layer_weights=st.just([]) | st.just([0.5]),
    style_weights=st.lists(st.floats(1e-300, 1e12), max_size=16),
    greyscale=st.booleans(),
    learning_rate=st.none() | st.floats(1e-300, 100),
    style_weight=st.floats(0, 1e12, exclude_min=True),
    style_layers=st.sampled_from([[name] for name in LAYERS]),
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
        ({"evaluations": [1] * 9}, "evaluations: Tuple should have at most 8 items"),
        ({"evaluations": [10, -1]}, "evaluations.1: Input should be greater than or equal to 0"),
        ({"evaluations": "30"}, "evaluations: Input should be a valid tuple"),
        ({"brush_scale": 0.99}, "brush_scale: Input should be greater than or equal to 1"),
        ({"brush_scale": 65}, "brush_scale: Input should be less than or equal to 64"),
        ({"schedule": [[128, 60], [64, 60]]}, "schedule: the scales go from coarse to fine"),
        ({"schedule": [[64, 1]] * 9}, "schedule: Tuple should have at most 8 items"),
        ({"schedule": [[16, 60]]}, "used: schedule.0.0: Input should be greater than or equal to 32."),
        ({"schedule": [[64, 60], [128, -1]]}, "used: schedule.1.1: Input should be greater than or equal to 0."),
        ({"schedule": "64"}, "used: schedule: Input should be a valid tuple."),
        ({"schedule": {"64": 60}}, "used: schedule: Input should be a valid tuple."),
        ({"schedule": 64}, "used: schedule: Input should be a valid tuple."),
        ({"schedule": [64, 60]}, "used: schedule.0: give a scale its longer side and its evaluations, as in 128:60;"),
        (
            {"schedule": ["64:60:1"]},
            "used: schedule.0: give a scale its longer side and its evaluations, as in 128:60.",
        ),
        ({"schedule": [[64, 60]], "size": 128}, "size is 128, but the schedule ends at 64; leave one of them out"),
        ({"schedule": [[64, 60]], "brush_scale": 2}, "brush_scale does nothing beside a schedule; leave one of them"),
        (
            {"start": "finish"},
            "start: Input should be 'preview', 'content', 'color_transfer', 'noise', 'blend' or 'image'",
        ),
        ({"start": "\udcff"}, "start: Input should be a valid string"),
        ({"start_noise": 1.1}, "start_noise: Input should be less than or equal to 1"),
        ({"optimizer": "sgd"}, "optimizer: Input should be 'lbfgs' or 'adam'"),
        ({"learning_rate": 0}, "learning_rate: Input should be greater than 0"),
        ({"learning_rate": float("inf")}, "learning_rate: "),
        ({"learning_rate": float("nan")}, "learning_rate: Input should be a finite number"),
        ({"beta_1": 1}, "beta_1: Input should be less than 1"),
        ({"beta_2": float("nan")}, "beta_2: "),
        ({"epsilon": 0}, "epsilon: Input should be greater than or equal to 0.00000000000000000001"),
        ({"history_size": 0}, "history_size: Input should be greater than or equal to 1"),
        ({"style_weight": -1}, "style_weight: Input should be greater than or equal to 0"),
        ({"tv_weight": 1e13}, "tv_weight: "),
        ({"content_weight": float("nan")}, "content_weight: Input should be a finite number"),
        (
            {"content_layers": ["relu9_9", "conv1"]},
            "content_layers: unknown layer 'relu9_9', 'conv1'; the layers are relu1_1,",
        ),
        ({"style_layers": ["\udcff"]}, "style_layers: unknown layer '\\udcff'; the layers are relu1_1,"),
        ({"style_layers": ["relu1_1", "relu1_1"]}, "style_layers: a layer is named twice"),
        ({"style_layers": ["relu1_1", "block1_conv1"]}, "style_layers: a layer is named twice"),
        ({"style_layers": [1]}, "style_layers.0: Input should be a valid string"),
        ({"content_weight": 0, "style_weight": 0}, "cannot be used: nothing to optimise: give content or style"),
        ({"content_layers": [], "style_layers": []}, "nothing to optimise"),
        ({"content_weight": 0, "style_layers": []}, "nothing to optimise"),
        ({"content_weight": 0, "style_layer_weights": [0] * 5}, "nothing to optimise"),
        ({"content_layer_weights": [0], "style_weight": 0}, "nothing to optimise"),
        (
            {"style_layer_weights": [1]},
            "style_layer_weights needs one number for each of style_layers, 5 in all, and has 1",
        ),
        (
            {"content_layers": [], "content_layer_weights": [1]},
            "content_layer_weights needs one number for each of content_layers, 0 in all, and has 1",
        ),
        ({"style_layer_weights": [-1] * 5}, "style_layer_weights.0: Input should be greater than or equal to 0"),
        ({"style_weights": [0, 0]}, "used: style_weights: one of them must be above 0."),
        ({"style_weights": [1] * 17}, "style_weights: Tuple should have at most 16 items"),
        ({"style_scale": 0}, "style_scale: Input should be greater than or equal to 0.1"),
        ({"brightness": 11}, "brightness: Input should be less than or equal to 10"),
        ({"recolor": "perhaps"}, "recolor: Input should be a valid boolean"),
        ({"colors": "content"}, "colors: Input should be 'style', 'matched' or 'luminance'"),
        ({"backbone": "vgg11"}, "backbone: Input should be 'vgg19' or 'vgg16'"),
        (
            {"backbone": "vgg16", "style_layers": ["conv3_4"], "content_layers": ["relu5_4", "relu3_4"]},
            "the backbone vgg16 has no relu5_4, relu3_4, only relu1_1, relu1_2,",
        ),
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
    assert "; there is no hyperparameter 'style_wieght'. Known names: size, evaluations, brush_scale," in reason
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


@pytest.mark.parametrize("name", Hyperparameters.model_fields)
@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf, "NaN", "inf", "1e999"])
def test_nothing_is_ever_infinite(name: str, value: float | str) -> None:
    for form in (value, [value], [[64, value]], [[value, 1]]):
        assert name in refusal(**{name: form})


def scales(size: int, evaluations: list[int], brush_scale: float | None) -> tuple[tuple[int, int], ...]:
    return Hyperparameters(size=size, evaluations=tuple(evaluations), brush_scale=brush_scale).scales


@settings(deadline=None, max_examples=300)
@given(
    size=st.integers(32, 4096),
    evaluations=st.lists(st.integers(0, 10_000), min_size=1, max_size=8),
    brush_scale=st.none() | st.floats(1, 64),
)
@example(size=4096, evaluations=[1], brush_scale=math.nextafter(64, 0))
@example(size=4096, evaluations=[1], brush_scale=math.nextafter(2, 3))
@example(size=32, evaluations=[1] * 8, brush_scale=None)
def test_scales_go_from_coarse_to_fine(size: int, evaluations: list[int], brush_scale: float | None) -> None:
    sides, counts = zip(*scales(size, evaluations, brush_scale), strict=True)
    assert sides[-1] == size
    assert all(side >= 1 for side in sides)
    # Half a pixel is what rounding adds or takes.
    assert all(coarse <= fine and (fine - 0.5) / (coarse + 0.5) <= 2**1.1 for coarse, fine in pairwise(sides))
    assert len(sides) == len(evaluations) if brush_scale is None else len(sides) <= 7
    assert sides[0] == max(1, round(size / (brush_scale or 2 ** (len(evaluations) - 1)))) or len(sides) == 1
    # The finest scales keep theirs.
    kept = min(len(sides), len(evaluations))
    assert counts[-kept:] == tuple(evaluations[-kept:])
    assert set(counts[:-kept]) <= {evaluations[0]}


@pytest.mark.parametrize(
    ("size", "brush_scale", "expected"),
    [
        (512, None, [(256, 40), (512, 20)]),
        (512, 1, [(512, 20)]),
        (512, 1.0001, [(512, 20)]),
        (512, 2, [(256, 40), (512, 20)]),
        (1080, 1080 / 269, [(269, 40), (539, 40), (1080, 20)]),
        (512, 3, [(171, 40), (296, 40), (512, 20)]),
        (1024, 64, [(16, 40), (32, 40), (64, 40), (128, 40), (256, 40), (512, 40), (1024, 20)]),
    ],
)
def test_the_brush_says_how_many_scales(size: int, brush_scale: float | None, expected: list[tuple[int, int]]) -> None:
    assert list(scales(size, [40, 20], brush_scale)) == expected


@pytest.mark.parametrize(
    "schedule",
    [((128, 60), (256, 40)), [[128, 60], [256, 40]], ["128:60", "256:40"], [("128", "60"), " 256 : 40 "]],
)
def test_a_schedule_says_the_size_too(schedule: Any) -> None:
    given = parse_hyperparameters({"schedule": schedule})
    assert given.size == 256
    assert given.scales == given.schedule == ((128, 60), (256, 40))
    assert parse_hyperparameters({"schedule": schedule, "size": 256}) == given
    # As messages, stored jobs and requests have it.
    for stored in (given.model_dump_json(), json.dumps({"schedule": schedule})):
        assert Hyperparameters.model_validate_json(stored) == given
        assert TypeAdapter(StrictHyperparameters).validate_json(stored) == given


def test_shares_are_together_one() -> None:
    given = Hyperparameters(style_layer_weights=(0, 1, 1, 0, 2), content_layer_weights=(0.001,))
    assert given.style_shares == (0, 0.25, 0.25, 0, 0.5)
    assert given.content_shares == (1,)
    assert Hyperparameters().style_shares == (0.2,) * 5
    assert Hyperparameters(style_layers=()).style_shares == ()
    assert Hyperparameters(style_layer_weights=(0,) * 5).style_shares == (0,) * 5


@settings(deadline=None)
@given(st.lists(st.floats(0, 1e12), min_size=5, max_size=5).filter(any))
@example([5e-324] * 5)
@example([1e12] * 5)
def test_shares_are_finite_whatever_the_weights(weights: list[float]) -> None:
    shares = Hyperparameters(style_layer_weights=tuple(weights)).style_shares
    assert sum(shares) == pytest.approx(1)


def test_styles_share_equally_or_as_told() -> None:
    assert Hyperparameters().shares_of_styles(4) == (0.25,) * 4
    assert Hyperparameters(style_weights=(3, 1)).shares_of_styles(2) == (0.75, 0.25)
    with pytest.raises(InvalidHyperparameters, match=r"2 numbers for 1 style images\. Give one for each"):
        Hyperparameters(style_weights=(3, 1)).shares_of_styles(1)


def test_the_schema_describes_every_field() -> None:
    properties = Hyperparameters.model_json_schema()["properties"]
    assert list(properties) == list(Hyperparameters.model_fields)
    assert all({"description", "default"} <= facts.keys() for facts in properties.values())
    pair = properties["schedule"]["items"]
    assert [side["minimum"] for side in pair["prefixItems"]] == [32, 0]
    assert properties["style_layers"]["maxItems"] == 16


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
        ("evaluations=", {"evaluations": []}),
        ("schedule=128:60,256:40", {"schedule": ["128:60", "256:40"]}),
        ("schedule=128:60", {"schedule": ["128:60"]}),
        ("schedule=[[128, 60]]", {"schedule": [[128, 60]]}),
        ("schedule=", {"schedule": []}),
        ("style_weights=1,2", {"style_weights": [1, 2]}),
        ("style_weights=0.5", {"style_weights": [0.5]}),
        ("recolor=true", {"recolor": True}),
        ("brush-scale=4", {"brush_scale": 4}),
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


def test_assignments_of_lists_become_a_transfer() -> None:
    texts = ["schedule=128:60, 256:40", "style_layers=conv1_1", "style_weights=1,2", "recolor=true", "content_layers="]
    assert parse_hyperparameters(parse_assignments(texts)) == Hyperparameters(
        size=256,
        schedule=((128, 60), (256, 40)),
        style_layers=("relu1_1",),
        style_weights=(1, 2),
        recolor=True,
        content_layers=(),
    )


@pytest.mark.parametrize("text", ["size", "=5", " = 5"])
def test_an_assignment_without_an_equals_sign_or_a_name_is_refused(text: str) -> None:
    with pytest.raises(InvalidHyperparameters, match=rf"'{text}' is not a setting\. Write name=value"):
        parse_assignments([text])


@pytest.mark.parametrize("value", ["", "[", "[" * 100_000, "9" * 10_000, "NaN", "{}", "\0", ",,,", "true", "1e999"])
def test_a_hostile_value_is_refused_like_any_other(value: str) -> None:
    with pytest.raises(InvalidHyperparameters) as caught:
        parse_hyperparameters(parse_assignments([f"size={value}"]))
    assert "size" in str(caught.value)
    assert len(str(caught.value)) < 1_000
