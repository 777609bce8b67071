"""The page for people, and the forms on it. Every form's answer is a redirect, so that a reload repeats nothing."""

from typing import Annotated

from fastapi import APIRouter, Form
from pydantic import BaseModel
from starlette.responses import HTMLResponse, RedirectResponse

from stylegram.common.hyperparameters import Hyperparameters, parse_hyperparameters
from stylegram.common.records import Role
from stylegram.common.schemas import Sha256
from stylegram.ingest.http.dependencies import DailyDep, IngestDep, JobId
from stylegram.ingest.http.templating import render
from stylegram.ingest.tables import JobState

router = APIRouter(include_in_schema=False)

# A page that a phone still scrolls through; the API has the rest.
_GALLERY = 24
_CHOICES = 60
_WAITING = 8
_UNSUCCESSFUL = 4

_STRENGTHS = {"Gentle": 0.2, "Balanced": 1.0, "Strong": 5.0}
"""Weights of the style loss: relative losses make a factor of five a clear step for every pair."""
_SIZES = (256, 512, 1080)
"""Pixels; the largest is what Instagram takes."""


class PaintForm(BaseModel):
    """The form that paints a pair."""

    content: Sha256
    style: Sha256
    style_weight: float
    size: int
    publish: bool = False


@router.get("/")
def home(ingest: IngestDep) -> HTMLResponse:
    """What is being painted, what waits, what came out, and the form for more."""
    unfinished = ingest.unfinished_jobs()
    waiting = [job for job in unfinished if job.state is JobState.QUEUED]
    return render(
        "home.html",
        running=[job for job in unfinished if job.state is JobState.RUNNING],
        waiting=waiting[:_WAITING],
        waiting_more=len(waiting[_WAITING:]),
        unsuccessful=ingest.newest_jobs((JobState.FAILED, JobState.CANCELLED), limit=_UNSUCCESSFUL),
        gallery=ingest.newest_jobs((JobState.SUCCEEDED,), limit=_GALLERY),
        contents=ingest.assets(Role.CONTENT, limit=_CHOICES).items,
        styles=ingest.assets(Role.STYLE, limit=_CHOICES).items,
        refused=ingest.quarantine(),
        syncing=ingest.syncing,
        sync_problem=ingest.sync_status.problem,
        strengths=_STRENGTHS,
        sizes=_SIZES,
        defaults=Hyperparameters(),
        about={name: field.description for name, field in Hyperparameters.model_fields.items()},
    )


@router.post("/paint")
def paint(form: Annotated[PaintForm, Form()], ingest: IngestDep) -> RedirectResponse:
    """Queue the pair that was picked."""
    ingest.submit(
        ingest.asset(Role.CONTENT, form.content),
        ingest.asset(Role.STYLE, form.style),
        parse_hyperparameters({"style_weight": form.style_weight, "size": form.size}),
        publish=form.publish,
    )
    return _home()


@router.post("/daily")
def daily_picture(ingest: IngestDep, daily: DailyDep) -> RedirectResponse:
    """Queue a picture as the daily one, whether or not today has one."""
    ingest.submit_daily(daily, again=True)
    return _home()


@router.post("/jobs/{job_id}/cancel")
def cancel(job_id: JobId, ingest: IngestDep) -> RedirectResponse:
    """Ask for a job's end."""
    ingest.cancel(str(job_id))
    return _home()


@router.post("/jobs/{job_id}/retry")
def retry(job_id: JobId, ingest: IngestDep) -> RedirectResponse:
    """Queue a job once more that has no picture."""
    ingest.retry(str(job_id))
    return _home()


@router.post("/sync")
def sync(ingest: IngestDep) -> RedirectResponse:
    """Look for new pictures."""
    ingest.start_sync()
    return _home()


def _home() -> RedirectResponse:
    # 303: what was posted is done, now get.
    return RedirectResponse("/", 303)
