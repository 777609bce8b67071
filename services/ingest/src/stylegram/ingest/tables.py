"""The tables that ingest owns: the pictures it has, the files they came from, and the jobs it was given."""

from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import (
    JSON,
    BigInteger,
    CheckConstraint,
    ForeignKey,
    Index,
    MetaData,
    String,
    Text,
    UniqueConstraint,
)
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import DeclarativeBase, Mapped, Session, mapped_column, relationship

from stylegram.common.database import FiniteDouble, UtcDateTime, words_of
from stylegram.common.messages import Priority
from stylegram.common.records import Role


class JobState(StrEnum):
    """Where a job stands. Once it is one of the last three, nothing changes it any more."""

    QUEUED = "queued"
    RUNNING = "running"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    CANCELLED = "cancelled"


UNFINISHED = (JobState.QUEUED, JobState.RUNNING)
UPLOADS = "upload:"
"""What stands for a source where somebody put a file into the library by hand."""


class PostState(StrEnum):
    """What became of a post of a job's picture, or of all of them in one word; see `posts.foremost`."""

    WAITING = "waiting"
    PUBLISHED = "published"
    NEEDS_REVIEW = "needs_review"
    FAILED = "failed"


# None is NULL, not the JSON word.
_JSON = JSON(none_as_null=True)


class Base(DeclarativeBase):
    """The tables' common ground."""

    # Constraints need names to be altered by; every database would invent its own.
    metadata = MetaData(
        naming_convention={
            "pk": "pk_%(table_name)s",
            "fk": "fk_%(table_name)s_%(column_0_name)s",
            "uq": "uq_%(table_name)s_%(column_0_N_name)s",
            "ix": "ix_%(table_name)s_%(column_0_N_name)s",
            "ck": "ck_%(table_name)s_%(constraint_name)s",
        }
    )
    type_annotation_map = {  # noqa: RUF012  (the name is SQLAlchemy's, and so is its form)
        str: Text,
        datetime: UtcDateTime,
        dict[str, Any]: JSON,
        Role: words_of(Role),
        JobState: words_of(JobState),
        PostState: words_of(PostState),
        Priority: words_of(Priority),
    }


