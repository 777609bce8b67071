"""Posts and accounts as programs read them, and what decisions about them say."""

from datetime import datetime
from enum import StrEnum

from pydantic import BaseModel, ConfigDict, Field


class PostState(StrEnum):
    """How far a post is; the publisher's ledger has the ways between the states."""

    PREPARED = "prepared"
    UPLOADING = "uploading"
    COMMITTING = "committing"
    PUBLISHED = "published"
    FAILED = "failed"
    NEEDS_REVIEW = "needs_review"


class AccountState(StrEnum):
    """Whether anything goes out on an account."""

    ACTIVE = "active"
    COOLING = "cooling"
    LOGIN_NEEDED = "login_needed"
    STOPPED = "stopped"

    @property
    def words(self) -> str:
        """What is said of an account that is so."""
        return {"cooling": "is left alone", "login_needed": "waits for a login"}.get(self, f"is {self}")


class FeedbackView(BaseModel):
    """How a post was taken, as it stood at one time; null is what the account does not tell."""

    model_config = ConfigDict(from_attributes=True)

    read_at: datetime
    likes: int | None
    comments: int | None
    reach: int | None
    saves: int | None
    shares: int | None


class PostView(BaseModel):
    """A post."""

    model_config = ConfigDict(from_attributes=True)

    key: str
    account: str
    kind: str = Field(description="photo, carousel, story or reel; a grid's tiles are grid-1 … grid-9.")
    job_id: str = Field(description="The job that painted the picture.")
    artifact: str = Field(description="Object name of the picture.")
    state: PostState
    content: str | None = Field(None, description="The photograph's file name.")
    style: str | None = Field(None, description="The painting's file name.")
    waits_for: str | None = Field(None, description="What it waits for, where it does.")
    media: list[str] = Field([], description="Media types of what goes out, in order; see `/v1/posts/{key}/media/1`.")
    caption: str | None = Field(description="The text below it; null where it could not be written.")
    alt_text: str | None
    url: str | None = Field(description="Where it is out.")
    media_id: str | None
    reason: str | None = Field(description="Why it failed, needs review, or is tried again.")
    error_code: str | None
    attempts: int = Field(description="Those that came to nothing, in a row.")
    created_at: datetime
    approved_at: datetime | None = Field(description="When somebody said yes; null while it waits for that.")
    not_before: datetime | None = Field(description="It is left alone until then.")
    rehearsed_at: datetime | None = Field(description="When a dry run got as far as posting it.")
    committing_at: datetime | None = Field(description="When it was handed over to the account.")
    published_at: datetime | None
    feedback: list[FeedbackView] = Field([], description="How it was taken, oldest reading first; none in lists.")


class CaptionRules(BaseModel):
    """What a caption has to keep to."""

    last_line: str = Field(description="By it the post is found again; it is put below the caption.")
    length: int = Field(description="UTF-16 code units at most, the last line among them.")
    hashtags: int = Field(description="At most so many, each once.")
    mentions: int = Field(description="At most so many.")


class PostDetails(PostView):
    """A post, and what a person needs to decide about it."""

    caption_rules: CaptionRules
    review: list[str] = Field(description="Of a post that needs review: what nobody knows, and how to find out.")


class AccountView(BaseModel):
    """An account."""

    model_config = ConfigDict(from_attributes=True)

    account: str
    state: AccountState
    reason: str | None = Field(description="Why it does not post.")
    until: datetime | None = Field(description="When it goes on by itself.")
    approval: bool = Field(description="Whether new posts wait for a yes.")
    since: datetime = Field(description="When the first post was asked for.")
    timezone: str = Field("UTC", description="Where the days of the account begin and end.")
    next_due_at: datetime | None = Field(None, description="When the next post may go out.")
    next_post: str | None = Field(None, description="Key of the post that goes out then; null while none may.")
    outlook: str = Field("", description="The same in words.")
    waiting: int = 0
    waiting_for_approval: int = 0
    needs_review: int = 0
