"""The record as a file, for spreadsheets, for data frames, for others."""

from collections.abc import Iterator
from enum import StrEnum

from sqlalchemy import Engine

from stylegram.logger.exchange.logs_csv import csv_pieces
from stylegram.logger.exchange.logs_parquet import check_parquet, parquet_pieces
from stylegram.logger.exchange.repository import ExchangeRepository
from stylegram.logger.exchange.sharing import check_origin, labelled, without_private


class LogFormat(StrEnum):
    """What the record is written as."""

    CSV = "csv"
    PARQUET = "parquet"


def export_logs(
    engine: Engine, log_format: LogFormat = LogFormat.CSV, *, share: bool = False, origin: str | None = None
) -> Iterator[bytes]:
    """Every run, oldest first, as a file that comes piece by piece: in memory is a part of it.

    Args:
        engine: where the runs are.
        log_format: the file's.
        share: only our own runs, and without what is private: names of pictures, reasons, accounts, addresses.
        origin: the label that our own runs get, for others to tell whose they are; none by default.

    Raises:
        ConfigurationError: the format needs a package that is not installed.
        InvalidInput: the origin is no label.
        Unavailable: the database did not answer; also while the pieces are taken.
    """
    if log_format is LogFormat.PARQUET:
        check_parquet()
    rows = ExchangeRepository(engine).rows(ours_only=share)
    if origin is not None:
        rows = labelled(rows, check_origin(origin))
    if share:
        rows = without_private(rows)
    return (parquet_pieces if log_format is LogFormat.PARQUET else csv_pieces)(rows)
