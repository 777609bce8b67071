"""What the record forgets: curves of old runs, which are most of its bytes, and old runs that failed.

Nothing is forgotten of a run that people cared for or that is still learnt from: one that is rated, posted, compared
with another, of a study that is not at its end, or on the front of all runs.
"""

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cached_property
from typing import Any

from sqlalchemy import Engine, Row, and_, delete, exists, func, or_, select, text

from stylegram.common.clock import utcnow
from stylegram.common.database import transaction
from stylegram.common.errors import InvalidInput
from stylegram.logger.queries.leaderboard import leaderboard
from stylegram.logger.tables import comparisons, curves, metadata, runs

# A page is a transaction of some hundredths of a second; between two of them others have their turn.
_PAGE = 500
_PAUSE_SECONDS = 0.01

_SAID_OF = or_(comparisons.c.better == runs.c.job_id, comparisons.c.worse == runs.c.job_id)
_FACTS = select(
    runs.c.job_id,
    runs.c.started_at,
    (and_(runs.c.outcome == "failed", runs.c.origin.is_(None))).label("failed"),
    runs.c.trial,
    or_(runs.c.rating.is_not(None), runs.c.post_state.is_not(None), exists().where(_SAID_OF)).label("dear"),
    exists().where(curves.c.job_id == runs.c.job_id).label("has_curve"),
)


@dataclass(frozen=True)
class Forgotten:
    """How much was forgotten.

    Args:
        curves: curves of runs that stay.
        failed: runs that failed, with their curves.
        kept: old enough for one of both, but kept.
    """

    curves: int
    failed: int
    kept: int

    def words(self, *, dry_run: bool) -> str:
        """A sentence for people.

        >>> Forgotten(2, 1, 3).words(dry_run=False)
        'Forgotten: curves of 2 runs, and 1 failed runs; 3 old ones stay as they are.'
        """
        said = "Would be forgotten" if dry_run else "Forgotten"
        return (
            f"{said}: curves of {self.curves} runs, and {self.failed} failed runs; {self.kept} old ones stay as they"
            " are."
        )


def forget(engine: Engine, *, curves_days: int | None, failed_days: int | None, dry_run: bool = False) -> Forgotten:
    """Forget curves, and own runs that failed, whose runs began so many days ago or earlier.

    What is redelivered of a forgotten run makes it known again. Somebody may use the record meanwhile.

    Args:
        engine: the database, its tables up to date.
        curves_days: of curves; None keeps them.
        failed_days: of failed runs; None keeps them.
        dry_run: only count.

    Raises:
        InvalidInput: nothing is to be forgotten.
        Unavailable: the database did not answer; what was forgotten by then stays so.
    """
    if curves_days is None and failed_days is None:
        raise InvalidInput(
            "Nothing is to be forgotten.", advice="Say how many days of curves, or of failed runs, are kept."
        )
    now = utcnow()
    old_curve = now - timedelta(days=curves_days) if curves_days is not None else None
    old_failure = now - timedelta(days=failed_days) if failed_days is not None else None
    kept = _Kept(engine)
    forgotten_curves = forgotten_runs = kept_runs = 0
    for page in _pages(engine, max(filter(None, (old_curve, old_failure)))):
        failed = {row.job_id for row in page if old_failure and row.failed and row.started_at <= old_failure}
        without_curve = {row.job_id for row in page if old_curve and row.has_curve and row.started_at <= old_curve}
        dear = {row.job_id for row in page if row.job_id in failed | without_curve and row in kept}
        failed, without_curve = failed - dear, without_curve - failed - dear
        if not dry_run and failed | without_curve:
            with transaction(engine) as session:
                # Somebody may have come to care for one of them this very moment.
                still = and_(runs.c.rating.is_(None), runs.c.post_state.is_(None), ~exists().where(_SAID_OF))
                session.execute(delete(curves).where(curves.c.job_id.in_(without_curve)))
                session.execute(delete(runs).where(runs.c.job_id.in_(failed), still))
            time.sleep(_PAUSE_SECONDS)
        forgotten_curves += len(without_curve)
        forgotten_runs += len(failed)
        kept_runs += len(dear)
    return Forgotten(forgotten_curves, forgotten_runs, kept_runs)


