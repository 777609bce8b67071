"""One job on the worker: its pictures from storage, the engine, its artifacts into storage, word of how it goes."""

import threading
import time
from contextlib import suppress
from datetime import datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

import structlog
import torch
from PIL import Image

from stylegram.common import artifacts
from stylegram.common.clock import utcnow
from stylegram.common.errors import AlreadyExists, Interrupted, StylegramError, Unavailable
from stylegram.common.images import decode_image, encode_jpeg, encode_png
from stylegram.common.messages import JobProgress, StyleJob
from stylegram.common.ports import Broker, Storage
from stylegram.common.records import LossPoint, RunRecord
from stylegram.stylizer.engine import Result, Step, stylize
from stylegram.stylizer.engine.weights import Weights
from stylegram.stylizer.metrics import EVALUATIONS

_log = structlog.get_logger(__name__)
ENGINE_VERSION = version("stylegram-stylizer")
# People do not read faster, and a GPU does a hundred evaluations in that time.
_PROGRESS_SECONDS = 0.5
_SNAPSHOT_SIZE = (300, 300)


class Easel:
    """Works on one job, once.

    Args:
        job: what to paint.
        broker: hears of the progress.
        storage: holds the assets and takes the artifacts.
        weights: the backbone.
        cache: folder of model files.
        device: where to compute.
        snapshot_every: evaluations between two snapshots.
        stop: set to end the work at the next evaluation.
    """

    def __init__(
        self,
        job: StyleJob,
        broker: Broker,
        storage: Storage,
        *,
        weights: Weights,
        cache: Path,
        device: torch.device | str | None,
        snapshot_every: int,
        stop: threading.Event,
    ) -> None:
        self._job = job
        self._broker = broker
        self._storage = storage
        self._weights = weights
        self._cache = cache
        self._device = device
        self._snapshot_every = snapshot_every
        self._stop = stop
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
            weights=self._weights,
            cache=self._cache,
            device=self._device,
        )
        record = succeeded_record(job, result, self._started_at, self._curve)
        # An attempt that was cut off may have left any of these; the same job makes the same picture.
        self._write(artifacts.result(job.job_id), encode_png(result.image), "image/png")
        self._write(artifacts.record(job.job_id), record.model_dump_json(indent=1).encode(), "application/json")
        return record

    def failed(self, error: StylegramError) -> RunRecord:
        """The record of this attempt, which `error` ended."""
        return failed_record(self._job, error, self._started_at, self._weights, self._curve)

    def _load(self, name: str) -> Image.Image:
        return decode_image(self._storage.read(name)).pixels

    def _write(self, name: str, data: bytes, content_type: str) -> None:
        with suppress(AlreadyExists):
            self._storage.write(name, data, content_type=content_type, metadata={"job_id": self._job.job_id})

    def _on_step(self, step: Step) -> None:
        if self._stop.is_set():
            raise Interrupted("The worker was asked to stop.")
        EVALUATIONS.inc()
        del self._curve[step.evaluation - 1 :]  # a scale that is repeated in fp32 counts anew
        self._curve.append(loss_point(step))
        try:
            self._show(step)
        except Unavailable as error:  # the work so far is worth more than a word on it
            _log.warning("progress_lost", evaluation=step.evaluation, reason=str(error))

    def _show(self, step: Step) -> None:
        if step.evaluation % self._snapshot_every == 0:
            name = artifacts.snapshot(self._job.job_id, step.evaluation)
            self._write(name, snapshot_jpeg(step), "image/jpeg")
            self._snapshot = name
        now = time.monotonic()
        if now - self._last_progress >= _PROGRESS_SECONDS or step.evaluation == step.evaluations:
            self._last_progress = now
            self._broker.publish(
                JobProgress(
                    job_id=self._job.job_id,
                    evaluation=step.evaluation,
                    evaluations=step.evaluations,
                    size=max(step.size),
                    loss=step.losses["total"],
                    snapshot=self._snapshot,
                )
            )


def loss_point(step: Step) -> LossPoint:
    """The step as a point of the run's curve."""
    losses = {name: step.losses[name] for name in ("total", "content", "style", "tv")}
    return LossPoint(evaluation=step.evaluation, size=max(step.size), **losses)


def snapshot_jpeg(step: Step) -> bytes:
    """The picture as it is now, 300 pixels a side at most."""
    image = step.image
    image.thumbnail(_SNAPSHOT_SIZE, Image.Resampling.LANCZOS)
    return encode_jpeg(image, quality=90)


def succeeded_record(job: StyleJob, result: Result, started_at: datetime, curve: list[LossPoint]) -> RunRecord:
    """The record of a run that made a picture."""
    return RunRecord(
        outcome="succeeded",
        precision=result.precision,
        width=result.image.width,
        height=result.image.height,
        evaluations=result.evaluations,
        durations=result.durations,
        peak_memory_mb=round(result.peak_memory_mb, 1),
        losses=result.losses,
        device=result.device,
        weights=result.weights,
        weights_digest=result.weights_digest,
        **_facts(job, started_at, curve),
    )


def failed_record(
    job: StyleJob, error: StylegramError, started_at: datetime, weights: Weights, curve: list[LossPoint]
) -> RunRecord:
    """The record of a run that `error` ended."""
    return RunRecord(
        outcome="failed",
        error_code=error.code,
        reason=str(error),
        evaluations=len(curve),
        device="unknown",
        weights=weights.name,
        weights_digest=weights.digest,
        **_facts(job, started_at, curve),
    )


def _facts(job: StyleJob, started_at: datetime, curve: list[LossPoint]) -> dict[str, Any]:
    return {
        "job_id": job.job_id,
        "content": job.content,
        "style": job.style,
        "hyperparameters": job.hyperparameters,
        "engine_version": ENGINE_VERSION,
        "torch_version": torch.__version__,
        "started_at": started_at,
        "finished_at": utcnow(),
        "curve": tuple(curve),
    }
