"""The commands `posts` and `account`: see what goes out and when, say yes or no, settle what nobody knows.

In a cluster they are `python -m stylegram.publisher posts …`, on a laptop `stylegram posts … --state FOLDER`; both work
whether or not a publisher runs.
"""

import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console

from stylegram.common.errors import ConfigurationError, InvalidInput, StylegramError
from stylegram.common.migrate_command import WAIT, WAIT_HELP
from stylegram.publisher.account_command import account_app
from stylegram.publisher.desk import Desk, DeskOpener, at_desk

if TYPE_CHECKING:
    from stylegram.publisher.tables import PostRow

_stdout = Console()
_SHORTEST_KEY = 4

_Key = Annotated[
    str, typer.Argument(metavar="KEY", help="The post's key, or its beginning; or what its caption ends with.")
]
_AsJson = Annotated[bool, typer.Option("--json", help="Print JSON, an object a line, on standard output.")]


def posts_app(open_at: DeskOpener) -> typer.Typer:
    """The commands for posts.

    Args:
        open_at: opens the desk on which each works.
    """
    app = typer.Typer(no_args_is_help=True, help="The posts: list them, say yes or no to them, settle them.")
    app.command("list")(at_desk(list_posts, open_at))
    for command in (show, approve, reject, retry, resolve, doubt, caption):
        app.command()(at_desk(command, open_at))
    return app


def run(words: Sequence[str]) -> int:
    """Run `python -m stylegram.publisher` with these words; returns the exit status."""
    from stylegram.common.logs import configure_logs

    configure_logs(level="warning")
    app = typer.Typer(
        no_args_is_help=True,
        pretty_exceptions_enable=False,
        add_completion=False,
        help="Without a command, publish until told to stop. The settings come from the environment.",
    )
    app.add_typer(posts_app(_open_from_environment), name="posts")
    app.add_typer(account_app(_open_from_environment), name="account")
    app.command("migrate")(_migrate)
    try:
        app(list(words), prog_name=_PROGRAM)
    except StylegramError as error:
        Console(stderr=True).print(f"Error: {error}", style="red", markup=False, highlight=False, soft_wrap=True)
        return 2 if isinstance(error, ConfigurationError) else 1
    except SystemExit as end:
        return int(end.code or 0)
    return 0


_PROGRAM = "python -m stylegram.publisher"


def _migrate(
    wait: Annotated[float, typer.Option(metavar="SECONDS", help=f"{WAIT_HELP.capitalize()}.")] = WAIT,
) -> None:
    """Bring the tables up to date, and end."""
    from stylegram.common.migrate_command import migrate_tables
    from stylegram.common.service import run_to_end
    from stylegram.publisher.settings import PublisherSettings

    raise typer.Exit(run_to_end(lambda: migrate_tables(PublisherSettings, "publisher", wait)))


@contextmanager
def _open_from_environment() -> Iterator[Desk]:
    from stylegram.common.service import read_settings
    from stylegram.publisher.desk import open_desk
    from stylegram.publisher.settings import PublisherSettings

    with open_desk(read_settings(PublisherSettings), lambda words: f"{_PROGRAM} {words}") as desk:
        yield desk


def _known_states(words: list[str] | None) -> list[str]:
    from stylegram.publisher.tables import PostState

    for word in words or ():
        if word not in list(PostState):
            raise typer.BadParameter(f"'{word}' is no state of a post: those are {', '.join(PostState)}.")
    return words or []


def list_posts(
    desk: Desk,
    only: Annotated[
        list[str] | None,
        typer.Option(
            metavar="STATE",
            callback=_known_states,
            help="Only posts that are so: prepared, uploading, committing, published, failed or needs_review; may be"
            " repeated.",
        ),
    ] = None,
    limit: Annotated[int, typer.Option(min=1, max=1000, metavar="N", help="Posts at most.")] = 20,
    json: _AsJson = False,
) -> None:
    """List the posts, newest first, and what each waits for."""
    from stylegram.publisher.outlook import outlook_of
    from stylegram.publisher.posts_display import remark, table_of
    from stylegram.publisher.tables import PostState
    from stylegram.publisher.views import post_views

    rows = desk.ledger.posts([PostState(word) for word in only or ()], limit=limit)
    if json:
        for view in post_views(desk, rows):
            typer.echo(view.model_dump_json(exclude={"feedback"}))
    elif rows:
        outlooks = {account: outlook_of(desk, account) for account in {row.account for row in rows}}
        lines = [(row, _age(row), remark(row, outlooks[row.account])) for row in rows]
        _stdout.print(table_of(lines, _stdout.width))
    else:
        typer.echo(f"There are no {'such ' if only else ''}posts.", err=True)


def show(
    desk: Desk,
    key: _Key,
    out: Annotated[
        Path | None,
        typer.Option(metavar="FOLDER", file_okay=False, help="Write the post as it would go out into this folder."),
    ] = None,
    json: _AsJson = False,
) -> None:
    """Show everything about a post: its words, how it was taken, what it waits for, how to decide about it."""
    from stylegram.publisher.outlook import waits_for
    from stylegram.publisher.post_files import write_post
    from stylegram.publisher.posts_display import print_post
    from stylegram.publisher.views import post_view

    row = _found(desk, key)
    waits, feedback = waits_for(desk, row), desk.ledger.feedback(row.key)
    files = write_post(desk.composer().post(row), out) if out else []
    if json:
        typer.echo(post_view(row, waits, feedback).model_dump_json())
        return
    print_post(_stdout, desk, row, waits, feedback)
    for file in files:
        typer.echo(file)


