"""What one may ask of runs, and what is refused."""

from datetime import UTC, datetime
from typing import Any

import pytest

from stylegram.common.errors import InvalidInput
from stylegram.common.hyperparameters import Hyperparameters
from stylegram.common.views.runs import METRICS, RunView
from stylegram.logger.queries.fields import FIELDS, Whole
from stylegram.logger.queries.filters import Filter, filter_names, parse_filters


def test_every_hyperparameter_and_every_metric_can_be_asked_for() -> None:
    assert set(Hyperparameters.model_fields) <= set(FIELDS)
    assert set(METRICS) <= set(FIELDS)
    apart = {"hyperparameters", "metrics", "content_features", "style_features"}
    feedback = {"likes", "comments", "reach", "saves", "shares"}
    assert {f"post_{name}" if name in feedback else name for name in RunView.model_fields if name not in apart} <= set(
        FIELDS
    )
    for name in Hyperparameters.model_fields:
        assert FIELDS[name].description, name


def test_only_what_has_an_order_has_a_least_and_a_most() -> None:
    names = set(filter_names())
    assert {"score.min", "score.max", "seed.min", "started_at.max"} <= names
    assert not {"optimizer.min", "recolor.max", "style_layers.min", "style.max"} & names


@pytest.mark.parametrize(
    ("name", "text", "value"),
    [
        ("learning_rate", " 1e-2", 0.01),
        ("seed", str(2**63 - 1), 2**63 - 1),
        ("recolor", "true", True),
        ("optimizer", "adam", "adam"),
        ("origin", "", None),
        ("started_at", "2026-11-20", datetime(2026, 11, 20, tzinfo=UTC)),
        ("started_at", "2026-11-20T08:00:00+02:00", datetime(2026, 11, 20, 6, tzinfo=UTC)),
        ("style_layers", "conv4_2", "relu4_2"),
        ("style_layers", "[block4_conv2]", Whole(("relu4_2",))),
        ("style_layers", "relu1_1, relu2_1", Whole(("relu1_1", "relu2_1"))),
        ("style_weights", "[]", Whole(())),
        ("evaluations", "40,20", Whole((40, 20))),
        ("schedule", "128:60", (128, 60)),
        ("schedule", "128:60,256:40", Whole(((128, 60), (256, 40)))),
    ],
)
def test_a_text_stands_for_a_value_of_the_field(name: str, text: str, value: Any) -> None:
    assert parse_filters([(name, text)]) == (Filter(name, (value,)),)


def test_one_name_has_one_filter() -> None:
    pairs = [("score.min", "1"), ("device", "cpu"), ("score.max", "2"), ("device", "cuda"), ("device", "")]
    assert parse_filters(pairs) == (Filter("score", (), 1.0, 2.0), Filter("device", ("cpu", "cuda", None)))


@pytest.mark.parametrize(
    ("name", "text", "words"),
    [
        ("optimizr", "adam", "Known: content, style"),
        ("optimizer", "adma", "lbfgs, adam"),
        ("optimizer.min", "adam", "no order"),
        ("score", "good", "no number"),
        ("score.max", "nan", "finite"),
        ("score.max", "", "no value"),
        ("seed", "1.5", "whole number"),
        ("seed", str(2**63), "63 bits"),
        ("width", str(2**31), "31 bits"),
        ("recolor", "yes", "true or false"),
        ("started_at.min", "1700000000", "2026-11-20T08:00:00Z"),
        ("started_at.min", "2026-13-01", "2026-11-20T08:00:00Z"),
        ("started_at.min", "0001-01-01T00:00:00+14:00", "2026-11-20T08:00:00Z"),
        ("style_layers", "relu9_9", "relu1_1"),
        ("evaluations", "many", "whole number"),
        ("schedule", "128", "whole number"),
    ],
)
def test_what_cannot_be_asked_is_refused_with_what_can(name: str, text: str, words: str) -> None:
    with pytest.raises(InvalidInput) as refusal:
        parse_filters([(name, text)])
    assert words in str(refusal.value)
    assert name.partition(".")[0] in str(refusal.value)


def test_two_least_values_are_refused() -> None:
    with pytest.raises(InvalidInput, match="twice"):
        parse_filters([("score.min", "1"), ("score.min", "2")])
