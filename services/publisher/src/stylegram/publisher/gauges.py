"""What the publisher shows of how things stand, beside what it counts."""

import time

from sqlalchemy import func, select

from stylegram.common.database import transaction
from stylegram.common.errors import NotFound
from stylegram.publisher.accounts import Accounts
from stylegram.publisher.ledger import Ledger
from stylegram.publisher.metrics import ACCOUNT, WAITING
from stylegram.publisher.tables import AccountState, PostRow, PostState

_SECONDS = 10.0
_UNFINISHED = (PostState.PREPARED, PostState.UPLOADING, PostState.COMMITTING, PostState.NEEDS_REVIEW)


class Gauges:
    """Keeps the gauges of one account right, asking the database now and then.

    Args:
        ledger: its posts.
        accounts: how it stands.
        account: which.
    """

    def __init__(self, ledger: Ledger, accounts: Accounts, account: str) -> None:
        self._ledger = ledger
        self._accounts = accounts
        self._account = account
        self._next = 0.0

    def refresh(self) -> None:
        """Look again, if it is time.

        Raises:
            Unavailable: the database did not answer.
        """
        if time.monotonic() < self._next:
            return
        self._next = time.monotonic() + _SECONDS
        wanted = (
            select(PostRow.state, func.count())
            .where(PostRow.account == self._account, PostRow.state.in_(_UNFINISHED))
            .group_by(PostRow.state)
        )
        with transaction(self._ledger.engine) as session:
            counts = {row[0]: row[1] for row in session.execute(wanted)}
        for state in _UNFINISHED:
            WAITING.labels(state=state).set(counts.get(state, 0))
        try:
            is_in = self._accounts.get(self._account).state
        except NotFound:  # nothing was ever posted there
            return
        for account_state in AccountState:
            ACCOUNT.labels(account=self._account, state=account_state).set(account_state is is_in)
