"""What the other services say about jobs and posts, into the job table.

Events come at least once and not always in order. Those of a job that has ended change nothing, nor do those that
repeat what is known; those of an unknown job are logged and forgotten.
"""

from functools import partial

import structlog
from sqlalchemy import ColumnElement, Engine, and_, case, not_, or_

from stylegram.common.clock import utcnow
from stylegram.common.database import transaction
from stylegram.common.errors import InvalidMessage
from stylegram.common.messages import (
    NEEDS_REVIEW,
    CancelJob,
    JobAlive,
    JobCancelled,
    JobCompleted,
    JobFailed,
    JobInterrupted,
    JobProgress,
    JobStarted,
    Message,
    PostFailed,
    PostFeedback,
    PostPublished,
    PostWaiting,
)
from stylegram.ingest.job_repository import CANCELLATION, JobRepository
from stylegram.ingest.metrics import JOB_RETRIES, JOB_WAIT
from stylegram.ingest.tables import JobRow, JobState, PostState

_log = structlog.get_logger(__name__)
# A third of the silence after which a job is looked after by default: a clock that is farther off feigns silence.
_CLOCKS_AGREE_SECONDS = 40.0


class EventHandler:
    """Handles the messages of `topology.INGEST_EVENTS`.

    Args:
        engine: the database.
    """

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def handle(self, message: Message, attempt: int) -> None:  # noqa: ARG002  (what a consumer's handler takes)
        """Apply one event, once.

        Raises:
            InvalidMessage: it is no event.
            Unavailable: the database did not answer.
        """
        if isinstance(message, JobStarted):
            _compare_clocks(message)
        with transaction(self._engine) as session:
            jobs = JobRepository(session)
            if not _apply(jobs, message):
                reason = "stale or repeated" if jobs.get(message.job_id) else "unknown job"
                _log.info("event_ignored", job_id=message.job_id, type=message.type, reason=reason)


def _compare_clocks(message: JobStarted) -> None:
    seconds = (message.sent_at - utcnow()).total_seconds()
    if abs(seconds) > _CLOCKS_AGREE_SECONDS:
        # Or it waited for so long, while nobody listened: then others did too.
        _log.warning("clocks_differ", job_id=message.job_id, worker=message.worker, seconds=round(seconds))


def _apply(jobs: JobRepository, message: Message) -> bool:
    match message:
        case JobStarted():
            return _start(jobs, message)
        case JobProgress():
            return _progress(jobs, message)
        case JobAlive():
            return _alive(jobs, message)
        case JobInterrupted():
            return _interrupted(jobs, message)
        case CancelJob():
            return _fence(jobs, message)
        case JobCancelled():
            return jobs.transition(message.job_id, JobState.CANCELLED, finished_at=message.sent_at, **CANCELLATION)
        case JobCompleted():
            return _completed(jobs, message)
        case JobFailed():
            return jobs.transition(
                message.job_id,
                JobState.FAILED,
                reason=message.reason,
                error_code=message.error_code,
                finished_at=message.sent_at,
            )
        case PostWaiting() | PostPublished() | PostFailed():
            return _posted(jobs, message)
        case PostFeedback():
            return True  # belongs to the run's record, which is the logger's
        case _:
            raise InvalidMessage(f"A {message.type} is no event.", advice="Route commands to the queues of their own.")


