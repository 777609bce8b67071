"""Jobs as people read them: a line in a table, all that matters, a bar."""

import shlex
import textwrap
from collections.abc import Iterator, Sequence
from datetime import datetime
from pathlib import Path

from rich.console import Console
from rich.table import Table
from rich.text import Text

from stylegram.common.clock import utcnow
from stylegram.common.messages import Priority
from stylegram.common.records import AssetReference
from stylegram.common.topology import STYLIZER_BATCH, STYLIZER_JOBS
from stylegram.ingest.pages.words import span
from stylegram.ingest.schemas import Job
from stylegram.local.hyperparameter_table import written
from stylegram.local.stages import Stage, fraction_of_work

_SHORT_ID = 8
_SHORT_SHA256 = 12
# Between two columns of a table, and between the pictures of a job.
_GAP = 2
_TIMES = " × "
# A name that is cut shorter is none.
_SHORTEST_NAME = 5
_LABEL_WIDTH = 12
_ENDING = "being cancelled"
# As the publisher says it.
_FOR_A_YES = "waits for a yes."


def queue_of(job: Job) -> str:
    """The name of the queue in which the job waits for a worker."""
    return (STYLIZER_BATCH if job.priority == Priority.BATCH else STYLIZER_JOBS).name


def paused_words(queue: str) -> str:
    """Why a job of a paused queue waits, and what to do."""
    return f"waits: its queue {queue} is paused (stylegram queue resume stylizer)"


def show_progress(stage: Stage, job: Job) -> None:
    """Bring the stage that stands for the job's picture up to date."""
    if job.state == "succeeded":
        stage.done("the picture is there")
    elif job.state == "cancelled":
        stage.cancelled("cancelled")
    elif job.finished:
        stage.failed(f"{job.state}: {job.reason}")
    elif job.evaluation and job.loss is not None:
        words = f"evaluation {job.evaluation} of {job.evaluations}, loss {job.loss:.4f}"
        stage.update(_fraction(job), words if job.state == "running" else f"{words}, waits for a worker")
    else:
        stage.update(0, "a worker has begun" if job.state == "running" else "waits for a worker")


def what_the_post_waits_for(job: Job, state: Path) -> str:
    """The publisher's words; and the command that gives the yes, where one post waits for that."""
    reason, there = job.post_reason or "", f"--state {shlex.quote(str(state))}"
    waiting = [key for key, post in job.posts.items() if post.state == "waiting"]
    if len(waiting) > 1:
        return f"{reason} (one of {len(waiting)}: stylegram posts list {there})"
    if waiting and reason.endswith(_FOR_A_YES):
        return f"{reason.removesuffix('.')}: stylegram posts approve {waiting[0]} {there}"
    return reason


