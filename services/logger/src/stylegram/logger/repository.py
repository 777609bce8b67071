"""All queries on the runs."""

import zlib
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, fields, replace
from datetime import UTC, datetime
from typing import Any, Literal

from pydantic import TypeAdapter
from sqlalchemy import ColumnElement, Engine, Row, bindparam, delete, insert, select, update
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


_OF = "of_job"
_UPDATE = update(runs).where(runs.c.job_id == bindparam(_OF))
_POST_COLUMNS = [runs.c[POST + field.name] for field in fields(RunPost)]


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


class Saving:
    """A transaction that saves runs and what is said of them; saving the same thing again changes nothing.

    Whoever saves many does so in the order of their jobs, or two that do so at once may wait for one another.

    Args:
        session: in which nothing is committed yet.
    """

    def __init__(self, session: Session) -> None:
        self._session = session

    def run(self, record: RunRecord) -> bool:
        """Remember the run and its curve, unless it failed and is known to have succeeded.

        Returns:
            Whether its outcome is news.
        """
        before = self._row(record.job_id, runs.c.outcome).outcome
        if before == "succeeded" and record.outcome == "failed":
            return False
        self._update(record.job_id, to_row(record))
        self._session.execute(delete(curves).where(curves.c.job_id == record.job_id))
        if record.curve:
            points = zlib.compress(_points.dump_json(record.curve))
            self._session.execute(insert(curves).values(job_id=record.job_id, points=points))
        return bool(before != record.outcome)

    def post(self, job_id: str, post: RunPost) -> None:
        """Remember what became of a post, be the run known already or not; what is published stays so."""
        known = _post(self._row(job_id, *_POST_COLUMNS)._asdict())
        now = post.after(known) if known else post
        if now != known:
            self._update(job_id, {POST + name: value for name, value in asdict(now).items()})

    def reading(self, job_id: str, post: str, reading: Reading) -> None:
        """Remember how a post is taken, be the run known already or not; an older reading changes nothing.

        Args:
            job_id: whose post.
            post: its key in the publisher's ledger.
            reading: its `read_at` is aware.
        """
        [stored] = self._row(job_id, runs.c[READINGS])
        stored = stored or {}
        if post in stored and datetime.fromisoformat(stored[post]["read_at"]) >= reading.read_at:
            return
        counts = asdict(reading.feedback)
        readings = {**stored, post: {"kind": reading.kind, "read_at": reading.read_at.isoformat(), **counts}}
        sums = {POST + name: _sum(each[name] for each in readings.values()) for name in counts}
        self._update(job_id, {READINGS: readings, **sums})

    def _row(self, job_id: str, *columns: ColumnElement[Any]) -> Row[Any]:
        """Of the run's row, which nobody else changes until the end; a new one if nothing is known of it yet."""
        row = select(*columns).where(runs.c.job_id == job_id).with_for_update()
        # Whoever comes second waits here, and then sees what the first one wrote.
        if known := self._session.execute(row).one_or_none():
            return known
        with suppress(IntegrityError), self._session.begin_nested():
            self._session.execute(insert(runs).values(job_id=job_id))
        return self._session.execute(row).one()

    def _update(self, job_id: str, values: dict[str, Any]) -> None:
        # The values apart, so that a statement with a hundred columns is made but once.
        self._session.execute(_UPDATE, {_OF: job_id, **values})


class RunRepository:
    """The runs in the database.

    Args:
        engine: where the tables are, up to date.
    """

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    @contextmanager
    def saving(self) -> Iterator[Saving]:
        """Save all that the block is told, or nothing.

        Raises:
            Unavailable: the database did not answer.
        """
        with transaction(self._engine) as session:
            yield Saving(session)

    def save(self, record: RunRecord) -> bool:
        """See `Saving.run`."""
        with self.saving() as saving:
            return saving.run(record)

    def save_post(self, job_id: str, post: RunPost) -> None:
        """See `Saving.post`."""
        with self.saving() as saving:
            saving.post(job_id, post)

    def save_reading(self, job_id: str, post: str, reading: Reading) -> None:
        """See `Saving.reading`."""
        with self.saving() as saving:
            saving.reading(job_id, post, reading)

    def get(self, job_id: str) -> Run | None:
        """The run, or None if its record has not come, or it is not one of our own."""
        return next(iter(self._select(runs.c.job_id == job_id)), None)

    def newest(self, limit: int | None = None) -> list[Run]:
        """Our own runs, newest first; at most `limit`."""
        return self._select(limit=limit)

    def curve(self, job_id: str) -> tuple[LossPoint, ...]:
        """The losses after each evaluation; empty where none are known."""
        with transaction(self._engine) as session:
            points = session.scalar(select(curves.c.points).where(curves.c.job_id == job_id))
        return _points.validate_json(zlib.decompress(points)) if points else ()

    def _select(self, *conditions: ColumnElement[bool], limit: int | None = None) -> list[Run]:
        newest_first = (runs.c.started_at.desc(), runs.c.job_id.desc())
        # Of what was imported we may know too little for a record.
        ours = (runs.c.outcome.is_not(None), runs.c.origin.is_(None))
        known = select(runs).where(*ours, *conditions).order_by(*newest_first).limit(limit)
        with transaction(self._engine) as session:
            return [_run(row._asdict()) for row in session.execute(known)]


def _run(row: Mapping[str, Any]) -> Run:
    feedback = Feedback(**{field.name: row[POST + field.name] for field in fields(Feedback)})
    return Run(to_record(row), row["rating"], _post(row), feedback)


def _post(row: Mapping[str, Any]) -> RunPost | None:
    post = {field.name: row[POST + field.name] for field in fields(RunPost)}
    return RunPost(**post) if post["state"] else None


def _sum(counts: Iterable[int | None]) -> int | None:
    known = [count for count in counts if count is not None]
    return sum(known) if known else None
