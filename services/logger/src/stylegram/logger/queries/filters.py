"""Which runs are wanted: conditions on any field, as `name=value` pairs say them.

- `name=value`: equal to it; several for one name: equal to any of them. An empty value is what is not known, so that
  `origin=` are our own runs.
- `name.min=value`, `name.max=value`: at least, at most; of numbers and times.
- of a list, `style_layers=relu4_2` is one that contains it, `style_layers=relu4_1,relu5_1` or `style_layers=[relu4_1]`
  exactly that list.

>>> wanted = parse_filters([("optimizer", "adam"), ("optimizer", "lbfgs"), ("learning_rate.max", "0.1")])
>>> [(each.name, each.any_of, each.most) for each in wanted]
[('optimizer', ('adam', 'lbfgs'), None), ('learning_rate', (), 0.1)]
"""

import json
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, Text, and_, cast, func, literal, or_, true

from stylegram.common.errors import InvalidInput
from stylegram.logger.queries.fields import FIELDS, ORDERED, RunField, Whole
from stylegram.logger.tables import runs

_SHA256 = re.compile(r"[0-9a-f]{64}")
_PLAIN = re.compile(r"[0-9a-z-]*[0-9a-z]")
LEAST, MOST = ".min", ".max"
_MOST_QUOTED = 80
# To compare byte by byte, as SQLite always does; an index on a text that is asked for by its beginning has that order.
_BYTEWISE = {"postgresql": ("~>=~", "~<~")}
INDEXED = frozenset({"job_id", *(next(iter(index.columns)).name for index in runs.indexes)})
"""Columns by which an index finds rows."""


@dataclass(frozen=True)
class Filter:
    """What is wanted of one field.

    Args:
        name: the field's.
        any_of: it is one of these, None for not known; any value where there are none.
        least: and at least this.
        most: and at most this.
    """

    name: str
    any_of: tuple[Any, ...] = ()
    least: Any = None
    most: Any = None

    def condition(self, dialect: str) -> ColumnElement[bool]:
        """The condition on a row of `runs`, for a database of that kind."""
        field = FIELDS[self.name]
        column = field.columns[0]
        parts: list[ColumnElement[bool]] = []
        if self.any_of:
            parts.append(or_(*(_equal(field, value, dialect) for value in self.any_of)))
        if self.least is not None:
            parts.append(column >= self.least)
        if self.most is not None:
            parts.append(column <= self.most)
        return and_(true(), *parts)

    @property
    def is_indexed(self) -> bool:
        """Whether an index finds the rows."""
        return None not in self.any_of and all(column.name in INDEXED for column in FIELDS[self.name].columns)


Filters = Sequence[Filter]


def fits(filters: Filters, dialect: str) -> ColumnElement[bool]:
    """That a row is a run that is wanted, and not only the post of one that is not known yet."""
    return and_(runs.c.outcome.is_not(None), true(), *(each.condition(dialect) for each in filters))


def filter_names() -> Iterator[str]:
    """Everything that `parse_filters` takes."""
    for name, field in FIELDS.items():
        yield name
        if field.kind in ORDERED:
            yield from (name + LEAST, name + MOST)


def parse_filters(pairs: Iterable[tuple[str, str]]) -> tuple[Filter, ...]:
    """The filters that pairs of names and texts stand for, one for each field.

    Raises:
        InvalidInput: a name is not known, a value is none of its field's, or a least or a most value is given twice.
    """
    found: dict[str, Filter] = {}
    for key, text in pairs:
        name, end = _split(key)
        before = found.get(name, Filter(name))
        try:
            value = FIELDS[name].value(text)
        except ValueError as error:
            raise InvalidInput(f"{key}={_quoted(text)}: {error}.") from None
        if not end:
            found[name] = Filter(name, (*before.any_of, value), before.least, before.most)
            continue
        if value is None:
            raise InvalidInput(f"{key} has no value.", advice="Give one, or leave it out.")
        if (before.least if end == LEAST else before.most) is not None:
            raise InvalidInput(f"{key} is given twice.", advice="Give it once.")
        least, most = (value, before.most) if end == LEAST else (before.least, value)
        found[name] = Filter(name, before.any_of, least, most)
    return tuple(found.values())


def _split(key: str) -> tuple[str, str]:
    """A field's name, and `.min` or `.max` or nothing."""
    name, end = next(((key.removesuffix(end), end) for end in (LEAST, MOST) if key.endswith(end)), (key, ""))
    if name not in FIELDS:
        raise InvalidInput(f"Runs have no {_quoted(key)}.", advice=f"Known: {', '.join(FIELDS)}.")
    if end and FIELDS[name].kind not in ORDERED:
        raise InvalidInput(f"{key}: {name} has no order.", advice=f"Ask for {name}=….")
    return name, end


def _quoted(text: str) -> str:
    return f"'{text}'" if len(text) <= _MOST_QUOTED else f"'{text[:_MOST_QUOTED]}…'"


def _begins(column: ColumnElement[Any], beginning: str) -> ColumnElement[bool]:
    exactly = func.substr(column, 1, len(beginning)) == beginning
    if not _PLAIN.fullmatch(beginning):
        return exactly
    # In any order of texts that a database may have, an index finds at least those.
    before, last = beginning[:-1], beginning[-1]
    following = {"9": "a"}.get(last) or chr(ord(last) + 1)
    beyond = [] if last == "z" else [column < before + following]
    return and_(exactly, column >= beginning, *beyond)


def _equal(field: RunField, value: Any, dialect: str) -> ColumnElement[bool]:  # noqa: ANN401  (of the field's kind)
    column: ColumnElement[Any] = field.columns[0]
    if field.kind == "picture":
        digest, name = field.columns
        if value is None:
            return and_(digest.is_(None), name.is_(None))
        return (digest if _SHA256.fullmatch(value) else name) == literal(value)
    if value is None:
        return column.is_(None)
    if field.kind == "study":
        at_least, below = _BYTEWISE.get(dialect, (">=", "<"))
        # "0" is what comes after "/".
        return and_(
            column.op(at_least, is_comparison=True)(f"{value}/"), column.op(below, is_comparison=True)(f"{value}0")
        )
    if field.kind == "beginning":
        return _begins(column, value)
    if field.kind != "list":
        return column == literal(value, column.type)
    # As JSON has it; PostgreSQL compares no JSON, and keeps its text.
    written = cast(column, Text)
    if isinstance(value, Whole):
        return written == literal(json.dumps(value.items))
    # What its items stand between, once the brackets are taken for it.
    between = ", "
    inside = literal(between) + func.substr(written, 2, func.length(written) - 2) + between
    return inside.contains(between + json.dumps(value) + between, autoescape=True)
