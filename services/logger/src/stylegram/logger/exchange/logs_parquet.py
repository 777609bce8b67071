"""The record as Parquet: the columns of `logs.csv`, typed. Needs pyarrow, which not every installation has."""

import io
import json
from collections.abc import Iterable, Iterator, Sequence
from functools import partial
from itertools import islice
from typing import TYPE_CHECKING, Any, BinaryIO

from stylegram.common.errors import ConfigurationError, InvalidInput
from stylegram.logger.exchange.cells import LONGEST_TEXT
from stylegram.logger.exchange.columns import BY_NAME, LISTS, LOG_COLUMNS, Kind, Row
from stylegram.logger.exchange.logs_csv import plain

if TYPE_CHECKING:
    import pyarrow

MAGIC = b"PAR1"
"""What such a file begins and ends with."""
# A row group is in memory as a whole, with a few hundred values in each row.
_ROWS_OF_A_GROUP = 5000
_ROWS_AT_ONCE = 500
# Of a file from elsewhere.
_MOST_COLUMNS = 1000
_MOST_ROWS = 20_000_000
_LARGEST_GROUP = 1 << 30
# In bytes; the value of a column may stand once in a file for thousands of rows.
_LONGEST_TEXT = 4 * LONGEST_TEXT


def check_parquet() -> None:
    """Refuse to go on where pyarrow is not installed.

    Raises:
        ConfigurationError: it is not.
    """
    try:
        import pyarrow.parquet  # noqa: F401
    except ImportError:
        raise ConfigurationError(
            "Parquet files need pyarrow, which is not installed.",
            advice="Install stylegram-logger[parquet], or use CSV.",
        ) from None


def parquet_pieces(rows: Iterable[Row]) -> Iterator[bytes]:
    """The file, piece by piece, with the rows in their order; `check_parquet` comes first."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    schema = pa.schema([(column.name, _type(column.kind)) for column in LOG_COLUMNS])
    remaining = iter(rows)
    written = _Pieces()
    with pq.ParquetWriter(written, schema, compression="zstd", write_page_checksum=True) as writer:
        while some := list(islice(remaining, _ROWS_OF_A_GROUP)):
            arrays = [
                pa.array([_stored(column.kind, column.value(row)) for row in some], _type(column.kind))
                for column in LOG_COLUMNS
            ]
            writer.write_table(pa.Table.from_arrays(arrays, schema=schema))
            yield written.take()
    yield written.take()


class ParquetTable:
    """The rows of a Parquet file from anywhere.

    Args:
        file: it can be sought in.

    Raises:
        ConfigurationError: pyarrow is not installed.
        InvalidInput: it is damaged, or beyond what is read here.
    """

    def __init__(self, file: BinaryIO) -> None:
        check_parquet()
        self._file = _guarded(lambda: _opened(file))
        metadata = self._file.metadata
        if metadata.num_rows > _MOST_ROWS:
            raise InvalidInput(f"The file has {metadata.num_rows} rows; at most {_MOST_ROWS} are read.")
        if metadata.num_columns > _MOST_COLUMNS:
            raise InvalidInput(
                f"The Parquet file has {metadata.num_columns} columns; at most {_MOST_COLUMNS} are read."
            )
        groups = [metadata.row_group(number) for number in range(metadata.num_row_groups)]
        if any(group.total_byte_size > _LARGEST_GROUP for group in groups):
            raise InvalidInput(
                f"A row group of the Parquet file has more than {_LARGEST_GROUP >> 20} MB.",
                advice="Write it with smaller ones.",
            )
        self.names: Sequence[str] = self._file.schema_arrow.names
        """The header."""

    def rows(self, names: Sequence[str]) -> Iterator[dict[str, object]]:
        """The rows, with these of the columns.

        Raises:
            InvalidInput: the file is damaged, or a column of a type that is never read here.
        """
        for name in names:
            kind = self._file.schema_arrow.field(name).type
            if not _is_readable(kind):
                raise InvalidInput(
                    f"The column {name} of the Parquet file is of the type {kind}.",
                    advice=f"It has to be {_type(BY_NAME[name].kind)}.",
                )
        batches = _guarded(lambda: self._file.iter_batches(_ROWS_AT_ONCE, columns=list(names)))
        while (batch := _guarded(lambda: next(batches, None))) is not None:
            yield from _guarded(partial(_rows, batch))


def _guarded(read: Any) -> Any:  # noqa: ANN401  (pyarrow has no types)
    """What `read` returns; whatever is wrong with a file is the file's fault.

    Raises:
        InvalidInput: it cannot be read.
    """
    import pyarrow as pa

    try:
        return read()
    # What damaged files make of it, beside its own errors: texts that are no UTF-8, days beyond the calendar.
    except (pa.ArrowException, OSError, ValueError, LookupError, OverflowError, MemoryError) as error:
        words = " ".join(str(error).split())[:200].rstrip(".")
        raise InvalidInput(
            f"The Parquet file cannot be read: {words or type(error).__name__}.",
            advice="It is damaged, or no such file.",
        ) from error


def _is_readable(kind: "pyarrow.DataType") -> bool:
    """Of the types that hold what a column may: plain values, and lists of those."""
    import pyarrow.types as types

    while types.is_list(kind) or types.is_large_list(kind):
        kind = kind.value_type
    if types.is_dictionary(kind):
        kind = kind.value_type
    plain_kinds = (
        *(types.is_string, types.is_large_string, types.is_boolean, types.is_integer, types.is_floating),
        *(types.is_date, types.is_timestamp, types.is_null),
    )
    return any(is_kind(kind) for is_kind in plain_kinds)


def _opened(file: BinaryIO) -> "pyarrow.parquet.ParquetFile":
    """The file; a text that comes again and again stays as small as it is there."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    kinds = (pa.types.is_string, pa.types.is_large_string)
    fields = pq.ParquetFile(file).schema_arrow
    texts = [field.name for field in fields if any(is_kind(field.type) for is_kind in kinds)]
    file.seek(0)
    return pq.ParquetFile(file, page_checksum_verification=True, read_dictionary=texts)


