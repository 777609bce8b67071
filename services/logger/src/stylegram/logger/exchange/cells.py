"""What stands in a file, as values: of its column's kind, or refused."""

import ast
import json
import math
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Any

from stylegram.common.errors import InvalidInput
from stylegram.logger.exchange.columns import LISTS, Kind
from stylegram.logger.exchange.logs_csv import plain, without_apostrophe

LONGEST_TEXT = 131_072
"""Characters in a cell; the most that the csv module reads."""
_LONGEST_LIST = 4096
_LARGEST_INTEGER = 2**63
_INTEGER = re.compile(r"[+-]?\d{1,30}", re.ASCII)
_NUMBER = re.compile(r"[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?", re.ASCII)
_DAY = re.compile(r"\d{4}-\d\d-\d\d", re.ASCII)
_TIME = re.compile(rf"{_DAY.pattern}[T ]\d\d:\d\d(?::\d\d(?:\.\d{{1,6}})?)?(?:Z|[+-]\d\d:\d\d)?", re.ASCII)
# A thousand and more, or one and a little.
_TWO_WAYS = re.compile(r"[+-]?[1-9]\d{0,2},\d{3}", re.ASCII)
# Names in quotation marks, and nothing that could be worked out.
_NAME = r"""(?:'\w*'|"\w*")"""
_LIST_OF_NAMES = re.compile(rf"\[\s*(?:{_NAME}(?:\s*,\s*{_NAME})*)?\s*\]", re.ASCII)
# In JSON, where a backslash that is meant as such has another before it.
_NUL = re.compile(r"(?<!\\)(?:\\\\)*\\u0000")
_EARLIEST_YEAR = 1970
_MOST_QUOTED = 60


class Malformed(InvalidInput):
    """A row, or a value in it, that cannot be right; the others can."""

    code = "malformed-row"


@dataclass(frozen=True)
class Notation:
    """How values are written in a file.

    Args:
        decimal_comma: a number may have one.
        apostrophes: they stand before what would be a formula.
    """

    decimal_comma: bool = False
    apostrophes: bool = False


def value_of(kind: Kind, raw: object, notation: Notation) -> Any:  # noqa: ANN401  (of the kind)
    """The value of a cell: text as it stands in a CSV file, or what a Parquet file holds.

    Args:
        kind: the column's.
        raw: what stands there; None, and an empty text, is nothing.
        notation: how texts say it.

    Raises:
        Malformed: it is none of that kind; the message says why, without the column's name.
    """
    if raw is None or raw == "":
        return None
    if not isinstance(raw, str):
        return _typed(kind, raw)
    if len(raw) > LONGEST_TEXT:
        raise Malformed(f"has more than {LONGEST_TEXT} characters")
    if "\0" in raw:
        raise Malformed("has a NUL character")
    text = raw.strip()
    if kind is Kind.TEXT:
        return plain(without_apostrophe(raw) if notation.apostrophes else raw)
    if kind is Kind.NUMBER and notation.decimal_comma:
        if _TWO_WAYS.fullmatch(text):
            raise Malformed(f"can be read in two ways: {quoted(text)}; write it with a point, without separators")
        text = text.replace(",", ".")
    value: Any = _FROM_TEXT[kind](text) if text else None
    return value


def quoted(text: str) -> str:
    """A value as an error repeats it: its beginning, where it is long, on one line."""
    return repr(text if len(text) <= _MOST_QUOTED else text[:_MOST_QUOTED] + "…")


def from_json(text: str) -> Any:  # noqa: ANN401  (whatever it says)
    """What JSON says, where it says every name once and no number that is none.

    Raises:
        Malformed: it is not JSON, or too deep.
    """
    try:
        value = json.loads(text, object_pairs_hook=_unique, parse_constant=_no_number, parse_float=_float)
        if "\\u" in text:  # which can say what is no character, and what not every database keeps
            _check_characters(value)
        return value
    except (ValueError, RecursionError):
        raise Malformed(f"is not JSON that can be read: {quoted(text)}") from None


