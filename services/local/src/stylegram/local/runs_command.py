"""`stylegram runs`: look through the record, compare runs, find the best and what matters."""

import re
from collections.abc import Iterable
from typing import TYPE_CHECKING, Annotated

import typer

from stylegram.local.options import AsJson, StateFolder, Url, stdout

if TYPE_CHECKING:
    from stylegram.common.views.runs import RunView

runs_app = typer.Typer(no_args_is_help=True, help="The record: list runs, show and compare them, find the best.")

_CONDITION = re.compile(r"\s*([\w.-]+)\s*(>=|<=|=)\s*(.*?)\s*", re.DOTALL)
_ENDS = {"=": "", ">=": ".min", "<=": ".max"}
_ORDERS = {None: [], True: [("order", "descending")], False: [("order", "ascending")]}

_RunId = Annotated[str, typer.Argument(metavar="ID", help="The run's job, or the beginning of its id.")]
_Where = Annotated[
    list[str] | None,
    typer.Option(
        metavar="CONDITION",
        help="Only runs that are so, as in optimizer=adam, 'learning_rate>=0.1', style=the_scream.jpg or study=night;"
        " of any hyperparameter or metric. Repeated, all of them; any of the values of one name.",
    ),
]
_Limit = Annotated[int, typer.Option(min=1, max=1000, metavar="N", help="Runs at most.")]
_All = Annotated[bool, typer.Option("--all", help="All of them, however many.")]


def query_of(conditions: Iterable[str] | None) -> list[tuple[str, str]]:
    """The conditions as parameters of a query.

    >>> query_of(["optimizer=adam", "learning-rate >= 0.1"])
    [('optimizer', 'adam'), ('learning_rate.min', '0.1')]

    Raises:
        typer.BadParameter: one is none.
    """
    query = []
    for condition in conditions or ():
        match = _CONDITION.fullmatch(condition)
        if match is None:
            raise typer.BadParameter(
                f"'{condition}' is no condition; write name=value, 'name>=value' or 'name<=value'.",
                param_hint="--where",
            )
        name, sign, value = match.groups()
        query.append((name.replace("-", "_") + _ENDS[sign], value))
    return query


@runs_app.command("list")
def list_runs(
    where: _Where = None,
    sort: Annotated[
        str,
        typer.Option(
            metavar="NAME",
            help="started_at, score, relative_content_error, relative_style_error, rating or post_likes.",
        ),
    ] = "started_at",
    descending: Annotated[
        bool | None,
        typer.Option(
            "--descending/--ascending", help="Newest, most stars and most likes first by default, else the least."
        ),
    ] = None,
    limit: _Limit = 20,
    every: _All = False,
    json: AsJson = False,
    url: Url = None,
    state: StateFolder = None,
) -> None:
    """List runs, newest first."""
    from stylegram.local.record_api import open_record

    query = [*query_of(where), ("sort", sort), *_ORDERS[descending]]
    with open_record(url, state) as record:
        _print(record.runs(query, limit=None if every else limit), json=json)


@runs_app.command()
def best(
    by: Annotated[
        str,
        typer.Option(
            metavar="WHAT",
            help="pareto: no other run has less of one error and not more of the other; or score, rating, likes.",
        ),
    ] = "pareto",
    where: _Where = None,
    limit: _Limit = 20,
    every: _All = False,
    json: AsJson = False,
    url: Url = None,
    state: StateFolder = None,
) -> None:
    """List the best runs: those that keep most of the photograph for their style, or by one number."""
    from stylegram.local.record_api import open_record

    with open_record(url, state) as record:
        _print(record.best([*query_of(where), ("by", by)], limit=None if every else limit), json=json)


@runs_app.command()
def show(run_id: _RunId, json: AsJson = False, url: Url = None, state: StateFolder = None) -> None:
    """Show all that is known of a run."""
    from stylegram.local.record_api import open_record
    from stylegram.local.runs_display import print_run

    with open_record(url, state) as record:
        run = record.find(run_id)
    if json:
        typer.echo(run.model_dump_json())
    else:
        print_run(stdout, run)


@runs_app.command()
def compare(
    run_ids: Annotated[list[str], typer.Argument(metavar="ID...", help="Two to ten runs, or how their ids begin.")],
    json: AsJson = False,
    url: Url = None,
    state: StateFolder = None,
) -> None:
    """Show runs side by side: in what they differ, and what is best."""
    from stylegram.local.record_api import open_record
    from stylegram.local.runs_display import print_comparison

    with open_record(url, state) as record:
        comparison = record.compare(run_ids)
    if json:
        typer.echo(comparison.model_dump_json())
    else:
        print_comparison(stdout, comparison)


@runs_app.command()
def importance(
    of: Annotated[
        str, typer.Option(metavar="WHAT", help="score, relative_content_error or relative_style_error.")
    ] = "score",
    where: _Where = None,
    json: AsJson = False,
    url: Url = None,
    state: StateFolder = None,
) -> None:
    """Show which hyperparameters matter, and how sure that is."""
    from stylegram.local.record_api import open_record
    from stylegram.local.runs_display import print_importance

    with open_record(url, state) as record:
        found = record.importance([*query_of(where), ("of", of)])
    if json:
        typer.echo(found.model_dump_json())
    else:
        print_importance(stdout, found)


def _print(runs: "Iterable[RunView]", *, json: bool) -> None:
    from stylegram.local.runs_display import table_of

    if json:
        for run in runs:
            typer.echo(run.model_dump_json())
    elif listed := list(runs):
        stdout.print(table_of(listed))
    else:
        typer.echo("There are no such runs.", err=True)
