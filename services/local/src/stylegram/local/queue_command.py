"""`stylegram queue`: see how the queues stand, hold them up, and see to their dead letters."""

import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated

import typer
from rich.markup import escape
from rich.table import Table

from stylegram.common.errors import ConfigurationError, InvalidMessage
from stylegram.common.topology import QUEUES, STYLIZER_QUEUES
from stylegram.local.options import AsJson, StateFolder, Url, stderr, stdout

if TYPE_CHECKING:
    from stylegram.common.ports import DeadLetter

queue_app = typer.Typer(no_args_is_help=True, help="The queues: how long they are, pause them, take dead letters out.")

_GROUPS = {"stylizer": tuple(queue.name for queue in STYLIZER_QUEUES)}
_Name = Annotated[
    str,
    typer.Argument(
        metavar="NAME",
        help=f"One of {', '.join(queue.name for queue in QUEUES)}; or stylizer, for all that hold jobs.",
    ),
]


@queue_app.command()
def status(json: AsJson = False, url: Url = None, state: StateFolder = None) -> None:
    """Show how many messages wait in each queue, how many nobody could use, and whether it is paused."""
    from stylegram.local.api import open_api

    with open_api(url, state) as api:
        queues = api.queues()
    if json:
        for queue in queues:
            typer.echo(queue.model_dump_json())
        return
    table = Table("queue", "waiting", "dead", "", box=None)
    for column in table.columns[1:3]:
        column.justify = "right"
    for queue in queues:
        table.add_row(escape(queue.name), str(queue.waiting), str(queue.dead), "paused" if queue.paused else "")
    stdout.print(table)


@queue_app.command()
def pause(name: _Name, url: Url = None, state: StateFolder = None) -> None:
    """Have nobody take anything from a queue; what is being worked on goes on."""
    from stylegram.local.api import open_api

    with open_api(url, state) as api:
        for queue in _queues(name):
            api.pause(queue)
            typer.echo(f"{queue} is paused.")


@queue_app.command()
def resume(name: _Name, url: Url = None, state: StateFolder = None) -> None:
    """End a pause."""
    from stylegram.local.api import open_api

    with open_api(url, state) as api:
        for queue in _queues(name):
            api.resume(queue)
            typer.echo(f"{queue} goes on.")


@queue_app.command("drain-dead")
def drain_dead(
    name: _Name,
    requeue: Annotated[
        bool, typer.Option("--requeue", help="Put them back into the queue, for another try, instead of away.")
    ] = False,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask first.")] = False,
    json: AsJson = False,
    url: Url = None,
    state: StateFolder = None,
) -> None:
    """Take the messages that nobody could use out of a queue's dead letters, and print them: with --json, whole."""
    from stylegram.local.api import Api, open_api

    def letters_of(api: Api, queues: Sequence[str]) -> "list[DeadLetter]":
        return [letter for queue in queues for letter in api.dead_letters(queue)]

    queues = _queues(name)
    with open_api(url, state) as api:
        if not yes:
            if not (there := letters_of(api, queues)):
                typer.echo(f"{name} has no dead letters.", err=True)
                return
            stderr.print(_table_of(there))
            _ask(f"{'Put them back into' if requeue else 'Remove them from'} {' and '.join(queues)}?")
        drained = []
        for queue in queues:
            # Printed queue by queue: should the next one fail, those of this one are not lost.
            letters = api.drain_dead(queue, requeue=requeue)
            _print_letters(letters, json=json)
            drained += letters
    typer.echo(f"{len(drained)} {'put back' if requeue else 'removed'}.", err=True)


def _queues(name: str) -> Sequence[str]:
    return _GROUPS.get(name, (name,))


def _ask(question: str) -> None:
    if not sys.stdin.isatty():
        raise ConfigurationError("There is nobody to ask whether these may go.", advice="Add --yes.")
    typer.confirm(question, abort=True, err=True)


def _print_letters(letters: "Sequence[DeadLetter]", *, json: bool) -> None:
    if json:
        from pydantic import TypeAdapter

        from stylegram.common.ports import DeadLetter

        adapter = TypeAdapter(DeadLetter)
        for letter in letters:
            typer.echo(adapter.dump_json(letter))
    elif letters:
        stdout.print(_table_of(letters))


def _table_of(letters: "Sequence[DeadLetter]") -> Table:
    from stylegram.common.messages import decode
    from stylegram.ingest.pages.words import ago

    table = Table("queue", "what", "job", "deliveries", "died", "reason", box=None)
    for letter in letters:
        try:
            message = decode(letter.body)
            what: tuple[str, str] = (message.type, message.job_id)
        except InvalidMessage:
            what = ("unreadable", "")
        table.add_row(*map(escape, (letter.queue, *what, str(letter.count), ago(letter.died_at), letter.reason)))
    return table
