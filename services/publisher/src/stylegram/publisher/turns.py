"""Whose turn it is: which post of an account is worked on next, and why the others wait."""

from collections.abc import Collection, Sequence
from datetime import datetime, timedelta
from typing import NamedTuple, TypedDict

from sqlalchemy import ColumnElement, func, or_, select
from sqlalchemy.orm import Session

from stylegram.common.clock import utcnow
from stylegram.common.database import transaction
from stylegram.common.messages import PostKind
from stylegram.publisher.grids import Grids
from stylegram.publisher.ledger import AT_WORK, GRID, MAYBE_OUT, Hold, Ledger, free
from stylegram.publisher.policy import Policy
from stylegram.publisher.tables import AccountRow, AccountState, PostRow, PostState

_DAY = timedelta(days=1)
_UNFINISHED = frozenset(PostState) - {PostState.PUBLISHED, PostState.FAILED}
# What is tried again within that time is hardly worth a word.
_SOON = timedelta(seconds=20)


class Prospect(NamedTuple):
    """What lies ahead of an account, as far as its policy says.

    Args:
        due: when the next post may go out.
        reason: why then, as words without a full stop.
        first: key of the post that is next; None where all of them wait for something else.
    """

    due: datetime
    reason: str
    first: str | None


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
    """

    def __init__(self, ledger: Ledger, account: str, policy: Policy) -> None:
        self._ledger = ledger
        self._account = account
        self._policy = policy

    def left(self, states: Collection[PostState]) -> tuple[Hold, PostRow] | None:
        """A post that somebody was at when he died, or whose outcome is to be asked for again.

        Args:
            states: in which it may be; while it is `prepared` somebody is at it who makes its pictures.
        """
        its_own = select(PostRow).where(PostRow.account == self._account, free(), _ripe()).limit(1)
        for left in (
            its_own.where(PostRow.state.in_(states)).order_by(PostRow.updated_at),
            # Neither by its state, nor in order: SQLite would look through all that are so, instead of the few held.
            its_own.where(PostRow.holder.is_not(None), PostRow.state.not_in(AT_WORK)),
        ):
            with transaction(self._ledger.engine) as session:
                if held := self._held(session, session.scalar(left)):
                    return held
        return None

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

    def why_they_wait(self, rows: Sequence[PostRow]) -> list[str | None]:
        """What prepared posts wait for, each as a sentence; None where its turn is about to come."""
        if not rows:
            return []
        now = utcnow()
        with transaction(self._ledger.engine) as session:
            account = session.get(AccountRow, self._account)
            grids = self._grids(session)
            facts = self._facts(session, account, now) if account else None
        its_time = None
        if facts and self._policy.earliest(now, **facts) > now:
            its_time = f"It waits for its time: {self._policy.reason(now, **facts)}."
        return [self._why(row, account, now) or grids.why_it_waits(row) or its_time for row in rows]

    def prospect(self) -> Prospect:
        """When the next post goes out, if nothing but the policy says so, and which.

        Raises:
            NoResultFound: the account is not known.
        """
        now = utcnow()
        with transaction(self._ledger.engine) as session:
            facts = self._facts(session, session.get_one(AccountRow, self._account), now)
            first = self._next(session)
        return Prospect(
            self._policy.earliest(now, **facts), self._policy.reason(now, **facts), first.key if first else None
        )

    def budget(self) -> tuple[int | None, int | None]:
        """Posts in 24 hours at most, and how many of them may go out yet; None for any number.

        Raises:
            NoResultFound: the account is not known.
        """
        now = utcnow()
        with transaction(self._ledger.engine) as session:
            since = session.get_one(AccountRow, self._account).since
            recent = self._recent(session, now - _DAY)
        return self._policy.budget(since, now), self._policy.left(now, since=since, recent=recent)

    def _why(self, row: PostRow, account: AccountRow | None, now: datetime) -> str | None:
        """What it waits for beside the account's time."""
        if row.request is None or account is None:
            return "It was asked for by an older version, and goes on when it is asked for again."
        rests = ""
        if account.state is not AccountState.ACTIVE:
            until = f" until {account.until:%Y-%m-%d %H:%M} UTC" if account.until else ""
            rests = f"The account {account.state.words}{until}: {account.reason}"
        if row.approved_at is None:
            return f"{rests} It waits for a yes.".lstrip()
        if rests:
            return rests
        if row.not_before and row.not_before > now + _SOON:
            return f"It is tried again at {row.not_before:%H:%M:%S} UTC: {row.reason}"
        return "This is a dry run, which posts nothing." if self._policy.dry_run else None

    def _held(self, session: Session, row: PostRow | None) -> tuple[Hold, PostRow] | None:
        if row is None:
            return None
        hold = self._ledger.hold_in(session, row.key, PostRow.state == row.state)
        return (hold, row) if hold else None

    def _somebody_posts(self, session: Session) -> bool:
        held = (PostRow.account == self._account, PostRow.holder.is_not(None), PostRow.held_until >= utcnow())
        return session.scalar(select(PostRow.key).where(*held).limit(1)) is not None

    def _facts(self, session: Session, account: AccountRow, now: datetime) -> _Facts:
        recent = self._recent(session, now - max(_DAY, self._policy.spacing))
        # After a post of which nobody knows whether it is out no pause was drawn: it has the shortest.
        pause = self._policy.next_after(recent[-1], 0.0) if recent else None
        return {
            "since": account.since,
            "next_post_at": max(filter(None, (account.next_post_at, pause)), default=None),
            "recent": recent,
        }

    def _recent(self, session: Session, since: datetime) -> Sequence[datetime]:
        out_at = func.coalesce(PostRow.published_at, PostRow.committing_at)
        # What went out since then was changed since then, of which there is an index.
        changed = (PostRow.account == self._account, PostRow.state.in_(MAYBE_OUT), PostRow.updated_at > since)
        times = session.scalars(select(out_at).where(*changed, out_at > since).order_by(out_at))
        return [time for time in times if time]

    def _next(self, session: Session) -> PostRow | None:
        approved = (
            PostRow.account == self._account,
            PostRow.state == PostState.PREPARED,
            PostRow.approved_at.is_not(None),
            PostRow.request.is_not(None),
            free(),
            _ripe(),
        )
        if self._policy.dry_run:
            # Once each; in what order does not matter.
            turn: ColumnElement[bool] = PostRow.rehearsed_at.is_(None)
        else:
            grids = self._grids(session)
            turn = or_(PostRow.key.in_(grids.next_tiles), _is_no_tile(grids.is_open))
        return session.scalar(select(PostRow).where(*approved, turn).order_by(PostRow.created_at, PostRow.key).limit(1))

    def _grids(self, session: Session) -> Grids:
        tile = (PostRow.account == self._account, PostRow.kind.startswith(GRID))
        # Of grids that are whole, or that nobody wants, nothing is left to say.
        unfinished = select(PostRow.artifact).where(*tile, PostRow.state.in_(_UNFINISHED))
        return Grids(session.scalars(select(PostRow).where(*tile, PostRow.artifact.in_(unfinished))))


def _ripe() -> ColumnElement[bool]:
    return or_(PostRow.not_before.is_(None), PostRow.not_before <= utcnow())


def _is_no_tile(grid_is_open: bool) -> ColumnElement[bool]:
    # A story shows on no profile, and may go between the tiles.
    return PostRow.kind == PostKind.STORY if grid_is_open else PostRow.kind.not_like(f"{GRID}%")
