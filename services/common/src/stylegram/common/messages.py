"""What the services say to one another.

Messages are versioned and carry identifiers and parameters, never pixels. Fields that a reader does not know
are ignored, so that a newer writer may add some; a version that it does not know is refused, and the message
goes to the dead-letter queue with that reason.

>>> message = CancelJob(job_id="42")
>>> decode(encode(message)) == message
True
"""

from datetime import datetime
from enum import StrEnum
from typing import Annotated, ClassVar, Literal
from uuid import uuid4

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from stylegram.common import artifacts
from stylegram.common.clock import utcnow
from stylegram.common.errors import InvalidMessage, StylegramError
from stylegram.common.hyperparameters import Hyperparameters
from stylegram.common.records import AssetReference, RunRecord


class _Message(BaseModel):
    # Losses that left the finite numbers travel as "NaN": null would make the message unreadable.
    model_config = ConfigDict(frozen=True, extra="ignore", ser_json_inf_nan="strings")

    subject: ClassVar[str]

    version: Literal[1] = 1
    message_id: str = Field(default_factory=lambda: str(uuid4()))
    sent_at: datetime = Field(default_factory=utcnow)
    job_id: str

    @property
    def topic(self) -> str:
        """Where it is routed: `command.*` to the one queue that does the work, the rest to whoever listens."""
        return self.subject


class Priority(StrEnum):
    """Who waits for a job."""

    INTERACTIVE = "interactive"
    """A person does: it passes whatever is of the other kind."""
    BATCH = "batch"
    """Nobody does."""


class StyleJob(_Message):
    """Paint `content` in the style of `style`."""

    subject = "command.style"
    type: Literal["style_job"] = "style_job"
    content: AssetReference
    style: AssetReference
    further_styles: tuple[AssetReference, ...] = Field((), description="The style images after the first.")
    masks: tuple[AssetReference | None, ...] = Field(
        (), description="Where each style image goes, the first included: white where it does; None everywhere."
    )
    start_image: AssetReference | None = Field(None, description="What a start from an image starts from.")
    hyperparameters: Hyperparameters
    priority: Priority = Priority.INTERACTIVE
    time_limit_seconds: float | None = Field(
        None, gt=0, description="What an attempt may take at most; the worker's own limit where None."
    )
    trial: str | None = Field(None, description="The trial that a study wants it for, as in study/number.")

    @property
    def topic(self) -> str:
        """Each priority has a queue of its own."""
        return f"{self.subject}.{self.priority}"


class CancelJob(_Message):
    """Nobody wants the job any more, and its note of cancellation is in storage.

    It goes the way of the events: who handles it has heard all that workers said before the note was there.
    """

    subject = "job.cancel"
    type: Literal["cancel_job"] = "cancel_job"


class JobStarted(_Message):
    """A worker took the job; said again by every attempt."""

    subject = "job.started"
    type: Literal["job_started"] = "job_started"
    worker: str
    attempt: int = Field(ge=1)


class JobProgress(_Message):
    """How far the picture is."""

    subject = "job.progress"
    type: Literal["job_progress"] = "job_progress"
    evaluation: int = Field(ge=0)
    evaluations: int = Field(ge=1)
    size: int = Field(description="Longer side of the scale being optimised, in pixels.")
    loss: float
    snapshot: str | None = Field(None, description="Object name of the newest snapshot.")


class JobAlive(_Message):
    """A worker holds the job, even where there is no progress to tell of."""

    subject = "job.alive"
    type: Literal["job_alive"] = "job_alive"
    worker: str


class JobInterrupted(_Message):
    """A worker was asked to stop and put the job back; another goes on from its checkpoint."""

    subject = "job.interrupted"
    type: Literal["job_interrupted"] = "job_interrupted"
    worker: str


class JobCancelled(_Message):
    """The job was cancelled, and no work is done on it any more."""

    subject = "job.cancelled"
    type: Literal["job_cancelled"] = "job_cancelled"
    worker: str


class JobCompleted(_Message):
    """The picture is in storage."""

    subject = "job.completed"
    type: Literal["job_completed"] = "job_completed"
    result: str = Field(description="Object name of the picture.")
    record: RunRecord


