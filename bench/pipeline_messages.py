"""The two messages of `bench.pipeline`, of the size that real ones have."""

from hashlib import sha256

from stylegram.common import artifacts
from stylegram.common.clock import utcnow
from stylegram.common.hyperparameters import Hyperparameters
from stylegram.common.messages import JobCompleted, StyleJob
from stylegram.common.records import AssetReference, RunRecord

_DIGEST = sha256(b"").hexdigest()


def style_job(job_id: str) -> StyleJob:
    """A job of two pictures."""
    content, style = (
        AssetReference(sha256=_DIGEST, object_name=f"assets/{role}/{_DIGEST}.png", name=f"{role}.jpg")
        for role in ("content", "style")
    )
    return StyleJob(job_id=job_id, content=content, style=style, hyperparameters=Hyperparameters())


def completed(job: StyleJob) -> JobCompleted:
    """What is said of it when an engine that does nothing has done it."""
    now = utcnow()
    record = RunRecord(
        job_id=job.job_id,
        outcome="succeeded",
        content=job.content,
        style=job.style,
        hyperparameters=job.hyperparameters,
        engine_version="0",
        torch_version="0",
        weights="none",
        device="none",
        started_at=now,
        finished_at=now,
    )
    return JobCompleted(job_id=job.job_id, result=artifacts.result(job.job_id), record=record)