def _start(jobs: JobRepository, message: JobStarted) -> bool:
    """Progress that overtook the first start is that attempt's and stays; a later start begins anew.

    A later attempt is one, and so is a later start of the same attempt, for one whose worker put the job back does not
    count; where the worker was lost, and the attempt with it, any later start is.
    """
    start = partial(
        jobs.transition,
        message.job_id,
        JobState.RUNNING,
        heard_at=message.sent_at,
        attempt=message.attempt,
        worker=message.worker,
        started_at=message.sent_at,
    )
    if start(JobRow.started_at.is_(None)):
        job = jobs.get(message.job_id)
        if job and job.published_at:
            # Clocks differ, and a quick worker may start before the relay has noted what it published.
            JOB_WAIT.labels(priority=job.priority).observe(
                max(0.0, (message.sent_at - job.published_at).total_seconds())
            )
        return True
    same_or_lost = or_(JobRow.attempt.is_(None), JobRow.attempt == message.attempt)
    later = or_(JobRow.attempt < message.attempt, and_(same_or_lost, JobRow.started_at < message.sent_at))
    restarted = start(later, evaluation=None, loss=None)
    if restarted:
        JOB_RETRIES.inc()
    return restarted


def _progress(jobs: JobRepository, message: JobProgress) -> bool:
    """Only forward, and only what was said since the attempt began: a progress does not name its attempt."""
    return jobs.transition(
        message.job_id,
        JobState.RUNNING,
        or_(JobRow.evaluation.is_(None), JobRow.evaluation < message.evaluation),
        or_(JobRow.started_at.is_(None), JobRow.started_at <= message.sent_at),
        _not_put_back_since(message),
        heard_at=message.sent_at,
        evaluation=message.evaluation,
        evaluations=message.evaluations,
        loss=message.loss,
    )


def _alive(jobs: JobRepository, message: JobAlive) -> bool:
    """Of the worker that has the job; one that was taken for lost has it after all."""
    its_own = (JobRow.worker == message.worker, JobRow.started_at <= message.sent_at)
    lost = (JobRow.state == JobState.QUEUED, JobRow.heard_at < message.sent_at)
    return jobs.transition(message.job_id, JobState.RUNNING, *its_own, *lost, heard_at=message.sent_at) or jobs.hear(
        message.job_id, message.sent_at, *its_own
    )


def _interrupted(jobs: JobRepository, message: JobInterrupted) -> bool:
    """How far it came stays to be seen until another worker begins."""
    return jobs.transition(
        message.job_id,
        JobState.QUEUED,
        JobRow.state == JobState.RUNNING,
        JobRow.worker == message.worker,
        JobRow.started_at <= message.sent_at,
        heard_at=message.sent_at,
    )


def _fence(jobs: JobRepository, message: CancelJob) -> bool:
    """A job that still waits when this is heard is nobody's: who comes to it from now on finds the note."""
    return jobs.transition(message.job_id, JobState.CANCELLED, JobRow.state == JobState.QUEUED, **CANCELLATION)


def _completed(jobs: JobRepository, message: JobCompleted) -> bool:
    """A picture that was finished before its cancellation was heard of is kept, but not shown to the world."""
    unwanted = and_(JobRow.publish, JobRow.cancel_requested_at.is_not(None))
    return jobs.transition(
        message.job_id,
        JobState.SUCCEEDED,
        result=message.result,
        finished_at=message.record.finished_at,
        post_state=case((unwanted, PostState.FAILED), else_=JobRow.post_state),
        post_reason=case((unwanted, "The job was cancelled before it was posted."), else_=JobRow.post_reason),
    )


def _posted(jobs: JobRepository, message: PostWaiting | PostPublished | PostFailed) -> bool:
    record = partial(jobs.record_post, message.job_id, key=message.post, kind=message.kind, said_at=message.sent_at)
    match message:
        case PostWaiting():
            return record(PostState.WAITING, reason=message.reason)
        case PostPublished():
            return record(PostState.PUBLISHED, url=message.url or None)
        case PostFailed():
            unknown = message.error_code == NEEDS_REVIEW
            return record(PostState.NEEDS_REVIEW if unknown else PostState.FAILED, reason=message.reason)


def _not_put_back_since(message: JobProgress) -> ColumnElement[bool]:
    """A word from before a job was put back does not make it running again; a later one does."""
    put_back = and_(JobRow.state == JobState.QUEUED, JobRow.started_at.is_not(None))
    return or_(not_(put_back), JobRow.heard_at < message.sent_at)
