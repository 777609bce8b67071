"""What the publisher shows of how things stand, beside what it counts; all of it from the database, so that a restart
changes nothing and every publisher of an account shows the same."""

import time
from collections import Counter
from datetime import datetime

from prometheus_client import Gauge
from sqlalchemy import func, select

from stylegram.common.database import transaction
from stylegram.common.errors import NotFound
from stylegram.common.ports import Outlet
from stylegram.publisher.accounts import Accounts
from stylegram.publisher.ledger import Ledger
from stylegram.publisher.metrics import (
    ACCOUNT,
    BUDGET,
    BUDGET_LEFT,
    IN_LINE,
    LAST_POST,
    LOGIN_SINCE,
    UNAPPROVED,
    WAITING,
)
from stylegram.publisher.tables import AccountState, PostRow, PostState
from stylegram.publisher.turns import Turns

_SECONDS = 10.0
_UNFINISHED = (PostState.PREPARED, PostState.UPLOADING, PostState.COMMITTING, PostState.NEEDS_REVIEW)


class Gauges:
    """Keeps the gauges of one account right, asking the database now and then.

    Args:
        ledger: its posts.
        accounts: how it stands.
        turns: how many more may go out.
        outlet: the account.
    """

    def __init__(self, ledger: Ledger, accounts: Accounts, turns: Turns, outlet: Outlet) -> None:
        self._ledger = ledger
        self._accounts = accounts
        self._turns = turns
        self._outlet = outlet
        self._next = 0.0
        self._last_post: datetime | None = None

    def refresh(self) -> None:
        """Look again, if it is time.

        Raises:
            Unavailable: the database did not answer.
        """
        if time.monotonic() < self._next:
            return
        self._next = time.monotonic() + _SECONDS
        self._show_posts()
        try:
            self._show_account()
        except NotFound:  # nothing was ever posted there
            return

    def _show_posts(self) -> None:
        account = self._outlet.account
        approved = PostRow.approved_at.is_not(None)
        wanted = (
            select(PostRow.state, approved, func.count())
            .where(PostRow.account == account, PostRow.state.in_(_UNFINISHED))
            .group_by(PostRow.state, approved)
        )
        newest = select(func.max(PostRow.published_at)).where(
            PostRow.account == account, PostRow.state == PostState.PUBLISHED
        )
        if self._last_post:
            # What went out since then was changed since then, of which there is an index.
            newest = newest.where(PostRow.updated_at >= self._last_post)
        with transaction(self._ledger.engine) as session:
            counts = Counter({(row[0], bool(row[1])): row[2] for row in session.execute(wanted)})
            self._last_post = session.scalar(newest) or self._last_post
        for state in _UNFINISHED:
            WAITING.labels(state=state).set(counts[state, True] + counts[state, False])
        IN_LINE.labels(account=account).set(counts[PostState.PREPARED, True])
        UNAPPROVED.labels(account=account).set(counts[PostState.PREPARED, False])
        _show_time(LAST_POST, account, self._last_post)

    def _show_account(self) -> None:
        account = self._outlet.account
        is_in = self._accounts.get(account).state
        for state in AccountState:
            ACCOUNT.labels(account=account, state=state).set(state is is_in)
        _show_time(LOGIN_SINCE, account, self._accounts.note_login(account, self._outlet.login))
        budget, left = self._turns.budget()
        _show(BUDGET, account, budget)
        _show(BUDGET_LEFT, account, left)


def _show_time(gauge: Gauge, account: str, at: datetime | None) -> None:
    _show(gauge, account, None if at is None else at.timestamp())


def _show(gauge: Gauge, account: str, value: float | None) -> None:
    if value is None:
        gauge.clear()
    else:
        gauge.labels(account=account).set(value)
