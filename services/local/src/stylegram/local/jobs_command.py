"""`stylegram jobs`: see how jobs stand, end them, repeat them, have them posted."""

from collections.abc import Iterable
from contextlib import suppress
from typing import TYPE_CHECKING, Annotated

import typer

from stylegram.common.errors import Interrupted, Unavailable
from stylegram.local.options import AsJson, StateFolder, Url, stderr, stdout
from stylegram.local.stages import Stages

if TYPE_CHECKING:
    from stylegram.ingest.schemas import Job
    from stylegram.local.api import Api

jobs_app = typer.Typer(no_args_is_help=True, help="The jobs: list, follow, cancel, repeat and post them.")

_JobId = Annotated[str, typer.Argument(metavar="ID", help="The job's id, or its beginning.")]


def _known_states(words: list[str] | None) -> list[str]:
    from stylegram.ingest.tables import JobState

    for word in words or ():
        if word not in list(JobState):
            raise typer.BadParameter(f"'{word}' is no state of a job: those are {', '.join(JobState)}.")
    return words or []


def _known_kinds(words: list[str] | None) -> list[str]:
    from stylegram.common.messages import PostKind

    for word in words or ():
        if word not in list(PostKind):
            raise typer.BadParameter(f"'{word}' is no kind of post: those are {', '.join(PostKind)}.")
    return words or []


@jobs_app.command("list")
def list_jobs(
    only: Annotated[
        list[str] | None,
        typer.Option(
            metavar="STATE",
            callback=_known_states,
            help="Only jobs that are so: queued, running, succeeded, failed or cancelled; may be repeated.",
        ),
    ] = None,
    limit: Annotated[int, typer.Option(min=1, max=1000, metavar="N", help="Jobs at most.")] = 20,
    every: Annotated[bool, typer.Option("--all", help="All of them, however many.")] = False,
    json: AsJson = False,
    url: Url = None,
    state: StateFolder = None,
) -> None:
    """List the jobs, newest first."""
    from stylegram.local.api import open_api
    from stylegram.local.job_display import table_of

    with open_api(url, state) as api:
        jobs: Iterable[Job] = api.all_jobs(only or ()) if every else api.jobs(only or (), limit=limit).items
        if json:
            for job in jobs:
                typer.echo(job.model_dump_json())
        elif listed := list(jobs):
            stdout.print(table_of(listed, stdout.width))
        else:
            typer.echo(f"There are no {'such ' if only else ''}jobs.", err=True)


@jobs_app.command()
def show(
    job_id: _JobId,
    follow: Annotated[
        bool, typer.Option("--follow", help="Watch it until it has ended; exit code 1 unless it succeeded.")
    ] = False,
    json: AsJson = False,
    url: Url = None,
    state: StateFolder = None,
) -> None:
    """Show all that matters of a job."""
    from stylegram.local.api import open_api
    from stylegram.local.job_display import print_job

    with open_api(url, state) as api:
        job = api.find(job_id)
        if follow and not job.finished:
            job = _follow(api, job.id, "The job goes on; only the watching ended.")
        paused = _paused_queue(api, job)
    if json:
        typer.echo(job.model_dump_json())
    else:
        print_job(stdout, job, paused)
    if follow and job.state != "succeeded":
        raise typer.Exit(1)


@jobs_app.command()
def cancel(
    job_id: _JobId,
    wait: Annotated[
        bool, typer.Option("--wait", help="Until no work is done on it any more; exit code 1 if it ended otherwise.")
    ] = False,
    url: Url = None,
    state: StateFolder = None,
) -> None:
    """End a job: one that is being painted stops at its next evaluation."""
    from stylegram.common.errors import StylegramError
    from stylegram.local.api import open_api

    with open_api(url, state) as api:
        job = api.cancel(api.find(job_id).id)
        if wait and not job.finished:
            job = _follow(api, job.id, "The job is still being cancelled; only the watching ended.")
    if not job.finished:
        typer.echo(f"Job {job.id} is being cancelled; it is when nobody works on it any more.")
    elif job.state == "cancelled":
        typer.echo(f"Job {job.id} is cancelled.")
    else:
        raise StylegramError(f"Job {job.id} was not cancelled: it has {job.state}.")


@jobs_app.command()
def retry(job_id: _JobId, url: Url = None, state: StateFolder = None) -> None:
    """Do again what failed or was cancelled, as a new job, whose id is printed."""
    from stylegram.local.api import open_api

    with open_api(url, state) as api:
        typer.echo(api.retry(api.find(job_id).id).id)


@jobs_app.command()
def post(
    job_id: _JobId,
    kinds: Annotated[
        list[str] | None,
        typer.Option(
            "--as",
            metavar="KIND",
            callback=_known_kinds,
            help="photo, carousel, grid, story or reel; may be repeated. What the publisher is set to by default.",
        ),
    ] = None,
    url: Url = None,
    state: StateFolder = None,
) -> None:
    """Have the picture of a job posted; what was posted already is not posted again."""
    from stylegram.local.api import open_api

    with open_api(url, state) as api:
        job = api.post(api.find(job_id).id, kinds or ())
    typer.echo(f"The picture of job {job.id} is to be posted; `stylegram jobs show` tells what becomes of it.")


def _follow(api: "Api", job_id: str, farewell: str) -> "Job":
    """The job as it ended; whoever does not want to wait so long is told the farewell."""
    from stylegram.local.job_display import paused_words, show_progress

    held_up = None
    try:
        with Stages(stderr) as stages:
            stage = stages.begin("Paint")
            for job in api.follow(job_id):
                before, held_up = held_up, _paused_queue(api, job)
                if held_up and held_up != before:
                    stage.note(paused_words(held_up))
                show_progress(stage, job)
    except KeyboardInterrupt:
        raise Interrupted(farewell) from None
    return job


def _paused_queue(api: "Api", job: "Job") -> str | None:
    """The name of the paused queue in which the job waits."""
    from stylegram.local.job_display import queue_of

    if job.state != "queued" or job.cancel_requested_at:
        return None
    with suppress(Unavailable):  # who follows a job waits for a server that starts anew
        return next((queue.name for queue in api.queues() if queue.paused and queue.name == queue_of(job)), None)
    return None
