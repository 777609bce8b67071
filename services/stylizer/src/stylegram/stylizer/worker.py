"""What the worker does with a message: paint it, or tell why not."""

import socket
from collections.abc import Callable
from os import getpid

import structlog
from pydantic import ValidationError

from stylegram.common import artifacts
from stylegram.common.clock import utcnow
from stylegram.common.errors import Cancelled, Interrupted, InvalidMessage, StylegramError
from stylegram.common.messages import JobAlive, JobCancelled, JobInterrupted, JobStarted, Message, StyleJob, end_of
from stylegram.common.records import RunRecord
from stylegram.common.run_ends import enter_end, read_end
from stylegram.stylizer.checkpoints import Checkpoints
from stylegram.stylizer.easel import Easel
from stylegram.stylizer.logbook import Logbook
from stylegram.stylizer.metrics import JOBS, JobAtWork, count_run
from stylegram.stylizer.run_record import failed_record
from stylegram.stylizer.studio import Studio
from stylegram.stylizer.watch import Watch, end_process

_log = structlog.get_logger(__name__)


class Worker:
    """Handles the messages of the stylizer's queues.

    Args:
        studio: what the worker paints with.
        end_process: ends the process, where a job hangs; see `Watch`.
    """

    def __init__(self, studio: Studio, *, end_process: Callable[[], None] = end_process) -> None:
        self._studio = studio
        self._end_process = end_process
        self._name = f"{socket.gethostname()}:{getpid()}"

    def handle(self, message: Message, attempt: int) -> None:
        """Bring the job to its one end: one that is redelivered after it only gets its last word again.

        Raises:
            StylegramError: retryable; nothing is known to be wrong with the job itself. `DeviceLost` among them, which
                says that this process should end.
        """
        job = _style_job(message)
        # Before the storage is asked: where that is away, whoever waits for a word has this one. It changes nothing
        # where the job has ended.
        self._studio.broker.publish(JobStarted(job_id=job.job_id, worker=self._name, attempt=attempt))
        if record := self._finished(job.job_id):
            self._tell(record)
            return
        # Looked for after the start is told of: who cancels a job later than that waits for the worker's word.
        if self._is_cancelled(job):
            self._cancel(job)
            return
        watch, at_work = self._watch(job), JobAtWork()
        easel = Easel(job, self._studio, watch.check, at_work)
        try:
            with watch, at_work:
                record = easel.paint()
        except Cancelled:
            self._cancel(job)
            return
        except Interrupted:
            self._interrupt(job)
            raise
        except StylegramError as error:
            if error.retryable:
                raise
            record = easel.failed(error)
        self._tell(self._recorded(record))

    def give_up(self, message: Message, error: StylegramError) -> None:
        """Tell of a job whose message becomes a dead letter; one that has come to an end keeps that, and one that was
        cancelled is so now.

        Raises:
            StylegramError: retryable; the storage or the broker did not answer.
        """
        if not isinstance(message, StyleJob):
            return
        record = failed_record(message, error, utcnow(), None, Logbook())
        try:
            if self._is_cancelled(message) and not self._finished(message.job_id):
                self._cancel(message)
                return
            record = self._recorded(record)
        except (StylegramError, ValidationError) as problem:
            # Its name is none, or what lies there cannot be read: as neither will change, its word is all there is.
            if isinstance(problem, StylegramError) and problem.retryable:
                raise
            _log.warning("not_recorded", reason=str(problem))
        self._tell(record)

    def _watch(self, job: StyleJob) -> Watch:
        return Watch(
            lambda: self._is_cancelled(job),
            lambda: self._studio.broker.publish(JobAlive(job_id=job.job_id, worker=self._name)),
            limit_seconds=job.time_limit_seconds or self._studio.job_seconds,
            end_process=self._end_process,
        )

    def _is_cancelled(self, job: StyleJob) -> bool:
        return self._studio.storage.stat(artifacts.cancellation(job.job_id)) is not None

    def _cancel(self, job: StyleJob) -> None:
        self._studio.broker.publish(JobCancelled(job_id=job.job_id, worker=self._name))
        Checkpoints(self._studio.storage, job.job_id).clear()
        JOBS.labels(outcome="cancelled").inc()
        _log.info("job_cancelled")

    def _interrupt(self, job: StyleJob) -> None:
        JOBS.labels(outcome="interrupted").inc()
        try:
            self._studio.broker.publish(JobInterrupted(job_id=job.job_id, worker=self._name))
        except StylegramError as error:  # whoever takes it up tells of its start anyhow
            _log.warning("interruption_not_told", reason=str(error))

    def _finished(self, job_id: str) -> RunRecord | None:
        return read_end(self._studio.storage, job_id)

    def _recorded(self, record: RunRecord) -> RunRecord:
        """Enter the job's end into storage; of several workers' the first counts, and is what this returns."""
        if earlier := enter_end(self._studio.storage, record):
            return earlier
        count_run(record)
        return record

    def _tell(self, record: RunRecord) -> None:
        self._studio.broker.publish(end_of(record))
        Checkpoints(self._studio.storage, record.job_id).clear()
        if record.outcome == "succeeded":
            _log.info("job_completed", seconds=round(record.seconds, 1), evaluations=record.evaluations)
        else:
            _log.error("job_failed", reason=record.reason, error_code=record.error_code)


def _style_job(message: Message) -> StyleJob:
    if not isinstance(message, StyleJob):
        raise InvalidMessage(f"The stylizer paints style jobs; it was sent a {message.type}.")
    return message
