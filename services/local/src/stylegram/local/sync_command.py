"""`stylegram sync`: bring what Stylegram has in line with the sources, and tell what that changed."""

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, TypeAlias

import typer

from stylegram.common.errors import ConfigurationError, NotFound, StylegramError, Unavailable
from stylegram.common.logs import configure_logs
from stylegram.local.options import AsJson, Url, stderr, stdout
from stylegram.local.picture_sources import MaybePhotos, MaybeStyles, check_state_is_given
from stylegram.local.stages import Stages

if TYPE_CHECKING:
    from stylegram.ingest.sync import SyncReport
    from stylegram.local.sync_display import SyncStages

_LOOK_SECONDS = 0.3

_Outcome: TypeAlias = "tuple[Sequence[SyncReport], StylegramError | None]"
"""What was done, and what ended a part of it before its time."""
_Sync: TypeAlias = "Callable[[bool, SyncStages], _Outcome]"
"""Syncs, listing everything or not, and shows how it goes."""


def sync(
    full: Annotated[
        bool, typer.Option("--full", help="List everything, also where a source can tell what has changed.")
    ] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only tell what would be done.")] = False,
    watch: Annotated[bool, typer.Option("--watch", help="Again and again, until Ctrl-C.")] = False,
    every: Annotated[float, typer.Option(metavar="SECONDS", min=1, help="Pause between two, with --watch.")] = 60.0,
    photos: MaybePhotos = None,
    styles: MaybeStyles = None,
    state: Annotated[
        Path | None,
        typer.Option(
            file_okay=False,
            help="Sync into a laptop's state folder instead; from --photos and --styles, or from the sources that"
            " STYLEGRAM_CONTENT_SOURCE_URL and STYLEGRAM_STYLE_SOURCE_URL name.",
        ),
    ] = None,
    json: AsJson = False,
    url: Url = None,
) -> None:
    """Bring new and changed pictures in, and tell what was new, changed, gone and refused, and why.

    Exit code 1 if a file could not be read; the next sync tries it again.
    """
    from stylegram.local.sync_display import SyncStages, print_reports

    with _syncing(url, state, photos, styles, dry_run=dry_run) as run:
        while True:
            unreadable = 0
            try:
                with Stages(stderr) as stages:
                    reports, problem = run(full, SyncStages(stages, "Look at" if dry_run else "Sync"))
                unreadable = sum(report.unreadable for report in reports)
                print_reports(stdout, reports, json=json)
                if problem:
                    raise problem
            except StylegramError as error:
                # Mended elsewhere, or over by the next time: a folder that is not mounted, another sync.
                if not watch or not (error.retryable or isinstance(error, NotFound)):
                    raise
                stderr.print(f"{error}", style="yellow", markup=False, highlight=False, soft_wrap=True)
            if not watch:
                raise typer.Exit(1 if unreadable else 0)
            time.sleep(every)


@contextmanager
def _syncing(
    url: str | None, state: Path | None, photos: str | None, styles: str | None, *, dry_run: bool
) -> Iterator[_Sync]:
    check_state_is_given(state, photos, styles)
    if state is None:
        with _there(url, dry_run=dry_run) as run:
            yield run
        return
    if url is not None:
        raise ConfigurationError("--url and --state are two places to sync.", advice="Give one of them.")
    with _here(state, photos, styles, dry_run=dry_run) as run:
        yield run


@contextmanager
def _there(url: str | None, *, dry_run: bool) -> Iterator[_Sync]:
    """At a Stylegram that runs."""
    from stylegram.local.api import open_api

    with open_api(url, None) as api:

        def run(full: bool, stages: "SyncStages") -> _Outcome:
            status = api.start_sync(full=full, dry_run=dry_run)
            began = status.started_at
            while status.running and status.started_at == began:
                if status.reports:
                    stages.show(status.done, status.total, status.reports[-1])
                time.sleep(_LOOK_SECONDS)
                status = api.sync_status()
            if status.started_at != began:
                raise Unavailable("Nobody knows how the sync ended: Stylegram was started anew, or another sync was.")
            for report in status.reports:
                stages.end(report)
            return status.reports, Unavailable(status.problem) if status.problem else None

        yield run


@contextmanager
def _here(state: Path, photos: str | None, styles: str | None, *, dry_run: bool) -> Iterator[_Sync]:
    """In a state folder, whether or not somebody works in it meanwhile."""
    from contextlib import closing

    from stylegram.ingest.bootstrap import bootstrap
    from stylegram.ingest.sync import SyncRunning
    from stylegram.local.state_folder import check_apart, check_sources_are_named, ingest_settings, log_file

    state = state.absolute()
    settings = ingest_settings(state, photos, styles)
    check_sources_are_named(settings)
    check_apart(state, settings.content_source_url, settings.style_source_url)
    state.mkdir(parents=True, exist_ok=True)
    with closing(bootstrap(settings)) as ingest:

        def run(full: bool, stages: "SyncStages") -> _Outcome:
            problem = None
            with log_file(state).open("a", encoding="utf-8") as log:
                configure_logs(json=True, stream=log)
                try:
                    ingest.sync_all(stages.show, full=full, dry_run=dry_run)
                except StylegramError as error:
                    problem = error
                finally:
                    configure_logs(level="warning")
            # Of a sync that runs elsewhere they are somebody else's.
            reports = () if isinstance(problem, SyncRunning) else ingest.sync_status.reports
            for report in reports:
                stages.end(report)
            return reports, problem

        yield run
