"""Every query about jobs, and the one function that changes their state."""

from collections.abc import Collection
from datetime import datetime

from sqlalchemy import ColumnElement, Select, func, or_, select, update
from sqlalchemy.orm import Session

from stylegram.common.clock import utcnow
from stylegram.ingest.metrics import JOBS
from stylegram.ingest.schemas import Job
from stylegram.ingest.tables import UNFINISHED, JobRow, JobState, PostState, insert_new


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

    def by_idempotency_key(self, key: str) -> Job | None:
        """The job that was submitted with that key."""
        return self._one(select(JobRow).filter_by(idempotency_key=key))

    def unfinished(self) -> list[Job]:
        """The queued and the running, oldest first."""
        return self._all(select(JobRow).where(JobRow.state.in_(UNFINISHED)))

    def unposted(self) -> list[Job]:
        """Those that are to be posted and whose post has not come to an end, oldest first."""
        alive = JobRow.state.in_((*UNFINISHED, JobState.SUCCEEDED))
        return self._all(select(JobRow).where(JobRow.publish, alive, JobRow.post_state.is_(None)))

    def newest(self, states: Collection[JobState], limit: int) -> list[Job]:
        """The jobs in one of the states, newest first."""
        return self._all(select(JobRow).where(JobRow.state.in_(states)).limit(limit), newest_first=True)

    def to_publish(self, limit: int) -> list[Job]:
        """Queued jobs that no queue has yet, oldest first."""
        due = select(JobRow).where(JobRow.state == JobState.QUEUED, JobRow.published_at.is_(None))
        return self._all(due.limit(limit))

    def to_post(self, limit: int) -> list[Job]:
        """Finished pictures that are to be posted and whose post nobody requested yet, oldest first."""
        due = select(JobRow).where(
            JobRow.state == JobState.SUCCEEDED, JobRow.publish, JobRow.post_requested_at.is_(None)
        )
        return self._all(due.limit(limit))

    def mark_published(self, job_id: str) -> None:
        """The job is in its queue."""
        self._session.execute(update(JobRow).filter_by(id=job_id).values(published_at=utcnow()))

    def mark_post_requested(self, job_id: str) -> None:
        """The job's post is in its queue."""
        self._session.execute(update(JobRow).filter_by(id=job_id).values(post_requested_at=utcnow()))

    def transition(self, job_id: str, to: JobState, *conditions: ColumnElement[bool], **values: object) -> bool:
        """Change a job's state; the only place that does.

        A finished job stays as it is: events come late, twice and out of order, and the first end counts. Any
        state follows queued, for the event of the start may be the one that comes late. Running follows running
        as progress.

        Args:
            job_id: which job.
            to: any state but queued.
            conditions: what else must be true of the row.
            values: columns that change along with the state.

        Returns:
            Whether the row changed; if so its `sequence` grew by one.
        """
        changed = self._change(job_id, JobRow.state.in_(UNFINISHED), *conditions, state=to, **values)
        if changed and to not in UNFINISHED:
            JOBS.labels(state=to).inc()
        return changed

    def record_post(
        self, job_id: str, outcome: PostState, *, url: str | None = None, reason: str | None = None
    ) -> bool:
        """Keep what became of the job's post. Published is the end; a failure may yet be followed by it.

        Returns:
            Whether the row changed; if so its `sequence` grew by one.
        """
        open_: ColumnElement[bool] = JobRow.post_state.is_(None)
        if outcome is PostState.PUBLISHED:
            open_ = or_(open_, JobRow.post_state == PostState.FAILED)
        return self._change(job_id, open_, post_state=outcome, post_url=url, post_reason=reason)

    def last_used(self) -> dict[tuple[int, int], datetime]:
        """When each pair of content and style asset was last submitted; how the job ended does not matter."""
        rows = self._session.execute(
            select(JobRow.content_id, JobRow.style_id, func.max(JobRow.created_at)).group_by(
                JobRow.content_id, JobRow.style_id
            )
        )
        return {(content, style): when for content, style, when in rows}

    def _change(self, job_id: str, *conditions: ColumnElement[bool], **values: object) -> bool:
        changed = self._session.execute(
            update(JobRow)
            .where(JobRow.id == job_id, *conditions)
            .values(sequence=JobRow.sequence + 1, **values)
            .returning(JobRow.id)
        )
        return changed.first() is not None

    def _one(self, query: Select[JobRow]) -> Job | None:
        row = self._session.scalar(query)
        return None if row is None else Job.model_validate(row, from_attributes=True)

    def _all(self, query: Select[JobRow], *, newest_first: bool = False) -> list[Job]:
        order = (JobRow.created_at, JobRow.id)
        rows = self._session.scalars(query.order_by(*(column.desc() if newest_first else column for column in order)))
        return [Job.model_validate(row, from_attributes=True) for row in rows]
