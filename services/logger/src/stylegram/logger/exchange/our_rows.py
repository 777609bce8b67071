"""Rows of our own exports, or of others' Stylegram, as rows of the table: every value checked, none invented.

What follows from other columns has to follow from them. Where a file leaves a column out, it is not known.
"""

import math
import re
from collections.abc import Mapping
from typing import Annotated, Any, get_type_hints

from pydantic import Field, TypeAdapter, ValidationError
from sqlalchemy import BigInteger, Integer, String

from stylegram.common.errors import InvalidHyperparameters, InvalidInput
from stylegram.common.hyperparameters import Hyperparameters, canonical_layer, parse_hyperparameters
from stylegram.common.records import PictureFeatures, RunRecord
from stylegram.logger.exchange.cells import Malformed, Notation, quoted, value_of
from stylegram.logger.exchange.columns import BY_NAME, DERIVED, LISTS, LOG_COLUMNS, Kind, Row, result_name, step_size
from stylegram.logger.exchange.sharing import check_origin
from stylegram.logger.repository import RunPost
from stylegram.logger.rows import derived, to_metrics
from stylegram.logger.tables import METRIC, POST, READINGS, runs

REQUIRED = ("job_id", "success", "started_at")
"""Columns that a row cannot do without."""

# As in the names of objects, which it becomes a part of.
_JOB_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,199}")
# Pages link to it.
_ADDRESS = re.compile(r"(?:https?|file)://[^\s\"'<>]*", re.ASCII)
_INT32 = 2**31
_RATINGS = range(1, 6)

_Losses = dict[str, Annotated[float, Field(allow_inf_nan=False)] | None]
# Two columns are called otherwise than their fields, as hyperparameters are called so.
_CALLED = {"precision": "precision_used", "evaluations": "evaluations_done"}
_FORMS: dict[str, Any] = {
    **{_CALLED.get(name, name): field.annotation for name, field in RunRecord.model_fields.items()},
    **dict.fromkeys(("durations", "layer_losses", METRIC + "layer_errors"), _Losses),
    **dict.fromkeys(("content_features", "style_features"), PictureFeatures),
    POST + "state": get_type_hints(RunPost)["state"],
}
_CHECKED = (Kind.TEXT, Kind.STRUCTURE, *LISTS)
_ADAPTERS: dict[str, TypeAdapter[Any]] = {
    column.field: TypeAdapter(_FORMS[column.field])
    for column in LOG_COLUMNS
    if column.field in _FORMS and column.kind in _CHECKED
}
_LONGEST = {c.name: c.type.length for c in runs.columns if isinstance(c.type, String) and c.type.length}
_SMALL = [c.name for c in runs.columns if isinstance(c.type, Integer) and not isinstance(c.type, BigInteger)]
EMPTY: Mapping[str, None] = {column.name: None for column in runs.columns if column.name != READINGS}
"""A row of which nothing is known."""


def row_of(cells: Mapping[str, object], notation: Notation) -> dict[str, Any]:
    """The row of the table that a row of a file says, with all columns but that of the single readings.

    Args:
        cells: by the columns' names, all of which are known.
        notation: how they are written.

    Raises:
        Malformed: a value cannot be right, or contradicts another; the message names it.
    """
    said = {name: value_at(name, raw, notation) for name, raw in cells.items()}
    if missing := [name for name in REQUIRED if said.get(name) is None]:
        raise Malformed(f"it has no {' and no '.join(missing)}")
    row: dict[str, Any] = dict(EMPTY)
    row |= {field: value for name, value in said.items() if (field := BY_NAME[name].field)}
    row["outcome"] = "succeeded" if said["success"] else "failed"
    if row["output_name"] == result_name(row):
        row["output_name"] = None
    _check_limits(row)
    row |= _checked_forms(row)
    row |= checked_hyperparameters(row)
    if row["learning_rate"] == step_size(row | {"learning_rate": None}):
        # The file has the rate in force, which need not have been given.
        row["learning_rate"] = None
    row |= {name: value for name, value in derived(to_metrics(row)).items() if value is None or math.isfinite(value)}
    _check_what_follows(row, said)
    return row


