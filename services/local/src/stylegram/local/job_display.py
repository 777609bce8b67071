"""Jobs as people read them: a line in a table, all that matters, a bar."""

from collections.abc import Iterable, Iterator
from datetime import datetime

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from stylegram.common.clock import utcnow
from stylegram.ingest.http.templating import ago, span
from stylegram.ingest.schemas import Job
from stylegram.local.hyperparameter_table import written
from stylegram.local.stages import Stage, fraction_of_work

_SHORT_ID = 8


def show_progress(stage: Stage, job: Job) -> None:
    """Bring the stage that stands for the job's picture up to date."""
    if job.finished:
        stage.done("the picture is there" if job.state == "succeeded" else f"{job.state}: {job.reason}")
    elif job.evaluation and job.loss is not None:
        words = f"evaluation {job.evaluation} of {job.evaluations}, loss {job.loss:.4f}"
        stage.update(_fraction(job), words if job.state == "running" else f"{words}, waits for a worker")
    else:
        stage.update(0, "a worker has begun" if job.state == "running" else "waits for a worker")


def table_of(jobs: Iterable[Job]) -> Table:
    """A line for each."""
    table = Table("id", "state", "priority", "pictures", "progress", "age", "reason", box=None)
    table.columns[0].no_wrap = True
    for job in jobs:
        progress = f"{_fraction(job):.0%}" if job.evaluation and job.state != "succeeded" else ""
        age = span((utcnow() - job.created_at).total_seconds())
        words = (job.id[:_SHORT_ID], _state(job), job.priority, _pictures(job), progress, age, job.reason or "")
        table.add_row(*map(escape, words))
    return table


def print_job(console: Console, job: Job) -> None:
    """All that matters of a job."""
    console.print(_pictures(job), style="bold", highlight=False, markup=False, soft_wrap=True)
    for label, value in _facts(job):
        if value:
            console.print(f"  {label:<12} {value}", highlight=False, markup=False, soft_wrap=True)


def _facts(job: Job) -> Iterator[tuple[str, str | None]]:
    yield "job", job.id
    yield "repeats", job.retry_of
    yield "state", _state(job)
    yield "reason", f"{job.reason} ({job.error_code})" if job.error_code else job.reason
    yield "priority", job.priority
    if job.evaluation:
        loss = "" if job.loss is None else f", loss {job.loss:.4f}"
        yield "progress", f"evaluation {job.evaluation} of {job.evaluations}{loss}"
    for label, picture in (("content", job.content), ("style", job.style)):
        yield label, f"{picture.name}, SHA-256 {picture.sha256}"
    for picture in job.further_styles:
        yield "and style", f"{picture.name}, SHA-256 {picture.sha256}"
    yield "masks", ", ".join(mask.name if mask else "none" for mask in job.masks)
    yield "start image", job.start_image.name if job.start_image else None
    changed = job.hyperparameters.model_dump(mode="json", exclude_defaults=True)
    yield "settings", " ".join(f"{name}={written(value)}" for name, value in changed.items()) or "the defaults"
    yield "time limit", span(job.time_limit_seconds) if job.time_limit_seconds else None
    yield "submitted", _when(job.created_at)
    yield "cancelled", _when(job.cancel_requested_at)
    if job.started_at:
        yield "started", f"{_when(job.started_at)}, attempt {job.attempt or 1} by {job.worker or 'a worker'}"
    yield "ended", _when(job.finished_at)
    yield "result", job.result
    if job.post_state:
        yield "post", ", ".join(filter(None, (job.post_state, job.post_url, job.post_reason)))


def _when(time: datetime | None) -> str | None:
    return f"{time.astimezone():%Y-%m-%d %H:%M:%S} ({ago(time)})" if time else None


def _pictures(job: Job) -> str:
    return " × ".join([job.content.name, job.style.name, *(style.name for style in job.further_styles)])


def _state(job: Job) -> str:
    # Cancelled is said only of what nobody works on any more.
    return f"{job.state}, being cancelled" if job.cancel_requested_at and not job.finished else job.state


def _fraction(job: Job) -> float:
    return fraction_of_work(job.hyperparameters.scales, job.evaluation or 0)
