"""What runs can be told apart by: every column that is a number, a truth, a text, a time or a list.

The names and types derive from the table, and so from `Hyperparameters` and `Metrics`; a metric goes by its own name.
"""

import math
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Literal, get_args, get_origin

from pydantic import TypeAdapter
from sqlalchemy import BigInteger, Boolean, Column, Double, Integer

from stylegram.common.database import UtcDateTime
from stylegram.common.hyperparameters import LAYERS, Hyperparameters, canonical_layer
from stylegram.common.records import Metrics
from stylegram.common.schemas import Instant
from stylegram.common.views.runs import RunView
from stylegram.logger.tables import METRIC, runs

Kind = Literal["number", "integer", "truth", "text", "time", "list", "picture", "study", "beginning"]
"""What a field's values are. A picture is named by its SHA-256 or its file's name, a study by its own, and a job by how
its id begins."""

ORDERED: frozenset[Kind] = frozenset({"number", "integer", "time"})
"""Of what one may ask for a least and a most value."""
_TRUTHS = {"true": True, "false": False}
_instant: TypeAdapter[datetime] = TypeAdapter(Instant)


@dataclass(frozen=True)
class Whole:
    """A list as such, where an item of one stands for all that contain it."""

    items: tuple[Any, ...]


@dataclass(frozen=True)
class Item:
    """One item of a list.

    Args:
        read: makes it of a text, or raises `ValueError`.
        schema: of that text, as JSON Schema has it.
    """

    read: Callable[[str], Any]
    schema: Mapping[str, Any]


@dataclass(frozen=True)
class RunField:
    """One thing to tell runs apart by.

    Args:
        name: as it is asked for.
        columns: where its values are: one, and of a picture its digest's and its name's.
        kind: what they are.
        description: what they mean; may be empty.
        choices: all there are, where they are few words.
        item: one of a list; None of anything else.
    """

    name: str
    columns: tuple[Column[Any], ...]
    kind: Kind
    description: str = ""
    choices: tuple[str, ...] = ()
    item: "Item | None" = None

    def value(self, text: str) -> Any:  # noqa: ANN401  (of any of the kinds)
        """The value that a text stands for; None for an empty text, which stands for what is not known.

        A list's is `Whole` where it has commas or brackets, else one item of it.

        Raises:
            ValueError: it stands for none; says what one looks like.
        """
        text = text.strip()
        if not text:
            return None
        match self.kind:
            case "number":
                return _number(text)
            case "integer":
                return _integer(text, 63 if isinstance(self.columns[0].type, BigInteger) else 31)
            case "truth":
                if text.lower() not in _TRUTHS:
                    raise ValueError("write true or false")
                return _TRUTHS[text.lower()]
            case "time":
                return _time(text)
            case "list":
                return self._list(text)
        if self.choices and text not in self.choices:
            raise ValueError(f"it is one of {', '.join(self.choices)}")
        return text

    def _list(self, text: str) -> Any:  # noqa: ANN401  (an item, or `Whole`)
        assert self.item
        bare = text[1:-1] if text.startswith("[") and text.endswith("]") else text
        if bare == text and "," not in text:
            return self.item.read(text)
        return Whole(tuple(self.item.read(part) for part in bare.split(",") if part.strip()))


def _number(text: str) -> float:
    try:
        number = float(text)
    except ValueError:
        raise ValueError("it is no number") from None
    if not math.isfinite(number):
        raise ValueError("it is no finite number")
    return number


def _integer(text: str, bits: int) -> int:
    if not re.fullmatch(r"[+-]?\d{1,20}", text, re.ASCII):
        raise ValueError("it is no whole number")
    if not -(2**bits) <= int(text) < 2**bits:
        raise ValueError(f"it is beyond {bits} bits")
    return int(text)


def _time(text: str) -> datetime:
    day = re.fullmatch(r"\d{4}-\d\d-\d\d", text, re.ASCII)
    try:
        # By itself a day is its beginning; a number would be taken for seconds.
        if not day and not re.match(r"\d{4}-\d\d-\d\d[Tt ]", text, re.ASCII):
            raise ValueError
        return datetime.fromisoformat(text).replace(tzinfo=UTC) if day else _instant.validate_python(text)
    except ValueError:
        raise ValueError("give a time with its zone, as in 2026-11-20T08:00:00Z, or a day, as in 2026-11-20") from None


def _layer(text: str) -> str:
    layer = canonical_layer(text)
    if layer not in LAYERS:
        raise ValueError(f"unknown layer '{text}'; the layers are {', '.join(LAYERS)}")
    return layer


def _pair(text: str) -> tuple[int, int]:
    side, _, evaluations = text.partition(":")
    return _count(side), _count(evaluations)


def _count(text: str) -> int:
    return _integer(text.strip(), 63)


def _kind(column: Column[Any]) -> Kind | None:
    """None for what has parts of its own, as a table of durations."""
    match column.type:
        case Boolean():
            return "truth"
        case Integer():
            return "integer"
        case Double():
            return "number"
        case UtcDateTime():
            return "time"
    if column.type.python_type is str:
        return "text"
    field = Hyperparameters.model_fields.get(column.name)
    return "list" if field and get_origin(field.annotation) is tuple else None


def _item_of(name: str) -> Item:
    match name:
        case "content_layers" | "style_layers":
            return Item(_layer, {"type": "string", "enum": list(LAYERS)})
        case "schedule":
            return Item(_pair, {"type": "string", "pattern": "^[0-9]{1,9}:[0-9]{1,9}$"})
        case "evaluations":
            return Item(_count, {"type": "integer", "minimum": 0, "maximum": 2**31 - 1})
    return Item(_number, {"type": "number"})


def _field(column: Column[Any]) -> RunField | None:
    kind = _kind(column)
    if kind is None:
        return None
    name = column.name.removeprefix(METRIC)
    described = (
        Hyperparameters.model_fields.get(name) or Metrics.model_fields.get(name) or RunView.model_fields.get(name)
    )
    annotation = described.annotation if described else None
    return RunField(
        name,
        (column,),
        kind,
        (described.description if described else None) or "",
        tuple(get_args(annotation)) if get_origin(annotation) is Literal else (),
        _item_of(name) if kind == "list" else None,
    )


_PICTURES = (
    RunField(
        "content", (runs.c.content_sha256, runs.c.content_name), "picture", "The photograph, by SHA-256 or file name."
    ),
    RunField("style", (runs.c.style_sha256, runs.c.style_name), "picture", "The painting, by SHA-256 or file name."),
)
_STUDY = RunField("study", (runs.c.trial,), "study", "The study that it was a trial of.")
_ID = RunField("id", (runs.c.job_id,), "beginning", "The job's id, or its beginning.")

FIELDS: Mapping[str, RunField] = {
    field.name: field for field in (*_PICTURES, _STUDY, _ID, *filter(None, map(_field, runs.columns)))
}
"""All of them, by name."""
