"""What the other services say about jobs and posts, into the job table.

Events come at least once and not always in order. Those of a job that has ended change nothing, nor do those that
repeat what is known; those of an unknown job are logged and forgotten.
"""

import structlog
from sqlalchemy import Engine, case, or_

from stylegram.common.database import transaction
from stylegram.common.errors import InvalidMessage
from stylegram.common.messages import (
    JobCompleted,
    JobFailed,
    JobProgress,
    JobStarted,
    Message,
    PostFailed,
    PostPublished,
)
from stylegram.ingest.job_repository import JobRepository
from stylegram.ingest.tables import JobRow, JobState, PostState

_log = structlog.get_logger(__name__)


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
        with transaction(self._engine) as session:
            jobs = JobRepository(session)
            if not _apply(jobs, message):
                reason = "stale or repeated" if jobs.get(message.job_id) else "unknown job"
                _log.info("event_ignored", job_id=message.job_id, type=message.type, reason=reason)


def _apply(jobs: JobRepository, message: Message) -> bool:
    match message:
        case JobStarted():
            return _start(jobs, message)
        case JobProgress():
            return _progress(jobs, message)
        case JobCompleted():
            return jobs.transition(
                message.job_id, JobState.SUCCEEDED, result=message.result, finished_at=message.record.finished_at
            )
        case JobFailed():
            return jobs.transition(
                message.job_id,
                JobState.FAILED,
                reason=message.reason,
                error_code=message.error_code,
                finished_at=message.sent_at,
            )
        case PostPublished():
            return jobs.record_post(message.job_id, PostState.PUBLISHED, url=message.url)
        case PostFailed():
            return jobs.record_post(message.job_id, PostState.FAILED, reason=message.reason)
        case _:
            raise InvalidMessage(f"A {message.type} is no event.", advice="Route commands to the queues of their own.")


def _start(jobs: JobRepository, message: JobStarted) -> bool:
    """A later attempt begins anew; progress that overtook the first attempt's start is that attempt's and stays."""
    first = JobRow.attempt.is_(None)
    return jobs.transition(
        message.job_id,
        JobState.RUNNING,
        or_(first, JobRow.attempt < message.attempt),
        attempt=message.attempt,
        worker=message.worker,
        started_at=message.sent_at,
        evaluation=case((first, JobRow.evaluation)),
        loss=case((first, JobRow.loss)),
    )


def _progress(jobs: JobRepository, message: JobProgress) -> bool:
    """Only forward, and only what was said since the attempt began: a progress does not name its attempt."""
    return jobs.transition(
        message.job_id,
        JobState.RUNNING,
        or_(JobRow.evaluation.is_(None), JobRow.evaluation < message.evaluation),
        or_(JobRow.started_at.is_(None), JobRow.started_at <= message.sent_at),
        evaluation=message.evaluation,
        evaluations=message.evaluations,
        loss=message.loss,
    )
