"""What callers see of the tables: immutable, and good beyond the transaction that read it."""

from datetime import UTC, datetime
from typing import Annotated, Generic, TypeVar

from pydantic import AfterValidator, AwareDatetime, BaseModel, BeforeValidator, ConfigDict, Field, StringConstraints

from stylegram.common.hyperparameters import Hyperparameters
from stylegram.common.messages import Priority
from stylegram.common.records import AssetReference, Role
from stylegram.ingest.tables import UNFINISHED, JobState, PostState

_Item = TypeVar("_Item")


def _none_given(value: object) -> object:
    return () if value is None else value


def _in_utc(time: datetime) -> datetime:
    try:
        return time.astimezone(UTC)
    except OverflowError:
        raise ValueError("the time is beyond the calendar") from None


Instant = Annotated[AwareDatetime, AfterValidator(_in_utc)]
"""A time that somebody asks for; it says its time zone."""
Sha256 = Annotated[str, StringConstraints(pattern="^[0-9a-f]{64}$")]


class Submission(BaseModel):
    """What is to be painted, and how; for what each field means see `tables.JobRow`."""

    model_config = ConfigDict(frozen=True)

    content: AssetReference
    style: AssetReference
    further_styles: Annotated[tuple[AssetReference, ...], BeforeValidator(_none_given)]
    masks: Annotated[tuple[AssetReference | None, ...], BeforeValidator(_none_given)]
    start_image: AssetReference | None
    hyperparameters: Hyperparameters
    publish: bool
    priority: Priority
    time_limit_seconds: float | None
    retry_of: str | None = None


class Job(Submission):
    """A job as the table has it; for what each field means see `tables.JobRow`."""

    id: str
    idempotency_key: str | None
    created_at: datetime
    state: JobState
    sequence: int
    published_at: datetime | None
    publications: int
    heard_at: datetime | None
    cancel_requested_at: datetime | None
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


class JobFilter(BaseModel):
    """Which jobs somebody wants to see; what is left out does not matter."""

    model_config = ConfigDict(frozen=True)

    states: tuple[JobState, ...] = Field((), description="Any of these; all if none is given.")
    content: Sha256 | None = Field(None, description="SHA-256 of the content image.")
    style: Sha256 | None = Field(None, description="SHA-256 of the first style image.")
    priority: Priority | None = Field(None, description="Who waits for them.")
    created_after: Instant | None = Field(None, description="Submitted then or later.")
    created_before: Instant | None = Field(None, description="Submitted before.")


class Page(BaseModel, Generic[_Item]):
    """A part of a list."""

    model_config = ConfigDict(frozen=True)

    items: list[_Item]
    next: str | None = Field(description="The cursor of what follows; null at the end.")


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


class QueueStatus(BaseModel):
    """How a queue stands."""

    model_config = ConfigDict(frozen=True)

    name: str
    waiting: int = Field(description="Messages that nobody has claimed yet.")
    dead: int = Field(description="Messages that nobody could use.")
    paused: bool = Field(description="Whether nobody receives from it until it is resumed.")


class ReconcileReport(BaseModel):
    """What the reconciler put right, in jobs."""

    model_config = ConfigDict(frozen=True)

    retold: int = Field(0, description="Had ended by their record in storage, of which nothing was heard; said again.")
    dead: int = Field(0, description="Failed, for their message is a dead letter.")
    cancelled: int = Field(0, description="Were to be cancelled, and nobody works on them.")
    requeued: int = Field(0, description="Said to be running, of whose worker nothing is heard; queued again.")
    republished: int = Field(0, description="Queued without a message; the relay publishes them again.")
    lost: int = Field(0, description="Failed, for their message was lost again and again.")
