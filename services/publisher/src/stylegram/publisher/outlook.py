"""When an account's next post goes out, and what the others wait for, in few words."""

from datetime import datetime

from stylegram.common.clock import utcnow
from stylegram.common.errors import NotFound
from stylegram.publisher.desk import Desk
from stylegram.publisher.tables import AccountRow, AccountState, PostRow, PostState

# More than anybody looks through; only the words for what is beyond would be a little off.
_MANY = 1000


class Outlook:
    """What lies ahead of an account.

    Args:
        desk: whose ledger.
        account: which.
    """

    def __init__(self, desk: Desk, account: AccountRow) -> None:
        self.account = account
        self._policy = desk.policy_of(account.account)
        self._due, self._reason, self._first = desk.turns(account.account).prospect()
        self._now = utcnow()
        self.waiting = desk.ledger.posts((PostState.PREPARED,), account=account.account, limit=_MANY)

    @property
    def due(self) -> datetime | None:
        """When the next post may go out; None while none may, whenever it is."""
        return self._due if self.account.state is AccountState.ACTIVE and not self._policy.dry_run else None

    @property
    def reason(self) -> str:
        """Of `due`, and how many posts are out, as words without a full stop."""
        if self.account.state is not AccountState.ACTIVE:
            return f"none while the account {self.account.state.words}"
        return "none, as this is a dry run" if self._policy.dry_run else self._reason

    @property
    def next_post(self) -> str | None:
        """Key of the post that goes out then; None while none does."""
        return self._first if self.due else None

    def remark(self, row: PostRow) -> str:
        """What a prepared post waits for, in a few words."""
        if row.request is None:
            return "waits to be requested again"
        if row.approved_at is None:
            return "waits for a yes"
        if self.account.state is not AccountState.ACTIVE:
            return f"waits: the account {self.account.state.words}"
        if row.not_before is not None and row.not_before > self._now:
            return f"tried again {self.clock(row.not_before)}"
        if self._policy.dry_run:
            return "rehearsed; this is a dry run" if row.rehearsed_at else "waits for its rehearsal"
        if row.key != self._first:
            return "in line"
        return f"due {self.clock(self._due)}" if self._due > self._now else "due now"

    def clock(self, time: datetime) -> str:
        """The time of day, and the day if it is another one than today."""
        there, today = (each.astimezone(self._policy.timezone) for each in (time, self._now))
        return f"{there:%H:%M}" if there.date() == today.date() else f"{there:%Y-%m-%d %H:%M}"


def outlook_of(desk: Desk, account: str) -> Outlook | None:
    """What lies ahead of the account; None of posts that a version left which knew no accounts."""
    try:
        return Outlook(desk, desk.accounts.get(account))
    except NotFound:
        return None


def waits_for(desk: Desk, row: PostRow) -> str | None:
    """What the post waits for, as a sentence; None where it does not wait."""
    if row.state is not PostState.PREPARED:
        return None
    if row.request is not None and row.approved_at is None:
        return "It waits for a yes."
    [why] = desk.turns(row.account).why_they_wait([row])
    return why or "Its turn is now."


def state_words(state: AccountState | PostState) -> str:
    """The state as people say it."""
    return state.replace("_", " ")
