"""How each account stands, in the database: a restart forgets no stop, no cool-down and no pause.

active ◄──► cooling        by itself, once the time has come
   ▲  ◄──► login_needed    by itself, once there is another login
   └─────► stopped         until a person resumes it
"""

from datetime import datetime

from sqlalchemy import ColumnElement, Engine, or_, select, update
from sqlalchemy.exc import IntegrityError

from stylegram.common.clock import utcnow
from stylegram.common.database import transaction
from stylegram.common.errors import NotFound
from stylegram.publisher.tables import AccountRow, AccountState


class Accounts:
    """The accounts in the database.

    Args:
        engine: where the tables are, up to date.
    """

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def enter(self, account: str, *, approval: bool) -> AccountRow:
        """The account, which is entered as an active one if it is new.

        Args:
            account: see `Outlet.account`.
            approval: whether posts of a new one wait for a yes.
        """
        now = utcnow()
        row = AccountRow(account=account, state=AccountState.ACTIVE, approval=approval, since=now, changed_at=now)
        try:
            with transaction(self._engine) as session:
                if known := session.get(AccountRow, account):
                    return known
                session.add(row)
        except IntegrityError:
            return self.get(account)
        return row

    def get(self, account: str) -> AccountRow:
        """The account.

        Raises:
            NotFound: nothing was ever posted there.
        """
        with transaction(self._engine) as session:
            row = session.get(AccountRow, account)
        if row is None:
            raise NotFound(f"No account '{account}'.", advice="`account show` lists those there are.")
        return row

    def keep_policy(self, account: str, policy: str) -> None:
        """Write down what the publisher keeps to, if the account is known."""
        changed = or_(AccountRow.policy.is_(None), AccountRow.policy != policy)
        with transaction(self._engine) as session:
            session.execute(update(AccountRow).where(AccountRow.account == account, changed).values(policy=policy))

    def all(self) -> list[AccountRow]:
        """All of them, by name."""
        with transaction(self._engine) as session:
            return list(session.scalars(select(AccountRow).order_by(AccountRow.account)))

    def stop(self, account: str, reason: str) -> None:
        """Have nothing go out, and nothing be asked, until somebody resumes it.

        Raises:
            NotFound: no such account.
        """
        self._set(account, state=AccountState.STOPPED, reason=reason, until=None)

    def resume(self, account: str) -> None:
        """Have posts go out again, whatever kept them.

        Raises:
            NotFound: no such account.
        """
        self._set(account, state=AccountState.ACTIVE, reason=None, until=None, refused_login=None)

    def set_approval(self, account: str, on: bool) -> None:
        """Say whether new posts wait for a yes; those that wait already go on waiting.

        Raises:
            NotFound: no such account.
        """
        self._set(account, approval=on)

    def cool(self, account: str, reason: str, until: datetime) -> None:
        """Leave it alone until then, unless it is stopped, or is to be left alone for longer."""
        sooner = or_(AccountRow.state != AccountState.COOLING, AccountRow.until < until)
        self._halt(account, sooner, state=AccountState.COOLING, reason=reason, until=until)

    def need_login(self, account: str, reason: str, login: str) -> None:
        """Leave it alone until there is another login than that, unless it is stopped.

        Args:
            account: the account.
            reason: what it said.
            login: digest of the login that it did not take.
        """
        self._halt(account, state=AccountState.LOGIN_NEEDED, reason=reason, until=None, refused_login=login)

    def reopen(self, account: str, login: str) -> bool:
        """Whether something may be asked of it by now: what ends by itself does so here.

        Args:
            account: the account.
            login: digest of the login in use.
        """
        row = self.get(account)
        cooled = row.state is AccountState.COOLING and row.until is not None and row.until <= utcnow()
        logged_in = row.state is AccountState.LOGIN_NEEDED and row.refused_login != login
        if cooled or logged_in:
            # Unless it was halted anew in between.
            statement = update(AccountRow).where(AccountRow.account == account, AccountRow.changed_at == row.changed_at)
            values = {"state": AccountState.ACTIVE, "reason": None, "until": None, "refused_login": None}
            with transaction(self._engine) as session:
                session.execute(statement.values(changed_at=utcnow(), **values))
            row = self.get(account)
        return row.state is AccountState.ACTIVE

    def note_login(self, account: str, login: str) -> datetime | None:
        """Since when the account is used by that login: from now on where it is another one than before.

        Args:
            account: the account.
            login: digest of the login in use; empty where there is none, which is not noted.

        Raises:
            NotFound: no such account.
        """
        row = self.get(account)
        if not login or row.login == login:
            return row.login_since if login else None
        since = utcnow()
        statement = update(AccountRow).where(AccountRow.account == account)
        with transaction(self._engine) as session:
            session.execute(statement.values(login=login, login_since=since))
        return since

    def _halt(self, account: str, *conditions: ColumnElement[bool], **values: object) -> None:
        not_stopped = AccountRow.state != AccountState.STOPPED
        statement = update(AccountRow).where(AccountRow.account == account, not_stopped, *conditions)
        with transaction(self._engine) as session:
            session.execute(statement.values(changed_at=utcnow(), **values))

    def _set(self, account: str, **values: object) -> None:
        self.get(account)
        with transaction(self._engine) as session:
            session.execute(
                update(AccountRow).where(AccountRow.account == account).values(changed_at=utcnow(), **values)
            )
