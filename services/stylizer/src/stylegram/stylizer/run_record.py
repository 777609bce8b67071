"""What is written down of a run: its curve, its snapshots, its record."""

from datetime import datetime
from importlib.metadata import version
from typing import Any

import torch
from PIL import Image

from stylegram.common.clock import utcnow
from stylegram.common.errors import StylegramError
from stylegram.common.images import encode_jpeg
from stylegram.common.messages import StyleJob
from stylegram.common.records import LossPoint, RunRecord
from stylegram.stylizer.engine import Result, Step
from stylegram.stylizer.engine.weights import Weights

ENGINE_VERSION = version("stylegram-stylizer")
_SNAPSHOT_SIZE = (300, 300)


def extend_curve(curve: list[LossPoint], step: Step) -> None:
    """Add the step to the run's curve, in the place of those that it repeats in fp32."""
    del curve[step.evaluation - 1 :]
    losses = {name: step.losses[name] for name in ("total", "content", "style", "tv")}
    curve.append(LossPoint(evaluation=step.evaluation, size=max(step.size), **losses))


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
