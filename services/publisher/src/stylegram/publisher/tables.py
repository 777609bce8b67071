"""The publisher's tables: every post and what became of it, and how each account stands."""

from datetime import datetime

from sqlalchemy import ForeignKey, Index, String, Text, UniqueConstraint, text
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

from stylegram.common.database import UtcDateTime, words_of
from stylegram.common.views.posts import AccountState as AccountState
from stylegram.common.views.posts import PostState as PostState


def _partial(name: str, *columns: str, where: str) -> Index:
    return Index(name, *columns, sqlite_where=text(where), postgresql_where=text(where))


class Base(DeclarativeBase):
    """The publisher's tables."""


class AccountRow(Base):
    """An account, and what must not be forgotten of it by a restart."""

    __tablename__ = "accounts"

    account: Mapped[str] = mapped_column(Text, primary_key=True)
    state: Mapped[AccountState] = mapped_column(words_of(AccountState))
    reason: Mapped[str | None] = mapped_column(Text)
    # While it is cooling.
    until: Mapped[datetime | None] = mapped_column(UtcDateTime)
    # Digest of the login that it did not take: another one is worth a try.
    refused_login: Mapped[str | None] = mapped_column(String(64))
    # Digest of the login in use, and since when that is so.
    login: Mapped[str | None] = mapped_column(String(64))
    login_since: Mapped[datetime | None] = mapped_column(UtcDateTime)
    # Whether new posts wait for a person's yes.
    approval: Mapped[bool]
    # Its warm-up begins here.
    since: Mapped[datetime] = mapped_column(UtcDateTime)
    # Drawn when the last post went out, as chance is part of it.
    next_post_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    # What the publisher keeps to, for those who do not know its settings; see `policy.written`.
    policy: Mapped[str | None] = mapped_column(Text)
    changed_at: Mapped[datetime] = mapped_column(UtcDateTime)


class PostRow(Base):
    """A post. The unique constraint is what keeps a picture from going out twice."""

    __tablename__ = "posts"
    __table_args__ = (
        UniqueConstraint("account", "artifact", "kind", name="posts_once"),
        Index("posts_by_state", "account", "state", "created_at"),
        # What a publisher asks several times a second, whatever the number of posts that are out.
        Index("posts_by_change", "account", "state", "updated_at"),
        Index("posts_by_feedback", "account", "feedback_due_at"),
        _partial("posts_held", "account", where="holder IS NOT NULL"),
        _partial("posts_with_news", "account", "updated_at", where="announced < sequence"),
    )

    key: Mapped[str] = mapped_column(String(32), primary_key=True)
    account: Mapped[str] = mapped_column(Text)
    artifact: Mapped[str] = mapped_column(Text)
    # A `PostKind`; the tiles of a grid are grid-1 … grid-9, by rows from the upper left.
    kind: Mapped[str] = mapped_column(String(16))
    job_id: Mapped[str] = mapped_column(Text)
    # The PostRequest, as JSON; null of a row that an older version left.
    request: Mapped[str | None] = mapped_column(Text)
    state: Mapped[PostState] = mapped_column(words_of(PostState))
    caption: Mapped[str | None] = mapped_column(Text)
    alt_text: Mapped[str | None] = mapped_column(Text)
    upload: Mapped[str | None] = mapped_column(Text)
    media_id: Mapped[str | None] = mapped_column(Text)
    url: Mapped[str | None] = mapped_column(Text)
    reason: Mapped[str | None] = mapped_column(Text)
    error_code: Mapped[str | None] = mapped_column(String(32))
    approved_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    # Left alone until then: after a failure that may pass, or until a post may be seen.
    not_before: Mapped[datetime | None] = mapped_column(UtcDateTime)
    # In a row: attempts that came to nothing; how often the account was asked for it.
    attempts: Mapped[int] = mapped_column(default=0, server_default="0")
    asked: Mapped[int] = mapped_column(default=0, server_default="0")
    # When a dry run got as far as posting it.
    rehearsed_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    holder: Mapped[str | None] = mapped_column(String(36))
    held_until: Mapped[datetime | None] = mapped_column(UtcDateTime)
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)
    updated_at: Mapped[datetime] = mapped_column(UtcDateTime)
    committing_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    published_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    # News of the row that others should hear, and how much of it they have heard.
    sequence: Mapped[int] = mapped_column(default=1, server_default="1")
    announced: Mapped[int] = mapped_column(default=0, server_default="1")
    feedback_due_at: Mapped[datetime | None] = mapped_column(UtcDateTime)


class FeedbackRow(Base):
    """How a post was taken, as it stood at one time."""

    __tablename__ = "post_feedback"

    post: Mapped[str] = mapped_column(ForeignKey("posts.key", ondelete="CASCADE"), primary_key=True)
    read_at: Mapped[datetime] = mapped_column(UtcDateTime, primary_key=True)
    likes: Mapped[int | None]
    comments: Mapped[int | None]
    reach: Mapped[int | None]
    saves: Mapped[int | None]
    shares: Mapped[int | None]