def approve(
    desk: Desk,
    keys: Annotated[
        list[str] | None, typer.Argument(metavar="KEY...", help="Keys of posts, or their beginnings.")
    ] = None,
    every: Annotated[bool, typer.Option("--all", help="All that wait for a yes.")] = False,
) -> None:
    """Say yes: the posts go out when it is time. Of a grid one tile stands for all nine."""
    if bool(keys) == every:
        raise typer.BadParameter("Name posts, or give --all.")
    rows = [_found(desk, key) for key in keys or ()] if keys else _unapproved(desk)
    for row in rows:
        if every and desk.ledger.get(row.key).approved_at is not None:
            continue  # with another tile of its grid, and it may be on its way already
        desk.decisions.approve(row.key)
        _tell(desk, row.key, "approved")
    if not rows:
        typer.echo("No post waits for a yes.", err=True)


def reject(
    desk: Desk,
    key: _Key,
    why: Annotated[str, typer.Option(metavar="REASON", help="What is kept as the reason.")] = "not wanted",
) -> None:
    """Say no: the post does not go out. Of a grid one tile stands for all that are not out yet."""
    row = _found(desk, key)
    desk.decisions.reject(row.key, why)
    typer.echo(f"Post {row.key} is rejected.")


def retry(desk: Desk, key: _Key) -> None:
    """Have a post that failed, or was rejected, tried again; that is a yes as well."""
    row = _found(desk, key)
    desk.decisions.retry(row.key)
    _tell(desk, row.key, "to be tried again")


def resolve(
    desk: Desk,
    key: _Key,
    published: Annotated[str | None, typer.Option(metavar="URL", help="It is out, and there.")] = None,
    not_published: Annotated[bool, typer.Option("--not-published", help="It is surely not out.")] = False,
) -> None:
    """Say whether a post is out of which nobody knows; `show` tells how to find out."""
    from stylegram.publisher.addresses import check_address

    if (published is not None) == not_published:
        raise typer.BadParameter("Give --published URL, or --not-published.")
    row = _found(desk, key)
    if published is not None:
        check_address(published, row.account)
    desk.decisions.settle(row.key, published)
    if published:
        typer.echo(f"Post {row.key} is published: {published}")
    else:
        typer.echo(f"Post {row.key} is not out. To have it tried again: {desk.command(f'posts retry {row.key[:8]}')}")


def _instant(text: str) -> datetime:
    with suppress(ValueError):
        if (time := datetime.fromisoformat(text)).tzinfo:
            return time
    raise typer.BadParameter(f"'{text}' is no time with its zone, as in '2026-11-20 02:00:00+00'.")


def doubt(
    desk: Desk,
    since: Annotated[
        datetime,
        typer.Option(
            metavar="TIME", parser=_instant, help="When the backup was made, with the zone: '2026-11-20 02:00:00+00'."
        ),
    ],
) -> None:
    """After a backup was put back: have the accounts asked whether what waits in it has gone out since.

    The next publisher asks, in a dry run too. What it does not find then waits for a verdict, by `resolve`.
    """
    from stylegram.common.clock import utcnow

    if since > utcnow():
        raise typer.BadParameter("No backup was made in the future.", param_hint="--since")
    count = desk.decisions.doubt(since)
    typer.echo(f"Posts that wait: {count}. The next publisher asks whether they are out.")


def caption(
    desk: Desk,
    key: _Key,
    file: Annotated[str, typer.Option(metavar="FILE|-", help="UTF-8 text; - is standard input.")],
) -> None:
    """Give a post that is not out yet another caption. The number by which it is found again is put below it."""
    from stylegram.publisher.own_caption import caption_in, own_caption

    row = _found(desk, key)
    words = own_caption(caption_in(file), row.key)
    desk.decisions.rewrite(row.key, words)
    typer.echo(f"Post {row.key} now says:\n\n{words}")


def _found(desk: Desk, key: str) -> "PostRow":
    wanted = key.split()[-1].lower() if key.strip() else ""
    if len(wanted) < _SHORTEST_KEY:
        raise InvalidInput(
            f"'{key}' is no post's key.", advice=f"Give a key, or its first {_SHORTEST_KEY} characters or more."
        )
    return desk.ledger.find(wanted)


def _unapproved(desk: Desk) -> "list[PostRow]":
    from stylegram.publisher.tables import PostState

    return desk.ledger.posts((PostState.PREPARED,), approved=False, limit=sys.maxsize)[::-1]


def _tell(desk: Desk, key: str, what: str) -> None:
    from stylegram.publisher.outlook import outlook_of

    row = desk.ledger.get(key)
    outlook = outlook_of(desk, row.account)
    typer.echo(f"Post {key} is {what}{f': {outlook.remark(row)}' if outlook else ''}.")


def _age(row: "PostRow") -> str:
    from stylegram.common.clock import utcnow

    seconds = (utcnow() - (row.published_at or row.created_at)).total_seconds()
    for unit, length in (("d", 86_400), ("h", 3_600), ("min", 60)):
        if seconds >= length:
            return f"{seconds / length:.0f} {unit}"
    return "now"
