"""Posts and accounts as programs read them."""

from collections.abc import Iterable
from datetime import datetime

from pydantic import BaseModel, ConfigDict

from stylegram.common.errors import InvalidInput
from stylegram.publisher.composer import request_of
from stylegram.publisher.tables import AccountState, FeedbackRow, PostRow, PostState


class FeedbackView(BaseModel):
    """How a post was taken, for programs."""

    model_config = ConfigDict(from_attributes=True)

    read_at: datetime
    likes: int | None
    comments: int | None
    reach: int | None
    saves: int | None
    shares: int | None


class PostView(BaseModel):
    """A post, for programs."""

    model_config = ConfigDict(from_attributes=True)

    key: str
    account: str
    kind: str
    job_id: str
    artifact: str
    state: PostState
    content: str | None = None
    style: str | None = None
    waits_for: str | None = None
    caption: str | None
    alt_text: str | None
    url: str | None
    media_id: str | None
    reason: str | None
    error_code: str | None
    attempts: int
    created_at: datetime
    approved_at: datetime | None
    not_before: datetime | None
    rehearsed_at: datetime | None
    committing_at: datetime | None
    published_at: datetime | None
    feedback: list[FeedbackView] = []


class AccountView(BaseModel):
    """An account, for programs."""

    model_config = ConfigDict(from_attributes=True)

    account: str
    state: AccountState
    reason: str | None
    until: datetime | None
    approval: bool
    since: datetime
    next_due_at: datetime | None = None
    outlook: str = ""
    waiting: int = 0
    waiting_for_approval: int = 0
    needs_review: int = 0


def post_view(row: PostRow, waits_for: str | None, feedback: Iterable[FeedbackRow] = ()) -> PostView:
    """The post for programs, and what it waits for."""
    content, style = names(row)
    return PostView.model_validate(row).model_copy(
        update={
            "content": content or None,
            "style": style or None,
            "waits_for": waits_for,
            "feedback": [FeedbackView.model_validate(reading) for reading in feedback],
        }
    )


def names(row: PostRow) -> tuple[str, str]:
    """What the photograph and the painting are called; empty where an older version left the post."""
    try:
        request = request_of(row)
    except InvalidInput:
        return "", ""
    return request.content_name, request.style_name
