"""What is written down of a run: its snapshots and its record."""

from datetime import datetime
from importlib.metadata import version
from typing import Any

import torch
from PIL import Image

from stylegram.common.clock import utcnow
from stylegram.common.errors import StylegramError
from stylegram.common.images import encode_jpeg
from stylegram.common.messages import StyleJob
from stylegram.common.records import RunRecord
from stylegram.stylizer.engine import Result, Step
from stylegram.stylizer.engine.models.weights import Weights
from stylegram.stylizer.logbook import Logbook

ENGINE_VERSION = version("stylegram-stylizer")
_SNAPSHOT_SIZE = (300, 300)
# Where nobody says otherwise. Short runs are watched, too.
_SNAPSHOT_EVERY = 100
_SNAPSHOTS_OF_A_SHORT_RUN = 10


def is_snapshot_due(step: Step, every: int | None) -> bool:
    """Whether a snapshot is to be taken of the picture as it is now.

    Args:
        step: where the run is.
        every: evaluations between two snapshots; None chooses 100, or a tenth of the run where that is fewer.
    """
    spacing = every or max(1, min(_SNAPSHOT_EVERY, step.evaluations // _SNAPSHOTS_OF_A_SHORT_RUN))
    return step.evaluation % spacing == 0


def snapshot_jpeg(step: Step) -> bytes:
    """The picture as it is now, 300 pixels a side at most."""
    image = step.image.copy()
    image.thumbnail(_SNAPSHOT_SIZE, Image.Resampling.LANCZOS)
    return encode_jpeg(image, quality=90)


def succeeded_record(
    job: StyleJob, result: Result, started_at: datetime, logbook: Logbook, *, load_seconds: float
) -> RunRecord:
    """The record of a run that made a picture.

    Args:
        job: what was painted.
        result: how it came out.
        started_at: when this attempt began.
        logbook: how it went.
        load_seconds: what it took to load the weights that the engine was given.
    """
    height, width = result.pixels.shape[:2]
    return RunRecord(
        outcome="succeeded",
        precision=result.precision,
        threads=result.threads,
        tiled_blocks=result.tiled_blocks,
        width=width,
        height=height,
        evaluations=result.evaluations,
        durations={**result.durations, "load": round(result.durations["load"] + load_seconds, 3)},
        cpu_seconds=result.cpu_seconds,
        peak_memory_mb=round(result.peak_memory_mb, 1),
        losses=result.losses,
        metrics=result.metrics,
        result_sha256=result.sha256,
        device=result.device,
        weights=result.weights,
        weights_digest=result.weights_digest,
        **_facts(job, started_at, logbook),
    )


def failed_record(
    job: StyleJob, error: StylegramError, started_at: datetime, weights: Weights | None, logbook: Logbook
) -> RunRecord:
    """The record of a run that `error` ended.

    Args:
        job: what was to be painted.
        error: why it was not.
        started_at: when this attempt began.
        weights: the backbone; None if it came to none.
        logbook: how far it came.
    """
    return RunRecord(
        outcome="failed",
        error_code=error.code,
        reason=str(error),
        evaluations=len(logbook.curve),
        device="unknown",
        weights=weights.name if weights else "unknown",
        weights_digest=weights.digest if weights else None,
        **_facts(job, started_at, logbook),
    )


def _facts(job: StyleJob, started_at: datetime, logbook: Logbook) -> dict[str, Any]:
    return {
        "job_id": job.job_id,
        "content": job.content,
        "style": job.style,
        "further_styles": job.further_styles,
        "masks": job.masks,
        "start_image": job.start_image,
        "hyperparameters": job.hyperparameters,
        "trial": job.trial,
        "engine_version": ENGINE_VERSION,
        "torch_version": torch.__version__,
        "resumed_at": logbook.resumed_at,
        "started_at": started_at,
        "finished_at": utcnow(),
        "curve": logbook.curve,
    }
