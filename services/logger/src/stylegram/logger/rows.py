"""Records to rows and back. A field of the record that is new here needs a column of its name, and no more."""

import math
from collections.abc import Mapping
from typing import Any

from stylegram.common.hyperparameters import Hyperparameters
from stylegram.common.records import AssetReference, RunRecord

# Two fields are called like hyperparameters, which say what was asked for.
_RENAMED = {"precision": "precision_used", "evaluations": "evaluations_done"}
_PICTURES = ("content", "style")
_TOTALS = ("total", "content", "style", "tv")
_APART = {*_PICTURES, "hyperparameters", "losses", "curve", "durations"}
_PLAIN = [name for name in RunRecord.model_fields if name not in _APART]


def to_row(record: RunRecord) -> dict[str, Any]:
    """The columns of `runs` that a record fills; what is not finite is null, for not every database knows NaN."""
    row: dict[str, Any] = {_RENAMED.get(name, name): getattr(record, name) for name in _PLAIN}
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
    return _finite(row)


def to_record(row: Mapping[str, Any]) -> RunRecord:
    """The record in a row, without its curve and without losses that were not finite."""
    losses = {name: row[f"loss_{name}"] for name in _TOTALS} | row["layer_losses"]
    return RunRecord(
        **{name: row[_RENAMED.get(name, name)] for name in _PLAIN},
        **{
            picture: AssetReference(**{name: row[f"{picture}_{name}"] for name in AssetReference.model_fields})
            for picture in _PICTURES
        },
        hyperparameters=to_hyperparameters(row),
        durations=row["durations"],
        losses={name: loss for name, loss in losses.items() if loss is not None},
    )


def to_hyperparameters(row: Mapping[str, Any]) -> Hyperparameters:
    """The hyperparameters in a row; one that was not there at the time has its default."""
    given = {name: row[name] for name in Hyperparameters.model_fields if row[name] is not None}
    return Hyperparameters.model_validate(given)


def _finite(values: Mapping[str, Any]) -> dict[str, Any]:
    return {
        name: None if isinstance(value, float) and not math.isfinite(value) else value for name, value in values.items()
    }
