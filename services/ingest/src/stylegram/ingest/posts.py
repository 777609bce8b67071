"""What becomes of a job's posts: one for each kind that its picture is posted as, and nine for a grid.

The publisher's words come at least once and not always in order, and the same ones end in the same facts: of a post
the newest word counts, but one that is out stays out.
"""

from collections.abc import Mapping
from datetime import datetime

from pydantic import BaseModel, ConfigDict, Field

from stylegram.ingest.tables import PostState

_RANKS = (PostState.FAILED, PostState.WAITING, PostState.NEEDS_REVIEW)


class JobPost(BaseModel):
    """A post of a job's picture, as the publisher last told of it."""

    model_config = ConfigDict(frozen=True)

    kind: str = Field(description="Photo, carousel, story or reel; of the nine tiles of a grid, grid-1 … grid-9.")
    state: PostState = Field(description="What became of it.")
    url: str | None = Field(None, description="Where it is.")
    reason: str | None = Field(None, description="What it waits for, or why it is not out.")
    said_at: datetime = Field(description="When the publisher said so.")

    def after(self, known: "JobPost") -> "JobPost":
        """What is known of a post once this has been said of it too."""
        out = [post for post in (known, self) if post.state is PostState.PUBLISHED]
        if len(out) == 2:  # its address may have become known later
            first = min(out, key=lambda post: post.said_at)
            return first.model_copy(update={"url": known.url or self.url})
        return out[0] if out else max(known, self, key=lambda post: post.said_at)


def foremost(posts: Mapping[str, JobPost]) -> JobPost:
    """The post that stands for all of them: the first that is out, else one that a person has to look for, else one
    that waits, else one that failed.

    Of several of the last three it is the one that was told of last.

    Args:
        posts: one at least.
    """
    out = [post for post in posts.values() if post.state is PostState.PUBLISHED]
    if out:
        return min(out, key=lambda post: post.said_at)
    return max(posts.values(), key=lambda post: (_RANKS.index(post.state), post.said_at))
