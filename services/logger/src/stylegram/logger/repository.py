"""All queries on the runs."""

import zlib
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass, fields, replace
from datetime import UTC, datetime
from typing import Any, Literal

from pydantic import TypeAdapter
from sqlalchemy import ColumnElement, Engine, delete, insert, select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from stylegram.common.database import transaction
from stylegram.common.ports import Feedback
from stylegram.common.records import LossPoint, RunRecord
from stylegram.logger.rows import to_record, to_row
from stylegram.logger.tables import POST, READINGS, curves, runs

_points: TypeAdapter[tuple[LossPoint, ...]] = TypeAdapter(tuple[LossPoint, ...])


@dataclass(frozen=True)
class RunPost:
    """What became of a run's post.

    A picture that is posted as several kinds has several, and one of them stands for all: the first that is out;
    before one is, the one that was told of last.

    Args:
        state: what became of it.
        account: whose post it is.
        kind: a `PostKind`, or grid-1 … grid-9; None where nobody said.
        media_id: the account's own name of it.
        url: where people find it.
        reason: what it waits for, or why it is not out, or in doubt.
        said_at: when the publisher said so; None where that was not kept.
    """

    state: Literal["waiting", "published", "failed", "needs_review"]
    account: str
    kind: str | None = None
    media_id: str | None = None
    url: str | None = None
    reason: str | None = None
    said_at: datetime | None = None

    def after(self, known: "RunPost") -> "RunPost":
        """What stands for the run's posts once this has been said too; the order of the two does not matter."""
        out = [post for post in (known, self) if post.state == "published"]
        if len(out) == 2:
            first = min(out, key=_said_at)
            # Its address may have become known later.
            urls = [post.url for post in out if post.media_id == first.media_id and post.url]
            return replace(first, url=next(iter(urls), None))
        return out[0] if out else max(known, self, key=_said_at)


def _said_at(post: RunPost) -> datetime:
    return post.said_at or datetime.min.replace(tzinfo=UTC)


@dataclass(frozen=True)
class Reading:
    """How a post is taken, as it stood at one time."""

    kind: str
    read_at: datetime
    feedback: Feedback


@dataclass(frozen=True)
class Run:
    """A run as it is remembered.

    Args:
        record: without its curve; see `RunRepository.curve`.
        rating: what people think of the picture; None before they say.
        post: None before it is tried.
        feedback: how its posts are taken: sums over their newest readings, so that who saw two of them counts twice in
            `reach`; None where no account tells.
    """

    record: RunRecord
    rating: int | None
    post: RunPost | None
    feedback: Feedback


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
        """Remember what became of a post, be the run known already or not; what is published stays so."""
        with self._writing(job_id) as session:
            known = _post(session.execute(select(runs).where(runs.c.job_id == job_id)).one()._asdict())
            now = post.after(known) if known else post
            if now != known:
                self._update(session, job_id, {POST + name: value for name, value in asdict(now).items()})

    def save_reading(self, job_id: str, post: str, reading: Reading) -> None:
        """Remember how a post is taken, be the run known already or not; an older reading changes nothing.

        Args:
            job_id: whose post.
            post: its key in the publisher's ledger.
            reading: its `read_at` is aware.
        """
        with self._writing(job_id) as session:
            stored = session.scalar(select(runs.c[READINGS]).where(runs.c.job_id == job_id)) or {}
            if post in stored and datetime.fromisoformat(stored[post]["read_at"]) >= reading.read_at:
                return
            counts = asdict(reading.feedback)
            readings = {**stored, post: {"kind": reading.kind, "read_at": reading.read_at.isoformat(), **counts}}
            sums = {POST + name: _sum(each[name] for each in readings.values()) for name in counts}
            self._update(session, job_id, {READINGS: readings, **sums})

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
    feedback = Feedback(**{field.name: row[POST + field.name] for field in fields(Feedback)})
    return Run(to_record(row), row["rating"], _post(row), feedback)


def _post(row: Mapping[str, Any]) -> RunPost | None:
    post = {field.name: row[POST + field.name] for field in fields(RunPost)}
    return RunPost(**post) if post["state"] else None


def _sum(counts: Iterable[int | None]) -> int | None:
    known = [count for count in counts if count is not None]
    return sum(known) if known else None
