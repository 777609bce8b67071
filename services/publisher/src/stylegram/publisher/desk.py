"""What a person needs who looks after posts and accounts: the ledger, and no publisher that runs."""

import functools
import inspect
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

if TYPE_CHECKING:
    from datetime import datetime

    from stylegram.publisher.accounts import Accounts
    from stylegram.publisher.composer import Composer
    from stylegram.publisher.decisions import Decisions
    from stylegram.publisher.ledger import Ledger
    from stylegram.publisher.policy import Policy
    from stylegram.publisher.settings import PublisherSettings
    from stylegram.publisher.turns import Turns

DeskOpener = Callable[..., AbstractContextManager["Desk"]]
"""Opens a desk; what it takes is an option of every command."""


@dataclass(frozen=True)
class Desk:
    """Where a person works on the ledger.

    Args:
        ledger: the posts.
        decisions: what is to become of them.
        accounts: how each stands.
        composer: makes posts; opened when it is needed, as a wrong template is not to keep anybody from the rest.
        policy: what posts keep to on accounts of which no publisher has written that down.
        command: the whole of a command, given its words, as in "posts list"; where nobody has a command line, they
            are that.
    """

    ledger: "Ledger"
    decisions: "Decisions"
    accounts: "Accounts"
    composer: Callable[[], "Composer"]
    policy: "Policy"
    command: Callable[[str], str] = str

    def turns(self, account: str) -> "Turns":
        """Tells why the account's posts wait."""
        from stylegram.publisher.turns import Turns

        return Turns(self.ledger, account, self.policy_of(account))

    def policy_of(self, account: str) -> "Policy":
        """What the account's posts keep to, as its publisher has written it down."""
        from stylegram.common.errors import NotFound
        from stylegram.publisher.policy import read

        with suppress(NotFound, ValueError):
            if text := self.accounts.get(account).policy:
                return read(text)
        return self.policy

    def when(self, time: "datetime | None") -> str | None:
        """The time as people read it, in the zone of the windows."""
        return f"{time.astimezone(self.policy.timezone):%Y-%m-%d %H:%M:%S %Z}" if time else None


@contextmanager
def open_desk(settings: "PublisherSettings", command: Callable[[str], str]) -> Iterator[Desk]:
    """A desk on the database that the settings name, whether or not a publisher runs.

    Args:
        settings: the publisher's.
        command: see `Desk`.

    Raises:
        ConfigurationError: the database's URL is wrong.
        Unavailable: the database did not answer, or somebody else is to bring the tables up to date and has not yet.
    """
    from stylegram.common.adapters import storage_of
    from stylegram.common.database import open_database, prepare_tables
    from stylegram.publisher.accounts import Accounts
    from stylegram.publisher.bootstrap import captions_of, look_of
    from stylegram.publisher.composer import Composer
    from stylegram.publisher.decisions import Decisions
    from stylegram.publisher.ledger import Ledger

    engine = open_database(settings.database_url.get_secret_value())
    try:
        prepare_tables(engine, "publisher", migrate_at_start=settings.migrate_at_start)
        yield Desk(
            ledger=Ledger(engine),
            decisions=Decisions(engine),
            accounts=Accounts(engine),
            composer=lambda: Composer(storage_of(settings), captions_of(settings), look_of(settings)),
            # The outlet itself is not opened: it may want a login.
            policy=settings.policy(is_public=urlsplit(settings.publish_url).scheme != "folder"),
            command=command,
        )
    finally:
        engine.dispose()


def at_desk(command: Callable[..., None], open_at: DeskOpener) -> Callable[..., None]:
    """The command, which takes a desk first, as one that opens the desk when it runs.

    Args:
        command: its further parameters are options and arguments, as typer takes them.
        open_at: so are its.
    """
    _, *words = inspect.signature(command).parameters.values()
    places = inspect.signature(open_at).parameters

    @functools.wraps(command)
    def run(**given: Any) -> None:  # noqa: ANN401  (whatever typer made of the words)
        with open_at(**{name: given.pop(name) for name in places}) as desk:
            command(desk, **given)

    parameters = [parameter.replace(kind=inspect.Parameter.KEYWORD_ONLY) for parameter in (*words, *places.values())]
    # What typer asks for a command's options.
    run.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
    run.__annotations__ = {parameter.name: parameter.annotation for parameter in parameters}
    return run
