"""What an answer to one post means for all posts of the account."""

from collections.abc import Iterator
from contextlib import contextmanager

import structlog

from stylegram.common.errors import (
    AccountStopped,
    ConfigurationError,
    CoolDown,
    LoginNeeded,
    NotFound,
    StylegramError,
)
from stylegram.common.ports import Outlet
from stylegram.publisher.accounts import Accounts

_log = structlog.get_logger(__name__)

HALTING = (AccountStopped, CoolDown, LoginNeeded, ConfigurationError)
"""Errors after which nothing more is asked of the account for now."""


class Halts:
    """Writes down what an account's answers mean for all of its posts.

    Args:
        accounts: where.
        outlet: whose answers.
    """

    def __init__(self, accounts: Accounts, outlet: Outlet) -> None:
        self._accounts = accounts
        self._outlet = outlet

    @property
    def open(self) -> bool:
        """Whether the account may be asked anything now."""
        try:
            return self._accounts.reopen(self._outlet.account, self._outlet.login)
        except NotFound:  # nothing was ever posted there
            return False

    @contextmanager
    def noted(self) -> Iterator[None]:
        """Have errors that concern the whole account noted on their way."""
        # As it is now: somebody may log in again before the answer comes.
        login = self._outlet.login
        try:
            yield
        except HALTING as error:
            self._note(error, login)
            raise

    def _note(self, error: StylegramError, login: str) -> None:
        account, reason = self._outlet.account, str(error)
        match error:
            case CoolDown(until=until):
                self._accounts.cool(account, reason, until)
            case LoginNeeded():
                self._accounts.need_login(account, reason, login)
            case _:
                # A setting that is wrong is so for the next post too.
                self._accounts.stop(account, reason)
        _log.warning("account_halted", account=account, error=error.code, reason=reason)
