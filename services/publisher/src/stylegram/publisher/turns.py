"""Whose turn it is: which post of an account is worked on next, and why the others wait."""

from collections.abc import Collection, Sequence
from datetime import datetime, timedelta
from typing import TypedDict

from sqlalchemy import ColumnElement, func, literal, or_, select
from sqlalchemy.orm import Session

from stylegram.common.clock import utcnow
from stylegram.common.database import transaction
from stylegram.common.messages import PostKind
from stylegram.publisher.grids import Grids
from stylegram.publisher.ledger import GRID, MAYBE_OUT, Hold, Ledger, free
from stylegram.publisher.policy import Policy
from stylegram.publisher.tables import AccountRow, AccountState, PostRow, PostState

_DAY = timedelta(days=1)
# What is tried again within that time is hardly worth a word.
_SOON = timedelta(seconds=20)


class _Facts(TypedDict):
    """What a policy judges by."""

    since: datetime
    next_post_at: datetime | None
    recent: Sequence[datetime]


class Turns:
    """Gives out the posts of one account, one at a time.

    Args:
        ledger: where they are.
        account: whose.
        policy: when posts may go out.
        dry_run: whether posts are rehearsed rather than posted; each once.
    """

    def __init__(self, ledger: Ledger, account: str, policy: Policy, *, dry_run: bool = False) -> None:
        self._ledger = ledger
        self._account = account
        self._policy = policy
        self._dry_run = dry_run

    def left(self, states: Collection[PostState]) -> tuple[Hold, PostRow] | None:
        """A post in one of the states that somebody was at when he died, or whose outcome is to be asked for again."""
        left = (
            PostRow.account == self._account,
            PostRow.state.in_(states),
            free(),
            _ripe(),
        )
        with transaction(self._ledger.engine) as session:
            row = session.scalar(select(PostRow).where(*left).order_by(PostRow.updated_at).limit(1))
            return self._held(session, row)

    def due(self) -> tuple[Hold, PostRow] | None:
        """The next post that may go out now; None where none may, or another publisher is at one."""
        with transaction(self._ledger.engine) as session:
            # Whoever comes second waits here, and then sees that the first has taken a post.
            account = session.get(AccountRow, self._account, with_for_update=True)
            if account is None or account.state is not AccountState.ACTIVE or self._somebody_posts(session):
                return None
            now = utcnow()
            if self._policy.earliest(now, **self._facts(session, account, now)) > now:
                return None
            row = self._next(session)
            return self._held(session, row)

    def why_it_waits(self, row: PostRow) -> str | None:
        """What a prepared post waits for, as a sentence; None where its turn is about to come."""
        with transaction(self._ledger.engine) as session:
            account = session.get_one(AccountRow, self._account)
            if row.approved_at is None:
                return f"It waits for a yes: stylegram posts approve {row.key}"
            if account.state is not AccountState.ACTIVE:
                until = f" until {account.until:%Y-%m-%d %H:%M} UTC" if account.until else ""
                return f"The account is {account.state.replace('_', ' ')}{until}: {account.reason}"
            if row.not_before and row.not_before > utcnow() + _SOON:
                return f"It is tried again at {row.not_before:%H:%M:%S} UTC: {row.reason}"
            if self._dry_run:
                return "This is a dry run, which posts nothing."
            if reason := self._grids(session).why_it_waits(row):
                return reason
            now = utcnow()
            facts = self._facts(session, account, now)
            if self._policy.earliest(now, **facts) <= now:
                return None
            return f"It waits for its time: {self._policy.reason(now, **facts)}."

    def _held(self, session: Session, row: PostRow | None) -> tuple[Hold, PostRow] | None:
        if row is None:
            return None
        hold = self._ledger.hold_in(session, row.key, PostRow.state == row.state)
        return (hold, row) if hold else None

    def _somebody_posts(self, session: Session) -> bool:
        held = (PostRow.account == self._account, PostRow.holder.is_not(None), PostRow.held_until >= utcnow())
        return session.scalar(select(PostRow.key).where(*held).limit(1)) is not None

    def _facts(self, session: Session, account: AccountRow, now: datetime) -> _Facts:
        return {
            "since": account.since,
            "next_post_at": account.next_post_at,
            "recent": self._recent(session, now),
        }

    def _recent(self, session: Session, now: datetime) -> Sequence[datetime]:
        out_at = func.coalesce(PostRow.published_at, PostRow.committing_at)
        recent = (PostRow.account == self._account, PostRow.state.in_(MAYBE_OUT), out_at > now - _DAY)
        return [time for time in session.scalars(select(out_at).where(*recent).order_by(out_at)) if time]

    def _next(self, session: Session) -> PostRow | None:
        grids = self._grids(session)
        approved = (
            PostRow.account == self._account,
            PostRow.state == PostState.PREPARED,
            PostRow.approved_at.is_not(None),
            PostRow.request.is_not(None),
            or_(PostRow.rehearsed_at.is_(None), literal(not self._dry_run)),
            free(),
            _ripe(),
        )
        either = or_(PostRow.key.in_(grids.next_tiles), _is_no_tile(grids.is_open))
        return session.scalar(
            select(PostRow).where(*approved, either).order_by(PostRow.created_at, PostRow.key).limit(1)
        )

    def _grids(self, session: Session) -> Grids:
        tile = (PostRow.account == self._account, PostRow.kind.startswith(GRID))
        unfinished = select(PostRow.artifact).where(*tile, PostRow.state != PostState.PUBLISHED)
        return Grids(session.scalars(select(PostRow).where(*tile, PostRow.artifact.in_(unfinished))))


def _ripe() -> ColumnElement[bool]:
    return or_(PostRow.not_before.is_(None), PostRow.not_before <= utcnow())


def _is_no_tile(grid_is_open: bool) -> ColumnElement[bool]:
    # A story shows on no profile, and may go between the tiles.
    return PostRow.kind == PostKind.STORY if grid_is_open else PostRow.kind.not_like(f"{GRID}%")
