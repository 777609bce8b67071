"""Taking in the record of others, of the system that came before, or our own again."""

from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass
from itertools import islice
from typing import Any, BinaryIO

from sqlalchemy import Engine

from stylegram.common.errors import InvalidInput
from stylegram.logger.exchange.cells import Malformed, quoted
from stylegram.logger.exchange.columns import LOG_COLUMNS, Row, step_size
from stylegram.logger.exchange.first_system import ENGINE, FirstSystem
from stylegram.logger.exchange.log_files import LogFile, open_log_file
from stylegram.logger.exchange.logs_csv import plain
from stylegram.logger.exchange.our_rows import row_of
from stylegram.logger.exchange.report import ImportReport, Tally
from stylegram.logger.exchange.repository import ExchangeRepository
from stylegram.logger.exchange.sharing import REFERENCES, check_origin, digests

_ROWS_AT_ONCE = 500
# Whoever sends a run back may call it by another name than we do.
_COMPARED = [column.field for column in LOG_COLUMNS if column.field and column.field != "origin"]

OnProgress = Callable[[int, int], None]
"""Is told how many bytes of how many have been read."""


@dataclass(frozen=True)
class Owner:
    """Whose the rows are that do not say it themselves.

    Args:
        origin: the label that they get; None where nobody said.
        own: whether they are our own runs, as where a record is moved or restored.

    Raises:
        InvalidInput: both are given, or the origin is no label.
    """

    origin: str | None = None
    own: bool = False

    def __post_init__(self) -> None:
        if self.origin is not None:
            check_origin(self.origin)
            if self.own:
                raise InvalidInput("Runs that are our own have no other origin.", advice="Give one of the two.")


def import_logs(
    engine: Engine,
    file: BinaryIO,
    owner: Owner = Owner(),
    *,
    dry_run: bool = False,
    on_progress: OnProgress = lambda _done, _of: None,
) -> ImportReport:
    """Add the runs of a file that are not known: of NST_instagram's `logs.csv`, or of an export, CSV or Parquet.

    A row that cannot be right is refused and reported, and the others are added, some in each transaction: where it is
    broken off, the same again goes on. A run that is known stays as it is.

    Args:
        engine: where the runs are.
        file: it can be sought in; whoever opened it closes it.
        owner: whose the rows are that do not say it; those of NST_instagram are by default "NST_instagram"'s.
        dry_run: only look what would become of it; a row that comes twice in the file may then count as new twice.
        on_progress: is told now and then.

    Raises:
        InvalidInput: the file is no record, or has rows of which nobody says whose they are.
        ConfigurationError: it is Parquet, and pyarrow is not installed.
        Unavailable: the database did not answer.
    """
    log = open_log_file(file)
    size = file.seek(0, 2)
    tally = Tally()
    repository = ExchangeRepository(engine)
    with closing(log.entries), closing(FirstSystem()) as first_system:
        rows = _rows(log, first_system, owner, tally)
        while some := list(islice(rows, _ROWS_AT_ONCE)):
            _add(repository, some, tally, dry_run=dry_run)
            on_progress(file.tell(), size)
    return tally.report(log.format, log.ignored, dry_run=dry_run)


def _rows(log: LogFile, first_system: FirstSystem, owner: Owner, tally: Tally) -> Iterator[tuple[int, dict[str, Any]]]:
    """The rows of the table that the file says, with their lines; those that it cannot say are counted."""
    theirs = log.format == "NST_instagram"
    for entry in log.entries:
        if entry.cells is None:
            tally.refuse(entry.line, entry.reason)
            continue
        try:
            if theirs:
                row = first_system.row_of(entry.line, entry.cells, log.notation)
            else:
                row = row_of(entry.cells, log.notation)
        except Malformed as error:
            tally.refuse(entry.line, error.message)
            continue
        if row["origin"] is None:
            row["origin"] = owner.origin or (ENGINE if theirs else None)
        if row["origin"] is None and not owner.own:
            raise InvalidInput(
                f"The run on line {entry.line} does not say whose it is.",
                advice="Name an origin for such runs, or say that they are your own, as where a record is restored.",
            )
        yield entry.line, row


def _add(
    repository: ExchangeRepository, some: list[tuple[int, dict[str, Any]]], tally: Tally, *, dry_run: bool
) -> None:
    firsts: dict[str, Row] = {}
    again = []
    for line, row in some:
        if firsts.setdefault(row["job_id"], row) is not row:
            again.append((line, row))
    known = repository.add(list(firsts.values()), dry_run=dry_run)
    for line, row in some:
        if row["job_id"] in known:
            _compare(line, row, known[row["job_id"]], tally)
    tally.added += len(firsts) - len(known)
    for line, row in again:
        if row["job_id"] not in known:
            _compare(line, row, firsts[row["job_id"]], tally)


def _compare(line: int, row: Row, known: Row, tally: Tally) -> None:
    """Count a run that is known: the file may say less of it, but nothing else."""
    different = [name for name in _COMPARED if row[name] is not None and not _agree(row, known, name)]
    if not different:
        tally.known += 1
        return
    name = different[0]
    more = f", and {len(different) - 1} more" if len(different) > 1 else ""
    tally.differ(
        line,
        f"run {row['job_id']} is known with another {name}: {quoted(str(_said(known, name)))} here,"
        f" {quoted(str(_said(row, name)))} in the file{more}",
    )


def _agree(row: Row, known: Row, name: str) -> bool:
    """Whether a file says what is known, or leaves out what is private."""
    said, here = _said(row, name), _said(known, name)
    return bool(said == here or (name in REFERENCES and said == digests(here)))


def _said(row: Row, name: str) -> Any:  # noqa: ANN401  (of the column's kind)
    """What a column says in any of the forms that a run goes through."""
    value = row[name]
    if name == "learning_rate":
        return step_size(row)
    if name == "started_at" and row["engine_version"] == ENGINE:
        # The time of the day is the line's in whatever file it came from first.
        return value and value.date()
    return plain(value) if isinstance(value, str) else value
