"""The publisher's table: what became of every post."""

from datetime import datetime
from enum import StrEnum

from sqlalchemy import Enum, String, Text, UniqueConstraint
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

from stylegram.common.database import UtcDateTime


class PostState(StrEnum):
    """How far a post is; see `ledger` for the ways between the states."""

    PREPARED = "prepared"
    UPLOADING = "uploading"
    COMMITTING = "committing"
    PUBLISHED = "published"
    FAILED = "failed"
    NEEDS_REVIEW = "needs_review"


class Base(DeclarativeBase):
    """The publisher's tables."""


class PostRow(Base):
    """A post. The unique constraint is what keeps a picture from going out twice."""

    __tablename__ = "posts"
    __table_args__ = (UniqueConstraint("account", "artifact", "kind", name="posts_once"),)

    key: Mapped[str] = mapped_column(String(32), primary_key=True)
    account: Mapped[str] = mapped_column(Text)
    artifact: Mapped[str] = mapped_column(Text)
    kind: Mapped[str] = mapped_column(String(16))
    job_id: Mapped[str] = mapped_column(Text)
    state: Mapped[PostState] = mapped_column(
        Enum(PostState, native_enum=False, length=16, values_callable=lambda states: [state.value for state in states])
    )
    caption: Mapped[str | None] = mapped_column(Text)
    upload: Mapped[str | None] = mapped_column(Text)
    media_id: Mapped[str | None] = mapped_column(Text)
    url: Mapped[str | None] = mapped_column(Text)
    reason: Mapped[str | None] = mapped_column(Text)
    error_code: Mapped[str | None] = mapped_column(String(32))
    holder: Mapped[str | None] = mapped_column(String(36))
    held_until: Mapped[datetime | None] = mapped_column(UtcDateTime)
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)
    updated_at: Mapped[datetime] = mapped_column(UtcDateTime)
    published_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
