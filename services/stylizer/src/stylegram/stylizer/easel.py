"""One job on the worker: its pictures from storage, the engine, its artifacts into storage, word of how it goes."""

import time
from collections.abc import Callable
from contextlib import suppress
from functools import partial

import structlog
from PIL import Image

from stylegram.common import artifacts
from stylegram.common.clock import utcnow
from stylegram.common.errors import AlreadyExists, InvalidCheckpoint, StylegramError, Unavailable
from stylegram.common.images import decode_image, encode_png
from stylegram.common.messages import JobProgress, StyleJob
from stylegram.common.records import AssetReference, RunRecord
from stylegram.stylizer.checkpoints import Checkpoints
from stylegram.stylizer.device import device_errors
from stylegram.stylizer.engine import Result, Step, stylize
from stylegram.stylizer.engine.images import fit
from stylegram.stylizer.engine.models.weights import Weights
from stylegram.stylizer.logbook import Logbook
from stylegram.stylizer.metrics import JobAtWork
from stylegram.stylizer.run_record import failed_record, is_snapshot_due, snapshot_jpeg, succeeded_record
from stylegram.stylizer.safekeeping import Safekeeping
from stylegram.stylizer.studio import Studio

_log = structlog.get_logger(__name__)
# People do not read faster, and a GPU does a hundred evaluations in that time.
_PROGRESS_SECONDS = 0.5


class Easel:
    """Works on one job, once.

    Args:
        job: what to paint.
        studio: what to paint it with.
        check: called before each picture that is loaded and after each evaluation; what it raises ends the work.
        at_work: shown how it goes.
    """

    def __init__(self, job: StyleJob, studio: Studio, check: Callable[[], None], at_work: JobAtWork) -> None:
        self._job = job
        self._studio = studio
        self._check = check
        self._at_work = at_work
        self._started_at = utcnow()
        self._weights: Weights | None = None
        self._load_seconds = 0.0
        self._logbook = Logbook()
        self._checkpoints = Checkpoints(studio.storage, job.job_id)
        self._safekeeping = Safekeeping(self._checkpoints.save, studio.checkpoint_seconds, studio.stop)
        self._snapshot: str | None = None
        self._last_progress = float("-inf")

    def paint(self) -> RunRecord:
        """Paint the picture, from where an attempt before this one was interrupted if there was one, and put it, its
        snapshots and its film into storage.

        Returns:
            The run's record, which is not in storage yet.

        Raises:
            Interrupted: `stop` was set; a checkpoint is in storage.
            DeviceLost: this process can paint no more.
            StylegramError: as the engine, the storage and `check` raise.
        """
        job = self._job
        with device_errors():
            result = self._stylize()
        record = succeeded_record(job, result, self._started_at, self._logbook, load_seconds=self._load_seconds)
        # An attempt that was cut off may have left any of these; the same job makes the same picture.
        self._write(artifacts.result(job.job_id), encode_png(result.image), "image/png")
        if film := self._film(result):
            self._write(artifacts.timelapse(job.job_id), film, "video/mp4")
        return record

    def failed(self, error: StylegramError) -> RunRecord:
        """The record of this attempt, which `error` ended."""
        return failed_record(self._job, error, self._started_at, self._weights, self._logbook)

    def _stylize(self) -> Result:
        job = self._job
        content = self._load(job.content)
        before = time.monotonic()
        self._weights = self._studio.shelf.get(job.hyperparameters.backbone)
        self._load_seconds = time.monotonic() - before
        work = partial(
            stylize,
            content,
            [self._load(style) for style in (job.style, *job.further_styles)],
            job.hyperparameters,
            masks=[None if mask is None else self._load(mask) for mask in job.masks],
            start_image=None if job.start_image is None else self._load(job.start_image),
            on_step=self._on_step,
            weights=self._weights,
            cache=self._studio.cache,
            device=self._studio.device,
        )
        film_size = fit(content.size, job.hyperparameters.size) if self._studio.timelapse else None
        self._logbook = Logbook(film_size)
        if checkpoint := self._checkpoints.newest():
            try:
                self._logbook.resume(checkpoint)
                return work(resume=checkpoint)
            except InvalidCheckpoint as error:
                _log.warning("checkpoint_ignored", reason=str(error))
                # Or it would stand in the way of this attempt's own.
                self._checkpoints.clear()
                self._logbook = Logbook(film_size)
        return work()

    def _load(self, asset: AssetReference) -> Image.Image:
        self._check()
        return decode_image(self._studio.storage.read(asset.object_name)).pixels

    def _write(self, name: str, data: bytes, content_type: str) -> None:
        with suppress(AlreadyExists):
            self._studio.storage.write(name, data, content_type=content_type, metadata={"job_id": self._job.job_id})

    def _film(self, result: Result) -> bytes | None:
        if not (timelapse := self._logbook.timelapse):
            return None
        try:
            timelapse.add(result.evaluations, lambda: result.image, last=True)
            return timelapse.mp4()
        except Exception:  # whatever a video library raises, the picture is worth more than its film
            _log.exception("timelapse_failed")
            return None

    def _on_step(self, step: Step) -> None:
        self._at_work.follow(step)
        self._logbook.add(step)
        self._check()
        self._safekeeping.follow(step, self._logbook.notes)
        try:
            self._show(step)
        except Unavailable as error:  # the work so far is worth more than a word on it
            _log.warning("progress_lost", evaluation=step.evaluation, reason=str(error))

    def _show(self, step: Step) -> None:
        if is_snapshot_due(step, self._studio.snapshot_every):
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