class _Kept:
    """The runs of which nothing is forgotten, however old."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def __contains__(self, row: Row[Any]) -> bool:
        return row.dear or row.job_id in self._front or (row.trial is not None and self._is_studied(row.trial))

    def _is_studied(self, trial: str) -> bool:
        return trial.rpartition("/")[0] in self._studies

    @cached_property
    def _front(self) -> set[str]:
        found: set[str] = set()
        page = leaderboard(self._engine)
        found.update(run.job_id for run in page.items)
        while page.next is not None:
            page = leaderboard(self._engine, cursor=page.next)
            found.update(run.job_id for run in page.items)
        return found

    @cached_property
    def _studies(self) -> set[str]:
        # Loads the library that studies are made with, which no run needs that is of none.
        from stylegram.logger.suggestions.studies import Studies

        return {study.name for study in Studies(self._engine).all() if study.running or study.asked < study.budget}


def _pages(engine: Engine, until: datetime) -> Iterator[Sequence[Row[Any]]]:
    """Facts of the runs that began until then, oldest first, each page read in a transaction of its own."""
    page = _FACTS.where(runs.c.started_at <= until).order_by(runs.c.started_at, runs.c.job_id).limit(_PAGE)
    after = page
    while True:
        with transaction(engine) as session:
            rows = session.execute(after).all()
        yield rows
        if len(rows) < _PAGE:
            return
        start, job_id = rows[-1].started_at, rows[-1].job_id
        later = or_(runs.c.started_at > start, and_(runs.c.started_at == start, runs.c.job_id > job_id))
        # The first condition says nothing more, but finds the place in an index.
        after = page.where(runs.c.started_at >= start, later)


@dataclass(frozen=True)
class Vacuumed:
    """Bytes that the record takes on the disk: the whole file on SQLite, the logger's tables on PostgreSQL."""

    before: int
    after: int

    def words(self) -> str:
        """A sentence for people.

        >>> Vacuumed(3_000_000, 1_500_000).words()
        'The record takes 1.5 MB, and took 3.0 MB before.'
        """
        return f"The record takes {self.after / 1e6:.1f} MB, and took {self.before / 1e6:.1f} MB before."


def vacuum(engine: Engine) -> Vacuumed:
    """Give the room of what was forgotten back, and have the database look anew how its tables are filled.

    On SQLite the file is written anew: that takes as much room again for a while, and whoever else wants to write
    waits. PostgreSQL has the room ready for new runs, and keeps nobody waiting.

    Raises:
        Unavailable: the database did not answer, or is in use for too long.
    """
    before = _size(engine)
    if engine.dialect.name == "sqlite":
        with transaction(engine) as session:
            connection = session.connection()
            connection.exec_driver_sql("COMMIT")  # none of these goes within a transaction
            for statement in ("VACUUM", "ANALYZE", "PRAGMA wal_checkpoint(TRUNCATE)"):
                connection.exec_driver_sql(statement)
    else:
        names = ", ".join(metadata.tables)
        with transaction(engine) as session:
            connection = session.connection(execution_options={"isolation_level": "AUTOCOMMIT"})
            connection.exec_driver_sql(f"VACUUM (ANALYZE) {names}")
    return Vacuumed(before, _size(engine))


def _size(engine: Engine) -> int:
    with transaction(engine) as session:
        if engine.dialect.name == "sqlite":
            pages, size = (session.scalar(text(f"PRAGMA {name}")) for name in ("page_count", "page_size"))
            return int(pages * size)
        sizes = (func.pg_total_relation_size(name) for name in metadata.tables)
        return sum(int(session.scalar(select(size)) or 0) for size in sizes)