class JobFailed(_Message):
    """The job ended without a picture, and trying it again will not help."""

    subject = "job.failed"
    type: Literal["job_failed"] = "job_failed"
    reason: str
    error_code: str
    record: RunRecord | None = Field(None, description="Absent where the job was never understood.")


class PostKind(StrEnum):
    """What a picture is posted as."""

    PHOTO = "photo"
    """The picture."""
    CAROUSEL = "carousel"
    """The photograph, the painted picture and the painting, to leaf through."""
    GRID = "grid"
    """Nine photos that read as one picture on the profile."""
    STORY = "story"
    """The picture, upright, for a day."""
    REEL = "reel"
    """The film of how it was painted."""


class PostRequest(_Message):
    """Publish a finished picture."""

    subject = "command.post"
    type: Literal["post_request"] = "post_request"
    artifact: str = Field(description="Object name of the picture.")
    record: str = Field(description="Object name of the run's record.")
    content_name: str
    style_name: str
    hyperparameters: Hyperparameters
    kinds: tuple[PostKind, ...] = Field((), description="What it is posted as; what the publisher is set to if empty.")


class PostWaiting(_Message):
    """The picture will be posted: after a person's yes, or at a time that suits the account."""

    subject = "post.waiting"
    type: Literal["post_waiting"] = "post_waiting"
    account: str
    post: str = Field(description="The post's key in the ledger.")
    kind: str = "photo"
    reason: str = Field(description="What it waits for.")


class PostPublished(_Message):
    """The picture is out."""

    subject = "post.published"
    type: Literal["post_published"] = "post_published"
    account: str
    post: str = Field("", description="The post's key in the ledger.")
    kind: str = Field("photo", description="A `PostKind`; of the nine tiles of a grid, grid-1 … grid-9.")
    media_id: str
    url: str


NEEDS_REVIEW = "needs-review"
"""The error code of a `PostFailed` after which nobody knows whether the picture is out."""


class PostFailed(_Message):
    """The picture is not out, or nobody knows whether it is."""

    subject = "post.failed"
    type: Literal["post_failed"] = "post_failed"
    account: str
    post: str = Field("", description="The post's key in the ledger.")
    kind: str = Field("photo", description="A `PostKind`; of the nine tiles of a grid, grid-1 … grid-9.")
    reason: str
    error_code: str


class PostFeedback(_Message):
    """How a post is taken; what the account does not tell is null."""

    subject = "post.feedback"
    type: Literal["post_feedback"] = "post_feedback"
    account: str
    post: str = Field(description="The post's key in the ledger.")
    kind: str = "photo"
    read_at: datetime
    likes: int | None = None
    comments: int | None = None
    reach: int | None = None
    saves: int | None = None
    shares: int | None = None


Message = (
    StyleJob
    | CancelJob
    | JobStarted
    | JobProgress
    | JobAlive
    | JobInterrupted
    | JobCancelled
    | JobCompleted
    | JobFailed
    | PostRequest
    | PostWaiting
    | PostPublished
    | PostFailed
    | PostFeedback
)

_adapter: TypeAdapter[Message] = TypeAdapter(Annotated[Message, Field(discriminator="type")])


def end_of(record: RunRecord) -> JobCompleted | JobFailed:
    """What is said at the end of the run, and again by whoever finds its record later."""
    job_id = record.job_id
    if record.outcome == "succeeded":
        return JobCompleted(job_id=job_id, result=artifacts.result(job_id), record=record)
    return JobFailed(
        job_id=job_id,
        reason=record.reason or "The run failed.",
        error_code=record.error_code or StylegramError.code,
        record=record,
    )


def encode(message: Message) -> bytes:
    """The message as UTF-8 JSON."""
    return message.model_dump_json().encode()


def decode(body: bytes) -> Message:
    """The message in `body`.

    Raises:
        InvalidMessage: not JSON, of no known type or version, or a field is missing or wrong.
    """
    try:
        return _adapter.validate_json(body)
    except ValidationError as error:
        issue = error.errors(include_url=False)[0]
        where = ".".join(map(str, issue["loc"])) or "body"
        # Shortened: both may repeat what the body holds, and that may be megabytes.
        raise InvalidMessage(
            f"Not a message that this version understands: {where[:200]}: {issue['msg'][:500]}."
        ) from None
