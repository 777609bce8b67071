"""What callers see of the tables: immutable, and good beyond the transaction that read it."""

from datetime import datetime

from pydantic import BaseModel, ConfigDict

from stylegram.common.hyperparameters import Hyperparameters
from stylegram.common.records import AssetReference, Role
from stylegram.ingest.tables import UNFINISHED, JobState, PostState


class Job(BaseModel):
    """A job as the table has it; for what each field means see `tables.JobRow`."""

    model_config = ConfigDict(frozen=True)

    id: str
    idempotency_key: str | None
    content: AssetReference
    style: AssetReference
    hyperparameters: Hyperparameters
    publish: bool
    created_at: datetime
    state: JobState
    sequence: int
    published_at: datetime | None
    started_at: datetime | None
    finished_at: datetime | None
    attempt: int | None
    worker: str | None
    evaluation: int | None
    evaluations: int | None
    loss: float | None
    result: str | None
    reason: str | None
    error_code: str | None
    post_requested_at: datetime | None
    post_state: PostState | None
    post_url: str | None
    post_reason: str | None

    @property
    def finished(self) -> bool:
        """Whether nothing changes its state any more."""
        return self.state not in UNFINISHED


class Asset(AssetReference):
    """A clean picture in storage; for what each field means see `tables.AssetRow`."""

    role: Role
    width: int
    height: int
    format: str
    created_at: datetime


class QuarantinedFile(BaseModel):
    """A file that a source has and Stylegram refuses."""

    model_config = ConfigDict(frozen=True)

    source: str
    role: Role
    key: str
    name: str
    reason: str
    seen_at: datetime