class AssetRow(Base):
    """A clean picture in storage."""

    __tablename__ = "assets"
    __table_args__ = (UniqueConstraint("role", "sha256"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    role: Mapped[Role]
    sha256: Mapped[str] = mapped_column(String(64), doc="Digest of the bytes as the source had them.")
    object_name: Mapped[str]
    name: Mapped[str] = mapped_column(doc="Name of the first file that had these bytes.")
    width: Mapped[int] = mapped_column(doc="Pixels, upright.")
    height: Mapped[int] = mapped_column(doc="Pixels, upright.")
    format: Mapped[str] = mapped_column(String(16), doc="What the source's bytes were, as in JPEG.")
    turned: Mapped[int] = mapped_column(
        default=0, server_default="0", doc="Degrees counter-clockwise that it was turned by on our own judgement."
    )
    features: Mapped[dict[str, Any] | None] = mapped_column(
        _JSON, doc="`PictureFeatures`; null of assets from before they were measured."
    )
    created_at: Mapped[datetime]


class SourceFileRow(Base):
    """A file at a source as it was last read: either it gave an asset, or it is in quarantine for a reason."""

    __tablename__ = "source_files"
    __table_args__ = (
        UniqueConstraint("source", "role", "key"),
        CheckConstraint("(asset_id IS NULL) <> (reason IS NULL)", name="asset_or_reason"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    source: Mapped[str] = mapped_column(doc="URL of the source.")
    role: Mapped[Role]
    key: Mapped[str] = mapped_column(doc="What the source knows the file by.")
    name: Mapped[str]
    fingerprint: Mapped[str]
    sha256: Mapped[str | None] = mapped_column(String(64), doc="Null for a file that was refused unread.")
    asset_id: Mapped[int | None] = mapped_column(ForeignKey(AssetRow.id), index=True)
    reason: Mapped[str | None] = mapped_column(doc="Why it is in quarantine.")
    present: Mapped[bool] = mapped_column(doc="Whether the last sync saw it.")
    seen_at: Mapped[datetime]


class PendingFileRow(Base):
    """A file that a source told of and that was not read yet, or is another by now than the one that was read."""

    __tablename__ = "pending_files"
    __table_args__ = (UniqueConstraint("source", "role", "key"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    source: Mapped[str] = mapped_column(doc="URL of the source.")
    role: Mapped[Role]
    key: Mapped[str] = mapped_column(doc="What the source knows the file by.")
    name: Mapped[str]
    fingerprint: Mapped[str]
    size: Mapped[int] = mapped_column(BigInteger, doc="Bytes.")
    failures: Mapped[int] = mapped_column(default=0, server_default="0", doc="How often it could not be read.")


class SourceStateRow(Base):
    """From where a source that can tell is to be asked what changed."""

    __tablename__ = "source_states"
    __table_args__ = (UniqueConstraint("source", "role"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    source: Mapped[str] = mapped_column(doc="URL of the source.")
    role: Mapped[Role]
    state: Mapped[str] = mapped_column(doc="The source's own words.")
    listed_at: Mapped[datetime] = mapped_column(doc="When everything was last listed.")


class SyncRow(Base):
    """How the newest sync stands; there is one row at most."""

    __tablename__ = "syncs"

    id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    process: Mapped[str] = mapped_column(doc="Which process runs it, or did.")
    started_at: Mapped[datetime]
    heard_at: Mapped[datetime] = mapped_column(doc="When the process last said something.")
    finished_at: Mapped[datetime | None]
    role: Mapped[Role | None] = mapped_column(doc="What the pictures are for that it is at.")
    done: Mapped[int] = mapped_column(doc="Files of that role that it has dealt with.")
    total: Mapped[int] = mapped_column(doc="Of how many.")
    reports: Mapped[list[Any]] = mapped_column(JSON, doc="`SyncReport`s, in the order of the sources.")
    problem: Mapped[str | None] = mapped_column(doc="Why it ended before its time.")


class JobRow(Base):
    """A job, and the outbox: what its null times say is still to be sent."""

    __tablename__ = "jobs"
    __table_args__ = (
        Index(None, "state", "created_at"),
        Index(None, "created_at", "id"),
        Index(None, "state", "publish", "post_requested_at"),
        Index(None, "content_id", "style_id"),
    )

    id: Mapped[str] = mapped_column(String(36), primary_key=True)
    idempotency_key: Mapped[str | None] = mapped_column(unique=True)
    content_id: Mapped[int] = mapped_column(ForeignKey(AssetRow.id))
    style_id: Mapped[int] = mapped_column(ForeignKey(AssetRow.id))
    hyperparameters: Mapped[dict[str, Any]]
    publish: Mapped[bool] = mapped_column(doc="Whether the picture is to be posted.")
    created_at: Mapped[datetime]
    priority: Mapped[Priority] = mapped_column(server_default=Priority.INTERACTIVE)
    further_styles: Mapped[list[Any] | None] = mapped_column(_JSON, doc="References; null where there are none.")
    masks: Mapped[list[Any] | None] = mapped_column(_JSON, doc="References or nulls; null where there are none.")
    start_image: Mapped[dict[str, Any] | None] = mapped_column(_JSON, doc="A reference.")
    time_limit_seconds: Mapped[float | None] = mapped_column(doc="What an attempt may take; null: the worker's limit.")
    retry_of: Mapped[str | None] = mapped_column(String(36), index=True, doc="Id of the job that this one repeats.")
    trial: Mapped[str | None] = mapped_column(doc="The trial that a study wants it for, as in study/number.")

    state: Mapped[JobState]
    sequence: Mapped[int] = mapped_column(default=0, doc="Grows with every change that people can see.")
    published_at: Mapped[datetime | None] = mapped_column(doc="When it was put into the queue; null: still to do.")
    publications: Mapped[int] = mapped_column(
        default=0, server_default="0", doc="How often it was put into the queue; more than once if it was lost there."
    )
    relayed_until: Mapped[datetime | None] = mapped_column(doc="Until when one relay has the row for itself.")
    heard_at: Mapped[datetime | None] = mapped_column(doc="Time of the last word on it; null before it is published.")
    cancel_requested_at: Mapped[datetime | None]
    cancel_published_at: Mapped[datetime | None] = mapped_column(
        doc="When the note of the cancellation was in storage and told of; null where one is requested: still to do."
    )
    started_at: Mapped[datetime | None] = mapped_column(doc="Start of the latest attempt.")
    finished_at: Mapped[datetime | None]
    attempt: Mapped[int | None] = mapped_column(doc="The latest; null if its worker is lost, or before there is one.")
    worker: Mapped[str | None] = mapped_column(doc="Who works on it, or did so last.")
    evaluation: Mapped[int | None] = mapped_column(doc="Evaluations done in this attempt.")
    evaluations: Mapped[int | None] = mapped_column(doc="Evaluations in all.")
    loss: Mapped[float | None] = mapped_column(FiniteDouble)
    result: Mapped[str | None] = mapped_column(doc="Object name of the picture.")
    reason: Mapped[str | None] = mapped_column(doc="Why there is no picture.")
    error_code: Mapped[str | None] = mapped_column(String(64))

    post_requested_at: Mapped[datetime | None] = mapped_column(
        doc="When the post was requested; null on a job that succeeded and is to be posted: still to do."
    )
    post_state: Mapped[PostState | None]
    post_url: Mapped[str | None]
    post_reason: Mapped[str | None] = mapped_column(doc="What the post waits for, or why there is none.")
    posts: Mapped[dict[str, Any] | None] = mapped_column(
        _JSON, doc="What is known of each, by its key in the publisher's ledger; the three before follow from it."
    )

    content: Mapped[AssetRow] = relationship(foreign_keys=content_id, lazy="joined", innerjoin=True)
    style: Mapped[AssetRow] = relationship(foreign_keys=style_id, lazy="joined", innerjoin=True)


def insert_new(session: Session, row: Base) -> bool:
    """Insert the row unless one with a unique key of it is there; False if so, and the transaction goes on."""
    try:
        with session.begin_nested():
            session.add(row)
    except IntegrityError:
        return False
    return True
