import json
import math
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import JSON

from stylegram.common.hyperparameters import Hyperparameters
from stylegram.common.records import AssetReference, Metrics, PictureFeatures, RunRecord
from stylegram.logger.rows import style_band, to_record, to_row
from stylegram.logger.tables import runs

NUMBERS = st.floats(allow_nan=False, allow_infinity=False)
FEATURES = st.builds(PictureFeatures, **dict.fromkeys(PictureFeatures.model_fields, NUMBERS))
PICTURES = st.builds(AssetReference, features=st.none() | FEATURES)
LOSSES = st.dictionaries(st.sampled_from(["total", "content", "style", "tv", "style.relu4_1"]), NUMBERS)
METRICS = st.builds(
    Metrics,
    **{name: NUMBERS for name, field in Metrics.model_fields.items() if field.is_required()},
    content_baseline=st.none() | NUMBERS,
    style_baseline=st.none() | NUMBERS,
    layer_errors=st.dictionaries(st.text(), NUMBERS),
)
HYPERPARAMETERS = st.sampled_from(
    [
        Hyperparameters(),
        Hyperparameters(schedule=((64, 2), (128, 1)), recolor=True, style_weights=(1, 2), backbone="vgg16"),
        Hyperparameters(brush_scale=7.5, learning_rate=1e-300, style_layers=(), seed=2**63 - 1),
    ]
)
TIMES = st.datetimes(timezones=st.just(UTC))


@given(
    record=st.builds(
        RunRecord,
        content=PICTURES,
        style=PICTURES,
        further_styles=st.tuples() | st.tuples(PICTURES, PICTURES),
        masks=st.tuples() | st.tuples(st.none(), PICTURES),
        start_image=st.none() | PICTURES,
        hyperparameters=HYPERPARAMETERS,
        resumed_at=st.tuples() | st.tuples(st.integers(0), st.integers(0)),
        started_at=TIMES,
        finished_at=TIMES,
        durations=st.dictionaries(st.text(), NUMBERS),
        cpu_seconds=st.none() | NUMBERS,
        peak_memory_mb=st.none() | NUMBERS,
        losses=LOSSES,
        metrics=st.none() | METRICS,
        curve=st.just(()),
        trial=st.none() | st.text(),
    )
)
@settings(deadline=None, max_examples=60)
def test_a_record_survives_as_a_row(record: RunRecord) -> None:
    assert to_record(stored(to_row(record))) == record


def test_what_is_not_finite_is_null_wherever_it_is() -> None:
    odd = dict.fromkeys(set(Metrics.model_fields) - {"layer_errors"}, math.nan)
    time = datetime(2026, 11, 20, tzinfo=UTC)
    picture = AssetReference(sha256="0", object_name="a", name="b")
    record = RunRecord(
        job_id="1",
        outcome="failed",
        content=picture,
        style=picture,
        hyperparameters=Hyperparameters(),
        engine_version="1",
        torch_version="2",
        weights="vgg19",
        device="cpu",
        started_at=time,
        finished_at=time,
        durations={"paint": math.inf},
        cpu_seconds=math.inf,
        losses={"total": math.nan, "style.relu4_1": -math.inf},
        metrics=Metrics(**odd, layer_errors={"relu4_1@128": math.nan}),
    )
    assert not any(isinstance(value, float) and not math.isfinite(value) for value in stored(to_row(record)).values())


def stored(row: dict[str, Any]) -> dict[str, Any]:
    """The row as a database gives it back."""
    return {
        column.name: json.loads(json.dumps(row.get(column.name), allow_nan=False))
        if isinstance(column.type, JSON)
        else row.get(column.name)
        for column in runs.columns
    }


@pytest.mark.parametrize(
    ("relative", "band"),
    [
        (0.0, 0),
        (1e-9, 0),
        (2**-6, 0),
        (2**-5.875, 1),
        (0.99, 47),
        (1.0, 48),
        (1.09, 48),
        (2.0, 56),
        (1e300, 63),
        (-1, 0),
    ],
)
def test_bands_ascend_with_the_style_error(relative: float, band: int) -> None:
    assert style_band(relative) == band
