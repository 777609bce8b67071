"""Every query about jobs, and the one function that changes their state."""

from collections.abc import Collection, Mapping
from datetime import datetime
from enum import StrEnum
from typing import Any

from pydantic import ValidationError
from sqlalchemy import ColumnElement, Select, and_, case, func, literal, or_, select, tuple_, update
from sqlalchemy.orm import InstrumentedAttribute, Session

from stylegram.common.clock import utcnow
from stylegram.common.database import UtcDateTime
from stylegram.common.errors import Cancelled, InvalidHyperparameters
from stylegram.common.hyperparameters import Hyperparameters
from stylegram.common.messages import PostKind, Priority
from stylegram.ingest.metrics import JOB_SECONDS, JOBS
from stylegram.ingest.posts import JobPost, foremost
from stylegram.ingest.schemas import Job, JobFilter, with_tuples
from stylegram.ingest.tables import UNFINISHED, AssetRow, JobRow, JobState, PostState, insert_new

CANCELLATION: Mapping[str, Any] = {"reason": "Cancelled.", "error_code": Cancelled.code}
"""What changes along with the state of a job that is cancelled."""

_OPEN = JobRow.state.in_(UNFINISHED)


_Order = tuple[ColumnElement[Any] | InstrumentedAttribute[Any], ...]
_OLDEST_FIRST: _Order = (JobRow.created_at, JobRow.id)
_NEWEST_FIRST: _Order = (JobRow.created_at.desc(), JobRow.id.desc())
_URGENCY = case((JobRow.priority == Priority.INTERACTIVE, 0), else_=1)
_TURN: _Order = (_URGENCY, JobRow.created_at, JobRow.id)


class Due(StrEnum):
    """What the relay has to do for a job; never two things at a time."""

    CANCEL = "cancel"
    STYLE = "style"
    POST = "post"


_DUE: Mapping[Due, ColumnElement[bool]] = {
    Due.CANCEL: and_(_OPEN, JobRow.cancel_requested_at.is_not(None), JobRow.cancel_published_at.is_(None)),
    Due.STYLE: and_(
        JobRow.state == JobState.QUEUED, JobRow.published_at.is_(None), JobRow.cancel_requested_at.is_(None)
    ),
    Due.POST: and_(
        JobRow.state == JobState.SUCCEEDED,
        JobRow.publish,
        JobRow.post_requested_at.is_(None),
        JobRow.post_state.is_(None),
    ),
}


