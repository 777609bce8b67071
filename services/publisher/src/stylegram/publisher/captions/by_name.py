"""Tables by the names of files, as people keep them in JSON files beside their paintings."""

import json
import unicodedata
from collections.abc import Mapping
from pathlib import Path, PurePath
from typing import Generic, TypeVar

from pydantic import TypeAdapter, ValidationError

from stylegram.common.errors import ConfigurationError

T = TypeVar("T")


class ByName(Generic[T]):
    """Values by file name, whatever its case; by the name without its suffix where that is all that matches.

    >>> ByName({"Scream.jpg": 1893}).get("scream.png")
    1893
    """

    def __init__(self, values: Mapping[str, T]) -> None:
        self._by_stem = {_fold(PurePath(name).stem): value for name, value in values.items()}
        self._by_name = {_fold(name): value for name, value in values.items()}

    def get(self, file_name: str) -> T | None:
        """The value, or None where nothing matches."""
        name = _fold(file_name)
        return self._by_name.get(name, self._by_stem.get(PurePath(name).stem))


def read_json(path: Path, content: TypeAdapter[T], what: str, advice: str) -> T:
    """What a JSON file holds.

    Args:
        path: the file.
        content: what has to be in it.
        what: what people call the file, as in "The style names".
        advice: how to write one.

    Raises:
        ConfigurationError: no such file, or something else is in it; says where.
    """
    try:
        return content.validate_python(json.loads(path.read_text(encoding="utf-8-sig")))
    except OSError as error:
        raise ConfigurationError(f"{what} '{path}' cannot be read: {error.strerror}.") from None
    except ValidationError as error:
        issue = error.errors(include_url=False)[0]
        where = ".".join(map(str, issue["loc"]))
        problem = issue["msg"].removeprefix("Value error, ")
        said = f"cannot be used: {where}: {problem}" if where else "are no JSON object"
        raise ConfigurationError(f"{what} '{path}' {said}.", advice=advice) from None
    except (ValueError, RecursionError) as error:  # not UTF-8, not JSON, or nested without end
        raise ConfigurationError(f"{what} '{path}' are not JSON: {error}.", advice=advice) from None


def _fold(file_name: str) -> str:
    # Composed: file systems differ in whether é is one character or two.
    return unicodedata.normalize("NFC", file_name).casefold()
