"""What is painted, what waits for it, what came to nothing, and the queues behind all that."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import islice
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Form, Path, Request
from starlette.responses import RedirectResponse, Response

from stylegram.common import ports, topology
from stylegram.common.errors import Unavailable
from stylegram.ingest.bootstrap import Ingest
from stylegram.ingest.http.dependencies import DailyDep, IngestDep
from stylegram.ingest.pages.templating import render
from stylegram.ingest.schemas import QueueStatus
from stylegram.ingest.tables import JobState

router = APIRouter(include_in_schema=False)

# What somebody reads on a page; the API has the rest.
_UNFINISHED = 60
_ENDED = 10
_LETTERS = 50
_LETTER_CHARACTERS = 4000

QueueName = Annotated[str, Path()]
FormJob = Annotated[UUID, Form()]


@dataclass(frozen=True)
class QueueWords:
    """A queue, for people.

    Args:
        title: what it holds.
        purpose: what becomes of that.
    """

    title: str
    purpose: str


_WORDS: Mapping[str, QueueWords] = {
    topology.STYLIZER_JOBS.name: QueueWords("Pictures", "What somebody waits for; the stylizers paint it first."),
    topology.STYLIZER_BATCH.name: QueueWords(
        "Pictures that can wait", "The daily ones and those of studies; painted where nothing else is to be."
    ),
    topology.PUBLISHER_POSTS.name: QueueWords("Posts", "Finished pictures on their way to the publisher."),
    topology.INGEST_EVENTS.name: QueueWords("News of jobs", "What workers say; this page lives on it."),
    topology.LOGGER_EVENTS.name: QueueWords("News for the record", "Finished runs on their way into the record."),
}


# What it means that one of these is paused, which is said where people look for their pictures.
_STANDSTILLS: Mapping[str, str] = {
    topology.STYLIZER_JOBS.name: "Painting is paused: nothing is started until it is resumed.",
    topology.STYLIZER_BATCH.name: "Pictures that can wait are paused: none of them is started until they are resumed.",
    topology.INGEST_EVENTS.name: "News of jobs is paused: what happens to pictures is not heard until it is resumed.",
}
# They work by themselves, and hardly anybody ever needs to know of them.
_INNER = frozenset({topology.INGEST_EVENTS.name, topology.LOGGER_EVENTS.name})


@dataclass(frozen=True)
class Letter:
    """A dead letter, for people.

    Args:
        kind: what kind of message it is; empty where nobody can tell.
        job: the id of the job that it is about, where it says one.
        lines: what it says, readable; its beginning, where it is long.
        reason: why nobody could use it.
        count: how often it was delivered; 0 where nobody knows.
        died_at: when it was given up.
    """

    kind: str
    job: str | None
    lines: Sequence[str]
    reason: str
    count: int
    died_at: datetime


@router.get("/queue")
def show(request: Request, ingest: IngestDep) -> Response:
    """The queue."""
    unfinished = ingest.unfinished_jobs(limit=_UNFINISHED)
    queues, problem = _queues(ingest)
    paused = {queue.name for queue in queues if queue.paused}
    failed, cancelled = (ingest.newest_jobs((state,), limit=_ENDED) for state in (JobState.FAILED, JobState.CANCELLED))
    # Between two looks into the table a job may end: it stands where it was seen last.
    ended = {job.id for job in (*failed, *cancelled)}
    unfinished = [job for job in unfinished if job.id not in ended]
    return render(
        request,
        "queue/page.html",
        running=[job for job in unfinished if job.state is JobState.RUNNING],
        waiting=[job for job in unfinished if job.state is JobState.QUEUED],
        waiting_count=ingest.count_queued(),
        failed=failed,
        cancelled=cancelled,
        queues=[queue for queue in queues if queue.name not in _INNER],
        inner=[queue for queue in queues if queue.name in _INNER],
        queues_problem=problem,
        paused=paused,
        halted=any(queue.name in paused for queue in topology.STYLIZER_QUEUES),
        standstills=_STANDSTILLS,
        words=_WORDS,
    )


@router.post("/daily")
def paint_daily(ingest: IngestDep, daily: DailyDep) -> RedirectResponse:
    """Queue a picture as the daily one, whether or not today has one."""
    job = ingest.submit_daily(daily, again=True)
    return RedirectResponse(f"/pictures/{job.id}", 303)


@router.post("/queue/cancel")
def cancel(job: FormJob, ingest: IngestDep) -> RedirectResponse:
    """Ask for a job's end."""
    ingest.cancel(str(job))
    return _queue()


@router.post("/queue/retry")
def retry(job: FormJob, ingest: IngestDep) -> RedirectResponse:
    """Queue a job once more that has no picture."""
    ingest.retry(str(job))
    return _queue()


@router.get("/queue/{name}")
def show_dead_letters(request: Request, name: QueueName, ingest: IngestDep) -> Response:
    """A queue's dead letters. To look at them is work for the broker: this page does not do so by itself.

    Those of jobs are not offered another try: their jobs have ended, and stay as they are.
    """
    letters = ingest.dead_letters(name)
    return render(
        request,
        "queue/dead_letters.html",
        name=name,
        words=_WORDS[name],
        of_jobs=name in {queue.name for queue in topology.STYLIZER_QUEUES},
        letters=[_letter(letter) for letter in islice(letters, _LETTERS)],
        count=len(letters),
    )


@router.post("/queue/{name}/pause")
def pause(name: QueueName, ingest: IngestDep) -> RedirectResponse:
    """Have nobody receive from the queue."""
    ingest.pause(name)
    return _queue("#queues")


@router.post("/queue/{name}/resume")
def resume(name: QueueName, ingest: IngestDep) -> RedirectResponse:
    """The end of a pause."""
    ingest.resume(name)
    return _queue("#queues")


@router.post("/queue/{name}/requeue")
def requeue(name: QueueName, ingest: IngestDep) -> RedirectResponse:
    """Put the queue's dead letters back, for another try."""
    ingest.drain_dead(name, requeue=True)
    return _queue("#queues")


@router.post("/queue/{name}/discard")
def discard(name: QueueName, ingest: IngestDep) -> RedirectResponse:
    """Throw the queue's dead letters away."""
    ingest.drain_dead(name)
    return _queue("#queues")


def _queues(ingest: Ingest) -> tuple[list[QueueStatus], str | None]:
    """The queues; none, and why, while the broker does not answer: the job table tells all else."""
    try:
        return ingest.queues(), None
    except Unavailable as error:
        return [], str(error)


def _letter(letter: ports.DeadLetter) -> Letter:
    text = letter.body.decode(errors="replace")
    try:
        said = json.loads(text)
        text = json.dumps(said, indent=2, ensure_ascii=False)
    except (ValueError, RecursionError):
        said = None
    fields = said if isinstance(said, dict) else {}
    kind, job = fields.get("type"), fields.get("job_id")
    if len(text) > _LETTER_CHARACTERS:
        text = f"{text[:_LETTER_CHARACTERS]}…"
    return Letter(
        kind=kind.replace("_", " ") if isinstance(kind, str) else "",
        job=job if isinstance(job, str) else None,
        lines=text.splitlines(),
        reason=letter.reason,
        count=letter.count,
        died_at=letter.died_at,
    )


def _queue(place: str = "") -> RedirectResponse:
    return RedirectResponse(f"/queue{place}", 303)
