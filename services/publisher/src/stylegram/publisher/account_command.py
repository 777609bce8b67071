"""The command `account`: how an account stands, stop it, have it go on, have its posts wait for a yes."""

import shlex
from typing import TYPE_CHECKING, Annotated, Literal

import typer
from rich.console import Console

from stylegram.common.errors import NotFound
from stylegram.publisher.desk import Desk, DeskOpener, at_desk

if TYPE_CHECKING:
    from stylegram.common.views.posts import AccountView
    from stylegram.publisher.tables import AccountRow

_stdout = Console()
_APPROVAL = {True: "wait for a yes", False: "go out without being asked about"}

_Account = Annotated[str, typer.Argument(metavar="ACCOUNT", help="As `account show` names it, or its last part.")]


def account_app(open_at: DeskOpener) -> typer.Typer:
    """The commands for accounts.

    Args:
        open_at: opens the desk on which each works.
    """
    app = typer.Typer(no_args_is_help=True, help="The accounts: how they stand, stop them, have them go on.")
    for command in (show, stop, resume, approval):
        app.command()(at_desk(command, open_at))
    return app


def show(
    desk: Desk,
    account: Annotated[
        str | None, typer.Argument(metavar="ACCOUNT", show_default=False, help="All of them by default.")
    ] = None,
    json: Annotated[bool, typer.Option("--json", help="Print JSON, an object a line, on standard output.")] = False,
) -> None:
    """Show how an account stands, why, and when its next post goes out."""
    from stylegram.publisher.views import account_view

    rows = [_found(desk, account)] if account else desk.accounts.all()
    for row in rows:
        view = account_view(desk, row)
        if json:
            typer.echo(view.model_dump_json())
        else:
            _print(desk, view)
    if not rows:
        typer.echo("There are no accounts: nothing was posted yet.", err=True)


def stop(
    desk: Desk,
    account: _Account,
    why: Annotated[str, typer.Option(metavar="REASON", help="What whoever comes later reads.")],
) -> None:
    """Have nothing go out, and ask nothing of the account, until somebody has it go on."""
    name = _found(desk, account).account
    desk.accounts.stop(name, why)
    typer.echo(f"{name} is stopped.")


def resume(desk: Desk, account: _Account) -> None:
    """Have an account go on, whatever stopped it."""
    name = _found(desk, account).account
    before = _found(desk, account).state
    desk.accounts.resume(name)
    typer.echo(f"{name} goes on.")
    if before == "login_needed":
        typer.echo("Its login was not taken: unless somebody logs in again, it will not be this time either.", err=True)


def approval(
    desk: Desk,
    account: _Account,
    on: Annotated[Literal["on", "off"], typer.Argument(metavar="on|off", help="Whether they do.")],
) -> None:
    """Say whether new posts of an account wait for a yes. Those that wait already go on waiting."""
    name = _found(desk, account).account
    desk.accounts.set_approval(name, on == "on")
    typer.echo(f"New posts of {name} {_APPROVAL[on == 'on']}.")


def _found(desk: Desk, account: str) -> "AccountRow":
    try:
        return desk.accounts.get(account)
    except NotFound:
        # People say the name, and leave out the rest.
        named = [row for row in desk.accounts.all() if _name(row.account) == _name(account)]
        if len(named) != 1:
            raise
        return named[0]


def _name(account: str) -> str:
    return account.rpartition("/")[2].removeprefix("@").lower()


def _print(desk: Desk, view: "AccountView") -> None:
    from stylegram.publisher.outlook import state_words
    from stylegram.publisher.tables import AccountState
    from stylegram.publisher.terminal import fact, say

    say(_stdout, view.account, bold=True)
    fact(_stdout, "state", state_words(view.state) + (f" until {desk.when(view.until)}" if view.until else ""))
    fact(_stdout, "reason", view.reason)
    fact(_stdout, "approval", f"new posts {_APPROVAL[view.approval]}")
    fact(_stdout, "next post", view.outlook)
    waiting = f"{view.waiting} waiting, {view.waiting_for_approval} of them for a yes"
    fact(_stdout, "posts", f"{waiting}; {view.needs_review} to be reviewed")
    fact(_stdout, "since", desk.when(view.since))
    match view.state:
        case AccountState.STOPPED:
            say(_stdout, "Nothing goes out, and nothing is asked of the account, until somebody has it go on:")
            say(_stdout, f"  {desk.command(f'account resume {shlex.quote(view.account)}')}")
        case AccountState.LOGIN_NEEDED:
            say(_stdout, "Nothing goes out until somebody logs in again; then it goes on by itself.")
        case AccountState.COOLING:
            say(_stdout, "It goes on by itself.")
        case AccountState.ACTIVE:
            pass
