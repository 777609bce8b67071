"""Records to rows and back. A field of the record that is new here needs a column of its name, and no more."""

import math
from collections.abc import Mapping
from typing import Any

from stylegram.common.hyperparameters import Hyperparameters
from stylegram.common.records import AssetReference, Metrics, RunRecord
from stylegram.logger.tables import METRIC

# Two fields are called like hyperparameters, which say what was asked for.
_RENAMED = {"precision": "precision_used", "evaluations": "evaluations_done"}
_PICTURES = ("content", "style")
_TOTALS = ("total", "content", "style", "tv")
_APART = {*_PICTURES, "hyperparameters", "losses", "metrics", "curve", "durations"}
_PLAIN = [name for name in RunRecord.model_fields if name not in _APART]
# Eight bands for each doubling; the photograph's own style error, 1, begins the 49th, and the last has no end.
_BANDS, _BANDS_PER_DOUBLING, _BAND_OF_ONE = 64, 8, 48


def to_row(record: RunRecord) -> dict[str, Any]:
    """The columns of `runs` that a record fills; what is not finite is null, for not every database knows NaN."""
    plain = record.model_dump(include=set(_PLAIN))
    row: dict[str, Any] = {_RENAMED.get(name, name): value for name, value in plain.items()}
    for picture in _PICTURES:
        reference: AssetReference = getattr(record, picture)
        row |= {f"{picture}_{name}": value for name, value in reference.model_dump().items()}
    row |= record.hyperparameters.model_dump(mode="json")
    row |= {f"loss_{name}": record.losses.get(name) for name in _TOTALS}
    row |= {
        "seconds": record.seconds,
        "durations": _finite(record.durations),
        "layer_losses": _finite({name: loss for name, loss in record.losses.items() if name not in _TOTALS}),
    }
    # A run that is saved again may have lost its metrics: their columns are then emptied.
    metrics = record.metrics.model_dump() if record.metrics else dict.fromkeys(Metrics.model_fields)
    row |= {METRIC + name: _finite(value) if isinstance(value, dict) else value for name, value in metrics.items()}
    # What we run ourselves is ours, even where somebody's record of it was imported before it was heard of.
    return _finite(row | derived(record.metrics) | {"origin": None})


def derived(metrics: Metrics | None) -> dict[str, Any]:
    """The columns of `runs` that follow from the metrics; null where those say too little."""
    relative = metrics.relative_style_error if metrics else None
    return {
        "style_error": metrics and metrics.style_error,
        "relative_content_error": metrics and metrics.relative_content_error,
        "relative_style_error": relative,
        "score": metrics and metrics.score,
        "style_band": None if relative is None else style_band(relative),
    }


def style_band(relative_style_error: float) -> int:
    """Which of 64 bands, in ascending order, a finite relative style error is in.

    In each band the run with the least content error is found at once, and the best of all pairs of errors are then
    among few rows.

    >>> style_band(0), style_band(0.25), style_band(1), style_band(1e9)
    (0, 32, 48, 63)
    """
    if relative_style_error <= 0:
        return 0
    band = math.floor(_BANDS_PER_DOUBLING * math.log2(relative_style_error)) + _BAND_OF_ONE
    return min(_BANDS - 1, max(0, band))


def to_record(row: Mapping[str, Any]) -> RunRecord:
    """The record in a row of our own, without its curve and without losses that were not finite; a metric that was not
    is NaN, or unknown where it may be.

    What there was no column for at the time has its default.
    """
    losses = {name: row[f"loss_{name}"] for name in _TOTALS} | row["layer_losses"]
    return RunRecord(
        **_known({name: row[_RENAMED.get(name, name)] for name in _PLAIN}),
        **{
            picture: AssetReference(**{name: row[f"{picture}_{name}"] for name in AssetReference.model_fields})
            for picture in _PICTURES
        },
        hyperparameters=to_hyperparameters(row),
        durations=row["durations"],
        losses=_known(losses),
        metrics=to_metrics(row),
    )


def to_hyperparameters(row: Mapping[str, Any]) -> Hyperparameters:
    """The hyperparameters in a row; one that was not there at the time has its default."""
    return Hyperparameters.model_validate(_known({name: row[name] for name in Hyperparameters.model_fields}))


def to_metrics(row: Mapping[str, Any]) -> Metrics | None:
    """The metrics in a row; one that was not finite is NaN, or unknown where it may be. None of one not measured."""
    values = {name: row[METRIC + name] for name in Metrics.model_fields}
    errors = values.pop("layer_errors")
    if errors is None:  # a run that was measured has at least an empty one
        return None
    return Metrics(
        **{
            name: math.nan if value is None and Metrics.model_fields[name].is_required() else value
            for name, value in values.items()
        },
        layer_errors=_known(errors),
    )


def _known(values: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in values.items() if value is not None}


def _finite(values: Mapping[str, Any]) -> dict[str, Any]:
    return {
        name: None if isinstance(value, float) and not math.isfinite(value) else value for name, value in values.items()
    }
