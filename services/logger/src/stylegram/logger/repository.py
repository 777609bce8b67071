"""All queries on the runs."""

import zlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass, fields
from typing import Any, Literal

from pydantic import TypeAdapter
from sqlalchemy import ColumnElement, Engine, delete, insert, select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from stylegram.common.database import transaction
from stylegram.common.records import LossPoint, RunRecord
from stylegram.logger.rows import to_record, to_row
from stylegram.logger.tables import curves, runs

_points: TypeAdapter[tuple[LossPoint, ...]] = TypeAdapter(tuple[LossPoint, ...])


@dataclass(frozen=True)
class RunPost:
    """What became of a run's post."""

    state: Literal["published", "failed", "needs_review"]
    account: str
    media_id: str | None = None
    url: str | None = None
    reason: str | None = None


@dataclass(frozen=True)
class Run:
    """A run as it is remembered.

    Args:
        record: without its curve; see `RunRepository.curve`.
        rating: what people think of the picture; None before they say.
        post: None before it is tried.
    """

    record: RunRecord
    rating: int | None
    post: RunPost | None


class RunRepository:
    """The runs in the database; saving the same thing again changes nothing.

    Args:
        engine: where the tables are, up to date.
    """

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def save(self, record: RunRecord) -> bool:
        """Remember the run and its curve, unless it failed and is known to have succeeded.

        Returns:
            Whether its outcome is news.
        """
        with self._writing(record.job_id) as session:
            before = session.scalar(select(runs.c.outcome).where(runs.c.job_id == record.job_id))
            if before == "succeeded" and record.outcome == "failed":
                return False
            self._update(session, record.job_id, to_row(record))
            session.execute(delete(curves).where(curves.c.job_id == record.job_id))
            if record.curve:
                points = zlib.compress(_points.dump_json(record.curve))
                session.execute(insert(curves).values(job_id=record.job_id, points=points))
            return before != record.outcome

    def save_post(self, job_id: str, post: RunPost) -> None:
        """Remember what became of the post, be the run known already or not; what is published stays so."""
        with self._writing(job_id) as session:
            before = session.scalar(select(runs.c.post_state).where(runs.c.job_id == job_id))
            if before != "published" or post.state == "published":
                self._update(session, job_id, {f"post_{name}": value for name, value in asdict(post).items()})

    def get(self, job_id: str) -> Run | None:
        """The run, or None if its record has not come."""
        return next(iter(self._select(runs.c.job_id == job_id)), None)

    def newest(self, limit: int | None = None) -> list[Run]:
        """The runs, newest first; at most `limit`."""
        return self._select(limit=limit)

    def rows(self) -> list[Mapping[str, Any]]:
        """The runs as they lie in the table, oldest first."""
        with transaction(self._engine) as session:
            known = select(runs).where(runs.c.outcome.is_not(None))
            return [row._asdict() for row in session.execute(known.order_by(runs.c.started_at, runs.c.job_id))]

    def curve(self, job_id: str) -> tuple[LossPoint, ...]:
        """The losses after each evaluation; empty where none are known."""
        with transaction(self._engine) as session:
            points = session.scalar(select(curves.c.points).where(curves.c.job_id == job_id))
        return _points.validate_json(zlib.decompress(points)) if points else ()

    def _select(self, *conditions: ColumnElement[bool], limit: int | None = None) -> list[Run]:
        newest_first = (runs.c.started_at.desc(), runs.c.job_id.desc())
        known = select(runs).where(runs.c.outcome.is_not(None), *conditions).order_by(*newest_first).limit(limit)
        with transaction(self._engine) as session:
            return [_run(row._asdict()) for row in session.execute(known)]

    def _update(self, session: Session, job_id: str, values: dict[str, Any]) -> None:
        session.execute(update(runs).where(runs.c.job_id == job_id).values(**values))

    @contextmanager
    def _writing(self, job_id: str) -> Iterator[Session]:
        """A transaction that has the run's row for itself, which may be a new one of which nothing is known yet."""
        row = select(runs.c.job_id).where(runs.c.job_id == job_id).with_for_update()
        with transaction(self._engine) as session:
            # Whoever comes second waits here, and then sees what the first one wrote.
            if session.scalar(row) is None:
                try:
                    with session.begin_nested():
                        session.execute(insert(runs).values(job_id=job_id))
                except IntegrityError:
                    session.execute(row)
            yield session


def _run(row: Mapping[str, Any]) -> Run:
    post = {field.name: row[f"post_{field.name}"] for field in fields(RunPost)}
    return Run(to_record(row), row["rating"], RunPost(**post) if post["state"] else None)