def checked_hyperparameters(row: Row) -> dict[str, Any]:
    """Those hyperparameters of a row that are known, as the table has them.

    Raises:
        Malformed: one is out of its range, or they are impossible together.
    """
    given = {name: row[name] for name in Hyperparameters.model_fields if row[name] is not None}
    for name in ("content_layers", "style_layers"):
        if name in given:
            given[name] = list(map(canonical_layer, given[name]))
    try:
        known = parse_hyperparameters(given).model_dump(mode="json")
    except InvalidHyperparameters as error:
        raise Malformed(error.message) from None
    for name, value in given.items():
        if not _same(known[name], value):
            raise Malformed(f"{name} is {quoted(str(value))}, which it cannot be")
    return {name: known[name] for name in given}


def value_at(name: str, raw: object, notation: Notation) -> Any:  # noqa: ANN401  (of the column's kind)
    """The value of a cell of the column; see `value_of`.

    Raises:
        Malformed: it is none of the column's kind; the message names the column.
    """
    try:
        return value_of(BY_NAME[name].kind, raw, notation)
    except Malformed as error:
        raise Malformed(f"{name} {error.message}") from None


def _check_limits(row: Row) -> None:
    for name, most in _LONGEST.items():
        if row[name] is not None and len(row[name]) > most:
            raise Malformed(f"{name} has more than {most} characters")
    for name in _SMALL:
        if row[name] is not None and not -_INT32 <= row[name] < _INT32:
            raise Malformed(f"{name} is too large: {row[name]}")
    if row["rating"] is not None and row["rating"] not in _RATINGS:
        raise Malformed(f"rating is {row['rating']}, not one of 1 … 5")
    if not _JOB_ID.fullmatch(row["job_id"]):
        raise Malformed(f"job_id is no name of a job: {quoted(row['job_id'])}")
    if row["post_url"] is not None and not _ADDRESS.fullmatch(row["post_url"]):
        raise Malformed(f"post_url is no address of a post: {quoted(row['post_url'])}")
    if row["origin"] is not None:
        try:
            check_origin(row["origin"])
        except InvalidInput as error:
            raise Malformed(f"origin: {error.message}") from None


def _checked_forms(row: Row) -> dict[str, Any]:
    """Those values that have a form of their own, in it."""
    checked = {}
    for name, adapter in _ADAPTERS.items():
        if row[name] is None:
            continue
        try:
            value = adapter.dump_python(adapter.validate_python(row[name]), mode="json", exclude_unset=True)
        except ValidationError as error:
            issue = error.errors(include_url=False, include_input=False, include_context=False)[0]
            raise Malformed(f"{name} is not what it should be: {issue['msg']}") from None
        # What this version does not know would be lost.
        if not _same(value, row[name]):
            raise Malformed(f"{name} has something in it that this version does not know: {quoted(str(row[name]))}")
        checked[name] = value
    return checked


def _check_what_follows(row: Row, said: Mapping[str, Any]) -> None:
    for name in ("created_at", "epochs", *DERIVED):
        value, follows = said.get(name), BY_NAME[name].value(row)
        if value is None or value == follows:
            continue
        if name in DERIVED and follows is not None and math.isclose(value, follows, rel_tol=1e-9):
            continue
        raise Malformed(f"{name} is {value}, while by what it follows from it is {follows}")


def _same(one: object, other: object) -> bool:
    """Whether both say the same: 1 and 1.0 do, 1 and true do not."""
    match one, other:
        case dict(), dict():
            return one.keys() == other.keys() and all(_same(one[name], other[name]) for name in one)
        case list(), list():
            return len(one) == len(other) and all(map(_same, one, other))
    return isinstance(one, bool) == isinstance(other, bool) and one == other
