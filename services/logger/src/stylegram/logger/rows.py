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


def to_row(record: RunRecord) -> dict[str, Any]:
    """The columns of `runs` that a record fills; what is not finite is null, for not every database knows NaN."""
    plain = record.model_dump(include=set(_PLAIN))
    row: dict[str, Any] = {_RENAMED.get(name, name): value for name, value in plain.items()}
    for picture in _PICTURES:
        reference: AssetReference = getattr(record, picture)
        row |= {f"{picture}_{name}": value for name, value in reference}
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
    return _finite(row)


def to_record(row: Mapping[str, Any]) -> RunRecord:
    """The record in a row, without its curve and without losses that were not finite; a metric that was not is NaN.

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
        metrics=_to_metrics(row),
    )


def to_hyperparameters(row: Mapping[str, Any]) -> Hyperparameters:
    """The hyperparameters in a row; one that was not there at the time has its default."""
    return Hyperparameters.model_validate(_known({name: row[name] for name in Hyperparameters.model_fields}))


def _to_metrics(row: Mapping[str, Any]) -> Metrics | None:
    values = {name: row[METRIC + name] for name in Metrics.model_fields}
    errors = values.pop("layer_errors")
    if errors is None:  # a run that was measured has at least an empty one
        return None
    return Metrics(
        **{name: math.nan if value is None else value for name, value in values.items()}, layer_errors=_known(errors)
    )


def _known(values: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in values.items() if value is not None}


def _finite(values: Mapping[str, Any]) -> dict[str, Any]:
    return {
        name: None if isinstance(value, float) and not math.isfinite(value) else value for name, value in values.items()
    }
