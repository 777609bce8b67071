"""The columns of the record's files: one table, be it written as CSV or as Parquet.

The first thirteen are those of the `logs.csv` of NST_instagram, in its order and its terms, so that what reads the one
reads the other:

- `created_at` is the day on which the run started, in UTC; `time_to_output` is in seconds.
- `epochs` are hundreds of evaluations, planned and rounded up: an epoch there was a hundred steps.
- `learning_rate` is the one in force, `Beta_1` is Adam's, given for other optimisers too.
- The layers go by their Keras names: `relu4_2` is `block4_conv2`.
- `output_name` is the object's in storage, or what an imported run says it is.

After them comes every other column of the table of runs, but for the single readings of which `post_likes` and its
like are the sums, and for what only helps searching.
"""

import math
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from enum import Enum, auto
from typing import Annotated, Any, get_args, get_origin

from sqlalchemy import JSON, Boolean, Column, Double, Integer

from stylegram.common import artifacts
from stylegram.common.database import UtcDateTime
from stylegram.common.hyperparameters import Hyperparameters
from stylegram.common.records import RunRecord
from stylegram.logger.tables import READINGS, runs

Row = Mapping[str, Any]
"""A row of the table of runs."""

_EVALUATIONS_PER_EPOCH = 100


class Kind(Enum):
    """What a column's values are."""

    TEXT = auto()
    INTEGER = auto()
    NUMBER = auto()
    TRUTH = auto()
    DAY = auto()
    TIME = auto()
    LAYERS = auto()
    """A list of layers by their Keras names; as Python writes it, in a CSV file."""
    INTEGERS = auto()
    NUMBERS = auto()
    PAIRS = auto()
    """A list of pairs of integers."""
    STRUCTURE = auto()
    """What has names within; as JSON, in any file."""


LISTS = {Kind.LAYERS, Kind.INTEGERS, Kind.NUMBERS, Kind.PAIRS}


@dataclass(frozen=True)
class LogColumn:
    """A column of the record's files.

    Args:
        name: in the header.
        kind: of its values.
        value: what it says of a row of the table.
        field: the column of the table that it says all of; None where it follows from others.
    """

    name: str
    kind: Kind
    value: Callable[[Row], Any]
    field: str | None


def step_size(row: Row) -> float | None:
    """The learning rate in force; None where too little is known."""
    given: float | None = row["learning_rate"]
    if given is not None or row["optimizer"] is None:
        return given
    return Hyperparameters.model_construct(optimizer=row["optimizer"]).step_size


def result_name(row: Row) -> str | None:
    """The name that a run's picture has with us; None where there is none."""
    return artifacts.result(row["job_id"]) if row["outcome"] == "succeeded" else None


def in_keras(layer: str) -> str:
    """The layer's Keras name.

    >>> in_keras("relu4_2")
    'block4_conv2'
    """
    return re.sub(r"relu(\d)_(\d)", r"block\1_conv\2", layer)


def _day(row: Row) -> date | None:
    start: datetime | None = row["started_at"]
    return start and start.date()


def _epochs(row: Row) -> int | None:
    if row["evaluations"] is None:
        return None
    scales = ("size", "evaluations", "brush_scale", "schedule")
    # Not validated: what a newer version allows, or an older one did, is told as it is.
    planned = Hyperparameters.model_construct(**{name: row[name] for name in scales if row[name] is not None})
    return math.ceil(sum(evaluations for _, evaluations in planned.scales) / _EVALUATIONS_PER_EPOCH)


def _output_name(row: Row) -> str | None:
    return result_name(row) if row["output_name"] is None else row["output_name"]


def _succeeded(row: Row) -> bool:
    return bool(row["outcome"] == "succeeded")


def _of(field: str) -> Callable[[Row], Any]:
    return lambda row: row[field]


def _layers(field: str) -> Callable[[Row], Any]:
    return lambda row: row[field] and [in_keras(layer) for layer in row[field]]


_ORIGINAL = (
    LogColumn("style_picture_name", Kind.TEXT, _of("style_name"), "style_name"),
    LogColumn("content_picture_name", Kind.TEXT, _of("content_name"), "content_name"),
    LogColumn("created_at", Kind.DAY, _day, None),
    LogColumn("learning_rate", Kind.NUMBER, step_size, "learning_rate"),
    LogColumn("Beta_1", Kind.NUMBER, _of("beta_1"), "beta_1"),
    LogColumn("epochs", Kind.INTEGER, _epochs, None),
    LogColumn("style_weight", Kind.NUMBER, _of("style_weight"), "style_weight"),
    LogColumn("content_weight", Kind.NUMBER, _of("content_weight"), "content_weight"),
    LogColumn("output_name", Kind.TEXT, _output_name, "output_name"),
    LogColumn("time_to_output", Kind.NUMBER, _of("seconds"), "seconds"),
    LogColumn("content_layers", Kind.LAYERS, _layers("content_layers"), "content_layers"),
    LogColumn("style_layers", Kind.LAYERS, _layers("style_layers"), "style_layers"),
    LogColumn("success", Kind.TRUTH, _succeeded, "outcome"),
)

DERIVED = ("style_error", "relative_content_error", "relative_style_error", "score")
"""What follows from the metrics."""

_APART = {*(column.field for column in _ORIGINAL), READINGS, "style_band"}


def _kind(column: Column[Any]) -> Kind:
    match column.type:
        case JSON():
            return _kind_of_list(column.name)
        case UtcDateTime():
            return Kind.TIME
        case Boolean():
            return Kind.TRUTH
        case Integer():
            return Kind.INTEGER
        case Double():
            return Kind.NUMBER
    return Kind.TEXT


def _kind_of_list(name: str) -> Kind:
    """Of a column that is JSON in the table: tuples of numbers are lists, the rest has names within."""
    fields = Hyperparameters.model_fields | {"resumed_at": RunRecord.model_fields["resumed_at"]}
    if name not in fields or get_origin(fields[name].annotation) is not tuple:
        return Kind.STRUCTURE
    item = get_args(fields[name].annotation)[0]
    if get_origin(item) is Annotated:
        item = get_args(item)[0]
    return {int: Kind.INTEGERS, float: Kind.NUMBERS}.get(item, Kind.PAIRS)


ORIGINAL_NAMES = tuple(column.name for column in _ORIGINAL)
"""The header of the `logs.csv` of NST_instagram."""

LOG_COLUMNS = (
    *_ORIGINAL,
    *(
        LogColumn(column.name, _kind(column), _of(column.name), None if column.name in DERIVED else column.name)
        for column in runs.columns
        if column.name not in _APART
    ),
)
"""All of them, in order."""

COLUMNS = tuple(column.name for column in LOG_COLUMNS)
"""The header, in order."""

BY_NAME: Mapping[str, LogColumn] = {column.name: column for column in LOG_COLUMNS}
