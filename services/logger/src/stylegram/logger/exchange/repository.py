"""The queries of the record's files: all runs in turn, and many new ones at once."""

from collections.abc import Iterator, Sequence
from typing import Any

from sqlalchemy import Engine, and_, insert, or_, select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from stylegram.common.database import transaction
from stylegram.logger.exchange.columns import Row
from stylegram.logger.tables import READINGS, runs

_PAGE = 500
_MOST_TRIES = 5

_COLUMNS = [column for column in runs.columns if column.name != READINGS]


class ExchangeRepository:
    """The runs of the database, for export and import.

    Args:
        engine: where the tables are, up to date.
    """

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def rows(self, *, ours_only: bool = False) -> Iterator[Row]:
        """The runs, oldest first, a page in memory at a time; without the single readings of posts.

        Each page is a transaction: nobody waits for the reader of a long file, who sees what comes meanwhile.

        Args:
            ours_only: without those that were imported.
        """
        known = select(*_COLUMNS).where(runs.c.outcome.is_not(None))
        if ours_only:
            known = known.where(runs.c.origin.is_(None))
        page = known.order_by(runs.c.started_at, runs.c.job_id).limit(_PAGE)
        after = page
        while True:
            with transaction(self._engine) as session:
                rows = [row._asdict() for row in session.execute(after)]
            yield from rows
            if len(rows) < _PAGE:
                return
            start, job_id = rows[-1]["started_at"], rows[-1]["job_id"]
            # The first condition says nothing more, but finds the place in an index.
            later = or_(runs.c.started_at > start, and_(runs.c.started_at == start, runs.c.job_id > job_id))
            after = page.where(runs.c.started_at >= start, later)

    def add(self, rows: Sequence[Row], *, dry_run: bool = False) -> dict[str, Row]:
        """Add those runs whose ids are new, all or none.

        Args:
            rows: with all columns but that of the single readings; no id comes twice.
            dry_run: only look which are.

        Returns:
            What is known of the others, by their ids.
        """
        for attempt in range(1, _MOST_TRIES + 1):
            try:
                with transaction(self._engine) as session:
                    known = self._known(session, [row["job_id"] for row in rows])
                    if not dry_run:
                        self._add(session, rows, known)
                    return {job_id: row for job_id, row in known.items() if row["outcome"] is not None}
            except IntegrityError:  # somebody else added one of them meanwhile
                if attempt == _MOST_TRIES:
                    raise
        raise AssertionError

    def _known(self, session: Session, job_ids: Sequence[str]) -> dict[str, Row]:
        found = session.execute(select(*_COLUMNS).where(runs.c.job_id.in_(job_ids)))
        return {row.job_id: row._asdict() for row in found}

    def _add(self, session: Session, rows: Sequence[Row], known: dict[str, Row]) -> None:
        if new := [dict(row) for row in rows if row["job_id"] not in known]:
            session.execute(insert(runs), new)
        for row in rows:
            stub = known.get(row["job_id"])
            if stub is None or stub["outcome"] is not None:
                continue
            # Of this one so far only what became of its post is known, which may be newer than the file.
            news: dict[str, Any] = {name: value for name, value in row.items() if stub[name] is None}
            session.execute(update(runs).where(runs.c.job_id == row["job_id"]).values(**news))
