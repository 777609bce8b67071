"""Where a page ended, as an opaque text."""

import json
import math
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any

from stylegram.common.errors import InvalidInput


def written(position: list[Any]) -> str:
    """The cursor of a position: texts, numbers, truths, times and nulls."""
    plain = [{"time": value.isoformat()} if isinstance(value, datetime) else value for value in position]
    return urlsafe_b64encode(json.dumps(plain, separators=(",", ":")).encode()).decode()


def read(cursor: str) -> list[Any]:
    """The position that a cursor stands for; what its values are is to be `checked`.

    Raises:
        InvalidInput: it is none.
    """
    with refusing(cursor):
        position = json.loads(urlsafe_b64decode(cursor.encode("ascii")))
        return [_value(each) for each in position]


def checked(position: list[Any], *kinds: tuple[type, ...]) -> list[Any]:
    """The position, each of whose values has one of the types that are given for it.

    Raises:
        ValueError: it has not.
    """
    if not all(type(value) in kind for value, kind in zip(position, kinds, strict=True)):
        raise ValueError("another list's")
    return position


@contextmanager
def refusing(cursor: str) -> Iterator[None]:
    """Say of a cursor that something is wrong with that it is none of the list's."""
    try:
        yield
    except (ValueError, TypeError, AttributeError, KeyError, OverflowError, RecursionError):
        raise InvalidInput(
            f"'{cursor[:80]}' is no cursor of this list.",
            advice="Take `next` of the page before, or none for the first page.",
        ) from None


def _value(value: Any) -> Any:  # noqa: ANN401  (whatever somebody put in)
    match value:
        case {"time": time}:
            return _aware(datetime.fromisoformat(time))
        case str():
            value.encode()  # half a character is none that a database takes
        case float() if not math.isfinite(value):
            raise ValueError("not finite")
    return value


def _aware(time: datetime) -> datetime:
    if time.tzinfo is None:
        raise ValueError("no time zone")
    return time.astimezone(UTC)
