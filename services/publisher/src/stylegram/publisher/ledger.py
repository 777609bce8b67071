"""The ledger of posts: what keeps a picture from being posted twice, or forgotten.

    prepared ─► uploading ─► committing ─► published
       ▲  ▲         │            │  │
       │  └─────────┴────────────┘  ▼
       │    (surely not out)    needs_review ─► published or failed, as a person finds
       └─ failed ◄─ anywhere before `published`, where it is surely not out; a person may have it tried again

A post that waits, for a person's yes or for its time, is `prepared`. Who works on a post holds it for a while; what a
crashed publisher held becomes free when that runs out. Each change is one conditional update, so that whoever comes
too late changes nothing.
"""

import hashlib
from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, NamedTuple, TypedDict, Unpack
from uuid import uuid4

from sqlalchemy import ColumnElement, CursorResult, Engine, and_, func, or_, select, tuple_, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from stylegram.common.clock import utcnow
from stylegram.common.database import transaction
from stylegram.common.errors import InvalidInput, NotFound, StylegramError
from stylegram.publisher.tables import AccountRow, FeedbackRow, PostRow, PostState

GRID = "grid-"
"""Begins the kinds of a grid's tiles."""

AT_WORK = (PostState.UPLOADING, PostState.COMMITTING)
MAYBE_OUT = (PostState.COMMITTING, PostState.NEEDS_REVIEW, PostState.PUBLISHED)
"""What counts as a post of the day: it is out, or may be."""

# From which states each state may be reached by whoever works on the post.
_SOURCES: dict[PostState, Collection[PostState]] = {
    PostState.PREPARED: (PostState.PREPARED, *AT_WORK),
    PostState.UPLOADING: (PostState.PREPARED, PostState.UPLOADING),
    PostState.COMMITTING: (PostState.UPLOADING,),
    # That a post is out is a fact, whatever was believed before.
    PostState.PUBLISHED: frozenset(PostState) - {PostState.PUBLISHED},
    PostState.FAILED: (PostState.PREPARED, *AT_WORK),
    PostState.NEEDS_REVIEW: (PostState.COMMITTING,),
}
# States that others hear of.
_NEWS = frozenset(PostState) - set(AT_WORK)
_MARKER_DIGITS = 10


@dataclass(frozen=True)
class Hold:
    """The right to work on a post, until it runs out."""

    key: str
    holder: str


@dataclass(frozen=True)
class NewPost:
    """A post as it is entered.

    Args:
        account: see `Outlet.account`.
        artifact: object name of the picture.
        kind: see `PostRow.kind`.
        job_id: whose picture it is.
        request: the `PostRequest`, as JSON.
        approved: whether it needs no person's yes any more.
        caption: the text below it; None where it could not be written.
        alt_text: what it shows.
        failure: why it cannot go out at all.
    """

    account: str
    artifact: str
    kind: str
    job_id: str
    request: str
    approved: bool
    caption: str | None = None
    alt_text: str | None = None
    failure: StylegramError | None = None


class Place(NamedTuple):
    """Where a post is in lists."""

    created_at: datetime
    kind: str
    key: str


class Facts(TypedDict, total=False):
    """What a transition may write down beside the state."""

    caption: str
    alt_text: str
    upload: str
    media_id: str
    url: str | None
    reason: str | None
    error_code: str | None
    attempts: int
    asked: int
    rehearsed_at: datetime
    not_before: datetime | None
    committing_at: datetime
    published_at: datetime
    feedback_due_at: datetime | None


def key_of(account: str, artifact: str, kind: str) -> str:
    """The post's key: 16 hexadecimal digits."""
    return hashlib.sha256("\n".join((account, artifact, kind)).encode()).hexdigest()[:16]


def marker_of(key: str) -> str:
    """What only this post's caption says; it reads like the number of a print.

    >>> marker_of("3f9a1c27d05b8e64")
    'No. 3f9a1c27d0'
    """
    return f"No. {key[:_MARKER_DIGITS]}"


