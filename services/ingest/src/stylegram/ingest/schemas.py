"""What callers see of the tables: immutable, and good beyond the transaction that read it."""

from datetime import datetime
from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, StringConstraints, WithJsonSchema

from stylegram.common.hyperparameters import Hyperparameters
from stylegram.common.messages import Priority
from stylegram.common.records import AssetReference, Role
from stylegram.common.schemas import Instant, Sha256
from stylegram.ingest.posts import JobPost
from stylegram.ingest.tables import UNFINISHED, JobState, PostState


def _none_given(value: object) -> object:
    return () if value is None else value


def _none_known(value: object) -> object:
    return {} if value is None else value


Trial = Annotated[str, StringConstraints(max_length=200, pattern=r"^[^/\x00-\x1f\x7f]+/[0-9]{1,9}$")]
"""A trial of a study, as in study/number."""
# Text as the table has it, and as the API describes it.
_Id = Annotated[str, WithJsonSchema({"type": "string", "format": "uuid"})]


class Submission(BaseModel):
    """What is to be painted, and how."""

    model_config = ConfigDict(frozen=True)

    content: AssetReference = Field(description="The picture whose subject is painted.")
    style: AssetReference = Field(description="The picture whose manner is.")
    further_styles: Annotated[tuple[AssetReference, ...], BeforeValidator(_none_given)] = Field(
        description="The style images after the first."
    )
    masks: Annotated[tuple[AssetReference | None, ...], BeforeValidator(_none_given)] = Field(
        description="For each style image, the first included, where it goes; null is everywhere. Or none."
    )
    start_image: AssetReference | None = Field(description="What a start from an image starts from.")
    hyperparameters: Hyperparameters = Field(description="How it is painted, whole.")
    publish: bool = Field(description="Whether the picture is to be posted.")
    priority: Priority = Field(description="Who waits for it: interactive jobs pass those of a batch.")
    time_limit_seconds: float | None = Field(
        description="What an attempt may take, in seconds; the worker's own limit where null."
    )
    retry_of: _Id | None = Field(None, description="The job that this one repeats.")
    trial: str | None = Field(None, description="The trial that a study wants it for, as in study/number.")


class Job(Submission):
    """A job as it stands."""

    id: _Id = Field(description="The job's name, everywhere.")
    idempotency_key: str | None = Field(description="The key that it was submitted under.")
    created_at: datetime = Field(description="When it was submitted.")
    state: JobState = Field(description="Where it stands; succeeded, failed and cancelled are for good.")
    sequence: int = Field(description="Grows with every change; the id of the events at `/v1/jobs/{job_id}/events`.")
    published_at: datetime | None = Field(
        description="When its message was put into the workers' queue; null: not yet. This is not about its post."
    )
    publications: int = Field(
        description="How often its message was put into the queue; more than once if it was lost there."
    )
    heard_at: datetime | None = Field(
        description="When its message was put into the queue, or its worker last said something, whichever was later."
    )
    cancel_requested_at: datetime | None = Field(description="When somebody asked for its end.")
    started_at: datetime | None = Field(description="Start of the latest attempt.")
    finished_at: datetime | None = Field(description="When it ended, in whatever way.")
    attempt: int | None = Field(description="The latest; null before there is one, and where its worker is lost.")
    worker: str | None = Field(description="Who works on it, or did so last.")
    evaluation: int | None = Field(description="Evaluations done in this attempt.")
    evaluations: int | None = Field(description="Evaluations in all.")
    loss: float | None = Field(description="After the last evaluation that was told of; null where it is no number.")
    result: str | None = Field(
        description="Name of the picture's object in storage; the picture itself is at `/v1/jobs/{job_id}/result`."
    )
    reason: str | None = Field(description="Why there is no picture, for people.")
    error_code: str | None = Field(description="The same, for programs.")
    post_requested_at: datetime | None = Field(description="When the publisher was asked to post the picture.")
    post_state: PostState | None = Field(
        description="What became of its posts: published once one is out, else waiting if one waits, else failed;"
        " null: nothing yet."
    )
    post_url: str | None = Field(description="Where the post is; of several, the one that was out first.")
    post_reason: str | None = Field(description="What the post waits for, or why there is none.")
    posts: Annotated[dict[str, JobPost], BeforeValidator(_none_known)] = Field(
        description="What became of each, by its key in the publisher's ledger; a picture may be posted as several"
        " kinds."
    )

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


class Asset(AssetReference):
    """A clean picture in storage."""

    role: Role = Field(description="What the picture is for.")
    width: int = Field(description="Pixels, upright.")
    height: int = Field(description="Pixels, upright.")
    format: str = Field(description="What the source's bytes were, as in JPEG.")
    turned: int = Field(0, description="Degrees counter-clockwise that it was turned by on our own judgement.")
    created_at: datetime = Field(description="When Stylegram first had it.")
    sources: tuple[str, ...] = Field(
        (), description="URLs of the sources that have it now; `upload:` where it was put into the library by hand."
    )


class QuarantinedFile(BaseModel):
    """A file that a source has and Stylegram refuses."""

    model_config = ConfigDict(frozen=True)

    source: str = Field(description="URL of the source.")
    role: Role = Field(description="What the source's pictures are for.")
    key: str = Field(description="What the source knows the file by.")
    name: str = Field(description="The file's name.")
    reason: str = Field(description="Why it is refused.")
    seen_at: datetime = Field(description="When a sync last saw it.")


class QueueStatus(BaseModel):
    """How a queue stands."""

    model_config = ConfigDict(frozen=True)

    name: str = Field(description="The queue's.")
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


def with_tuples(values: Any) -> Any:  # noqa: ANN401  (whatever JSON may be)
    """JSON as `Hyperparameters` has it where nothing is converted: its lists are tuples there.

    >>> with_tuples({"evaluations": [40, 20]})
    {'evaluations': (40, 20)}
    """
    if isinstance(values, dict):
        return {name: with_tuples(value) for name, value in values.items()}
    return tuple(map(with_tuples, values)) if isinstance(values, list) else values
