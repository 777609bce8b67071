"""What the worker does with a message: paint it, or tell why not."""

import socket
from os import getpid

import structlog
from pydantic import ValidationError

from stylegram.common import artifacts
from stylegram.common.errors import InvalidMessage, NotFound, StylegramError
from stylegram.common.messages import JobCompleted, JobFailed, JobStarted, Message, StyleJob
from stylegram.common.records import RunRecord
from stylegram.stylizer.checkpoints import Checkpoints
from stylegram.stylizer.easel import Easel
from stylegram.stylizer.metrics import JOBS, SECONDS
from stylegram.stylizer.studio import Studio

_log = structlog.get_logger(__name__)


class Worker:
    """Handles the messages of `stylizer.jobs`.

    Args:
        studio: what the worker paints with.
    """

    def __init__(self, studio: Studio) -> None:
        self._studio = studio
        self._name = f"{socket.gethostname()}:{getpid()}"

    def handle(self, message: Message, attempt: int) -> None:
        """Paint the job, once: one that is redelivered after it was finished only gets its events again.

        Raises:
            StylegramError: retryable; nothing is known to be wrong with the job itself. `DeviceLost` among them, which
                says that this process should end.
        """
        job = _style_job(message)
        if record := self._finished(job.job_id):
            self._complete(record)
            return
        self._studio.broker.publish(JobStarted(job_id=job.job_id, worker=self._name, attempt=attempt))
        easel = Easel(job, self._studio)
        try:
            record = easel.paint()
        except StylegramError as error:
            if error.retryable:
                raise
            self._fail(job, error, easel.failed(error))
        else:
            # If another worker was faster, its record is the one that counts.
            self._complete(self._finished(job.job_id) or record)

    def give_up(self, message: Message, error: StylegramError) -> None:
        """Tell of a job whose message becomes a dead letter; one whose picture is there has succeeded all the same."""
        if not isinstance(message, StyleJob):
            return
        try:
            record = self._finished(message.job_id)
        except (StylegramError, ValidationError):
            record = None
        if record:
            self._complete(record)
        else:
            self._fail(message, error, Easel(message, self._studio).failed(error))

    def _finished(self, job_id: str) -> RunRecord | None:
        try:
            return RunRecord.model_validate_json(self._studio.storage.read(artifacts.record(job_id)))
        except NotFound:
            return None

    def _complete(self, record: RunRecord) -> None:
        self._studio.broker.publish(
            JobCompleted(job_id=record.job_id, result=artifacts.result(record.job_id), record=record)
        )
        Checkpoints(self._studio.storage, record.job_id).clear()
        JOBS.labels(outcome="succeeded").inc()
        SECONDS.observe(record.seconds)
        _log.info("job_completed", seconds=round(record.seconds, 1), evaluations=record.evaluations)

    def _fail(self, job: StyleJob, error: StylegramError, record: RunRecord) -> None:
        self._studio.broker.publish(
            JobFailed(job_id=job.job_id, reason=str(error), error_code=error.code, record=record)
        )
        Checkpoints(self._studio.storage, job.job_id).clear()
        JOBS.labels(outcome="failed").inc()
        _log.error("job_failed", reason=str(error), error_code=error.code)


def _style_job(message: Message) -> StyleJob:
    if not isinstance(message, StyleJob):
        raise InvalidMessage(f"The stylizer paints style jobs; it was sent a {message.type}.")
    return message