def _rows(batch: "pyarrow.RecordBatch") -> list[dict[str, object]]:
    import pyarrow as pa
    import pyarrow.compute as pc

    for name, column in zip(batch.schema.names, batch.columns, strict=True):
        if pa.types.is_dictionary(column.type):
            longest = pc.max(pc.binary_length(column.dictionary)).as_py()
            if longest is not None and longest > _LONGEST_TEXT:
                raise InvalidInput(f"A text in {name} has {longest} bytes; at most {_LONGEST_TEXT} are read.")
    rows: list[dict[str, object]] = _in_microseconds(pa.Table.from_batches([batch])).to_pylist()
    return rows


def _in_microseconds(table: "pyarrow.Table") -> "pyarrow.Table":
    """The table with times as Python has them; some programs write billionths of seconds."""
    import pyarrow as pa

    fields = [
        pa.field(field.name, pa.timestamp("us", field.type.tz)) if pa.types.is_timestamp(field.type) else field
        for field in table.schema
    ]
    return table.cast(pa.schema(fields))


def _type(kind: Kind) -> "pyarrow.DataType":
    import pyarrow as pa

    types = {
        Kind.TEXT: pa.string(),
        Kind.INTEGER: pa.int64(),
        Kind.NUMBER: pa.float64(),
        Kind.TRUTH: pa.bool_(),
        Kind.DAY: pa.date32(),
        Kind.TIME: pa.timestamp("us", "UTC"),
        Kind.LAYERS: pa.list_(pa.string()),
        Kind.INTEGERS: pa.list_(pa.int64()),
        Kind.NUMBERS: pa.list_(pa.float64()),
        Kind.PAIRS: pa.list_(pa.list_(pa.int64())),
        Kind.STRUCTURE: pa.string(),
    }
    return types[kind]


def _stored(kind: Kind, value: Any) -> Any:  # noqa: ANN401  (of the kind)
    if value is None or kind in LISTS:
        return value
    if kind is Kind.TEXT:
        return plain(value)
    return json.dumps(value) if kind is Kind.STRUCTURE else value


class _Pieces(io.RawIOBase):
    """A file that keeps only what nobody has taken yet."""

    def __init__(self) -> None:
        super().__init__()
        self._pieces: list[bytes] = []
        self._position = 0

    def writable(self) -> bool:
        return True

    def write(self, piece: Any) -> int:  # noqa: ANN401  (any kind of buffer)
        data = bytes(piece)
        self._pieces.append(data)
        self._position += len(data)
        return len(data)

    def tell(self) -> int:
        return self._position

    def take(self) -> bytes:
        taken, self._pieces = b"".join(self._pieces), []
        return taken