class JobRepository:
    """Jobs, in one transaction.

    Args:
        session: the transaction.
    """

    def __init__(self, session: Session) -> None:
        self._session = session

    def add(self, job: JobRow) -> bool:
        """Queue the job; False if its idempotency key is taken."""
        added = insert_new(self._session, job)
        if added:
            JOBS.labels(state=job.state).inc()
        return added

    def get(self, job_id: str) -> Job | None:
        """The job of that id."""
        return self._one(select(JobRow).filter_by(id=job_id))

    def lock(self, job_id: str) -> None:
        """Have others wait who lock the same job, until the transaction ends."""
        self._session.execute(select(JobRow.id).filter_by(id=job_id).with_for_update())

    def by_idempotency_key(self, key: str) -> Job | None:
        """The job that was submitted with that key."""
        return self._one(select(JobRow).filter_by(idempotency_key=key))

    def unfinished_retry(self, job_id: str) -> Job | None:
        """The newest job that repeats that one and has not ended."""
        query = select(JobRow).where(_OPEN, JobRow.retry_of == job_id)
        return self._one(query.order_by(JobRow.created_at.desc()).limit(1))

    def changed(self, known: Mapping[str, int]) -> list[Job]:
        """Those of some jobs, oldest first, whose sequence numbers are not the ones that are known."""
        rows = self._session.execute(select(JobRow.id, JobRow.sequence).where(JobRow.id.in_(list(known))))
        changed = [job_id for job_id, sequence in rows if sequence != known[job_id]]
        return self._all(select(JobRow).where(JobRow.id.in_(changed))) if changed else []

    def count(self, state: JobState) -> int:
        """How many jobs are in that state."""
        return self._session.scalar(select(func.count()).where(JobRow.state == state)) or 0

    def oldest_queued(self) -> dict[Priority, datetime]:
        """When the oldest job of each priority was submitted that waits; those of which none does are left out."""
        oldest = select(JobRow.priority, func.min(JobRow.created_at)).where(JobRow.state == JobState.QUEUED)
        return {row[0]: row[1] for row in self._session.execute(oldest.group_by(JobRow.priority))}

    def unfinished(self, limit: int | None) -> list[Job]:
        """The running and after them the queued, as their turn is: those that somebody waits for first, then the
        oldest; the first `limit` of them, or all.
        """
        is_queued = case((JobRow.state == JobState.QUEUED, 1), else_=0)
        return self._all(select(JobRow).where(_OPEN).limit(limit), (is_queued, *_TURN))

    def before(self, job: Job) -> int:
        """How many jobs wait whose turn comes before that of a queued one."""
        urgency = 0 if job.priority is Priority.INTERACTIVE else 1
        waits = and_(JobRow.state == JobState.QUEUED, JobRow.cancel_requested_at.is_(None))
        query = select(func.count()).where(waits, tuple_(*_TURN) < (urgency, job.created_at, job.id))
        return self._session.scalar(query) or 0

    def unposted(self) -> list[Job]:
        """Those that are to be posted and of whose posts nothing was heard, oldest first.

        One that waits is not among them: it goes out by itself, or after a person's yes.
        """
        alive = JobRow.state.in_((*UNFINISHED, JobState.SUCCEEDED))
        return self._all(select(JobRow).where(JobRow.publish, alive, JobRow.post_state.is_(None)))

    def newest(self, states: Collection[JobState], limit: int) -> list[Job]:
        """The jobs in one of the states, newest first."""
        return self._all(select(JobRow).where(JobRow.state.in_(states)).limit(limit), _NEWEST_FIRST)

    def page(self, wanted: JobFilter, limit: int, after: tuple[datetime, str] | None) -> list[Job]:
        """Those that are wanted, newest first.

        Args:
            wanted: which ones.
            limit: how many at most.
            after: when the job before the page was submitted, and its id; None begins with the newest.
        """
        query = select(JobRow).limit(limit)
        if wanted.states:
            query = query.where(JobRow.state.in_(wanted.states))
        if wanted.content is not None:
            query = query.where(JobRow.content.has(AssetRow.sha256 == wanted.content))
        if wanted.style is not None:
            query = query.where(JobRow.style.has(AssetRow.sha256 == wanted.style))
        if wanted.priority is not None:
            query = query.where(JobRow.priority == wanted.priority)
        if wanted.created_after is not None:
            query = query.where(JobRow.created_at >= wanted.created_after)
        if wanted.created_before is not None:
            query = query.where(JobRow.created_at < wanted.created_before)
        if after is not None:
            query = query.where(tuple_(JobRow.created_at, JobRow.id) < after)
        return self._all(query, _NEWEST_FIRST)

    def claim(self, due: Due, limit: int, until: datetime) -> list[Job]:
        """Take jobs for which something is to be done, so that nobody else does it too, until that time.

        Those that somebody waits for come first, then the oldest.

        Args:
            due: what is to be done.
            limit: how many jobs at most.
            until: when others may take them, unless `mark_relayed` or `unclaim` comes first.
        """
        free = or_(JobRow.relayed_until.is_(None), JobRow.relayed_until <= utcnow())
        candidates = select(JobRow.id).where(_DUE[due], free).order_by(*_TURN).limit(limit)
        claimed = self._session.scalars(
            update(JobRow)
            .where(JobRow.id.in_(candidates.with_for_update(skip_locked=True)), free)
            .values(relayed_until=until)
            .returning(JobRow.id)
            .execution_options(synchronize_session=False)
        ).all()
        return self._all(select(JobRow).where(JobRow.id.in_(claimed)), _TURN) if claimed else []

    def unclaim(self, job_ids: Collection[str], until: datetime) -> None:
        """Let go of what `claim` took until that time."""
        self._session.execute(
            update(JobRow).where(JobRow.id.in_(job_ids), JobRow.relayed_until == until).values(relayed_until=None)
        )

    def mark_relayed(self, job_id: str, due: Due) -> None:
        """What was to be done for the job is done."""
        now = utcnow()
        values: Mapping[Due, dict[str, object]] = {
            Due.CANCEL: {"cancel_published_at": now, "heard_at": _latest(now)},
            Due.STYLE: {"published_at": now, "publications": JobRow.publications + 1, "heard_at": _latest(now)},
            Due.POST: {"post_requested_at": now},
        }
        self._session.execute(update(JobRow).filter_by(id=job_id).values(relayed_until=None, **values[due]))

    def unheard(self, since: datetime) -> list[Job]:
        """Unfinished jobs that were published, or whose cancellation was, and of which nothing was heard since then.

        The oldest come first. Those that are to be cancelled, and whose note is not in storage yet, are the relay's.
        """
        # A worker may begin before a relay has noted what it published, and the relay not live to note it.
        went_out = or_(JobRow.published_at.is_not(None), JobRow.state == JobState.RUNNING)
        wanted = and_(JobRow.cancel_requested_at.is_(None), went_out)
        published = or_(wanted, JobRow.cancel_published_at.is_not(None))
        return self._all(select(JobRow).where(_OPEN, published, JobRow.heard_at < since))

    def newest_start(self, priority: Priority, since: datetime) -> datetime | None:
        """When the job was published that was published last, of those that were started.

        Args:
            priority: jobs of this one.
            since: when the oldest job was submitted that matters.
        """
        return self._session.scalar(
            select(func.max(JobRow.published_at)).where(
                JobRow.created_at >= since, JobRow.priority == priority, JobRow.started_at.is_not(None)
            )
        )

    def request_cancel(self, job_id: str) -> bool:
        """Keep that nobody wants the job any more; False if that is known, or the job has ended."""
        asked = self._change(job_id, _OPEN, JobRow.cancel_requested_at.is_(None), cancel_requested_at=utcnow())
        return asked is not None

    def hear(self, job_id: str, at: datetime, *conditions: ColumnElement[bool]) -> bool:
        """Note that an unfinished job was heard of, which nobody sees; False if nothing changed."""
        heard = self._session.execute(
            update(JobRow)
            .where(JobRow.id == job_id, _OPEN, JobRow.heard_at < at, *conditions)
            .values(heard_at=at)
            .returning(JobRow.id)
        )
        return heard.first() is not None

    def transition(
        self,
        job_id: str,
        to: JobState,
        *conditions: ColumnElement[bool],
        heard_at: datetime | None = None,
        finished_at: datetime | None = None,
        **values: Any,  # noqa: ANN401  (a column's own type)
    ) -> bool:
        """Change a job's state; the only place that does.

        A finished job stays as it is: events come late, twice and out of order, and the first end counts. Any
        state follows queued, for the event of the start may be the one that comes late. Running follows running
        as progress, and queued follows running where a worker put the job back or is gone.

        Args:
            job_id: which job.
            to: any state.
            conditions: what else must be true of the row.
            heard_at: time of the word that this follows from, if it follows from one.
            finished_at: of the end, if it is one; by default now.
            values: columns that change along with the state.

        Returns:
            Whether the row changed; if so its `sequence` grew by one.
        """
        if heard_at is not None:
            values["heard_at"] = _latest(heard_at)
        if to in UNFINISHED:
            return self._change(job_id, _OPEN, *conditions, state=to, **values) is not None
        finished_at = finished_at or utcnow()
        created_at = self._change(job_id, _OPEN, *conditions, state=to, finished_at=finished_at, **values)
        if created_at is None:
            return False
        JOBS.labels(state=to).inc()
        JOB_SECONDS.labels(outcome=to).observe(max(0.0, (finished_at - created_at).total_seconds()))
        return True

    def refuse(self, job_id: str, error: InvalidHyperparameters, *conditions: ColumnElement[bool]) -> bool:
        """Fail a job that `require_readable` refuses, if it has not ended and the conditions hold."""
        return self.transition(job_id, JobState.FAILED, *conditions, reason=str(error), error_code=error.code)

    def record_post(
        self,
        job_id: str,
        outcome: PostState,
        *,
        key: str = "",
        kind: str = PostKind.PHOTO,
        said_at: datetime | None = None,
        url: str | None = None,
        reason: str | None = None,
    ) -> bool:
        """Keep what became of one of the job's posts, and what that makes of all of them.

        Args:
            job_id: whose post.
            outcome: what became of it.
            key: the post's in the publisher's ledger; empty where it never came so far.
            kind: what it is, see `JobPost`.
            said_at: when that was said; by default now.
            url: where it is.
            reason: what it waits for, or why it is not out.

        Returns:
            Whether the row changed; if so its `sequence` grew by one.
        """
        news = JobPost(kind=kind, state=outcome, url=url, reason=reason, said_at=said_at or utcnow())
        # Who tells of another post of the job waits here, and then sees this one.
        stored = self._session.scalar(select(JobRow.posts).filter_by(id=job_id).with_for_update())
        posts = {name: JobPost.model_validate(post) for name, post in (stored or {}).items()}
        before = posts.get(key)
        posts[key] = news.after(before) if before else news
        if posts[key] == before:
            return False
        one = foremost(posts)
        changed = self._change(
            job_id,
            posts={name: post.model_dump(mode="json") for name, post in posts.items()},
            post_state=one.state,
            post_url=one.url,
            post_reason=one.reason,
        )
        return changed is not None

    def last_used(self) -> dict[tuple[int, int], datetime]:
        """When each pair of content and style asset was last submitted; how the job ended does not matter."""
        rows = self._session.execute(
            select(JobRow.content_id, JobRow.style_id, func.max(JobRow.created_at)).group_by(
                JobRow.content_id, JobRow.style_id
            )
        )
        return {(content, style): when for content, style, when in rows}

    def _change(self, job_id: str, *conditions: ColumnElement[bool], **values: object) -> datetime | None:
        """When the job was submitted, if it changed."""
        return self._session.execute(
            update(JobRow)
            .where(JobRow.id == job_id, *conditions)
            .values(sequence=JobRow.sequence + 1, **values)
            .returning(JobRow.created_at)
        ).scalar()

    def _one(self, query: Select[JobRow]) -> Job | None:
        row = self._session.scalar(query.execution_options(populate_existing=True))
        return None if row is None else _job(row)

    def _all(self, query: Select[JobRow], order: _Order = _OLDEST_FIRST) -> list[Job]:
        rows = self._session.scalars(query.order_by(*order).execution_options(populate_existing=True))
        return [_job(row) for row in rows]


def require_readable(job: Job) -> None:
    """Refuse a job that was submitted to a version whose hyperparameters had other ranges.

    Raises:
        InvalidHyperparameters: names the first that is out of range, and its range.
    """
    try:
        Hyperparameters.model_validate(dict(job.hyperparameters))
    except ValidationError as error:
        issue = error.errors(include_url=False)[0]
        where = "".join(f"{part}: " for part in issue["loc"])
        raise InvalidHyperparameters(
            f"This version cannot read its hyperparameters: {where}{issue['msg']}.",
            advice="Submit it anew, with others.",
        ) from None


def _job(row: JobRow) -> Job:
    try:
        return Job.model_validate(row, from_attributes=True)
    except ValidationError:
        # One row that this version refuses must not hide the others: it is shown as it was submitted.
        values = {name: getattr(row, name) for name in Job.model_fields}
        values["hyperparameters"] = Hyperparameters.model_construct(**with_tuples(row.hyperparameters))
        return Job.model_validate(values, from_attributes=True)


def _latest(at: datetime) -> ColumnElement[datetime | None]:
    # Words come out of order, and what was heard last stays.
    return case((JobRow.heard_at > at, JobRow.heard_at), else_=literal(at, UtcDateTime))