def table_of(jobs: Sequence[Job], width: int) -> Table:
    """A line for each.

    Args:
        jobs: one at least.
        width: characters that a line may have; names and remarks are shortened for it.
    """
    columns = {
        "id": [job.id[:_SHORT_ID] for job in jobs],
        "state": [str(job.state) for job in jobs],
        "priority": [str(job.priority) for job in jobs],
        "pictures": [_pictures(job) for job in jobs],
        "done": [f"{_fraction(job):.0%}" if job.evaluation and job.state != "succeeded" else "" for job in jobs],
        "age": [_age(job.created_at) for job in jobs],
        "remark": [_remark(job) for job in jobs],
    }
    columns = {name: cells for name, cells in columns.items() if any(cells)}
    widths = {name: max(map(_width, (name, *cells))) for name, cells in columns.items()}
    room = width - _GAP * (len(widths) - 1) - sum(widths.values()) + widths["pictures"] + widths.get("remark", 0)
    # Each may have what the other leaves, and half where both want more.
    share = max(room // 2, room - widths["remark"]) if "remark" in widths else room
    columns["pictures"] = [_pictures(job, share) for job in jobs]
    table = Table(*columns, box=None, pad_edge=False, padding=(0, _GAP, 0, 0))
    for column in table.columns:
        column.no_wrap = True
    for row in zip(*columns.values(), strict=True):
        table.add_row(*map(Text, row))
    if "remark" in columns:
        table.columns[-1].max_width = max(room - max(map(_width, ("pictures", *columns["pictures"]))), 1)
    return table


def print_job(console: Console, job: Job, paused: str | None = None) -> None:
    """All that matters of a job.

    Args:
        console: where.
        job: which.
        paused: the name of the paused queue in which it waits.
    """
    # On a terminal long lines are broken; for a program that reads them, a fact is a line.
    width = console.width if console.is_terminal else None
    _print(console, _pictures(job), width, bold=True)
    if paused:
        _print(console, f"  {paused_words(paused)}", width)
    for label, value in _facts(job):
        if value:
            _print(console, f"  {label:<{_LABEL_WIDTH}} {value}", width)


def _print(console: Console, line: str, width: int | None, *, bold: bool = False) -> None:
    if width is not None and _width(line) > width:
        indent = "" if bold else " " * (_LABEL_WIDTH + 3)
        line = textwrap.fill(line, width, subsequent_indent=indent, break_on_hyphens=False)
    console.print(line, style="bold" if bold else None, highlight=False, markup=False, soft_wrap=True)


def _facts(job: Job) -> Iterator[tuple[str, str | None]]:
    yield "job", job.id
    yield "repeats", job.retry_of
    # Cancelled is said only of what nobody works on any more.
    yield "state", f"{job.state}, {_ENDING}" if _is_ending(job) else job.state
    yield "reason", f"{_reason(job)} ({job.error_code})" if job.error_code else _reason(job)
    yield "priority", job.priority
    if job.evaluation:
        loss = "" if job.loss is None else f", loss {job.loss:.4f}"
        yield "progress", f"{_fraction(job):.0%}, evaluation {job.evaluation} of {job.evaluations}{loss}"
    yield "content", _picture(job.content)
    yield "style", _picture(job.style)
    for picture in job.further_styles:
        yield "and style", _picture(picture)
    yield "masks", ", ".join(mask.name if mask else "none" for mask in job.masks)
    yield "start image", job.start_image.name if job.start_image else None
    changed = job.hyperparameters.model_dump(mode="json", exclude_defaults=True)
    yield "settings", " ".join(f"{name}={written(value)}" for name, value in changed.items()) or "the defaults"
    yield "time limit", span(job.time_limit_seconds) if job.time_limit_seconds else None
    yield "submitted", _when(job.created_at)
    if job.started_at:
        yield "started", f"{_when(job.started_at)}, attempt {job.attempt or 1} by {job.worker or 'a worker'}"
    yield "cancel asked", _when(job.cancel_requested_at)
    yield "ended", _when(job.finished_at)
    yield "result", job.result
    if len(job.posts) > 1:
        for post in sorted(job.posts.values(), key=lambda post: post.kind):
            yield "post", f"{post.kind} {_post(_words(post.state), post.url, post.reason)}"
    elif job.post_state:
        yield "post", _post(_words(job.post_state), job.post_url, job.post_reason)


def _words(post_state: str) -> str:
    return post_state.replace("_", " ")


def _post(*facts: str | None) -> str:
    return ", ".join(filter(None, facts))


def _when(time: datetime | None) -> str | None:
    return f"{time.astimezone():%Y-%m-%d %H:%M:%S} ({_age(time)} ago)" if time else None


def _age(time: datetime) -> str:
    return span((utcnow() - time).total_seconds())


def _picture(picture: AssetReference) -> str:
    return f"{picture.name}, SHA-256 {picture.sha256[:_SHORT_SHA256]}…"


def _pictures(job: Job, room: int | None = None) -> str:
    """The names of the job's pictures, shortened so that all of them have their part of the room."""
    names = [job.content.name, job.style.name, *(style.name for style in job.further_styles)]
    if room is None:
        return _TIMES.join(names)
    left = room - _width(_TIMES) * (len(names) - 1)
    parts = dict.fromkeys(range(len(names)), 0)
    # What a short name does not need is for the longer ones.
    for others, place in zip(range(len(names), 0, -1), sorted(parts, key=lambda at: _width(names[at])), strict=True):
        parts[place] = min(_width(names[place]), max(left // others, _SHORTEST_NAME))
        left -= parts[place]
    return _cut(_TIMES.join(_cut(name, parts[place]) for place, name in enumerate(names)), room)


def _cut(words: str, room: int) -> str:
    text = Text(words)
    text.truncate(max(room, 1), overflow="ellipsis")
    return text.plain


def _width(words: str) -> int:
    return Text(words).cell_len


def _remark(job: Job) -> str:
    if _is_ending(job):
        return _ENDING
    # That somebody cancelled it, its state says.
    return "" if job.state == "cancelled" else _reason(job)


def _reason(job: Job) -> str:
    return " ".join((job.reason or "").split())


def _is_ending(job: Job) -> bool:
    return job.cancel_requested_at is not None and not job.finished


def _fraction(job: Job) -> float:
    return fraction_of_work(job.hyperparameters.scales, job.evaluation or 0)
