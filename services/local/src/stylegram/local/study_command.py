"""`stylegram study`: try hyperparameters by plan, and see what came of it."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from stylegram.common.errors import ConfigurationError, Interrupted, InvalidInput
from stylegram.common.logs import configure_logs
from stylegram.local.options import AsJson, StateFolder, Url, stderr, stdout
from stylegram.local.stages import Stages

if TYPE_CHECKING:
    from collections.abc import Callable

    from stylegram.local.study_api import StudyApi
    from stylegram.logger.suggestions.schemas import NewStudy, Study, Trial

study_app = typer.Typer(no_args_is_help=True, help="Studies: try hyperparameters by plan, and see what came of it.")

_Name = Annotated[str, typer.Argument(metavar="NAME", help="The study's name.")]


def _known_sampler(word: str) -> str:
    from stylegram.logger.suggestions.samplers import SamplerName

    if word not in list(SamplerName):
        raise typer.BadParameter(f"'{word}' is no sampler: those are {', '.join(SamplerName)}.")
    return word


@study_app.command()
def create(
    name: _Name,
    sampler: Annotated[
        str,
        typer.Option(
            metavar="NAME",
            callback=_known_sampler,
            help="transfer learns from all pairs at once; random draws, tpe, nsga and gp are Optuna's.",
        ),
    ] = "transfer",
    budget: Annotated[int, typer.Option(min=1, max=10_000, metavar="N", help="Trials in all.")] = 60,
    pairs: Annotated[
        int | None, typer.Option(min=1, max=100, metavar="N", help="So many pairs of all pictures; one by default.")
    ] = None,
    content: Annotated[
        list[str] | None,
        typer.Option(metavar="NAME", help="A photograph, by its name or SHA-256; may be repeated."),
    ] = None,
    style: Annotated[list[str] | None, typer.Option(metavar="NAME", help="A painting, likewise.")] = None,
    search: Annotated[
        list[str] | None,
        typer.Option(
            metavar="NAME=VALUES",
            help="What to search, see above; may be repeated. The usual by default.",
        ),
    ] = None,
    settings: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="NAME=VALUE", help="A hyperparameter that is not searched; may be repeated."),
    ] = None,
    size: Annotated[int, typer.Option(metavar="PX", help="Longer side of the pictures, in pixels.")] = 256,
    seed: Annotated[int, typer.Option(min=0, help="Seed of the choices.")] = 0,
    warm_start: Annotated[
        bool, typer.Option("--warm-start/--no-warm-start", help="Begin from what the record knows already.")
    ] = True,
    url: Url = None,
    state: StateFolder = None,
) -> None:
    """Make a study; `stylegram study run` then runs it.

    What is searched are hyperparameters, as in --search content_weight=0.01..1:log or --search start=content,preview;
    values that are lists themselves have | between them.
    """
    from stylegram.common.records import Role
    from stylegram.local.study_wishes import base_of, pairs_of, space_of
    from stylegram.logger.suggestions.samplers import SamplerName

    base, chosen = base_of(settings or (), size)
    space = space_of(search or (), chosen)
    with _open(url, state) as studies:
        study = studies.create(
            _new_study(
                name=name,
                sampler=SamplerName(sampler),
                budget=budget,
                seed=seed,
                space=space,
                base=base,
                warm_start=warm_start,
                pairs=pairs_of(
                    list(studies.assets(Role.CONTENT)),
                    list(studies.assets(Role.STYLE)),
                    pairs,
                    content=content or (),
                    style=style or (),
                ),
            )
        )
    many = f"{len(study.pairs)} pairs" if len(study.pairs) > 1 else "one pair"
    typer.echo(
        f"The study {study.name} has {study.budget} trials on {many}; `stylegram study run {study.name}` runs it."
    )


@study_app.command()
def run(
    name: _Name,
    workers: Annotated[int, typer.Option(min=1, max=1000, metavar="N", help="Jobs at once.")] = 1,
    url: Url = None,
    state: Annotated[
        Path | None,
        typer.Option(
            exists=True, file_okay=False, help="Work in a laptop's state folder, where no server does meanwhile."
        ),
    ] = None,
) -> None:
    """Run a study until its budget is used up. Ctrl-C leaves it as it is: the same command again goes on."""
    from stylegram.local.study_display import progress_words, trial_words
    from stylegram.local.study_runner import StudyRunner

    with _working(url, state) as (studies, check), Stages(stderr) as stages:
        stage = stages.begin(f"Study {name}")

        def show(study: "Study", ended: "Trial | None") -> None:
            if ended:
                stage.note(trial_words(ended))
            stage.update((study.done + study.failed) / study.budget, progress_words(study))

        try:
            study = StudyRunner(studies, name, workers, show, check).run()
        except KeyboardInterrupt:
            raise Interrupted(f"The study goes on with `stylegram study run {name}`; nothing is lost.") from None
        stage.done(progress_words(study))
    typer.echo(f"The study {name} is done; `stylegram study report {name} --out FILE.html` shows what came of it.")


@study_app.command()
def status(
    name: Annotated[str | None, typer.Argument(metavar="NAME", help="The study's name.")] = None,
    every: Annotated[bool, typer.Option("--all", help="All studies, a line each.")] = False,
    json: AsJson = False,
    url: Url = None,
    state: StateFolder = None,
) -> None:
    """Show how a study stands, or all of them."""
    from stylegram.local.study_display import print_study, table_of

    if (name is None) != every:
        raise typer.BadParameter("give a study's name, or --all")
    with _open(url, state) as studies:
        if name is None:
            found = studies.all()
            if json:
                for study in found:
                    typer.echo(study.model_dump_json())
            elif found:
                stdout.print(table_of(found))
            else:
                typer.echo("There are no studies.", err=True)
            return
        study, trials = studies.study(name), studies.trials(name)
    if json:
        typer.echo(study.model_dump_json())
    else:
        print_study(stdout, study, trials)


@study_app.command()
def report(
    name: _Name,
    out: Annotated[Path, typer.Option(dir_okay=False, metavar="FILE", help="The page, as in report.html.")],
    url: Url = None,
    state: StateFolder = None,
) -> None:
    """Write one page of what a study found, with its pictures."""
    from stylegram.local.api import open_api
    from stylegram.local.files import check_folder
    from stylegram.local.study_report import gather
    from stylegram.logger.report import render_report

    check_folder(out.parent)
    with open_api(url, state) as api, Stages(stderr) as stages:
        stage = stages.begin("Report")
        page = render_report(*gather(api, name))
        part = out.with_name(f".{out.name}.part")
        part.write_text(page, encoding="utf-8")
        part.replace(out)
        stage.done(str(out))


def _new_study(**facts: object) -> "NewStudy":
    from pydantic import ValidationError

    from stylegram.logger.suggestions.schemas import NewStudy

    try:
        return NewStudy.model_validate(facts)
    except ValidationError as error:
        issue = error.errors()[0]
        where = ".".join(map(str, issue["loc"]))
        raise InvalidInput(f"That is no study: {where}: {issue['msg'].removeprefix('Value error, ')}.") from None


@contextmanager
def _open(url: str | None, state: Path | None) -> "Iterator[StudyApi]":
    from stylegram.local.api import open_api
    from stylegram.local.study_api import StudyApi

    with open_api(url, state) as api:
        yield StudyApi(api)


@contextmanager
def _working(url: str | None, state: Path | None) -> "Iterator[tuple[StudyApi, Callable[[], None]]]":
    """Where the study is, with somebody who works on its jobs; and what raises when nobody does any more."""
    if state is None:
        with _open(url, None) as studies:
            yield studies, lambda: None
        return
    if url is not None:
        raise ConfigurationError("--url and --state are two places to work.", advice="Give one of them.")
    import logging

    import httpx2

    from stylegram.ingest.http.app import create_app
    from stylegram.local.api import Api
    from stylegram.local.house import House
    from stylegram.local.in_process import InProcess
    from stylegram.local.state_folder import check_is_state_folder, ingest_settings
    from stylegram.local.study_api import StudyApi
    from stylegram.logger.http.app import logger_part

    check_is_state_folder(state)
    sources = ingest_settings(state.absolute())
    try:
        house = House(state, sources.content_source_url, sources.style_source_url)
    except ConfigurationError as error:
        if "Another stylegram" not in error.message:
            raise
        raise ConfigurationError(
            error.message, advice="Have that one run the study: give its address with --url."
        ) from None
    try:
        app = InProcess(create_app(house.ingest, logger_part(house.logger)))
        with (
            house.log.open("a", encoding="utf-8") as log,
            httpx2.Client(transport=app, base_url="http://127.0.0.1", trust_env=False) as client,
        ):
            configure_logs(json=True, stream=log)
            # Says of each look at a job that it was taken.
            logging.getLogger("httpx2").setLevel(logging.WARNING)
            with house.interruptible(), house.running():
                yield StudyApi(Api(client, str(state), streams=False)), house.check
    finally:
        configure_logs(level="warning")
        house.close()
