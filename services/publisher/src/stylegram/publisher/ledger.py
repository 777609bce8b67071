"""The ledger of posts: what keeps a picture from being posted twice, or forgotten.

    prepared ─► uploading ─► committing ─► published
                                 │  ▲
                                 ▼  │ (where the outlet can tell for sure that it is not out)
                            needs_review

`failed` is reached from anywhere before `published` and means: surely not out, so that a new request starts
again. Who works on a post holds it for a while; what a crashed publisher held becomes free when that runs out.
"""

import hashlib
from dataclasses import dataclass
from datetime import timedelta
from typing import TypedDict, Unpack
from uuid import uuid4

from sqlalchemy import CursorResult, Engine, or_, select, update
from sqlalchemy.exc import IntegrityError

from stylegram.common.clock import utcnow
from stylegram.common.database import transaction
from stylegram.common.errors import NotFound
from stylegram.publisher.tables import PostRow, PostState

# From which states each state may be reached.
_SOURCES: dict[PostState, frozenset[PostState]] = {
    # committing and needs_review: the outlet is certain that the post is not out.
    PostState.UPLOADING: frozenset(PostState) - {PostState.PUBLISHED},
    PostState.COMMITTING: frozenset({PostState.UPLOADING}),
    # That a post is out is a fact, whatever was believed before.
    PostState.PUBLISHED: frozenset(PostState) - {PostState.PUBLISHED},
    PostState.FAILED: frozenset(PostState) - {PostState.PUBLISHED},
    PostState.NEEDS_REVIEW: frozenset({PostState.COMMITTING, PostState.NEEDS_REVIEW}),
}
_AT_WORK = (PostState.UPLOADING, PostState.COMMITTING)


@dataclass(frozen=True)
class Hold:
    """The right to work on a post, until it runs out."""

    key: str
    holder: str


class Facts(TypedDict, total=False):
    """What a transition may write down beside the state."""

    caption: str
    upload: str
    media_id: str
    url: str
    reason: str | None
    error_code: str | None


class Ledger:
    """The posts in the database.

    Args:
        engine: where the tables are, up to date.
        hold_seconds: how long a hold lasts; longer than an upload or a commit takes.
    """

    def __init__(self, engine: Engine, *, hold_seconds: float = 60.0) -> None:
        self._engine = engine
        self._hold_for = timedelta(seconds=hold_seconds)

    def enter(self, account: str, artifact: str, kind: str, job_id: str) -> str:
        """The key of the post of that artifact, which is entered as `prepared` if it is new."""
        key = hashlib.sha256("\n".join((account, artifact, kind)).encode()).hexdigest()[:16]
        now = utcnow()
        row = PostRow(
            key=key,
            account=account,
            artifact=artifact,
            kind=kind,
            job_id=job_id,
            state=PostState.PREPARED,
            created_at=now,
            updated_at=now,
        )
        try:
            with transaction(self._engine) as session:
                if session.get(PostRow, key) is None:
                    session.add(row)
        except IntegrityError:
            pass  # another publisher entered it in between, and that is as good
        return key

    def get(self, key: str) -> PostRow:
        """The post.

        Raises:
            NotFound: no post has that key.
        """
        with transaction(self._engine) as session:
            row = session.get(PostRow, key)
        if row is None:
            raise NotFound(f"The ledger has no post '{key}'.")
        return row

    def check(self) -> None:
        """Ask the database for something small.

        Raises:
            Unavailable: it did not answer.
        """
        with transaction(self._engine) as session:
            session.execute(select(PostRow.key).limit(1))

    def hold(self, key: str) -> Hold | None:
        """Take the post to work on it; None while somebody else has it, or once it is published."""
        hold = Hold(key, str(uuid4()))
        statement = (
            update(PostRow)
            .where(PostRow.key == key, PostRow.state != PostState.PUBLISHED)
            .where(or_(PostRow.holder.is_(None), PostRow.held_until < utcnow()))
            .values(holder=hold.holder, held_until=utcnow() + self._hold_for)
        )
        with transaction(self._engine) as session:
            return hold if _changed(session.execute(statement)) else None

    def release(self, hold: Hold) -> None:
        """Let others work on the post."""
        statement = update(PostRow).where(PostRow.key == hold.key, PostRow.holder == hold.holder)
        with transaction(self._engine) as session:
            session.execute(statement.values(holder=None, held_until=None))

    def move(self, key: str, state: PostState, *, by: Hold | None, **facts: Unpack[Facts]) -> bool:
        """Bring the post into `state`; False, and nothing happened, if it may not go there any more.

        Args:
            key: the post.
            state: the new state; one in which there is no more to do ends the hold, any other renews it.
            by: the hold, which must not have been lost; None says that the state is known to be so anyhow.
            facts: columns to write with it.
        """
        now = utcnow()
        at_work = state in _AT_WORK
        statement = update(PostRow).where(PostRow.key == key, PostRow.state.in_(_SOURCES[state]))
        if by is not None:
            statement = statement.where(PostRow.holder == by.holder)
        statement = statement.values(
            state=state,
            updated_at=now,
            holder=by.holder if by and at_work else None,
            held_until=now + self._hold_for if at_work else None,
            **facts,
            **({"published_at": now} if state is PostState.PUBLISHED else {}),
        )
        with transaction(self._engine) as session:
            return _changed(session.execute(statement))


def _changed(result: object) -> bool:
    return isinstance(result, CursorResult) and result.rowcount == 1