class Ledger:
    """The posts in the database.

    Args:
        engine: where the tables are, up to date.
        hold_seconds: how long a hold lasts; longer than an upload or a commit takes.
    """

    def __init__(self, engine: Engine, *, hold_seconds: float = 60.0) -> None:
        self.engine = engine
        self.hold_for = timedelta(seconds=hold_seconds)

    def enter(self, new: NewPost) -> str:
        """The key of the post, which is entered as `prepared`, or as `failed`, if it is new.

        One that is there already stays as it is, but for what it lacks, and is told of once more.
        """
        key = key_of(new.account, new.artifact, new.kind)
        now = utcnow()
        row = PostRow(
            key=key,
            account=new.account,
            artifact=new.artifact,
            kind=new.kind,
            job_id=new.job_id,
            request=new.request,
            state=PostState.FAILED if new.failure else PostState.PREPARED,
            caption=new.caption,
            alt_text=new.alt_text,
            reason=str(new.failure) if new.failure else None,
            error_code=new.failure.code if new.failure else None,
            approved_at=now if new.approved else None,
            created_at=now,
            updated_at=now,
        )
        known = update(PostRow).where(PostRow.key == key)
        try:
            with transaction(self.engine) as session:
                if session.get(PostRow, key) is None:
                    session.add(row)
                else:
                    # Of a row that an older version left.
                    yes = func.coalesce(PostRow.approved_at, row.approved_at)
                    session.execute(known.where(PostRow.request.is_(None)).values(approved_at=yes))
                    session.execute(
                        known.values(
                            # What an older version wrote may be what this one cannot read.
                            request=new.request,
                            caption=func.coalesce(PostRow.caption, new.caption),
                            alt_text=func.coalesce(PostRow.alt_text, new.alt_text),
                            sequence=PostRow.sequence + 1,
                        )
                    )
        except IntegrityError:
            pass  # another publisher entered it in between, and that is as good
        return key

    def get(self, key: str) -> PostRow:
        """The post.

        Raises:
            NotFound: no post has that key.
        """
        with transaction(self.engine) as session:
            return row_of(session, key)

    def find(self, prefix: str) -> PostRow:
        """The one post whose key begins so.

        Raises:
            NotFound: none does.
            InvalidInput: several do.
        """
        with transaction(self.engine) as session:
            rows = session.scalars(
                select(PostRow).where(PostRow.key.startswith(prefix, autoescape=True)).limit(2)
            ).all()
        if not rows:
            raise NotFound(f"The ledger has no post '{prefix}'.", advice="`posts list` shows those it has.")
        if len(rows) > 1:
            raise InvalidInput(f"Several posts begin with '{prefix}'.", advice="Give more of the key.")
        return rows[0]

    def posts(
        self,
        states: Collection[PostState] = (),
        *,
        account: str | None = None,
        approved: bool | None = None,
        since: datetime | None = None,
        until: datetime | None = None,
        after: Place | None = None,
        limit: int = 50,
    ) -> list[PostRow]:
        """Posts, newest first.

        Args:
            states: only those; all where empty.
            account: only of that one.
            approved: only those to which somebody has said yes, or nobody has.
            since: only those that went out then or later; of those that are not out, that were entered then or later.
            until: likewise before then.
            after: only those that follow there.
            limit: at most so many.
        """
        wanted = select(PostRow).order_by(PostRow.created_at.desc(), PostRow.kind, PostRow.key).limit(limit)
        if states:
            wanted = wanted.where(PostRow.state.in_(states))
        if account is not None:
            wanted = wanted.where(PostRow.account == account)
        if approved is not None:
            wanted = wanted.where(PostRow.approved_at.is_not(None) if approved else PostRow.approved_at.is_(None))
        moment = func.coalesce(PostRow.published_at, PostRow.created_at)
        if since is not None:
            wanted = wanted.where(moment >= since)
        if until is not None:
            wanted = wanted.where(moment < until)
        if after is not None:
            beside = tuple_(PostRow.kind, PostRow.key) > (after.kind, after.key)
            wanted = wanted.where(
                or_(PostRow.created_at < after.created_at, and_(PostRow.created_at == after.created_at, beside))
            )
        with transaction(self.engine) as session:
            return list(session.scalars(wanted))

    def feedback(self, key: str) -> list[FeedbackRow]:
        """How the post was taken, oldest reading first."""
        wanted = select(FeedbackRow).where(FeedbackRow.post == key).order_by(FeedbackRow.read_at)
        with transaction(self.engine) as session:
            return list(session.scalars(wanted))

    def check(self) -> None:
        """Ask the database for something small.

        Raises:
            Unavailable: it did not answer.
        """
        with transaction(self.engine) as session:
            session.execute(select(PostRow.key).limit(1))

    def hold_in(self, session: Session, key: str, *conditions: ColumnElement[bool]) -> Hold | None:
        """Take the post to work on it, within a transaction; None where somebody has it or a condition fails."""
        hold = Hold(key, str(uuid4()))
        statement = update(PostRow).where(PostRow.key == key, free(), *conditions)
        statement = statement.values(holder=hold.holder, held_until=utcnow() + self.hold_for)
        return hold if _changed(session.execute(statement)) else None

    def release(self, hold: Hold, *, news: bool = False, **facts: Unpack[Facts]) -> None:
        """Let others work on the post, which stays in its state; see `note` for the rest."""
        statement = update(PostRow).where(PostRow.key == hold.key, PostRow.holder == hold.holder)
        with transaction(self.engine) as session:
            session.execute(statement.values(holder=None, held_until=None, **facts, **_told(news)))

    def move(self, hold: Hold, state: PostState, **facts: Unpack[Facts]) -> bool:
        """Bring the post into `state`; False, and nothing happened, if the hold is lost.

        Args:
            hold: on the post; a state in which there is work to do renews it, any other ends it.
            state: the new one.
            facts: columns to write with it.
        """
        with transaction(self.engine) as session:
            return self._move(session, hold.key, state, PostRow.holder == hold.holder, holder=hold.holder, **facts)

    def publish(self, key: str, *, next_post_at: datetime | None, **facts: Unpack[Facts]) -> bool:
        """Write down that the post is out, held or not: that is a fact. False if it was known.

        Args:
            key: the post.
            next_post_at: before which nothing more goes out on the account.
            facts: columns to write with it.
        """
        with transaction(self.engine) as session:
            facts = {"published_at": utcnow(), "reason": None, "error_code": None, "not_before": None, **facts}
            if not self._move(session, key, PostState.PUBLISHED, **facts):
                return False
            if next_post_at:
                account = select(PostRow.account).where(PostRow.key == key).scalar_subquery()
                later = or_(AccountRow.next_post_at.is_(None), AccountRow.next_post_at < next_post_at)
                statement = update(AccountRow).where(AccountRow.account == account, later)
                session.execute(statement.values(next_post_at=next_post_at))
            return True

    def note(self, key: str, *, news: bool = False, **facts: Unpack[Facts]) -> None:
        """Write facts down that change no state.

        Args:
            key: the post.
            news: whether others hear of it.
            facts: columns to write.
        """
        with transaction(self.engine) as session:
            session.execute(update(PostRow).where(PostRow.key == key).values(**facts, **_told(news)))

    def _move(
        self,
        session: Session,
        key: str,
        state: PostState,
        *conditions: ColumnElement[bool],
        **values: Any,  # noqa: ANN401
    ) -> bool:
        return self._change(session, key, state, PostRow.state.in_(_SOURCES[state]), *conditions, **values)

    def _change(
        self,
        session: Session,
        key: str,
        state: PostState,
        *conditions: ColumnElement[bool],
        holder: str | None = None,
        **facts: Any,  # noqa: ANN401  (columns of the row)
    ) -> bool:
        now = utcnow()
        at_work = state in AT_WORK and holder is not None
        statement = update(PostRow).where(PostRow.key == key, *conditions)
        statement = statement.values(
            state=state,
            updated_at=now,
            holder=holder if at_work else None,
            held_until=now + self.hold_for if at_work else None,
            **_told(state in _NEWS),
            **facts,
        )
        return _changed(session.execute(statement))


def free() -> ColumnElement[bool]:
    """Of a row: nobody works on it."""
    return or_(PostRow.holder.is_(None), PostRow.held_until < utcnow())


def _told(news: bool) -> dict[str, Any]:
    return {"sequence": PostRow.sequence + 1} if news else {}


def row_of(session: Session, key: str) -> PostRow:
    """The post, within a transaction.

    Raises:
        NotFound: no post has that key.
    """
    row = session.get(PostRow, key)
    if row is None:
        raise NotFound(f"The ledger has no post '{key}'.")
    return row


def _changed(result: object) -> bool:
    return isinstance(result, CursorResult) and result.rowcount == 1
