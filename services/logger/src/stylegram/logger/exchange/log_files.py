"""What a file with a record is, by its content: whose columns, which format, how it is written."""

from collections.abc import Generator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import BinaryIO

from stylegram.common.errors import InvalidInput
from stylegram.logger.exchange.cells import Notation
from stylegram.logger.exchange.columns import BY_NAME, ORIGINAL_NAMES
from stylegram.logger.exchange.logs_parquet import MAGIC, ParquetTable
from stylegram.logger.exchange.our_rows import REQUIRED
from stylegram.logger.exchange.report import FormatName
from stylegram.logger.exchange.text_files import TextRow, TextTable

# A million rows of ours are two of them.
_LARGEST_FILE = 16 << 30
_MOST_COLUMNS = 1000
_SEPARATORS = ",;\t"
# Among which one tells what a file without a header is; the others may be damaged.
_FIRST_ROWS = 20
# Two names that two tables have in common say little.
_FEW_NAMES = 5
_OTHERS = {
    b"PK\x03\x04": "a workbook or an archive; save the table as CSV",
    b"\x1f\x8b": "compressed; unpack it first",
    b"\x28\xb5\x2f\xfd": "compressed; unpack it first",
    b"SQLi": "a database; `stylegram logs export` writes what is in one",
}


@dataclass(frozen=True)
class Entry:
    """A row of a file.

    Args:
        line: on which it begins; in Parquet its number.
        cells: by the columns' names, all of which are known; None where it cannot be read.
        reason: why it cannot.
    """

    line: int
    cells: Mapping[str, object] | None
    reason: str = ""


@dataclass(frozen=True)
class LogFile:
    """A file that is a record.

    Args:
        format: what it is.
        notation: how its values are written.
        ignored: its columns that nobody here knows.
        entries: its rows, to be taken once; to be closed before the file is.
    """

    format: FormatName
    notation: Notation
    ignored: list[str]
    entries: Generator[Entry]


def open_log_file(file: BinaryIO) -> LogFile:
    """Find out what the file is.

    Args:
        file: it can be sought in; whoever opened it closes it.

    Raises:
        InvalidInput: it is no record, or beyond the limits; the message says what to do.
        ConfigurationError: it is Parquet, and pyarrow is not installed.
    """
    size = file.seek(0, 2)
    if size > _LARGEST_FILE:
        raise InvalidInput(f"The file has {size / 1e9:.1f} GB; at most {_LARGEST_FILE / 1e9:.0f} are read.")
    if not size:
        raise InvalidInput("The file is empty.")
    file.seek(0)
    start = file.read(4)
    if start == MAGIC:
        return _parquet(ParquetTable(file))
    for magic, what in _OTHERS.items():
        if start.startswith(magic):
            raise InvalidInput(f"The file is {what}.")
    return _text(TextTable(file))


def _parquet(table: ParquetTable) -> LogFile:
    known, ignored = _columns(table.names, REQUIRED)
    return LogFile("parquet", Notation(), ignored, _parquet_entries(table, known))


def _parquet_entries(table: ParquetTable, names: Sequence[str]) -> Generator[Entry]:
    number = 0
    try:
        for number, row in enumerate(table.rows(names), 1):
            yield Entry(number, row)
    except InvalidInput as error:
        if not number:
            raise
        yield Entry(number + 1, None, f"this row and all that follow cannot be read: {error.message}")


def _text(table: TextTable) -> LogFile:
    samples = {separator: list(islice(table.rows(separator), _FIRST_ROWS)) for separator in _SEPARATORS}
    headers = {separator: _header(rows) for separator, rows in samples.items()}
    separator = max(_SEPARATORS, key=lambda each: len(_known(headers[each])))
    header = headers[separator]
    if "job_id" in header or len(_known(header)) >= _FEW_NAMES:
        ours = "job_id" in header
        _, ignored = _columns(header, REQUIRED if ours else ORIGINAL_NAMES)
        notation = Notation(decimal_comma=separator != ",", apostrophes=ours)
        return LogFile("csv" if ours else "NST_instagram", notation, ignored, _text_entries(table, separator, header))
    for separator, rows in samples.items():
        if any(_is_of_first_system(row) for row in rows):
            notation = Notation(decimal_comma=separator != ",")
            return LogFile("NST_instagram", notation, [], _text_entries(table, separator, ORIGINAL_NAMES))
    raise InvalidInput(
        "The file is no record of runs: neither its first line nor its columns are those of one.",
        advice="It has to be a logs.csv of NST_instagram, or what `stylegram logs export` writes, as CSV or Parquet.",
    )


def _text_entries(table: TextTable, separator: str, header: Sequence[str]) -> Generator[Entry]:
    columns = [(place, name) for place, name in enumerate(header) if name in BY_NAME]
    for row in table.rows(separator):
        if row.cells is None:
            yield Entry(row.line, None, row.reason)
        elif len(row.cells) < len(header) or any(row.cells[len(header) :]):
            yield Entry(row.line, None, f"it has {len(row.cells)} cells for {len(header)} columns")
        # Files that were put together have it more than once.
        elif _header([row]) != list(header):
            yield Entry(row.line, {name: row.cells[place] for place, name in columns})


def _header(rows: Sequence[TextRow]) -> list[str]:
    cells = rows[0].cells if rows else None
    return [cell.strip() for cell in cells or ()]


def _known(names: Sequence[str]) -> list[str]:
    return [name for name in names if name in BY_NAME]


def _columns(names: Sequence[str], required: Sequence[str]) -> tuple[list[str], list[str]]:
    """Those that are known, and the others.

    Raises:
        InvalidInput: one that cannot be done without is missing, one that is known comes twice, or they are too many.
    """
    if len(names) > _MOST_COLUMNS:
        raise InvalidInput(f"The file has {len(names)} columns; at most {_MOST_COLUMNS} are read.")
    known = _known(names)
    if twice := sorted({name for name in known if known.count(name) > 1}):
        raise InvalidInput(f"The file has more than one column {', '.join(twice)}.", advice="Leave one of them.")
    if missing := [name for name in required if name not in known]:
        raise InvalidInput(f"The file has no column {', '.join(missing)}.", advice="The first line names the columns.")
    return known, [name for name in names if name and name not in BY_NAME]


def _is_of_first_system(row: TextRow) -> bool:
    if row.cells is None or len(row.cells) != len(ORIGINAL_NAMES):
        return False
    said = dict(zip(ORIGINAL_NAMES, map(str.strip, row.cells), strict=True))
    return said["success"].lower() in ("true", "false") and all(
        said[name].startswith("[") and said[name].endswith("]") for name in ("content_layers", "style_layers")
    )
