"""One picture: on the easel while it is painted, then all about it. And runs of the record that have none here."""

import re
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Form, Path, Request
from starlette.concurrency import run_in_threadpool
from starlette.responses import RedirectResponse, Response

from stylegram.common import artifacts, topology
from stylegram.common.errors import NotFound, StylegramError
from stylegram.common.messages import PostKind
from stylegram.ingest.bootstrap import Ingest
from stylegram.ingest.http.dependencies import IngestDep, JobId
from stylegram.ingest.pages.api import Api, ApiDep
from stylegram.ingest.pages.picture.charts import loss_curve
from stylegram.ingest.pages.picture.easel import queue_of, standing_of
from stylegram.ingest.pages.picture.facts import facts_of, marks_of, measures_of
from stylegram.ingest.pages.picture.run import Run, run_of, runs_of_the_same_pair, stored_record
from stylegram.ingest.pages.settings import settings_of
from stylegram.ingest.pages.templating import render
from stylegram.ingest.pages.words import title_of
from stylegram.ingest.schemas import Job
from stylegram.ingest.tables import JobState

router = APIRouter(include_in_schema=False)

# Imported runs have whatever ids they had where they come from.
_RunId = Annotated[str, Path(min_length=1, max_length=200)]

_KINDS = {
    PostKind.PHOTO: "the picture",
    PostKind.CAROUSEL: "photograph, picture and painting, to leaf through",
    PostKind.GRID: "nine photos that read as one",
    PostKind.STORY: "the picture, upright, for a day",
    PostKind.REEL: "the film of how it was painted",
}


@router.get("/pictures/{job_id}")
async def show(request: Request, job_id: _RunId, ingest: IngestDep, api: ApiDep, asked: str = "") -> Response:
    """The page, as the job stands."""
    job = await run_in_threadpool(_job, ingest, job_id)
    if job is not None and not job.finished:
        standing = await run_in_threadpool(standing_of, ingest, job)
        news_queue = topology.INGEST_EVENTS.name
        return render(request, "picture/easel.html", job=job, state=job.state, standing=standing, news_queue=news_queue)
    return await _ended(request, ingest, api, job.id if job else job_id, job, asked=bool(asked))


@router.post("/pictures/{job_id}/cancel")
def cancel(job_id: JobId, ingest: IngestDep) -> RedirectResponse:
    """Ask for its end."""
    ingest.cancel(str(job_id))
    return _back(job_id)


@router.post("/pictures/{job_id}/retry")
def retry(job_id: JobId, ingest: IngestDep) -> RedirectResponse:
    """Queue once more what has no picture; leads to the new one."""
    return _back(ingest.retry(str(job_id)).id)


@router.post("/pictures/{job_id}/resume")
def resume(job_id: JobId, ingest: IngestDep) -> RedirectResponse:
    """End the pause of the queue in which it waits."""
    ingest.resume(queue_of(ingest.job(str(job_id))))
    return _back(job_id)


@router.post("/pictures/{job_id}/rate")
async def rate(job_id: JobId, api: ApiDep, rating: Annotated[int | None, Form()] = None) -> RedirectResponse:
    """Give it stars, or take them back where none are said."""
    await api.ask("PUT", f"/v1/runs/{job_id}/rating", json={"rating": rating})
    return _back(job_id, "#stars")


@router.post("/pictures/{job_id}/publish")
def publish(
    job_id: JobId, ingest: IngestDep, kind: Annotated[list[PostKind] | None, Form()] = None
) -> RedirectResponse:
    """Have it posted, as the publisher is set to where no kind is said."""
    ingest.request_posts(str(job_id), kind or ())
    return _back(job_id, "?asked=1#posts")


async def _ended(request: Request, ingest: Ingest, api: Api, job_id: str, job: Job | None, *, asked: bool) -> Response:
    """The page of a job that has ended, or of a run that is in the record alone."""
    record = None if job is None else await run_in_threadpool(stored_record, ingest.storage, job_id)
    try:
        run = await run_of(api, job_id, record)
    except StylegramError:
        # What is known of a job without the record is a page as well.
        if job is None:
            raise
        run = None
    if run is None and job is None:
        raise NotFound(f"There is no picture '{job_id}'.")
    context: dict[str, Any] = {
        "job_id": job_id,
        "job": job,
        "run": run,
        "names": _names(job, run),
        "facts": facts_of(job, run, record),
        "settings": settings_of(_hyperparameters(job, run)),
        "marks": marks_of(run.view) if run else [],
        "measures": measures_of(run.view) if run else [],
        "recorded": record is not None,
        "curve": loss_curve(run.curve, run.view.hyperparameters) if run else None,
        "same_pair": await runs_of_the_same_pair(api, run.view) if run and run.in_record else [],
    }
    if job is None:
        return render(request, "picture/run.html", state="run", **context)
    if job.state is not JobState.SUCCEEDED:
        newest = await run_in_threadpool(standing_of, ingest, job)
        return render(request, "picture/unpainted.html", state=job.state, standing=newest, **context)
    film = await run_in_threadpool(ingest.storage.stat, artifacts.timelapse(job_id))
    return render(
        request,
        "picture/painted.html",
        state=job.state,
        film=film is not None,
        kinds=_KINDS,
        asked=asked,
        file_name=_file_name(job),
        **context,
    )


def _job(ingest: Ingest, job_id: str) -> Job | None:
    try:
        return ingest.job(str(UUID(job_id)))
    except (ValueError, NotFound):
        return None


def _names(job: Job | None, run: Run | None) -> tuple[str | None, str | None]:
    """The file names of the photograph and the painting."""
    if job is not None:
        return job.content.name, job.style.name
    return (run.view.content_name, run.view.style_name) if run else (None, None)


def _hyperparameters(job: Job | None, run: Run | None) -> dict[str, object]:
    if run is not None:
        return run.view.hyperparameters
    # Those of a row that this version refuses are shown all the same, as they are.
    return job.hyperparameters.model_dump(mode="json", warnings=False) if job else {}


def _file_name(job: Job) -> str:
    """What a download is called, of letters that every file system takes."""
    title = f"{title_of(job.content.name)} in the manner of {title_of(job.style.name)}"
    words = re.sub(r"[^\w .,()'-]+", " ", title)
    return f"{' '.join(words.split())[:120].strip('. ')}.png"


def _back(job_id: UUID | str, where: str = "") -> RedirectResponse:
    # 303: what was posted is done, now get.
    return RedirectResponse(f"/pictures/{job_id}{where}", 303)