def _typed(kind: Kind, raw: object) -> Any:  # noqa: ANN401  (of the kind)
    """What a Parquet file holds, where it is of the kind; a whole number may be stored as one with a fraction."""
    match kind, raw:
        case (Kind.INTEGER, bool()) | (Kind.NUMBER, bool()):
            pass
        case Kind.INTEGER, int() as whole:
            return _within(whole)
        case Kind.NUMBER, int() as whole:
            return float(_within(whole))
        case Kind.INTEGER, float() if raw.is_integer():
            return _within(int(raw))
        case Kind.NUMBER, float():
            return _finite(raw)
        case Kind.TRUTH, bool():
            return raw
        case Kind.DAY, date() if not isinstance(raw, datetime):
            return raw
        case Kind.TIME, datetime():
            return _instant(raw)
        case _, list() if kind in LISTS:
            return raw
    raise Malformed(f"is {quoted(repr(raw))}, which it cannot be")


def _integer(text: str) -> int:
    # Spreadsheets, and what knows no whole numbers beside nothing, write 512 as 512.0.
    whole = text.removesuffix(".0")
    if not _INTEGER.fullmatch(whole):
        raise Malformed(f"is no whole number: {quoted(text)}")
    return _within(int(whole))


def _within(value: int) -> int:
    if not -_LARGEST_INTEGER <= value < _LARGEST_INTEGER:
        raise Malformed("is a number of more than 64 bits")
    return value


def _number(text: str) -> float:
    if not _NUMBER.fullmatch(text):
        raise Malformed(f"is no finite number: {quoted(text)}")
    return _finite(float(text))


def _finite(value: float) -> float:
    if not math.isfinite(value):
        raise Malformed(f"is no finite number: {value}")
    return value


def _truth(text: str) -> bool:
    known = {"true": True, "false": False}
    if text.lower() not in known:
        raise Malformed(f"is neither True nor False: {quoted(text)}")
    return known[text.lower()]


def _day(text: str) -> date:
    try:
        day = date.fromisoformat(_shaped(_DAY, text))
    except ValueError:
        raise Malformed(f"is no day as in 2020-09-21: {quoted(text)}") from None
    if day.year < _EARLIEST_YEAR:
        raise Malformed(f"is before {_EARLIEST_YEAR}: {quoted(text)}")
    return day


def _shaped(shape: re.Pattern[str], text: str) -> str:
    """The text, where it has the shape, else a `ValueError`: the library reads more than anybody writes."""
    if not shape.fullmatch(text):
        raise ValueError
    return text


def _time(text: str) -> datetime:
    try:
        return _instant(datetime.fromisoformat(_shaped(_TIME, text)))
    except ValueError:
        raise Malformed(f"is no time as in 2026-11-20T08:00:00+00:00: {quoted(text)}") from None


def _instant(time: datetime) -> datetime:
    if time.tzinfo is None:
        raise Malformed(f"is a time without its zone: {time.isoformat()}")
    try:
        instant = time.astimezone(UTC)
    except OverflowError:
        raise Malformed("is beyond the calendar") from None
    if instant.year < _EARLIEST_YEAR:
        raise Malformed(f"is before {_EARLIEST_YEAR}: {instant.isoformat()}")
    return instant


def _names(text: str) -> list[str]:
    if len(text) > _LONGEST_LIST or not _LIST_OF_NAMES.fullmatch(text):
        raise Malformed(f"is no list of names as in ['block5_conv2']: {quoted(text)}")
    return list(ast.literal_eval(text))


def _list(text: str) -> list[Any]:
    value = from_json(text)
    if not isinstance(value, list):
        raise Malformed(f"is no list: {quoted(text)}")
    return value


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    if len({name for name, _ in pairs}) != len(pairs):
        raise ValueError
    return dict(pairs)


def _check_characters(value: object) -> None:
    """Refuse, as a `ValueError`, half of a character, and NUL."""
    text = json.dumps(value, ensure_ascii=False)
    text.encode()
    if _NUL.search(text):
        raise ValueError


def _no_number(_: str) -> None:
    raise ValueError


def _float(text: str) -> float:
    value = float(text)
    if not math.isfinite(value):
        raise ValueError
    return value


_FROM_TEXT: Mapping[Kind, Callable[[str], Any]] = {
    Kind.INTEGER: _integer,
    Kind.NUMBER: _number,
    Kind.TRUTH: _truth,
    Kind.DAY: _day,
    Kind.TIME: _time,
    Kind.LAYERS: _names,
    Kind.INTEGERS: _list,
    Kind.NUMBERS: _list,
    Kind.PAIRS: _list,
    Kind.STRUCTURE: from_json,
}
