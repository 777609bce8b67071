"""What the worker does with a message: paint it, or tell why not."""

import socket
import threading
from os import getpid
from pathlib import Path

import structlog
from pydantic import ValidationError

from stylegram.common import artifacts
from stylegram.common.errors import InvalidMessage, NotFound, StylegramError
from stylegram.common.messages import JobCompleted, JobFailed, JobStarted, Message, StyleJob
from stylegram.common.ports import Broker, Storage
from stylegram.common.records import RunRecord
from stylegram.stylizer.easel import Easel
from stylegram.stylizer.engine.weights import Weights
from stylegram.stylizer.metrics import JOBS, SECONDS

_log = structlog.get_logger(__name__)


class Worker:
    """Handles the messages of `stylizer.jobs`.

    Args:
        broker: takes the events.
        storage: holds the assets and takes the artifacts.
        weights: the backbone.
        cache: folder of model files.
        device: where to compute.
        snapshot_every: evaluations between two snapshots.
        stop: set to end the work at hand; its message goes back.
    """

    def __init__(
        self,
        broker: Broker,
        storage: Storage,
        *,
        weights: Weights,
        cache: Path,
        device: str | None,
        snapshot_every: int,
        stop: threading.Event,
    ) -> None:
        self._broker = broker
        self._storage = storage
        self._weights = weights
        self._cache = cache
        self._device = device
        self._snapshot_every = snapshot_every
        self._stop = stop
        self._name = f"{socket.gethostname()}:{getpid()}"

    def handle(self, message: Message, attempt: int) -> None:
        """Paint the job, once: one that is redelivered after it was finished only gets its events again.

        Raises:
            StylegramError: retryable; nothing is known to be wrong with the job itself.
        """
        job = _style_job(message)
        if record := self._finished(job.job_id):
            self._complete(record)
            return
        self._broker.publish(JobStarted(job_id=job.job_id, worker=self._name, attempt=attempt))
        easel = self._easel(job)
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
            self._fail(message, error, self._easel(message).failed(error))

    def _easel(self, job: StyleJob) -> Easel:
        return Easel(
            job,
            self._broker,
            self._storage,
            weights=self._weights,
            cache=self._cache,
            device=self._device,
            snapshot_every=self._snapshot_every,
            stop=self._stop,
        )

    def _finished(self, job_id: str) -> RunRecord | None:
        try:
            return RunRecord.model_validate_json(self._storage.read(artifacts.record(job_id)))
        except NotFound:
            return None

    def _complete(self, record: RunRecord) -> None:
        self._broker.publish(JobCompleted(job_id=record.job_id, result=artifacts.result(record.job_id), record=record))
        JOBS.labels(outcome="succeeded").inc()
        SECONDS.observe(record.seconds)
        _log.info("job_completed", seconds=round(record.seconds, 1), evaluations=record.evaluations)

    def _fail(self, job: StyleJob, error: StylegramError, record: RunRecord) -> None:
        self._broker.publish(JobFailed(job_id=job.job_id, reason=str(error), error_code=error.code, record=record))
        JOBS.labels(outcome="failed").inc()
        _log.error("job_failed", reason=str(error), error_code=error.code)


def _style_job(message: Message) -> StyleJob:
    if not isinstance(message, StyleJob):
        raise InvalidMessage(f"The stylizer paints style jobs; it was sent a {message.type}.")
    return message
