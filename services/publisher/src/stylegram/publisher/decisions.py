"""What people decide about posts: a yes, a no, another try, other words, and whether one is out of which nobody knows.

Each decision locks its posts, so that a publisher takes a post up before it or after it, and never in between.
"""

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import Engine, select
from sqlalchemy.orm import Session

from stylegram.common.clock import utcnow
from stylegram.common.database import transaction
from stylegram.common.errors import WrongState
from stylegram.publisher.ledger import GRID, row_of
from stylegram.publisher.tables import PostRow, PostState

NOT_PUBLISHED = "not-published"
"""The error code of a post of which a person said that it is not out."""


class Decisions:
    """Writes people's decisions into the ledger. Each raises NotFound where there is no such post.

    Args:
        engine: where the tables are, up to date.
    """

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def approve(self, key: str) -> None:
        """A person's yes; to one tile of a grid it is one to all.

        Raises:
            WrongState: it does not wait for one.
        """
        with transaction(self._engine) as session:
            row, rows = _locked(session, key)
            _require(row, PostState.PREPARED, "is not waiting for a yes")
            for post in rows:
                if post.state is PostState.PREPARED and post.approved_at is None:
                    post.approved_at = utcnow()
                    _tell(post)

    def reject(self, key: str, why: str) -> None:
        """A person's no; to one tile of a grid, be it one that failed, it is one to all that still wait.

        Raises:
            WrongState: nothing waits any more.
        """
        with transaction(self._engine) as session:
            row, rows = _locked(session, key)
            waiting = [post for post in rows if post.state is PostState.PREPARED]
            if row.state is not PostState.FAILED or not waiting:
                _require(row, PostState.PREPARED, "cannot be rejected")
                _require_free(row)
            for post in waiting:
                if _is_free(post):
                    post.state, post.reason, post.error_code = PostState.FAILED, f"Rejected: {why}", "rejected"
                    post.holder = post.held_until = None
                    _tell(post)

    def retry(self, key: str) -> None:
        """Have a failed post tried again, which is a yes as well; with a tile its grid's other failed ones.

        Raises:
            WrongState: it has not failed.
        """
        with transaction(self._engine) as session:
            row, rows = _locked(session, key)
            _require(row, PostState.FAILED, "has not failed")
            for post in rows:
                if post.state is PostState.FAILED:
                    post.state, post.approved_at = PostState.PREPARED, utcnow()
                    post.reason = post.error_code = post.upload = post.not_before = post.rehearsed_at = None
                    post.attempts = post.asked = 0
                    _tell(post)

    def settle(self, key: str, url: str | None) -> None:
        """Write down what a person found out about a post that needs review, or found out later after all.

        Args:
            key: the post.
            url: where it is; None if it is not out, so that it has failed.

        Raises:
            WrongState: it needs no review.
        """
        with transaction(self._engine) as session:
            row, _ = _locked(session, key)
            if url is None or row.error_code != NOT_PUBLISHED:
                _require(row, PostState.NEEDS_REVIEW, "needs no review")
            if url is None:
                row.state, row.reason, row.error_code = PostState.FAILED, "Reviewed: it is not out.", NOT_PUBLISHED
            else:
                row.state, row.reason, row.error_code = PostState.PUBLISHED, None, None
                row.media_id, row.url = row.media_id or url, url
                # When it went out, if it did, rather than when somebody saw it.
                row.published_at = row.committing_at or utcnow()
            _tell(row)

    def doubt(self, since: datetime) -> int:
        """Have every account asked whether what waits is out already, and how many posts that is.

        Of a ledger that was put back from a copy: what waited in it then may have gone out since. Each such post is as
        if it had been handed over and no answer had come; so a publisher asks before it posts anything.

        Args:
            since: when the copy was made, or before: no post is looked for that went out earlier.

        Raises:
            WrongState: somebody works on one of them; nothing was changed.
        """
        waits = PostRow.state.in_((PostState.PREPARED, PostState.UPLOADING))
        with transaction(self._engine) as session:
            rows = session.scalars(select(PostRow).where(waits).order_by(PostRow.key).with_for_update()).all()
            if busy := [row.key for row in rows if not _is_free(row)]:
                raise WrongState(
                    f"{len(busy)} of the posts that wait are being worked on, as {busy[0]}.",
                    advice="End the publisher, or have it make a dry run, and try again in a minute.",
                )
            for row in rows:
                row.state, row.committing_at, row.updated_at = PostState.COMMITTING, since, utcnow()
                row.upload = row.holder = row.held_until = row.not_before = None
                row.asked = row.attempts = 0
        return len(rows)

    def rewrite(self, key: str, caption: str) -> None:
        """Give a post that waits another caption.

        Raises:
            WrongState: it does not wait any more.
        """
        with transaction(self._engine) as session:
            row, _ = _locked(session, key)
            _require(row, PostState.PREPARED, "has its caption for good")
            _require_free(row)
            row.caption, row.updated_at = caption, utcnow()


def _locked(session: Session, key: str) -> tuple[PostRow, Sequence[PostRow]]:
    """The post, and with it the tiles of its grid if it is one of them."""
    row = row_of(session, key)
    wanted = select(PostRow).where(PostRow.account == row.account, PostRow.artifact == row.artifact)
    one = PostRow.kind.startswith(GRID) if row.kind.startswith(GRID) else PostRow.key == key
    wanted = wanted.where(one).order_by(PostRow.key).with_for_update()
    return row, session.scalars(wanted.execution_options(populate_existing=True)).all()


def _tell(row: PostRow) -> None:
    row.updated_at = utcnow()
    row.sequence += 1


def _is_free(row: PostRow) -> bool:
    return row.holder is None or row.held_until is None or row.held_until < utcnow()


def _require(row: PostRow, state: PostState, what: str) -> None:
    if row.state is not state:
        stands = "it needs review" if row.state is PostState.NEEDS_REVIEW else f"it is {row.state}"
        is_out = f"it is published, at {row.url}" if row.url else stands
        raise WrongState(f"Post {row.key} {what}: {is_out}.")


def _require_free(row: PostRow) -> None:
    if not _is_free(row):
        raise WrongState(f"Post {row.key} is being posted.")
