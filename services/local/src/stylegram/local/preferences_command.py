"""`stylegram prefer`, `ranking` and `runs rate`: say which pictures are good, and see what order follows."""

from typing import TYPE_CHECKING, Annotated

import typer

from stylegram.local.options import AsJson, StateFolder, Url, stdout

if TYPE_CHECKING:
    from rich.table import Table

    from stylegram.common.views.preferences import Ranking, ShownPicture

_SHORT_ID = 8
_NO_STARS = "none"


def register(app: typer.Typer, runs_app: typer.Typer) -> None:
    """Add the commands.

    Args:
        app: gets `prefer` and `ranking`.
        runs_app: of the record's runs; gets `rate`.
    """
    app.command()(prefer)
    app.command()(ranking)
    runs_app.command()(rate)


def _stars(word: str) -> str:
    if word != _NO_STARS and word not in map(str, range(1, 6)):
        raise typer.BadParameter(f"'{word}' is not 1 to 5 stars, nor {_NO_STARS}.")
    return word


def rate(
    run_id: Annotated[str, typer.Argument(metavar="ID", help="The run's job, or the beginning of its id.")],
    stars: Annotated[
        str, typer.Argument(metavar="STARS", callback=_stars, help="1 to 5; `none` takes the rating back.")
    ],
    url: Url = None,
    state: StateFolder = None,
) -> None:
    """Say how good a run's picture is."""
    from stylegram.local.api import open_api
    from stylegram.local.preferences_api import PreferencesApi
    from stylegram.local.record_api import RecordApi

    with open_api(url, state) as api:
        run = RecordApi(api).find(run_id)
        PreferencesApi(api).rate(run.job_id, None if stars == _NO_STARS else int(stars))
    typer.echo(f"Run {run.job_id} has {'no rating' if stars == _NO_STARS else f'{stars} of 5 stars'}.")


def prefer(
    better: Annotated[
        str | None,
        typer.Argument(metavar="BETTER", help="The run whose picture is better: its job, or how that begins."),
    ] = None,
    worse: Annotated[str | None, typer.Argument(metavar="WORSE", help="The other run.")] = None,
    take_back: Annotated[
        str | None, typer.Option("--take-back", metavar="ID", help="Forget what was said under this id.")
    ] = None,
    json: AsJson = False,
    url: Url = None,
    state: StateFolder = None,
) -> None:
    """Say which of two pictures is better; without any, hear which two to look at next."""
    from stylegram.local.api import open_api
    from stylegram.local.preferences_api import PreferencesApi
    from stylegram.local.record_api import RecordApi

    if (better is None) != (worse is None) or (better is not None and take_back is not None):
        raise typer.BadParameter("Name two runs, the better one first; or none, or what to --take-back.")
    with open_api(url, state) as api:
        preferences = PreferencesApi(api)
        if take_back is not None:
            preferences.take_back(take_back)
            typer.echo(f"Comparison {take_back} is forgotten.")
        elif better is not None and worse is not None:
            record = RecordApi(api)
            said = preferences.say(record.find(better).job_id, record.find(worse).job_id)
            typer.echo(said.model_dump_json() if json else said.id)
        else:
            pair = preferences.next_pair()
            if json:
                typer.echo(pair.model_dump_json())
            else:
                for picture in (pair.first, pair.second):
                    typer.echo(f"{picture.job_id}  {_names(picture)}")
                typer.echo("Look at both, then: stylegram prefer BETTER WORSE", err=True)


def ranking(
    limit: Annotated[int, typer.Option(min=1, max=1000, metavar="N", help="Pictures at most.")] = 20,
    json: AsJson = False,
    url: Url = None,
    state: StateFolder = None,
) -> None:
    """List the pictures that people like most, and how sure that order is."""
    from stylegram.local.api import open_api
    from stylegram.local.preferences_api import PreferencesApi

    with open_api(url, state) as api:
        found = PreferencesApi(api).ranking(limit)
    if json:
        typer.echo(found.model_dump_json())
    elif not found.items:
        typer.echo("Nobody has said anything about a picture yet; `stylegram prefer` asks.", err=True)
    else:
        stdout.print(_table_of(found))
        typer.echo(
            f"{found.pictures} pictures, {found.comparisons} comparisons. Sure: the order of"
            f" {found.neighbours_sure:.0%} of all neighbours and of {found.pairs_sure:.0%} of all pairs. The first is"
            f" the best of all with {found.first_is_best:.0%} or more.",
            err=True,
        )


def _table_of(found: "Ranking") -> "Table":
    from rich.table import Table
    from rich.text import Text

    table = Table(box=None)
    for name in ("place", "run", "strength", "compared", "above next", "stars", "pictures"):
        table.add_column(name, justify="left" if name in ("run", "pictures") else "right")
    for each in found.items:
        cells = (
            str(each.place),
            each.job_id[:_SHORT_ID],
            f"{each.strength:+.2f} ±{each.deviation:.2f}",
            str(each.comparisons),
            "" if each.better_than_next is None else f"{each.better_than_next:.0%}",
            "" if each.rating is None else str(each.rating),
            f"{each.content_name or '?'} × {each.style_name or '?'}",
        )
        table.add_row(*(Text(cell, overflow="ellipsis", no_wrap=True) for cell in cells))
    return table


def _names(picture: "ShownPicture") -> str:
    return f"{picture.content_name or '?'} × {picture.style_name or '?'}"
