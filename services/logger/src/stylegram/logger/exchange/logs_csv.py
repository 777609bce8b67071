"""`logs.csv`: every run in a table that opens in a spreadsheet."""

import csv
import io
import json
import re
from collections.abc import Iterable, Iterator
from datetime import date
from itertools import islice
from pathlib import Path
from typing import Any

from stylegram.common.files import write_atomically
from stylegram.logger.exchange.columns import COLUMNS, LOG_COLUMNS, Kind, Row

_ROWS_AT_ONCE = 500
# A spreadsheet takes such a text for a formula; the full-width forms work in East Asian editions. Apostrophes before it
# are ours, or a text's own, which gets one more, so that one too many can be told.
_FORMULA = re.compile(r"'*(?:\s*[=+\-@＝＋－＠]|[\t\n])")


def write_logs_csv(rows: Iterable[Row], path: Path) -> None:
    """Replace the file by the rows of the table of runs, in their order; see `csv_pieces`.

    Raises:
        OSError: it could not be written; the file is as it was.
    """
    write_atomically(path, csv_pieces(rows))


def csv_pieces(rows: Iterable[Row]) -> Iterator[bytes]:
    """The file, piece by piece: a header, and the rows in their order.

    UTF-8. A text that a spreadsheet would run as a formula gets an apostrophe before it.
    """
    remaining = iter(rows)
    yield _encoded([COLUMNS])
    while some := list(islice(remaining, _ROWS_AT_ONCE)):
        yield _encoded([cell(column.kind, column.value(row)) for column in LOG_COLUMNS] for row in some)


def cell(kind: Kind, value: Any) -> object:  # noqa: ANN401  (whatever a column holds)
    """What stands in the file for a value; None for nothing."""
    if value is None:
        return None
    match kind:
        case Kind.TEXT:
            text = plain(value)
            return f"'{text}" if _FORMULA.match(text) else text
        case Kind.LAYERS:
            return str(value)
        case Kind.INTEGERS | Kind.NUMBERS | Kind.PAIRS | Kind.STRUCTURE:
            return json.dumps(value)
    # A number as Python writes it, which reads as the same number.
    return value.isoformat() if isinstance(value, date) else value


def plain(text: str) -> str:
    """The text with the one kind of line ends that files have, and without NUL, which many programs do not survive."""
    # The csv module quotes a text for the line ends that it writes itself, and for no other.
    return re.sub(r"\r\n?", "\n", text).replace("\0", "\N{REPLACEMENT CHARACTER}")


def without_apostrophe(text: str) -> str:
    """The text that stands in a cell: without the apostrophe that kept it from being a formula.

    >>> without_apostrophe("'=1"), without_apostrophe("'tis")
    ('=1', "'tis")
    """
    return text[1:] if text.startswith("'") and _FORMULA.match(text) else text


def _encoded(records: Iterable[Iterable[object]]) -> bytes:
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows(records)
    return text.getvalue().encode()
