"""One job on the worker: its pictures from storage, the engine, its artifacts into storage, word of how it goes."""

import time
from contextlib import suppress

import structlog
from PIL import Image

from stylegram.common import artifacts
from stylegram.common.clock import utcnow
from stylegram.common.errors import AlreadyExists, Interrupted, StylegramError, Unavailable
from stylegram.common.images import decode_image, encode_png
from stylegram.common.messages import JobProgress, StyleJob
from stylegram.common.records import LossPoint, RunRecord
from stylegram.stylizer.engine import Step, stylize
from stylegram.stylizer.metrics import EVALUATIONS
from stylegram.stylizer.run_record import extend_curve, failed_record, snapshot_jpeg, succeeded_record
from stylegram.stylizer.studio import Studio

_log = structlog.get_logger(__name__)
# People do not read faster, and a GPU does a hundred evaluations in that time.
_PROGRESS_SECONDS = 0.5


class Easel:
    """Works on one job, once.

    Args:
        job: what to paint.
        studio: what to paint it with.
    """

    def __init__(self, job: StyleJob, studio: Studio) -> None:
        self._job = job
        self._studio = studio
        self._started_at = utcnow()
        self._curve: list[LossPoint] = []
        self._snapshot: str | None = None
        self._last_progress = float("-inf")

    def paint(self) -> RunRecord:
        """Paint the picture and put it, its snapshots and its record into storage.

        Raises:
            Interrupted: `stop` was set.
            StylegramError: as the engine and the storage raise.
        """
        job = self._job
        result = stylize(
            self._load(job.content.object_name),
            self._load(job.style.object_name),
            job.hyperparameters,
            on_step=self._on_step,
            weights=self._studio.weights,
            cache=self._studio.cache,
            device=self._studio.device,
        )
        record = succeeded_record(job, result, self._started_at, self._curve)
        # An attempt that was cut off may have left any of these; the same job makes the same picture.
        self._write(artifacts.result(job.job_id), encode_png(result.image), "image/png")
        self._write(artifacts.record(job.job_id), record.model_dump_json(indent=1).encode(), "application/json")
        return record

    def failed(self, error: StylegramError) -> RunRecord:
        """The record of this attempt, which `error` ended."""
        return failed_record(self._job, error, self._started_at, self._studio.weights, self._curve)

    def _load(self, name: str) -> Image.Image:
        return decode_image(self._studio.storage.read(name)).pixels

    def _write(self, name: str, data: bytes, content_type: str) -> None:
        with suppress(AlreadyExists):
            self._studio.storage.write(name, data, content_type=content_type, metadata={"job_id": self._job.job_id})

    def _on_step(self, step: Step) -> None:
        if self._studio.stop.is_set():
            raise Interrupted("The worker was asked to stop.")
        EVALUATIONS.inc()
        extend_curve(self._curve, step)
        try:
            self._show(step)
        except Unavailable as error:  # the work so far is worth more than a word on it
            _log.warning("progress_lost", evaluation=step.evaluation, reason=str(error))

    def _show(self, step: Step) -> None:
        if step.evaluation % self._studio.snapshot_every == 0:
            name = artifacts.snapshot(self._job.job_id, step.evaluation)
            self._write(name, snapshot_jpeg(step), "image/jpeg")
            self._snapshot = name
        now = time.monotonic()
        if now - self._last_progress >= _PROGRESS_SECONDS or step.evaluation == step.evaluations:
            self._last_progress = now
            self._studio.broker.publish(
                JobProgress(
                    job_id=self._job.job_id,
                    evaluation=step.evaluation,
                    evaluations=step.evaluations,
                    size=max(step.size),
                    loss=step.losses["total"],
                    snapshot=self._snapshot,
                )
            )
