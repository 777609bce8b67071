"""Jobs: submit them, see how they stand, cancel them, get what came of them."""

import random
from typing import Annotated

from fastapi import APIRouter, Header, Query, Request, Response
from pydantic import BaseModel, ConfigDict, Field
from pydantic.config import JsonDict

from stylegram.common import artifacts
from stylegram.common.errors import NotFound
from stylegram.common.hyperparameters import Hyperparameters, StrictHyperparameters
from stylegram.common.records import Role
from stylegram.ingest.bootstrap import Ingest
from stylegram.ingest.http.dependencies import (
    DailyDep,
    IngestDep,
    JobId,
    Limit,
    Listing,
    PicturesDep,
    Sha256,
    ThumbnailWidth,
)
from stylegram.ingest.schemas import Job
from stylegram.ingest.tables import JobState

router = APIRouter(prefix="/v1", tags=["jobs"])

_EXAMPLE: JsonDict = {
    "content": "88431cd9653ccd539741b555fb0a46b61558b301d4110412b5bc28b5e3ea6cb5",
    "style": "ff94f3a3be104417c301291d794b81fbb00aeff55b99692d9f9055544b37bbb0",
    "hyperparameters": {"size": 512, "evaluations": [40, 20], "style_weight": 2.0},
    "publish": False,
}


class JobSubmission(BaseModel):
    """What is to be painted, and how."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [_EXAMPLE]})

    content: Sha256 = Field(description="SHA-256 of the content image, as `/v1/assets` has it.")
    style: Sha256 = Field(description="SHA-256 of the style image, likewise.")
    hyperparameters: StrictHyperparameters = Hyperparameters()
    publish: bool = Field(True, description="Whether the result is to be posted.")


@router.get("/jobs")
def list_jobs(
    ingest: IngestDep,
    state: Annotated[list[JobState] | None, Query(description="Only these; may be repeated.")] = None,
    limit: Limit = 50,
) -> Listing[Job]:
    """The jobs, newest first."""
    return Listing(items=ingest.newest_jobs(state or tuple(JobState), limit=limit))


@router.post("/jobs", status_code=202)
def submit_job(
    submission: JobSubmission,
    ingest: IngestDep,
    response: Response,
    idempotency_key: Annotated[
        str | None, Header(min_length=1, max_length=200, description="The same key always gives the same job.")
    ] = None,
) -> Job:
    """Queue a job; `Location` says where to ask how it stands."""
    job = ingest.submit(
        ingest.asset(Role.CONTENT, submission.content),
        ingest.asset(Role.STYLE, submission.style),
        submission.hyperparameters,
        publish=submission.publish,
        idempotency_key=idempotency_key,
    )
    return _accepted(job, response)


@router.post("/daily", status_code=202)
def submit_daily_job(ingest: IngestDep, daily: DailyDep, response: Response) -> Job:
    """Queue the daily picture: a pair that has not been seen lately; `Location` says where to ask how it stands."""
    return _accepted(submit_daily(ingest, daily), response)


@router.get("/jobs/{job_id}")
def get_job(job_id: JobId, ingest: IngestDep) -> Job:
    """The job as it stands."""
    return ingest.job(str(job_id))


@router.post("/jobs/{job_id}/cancel")
def cancel_job(job_id: JobId, ingest: IngestDep) -> Job:
    """End the job; one that had ended already stays as it is. Answers with the job as it then stands."""
    ingest.cancel(str(job_id))
    return ingest.job(str(job_id))


@router.get("/jobs/{job_id}/result", response_class=Response, responses={200: {"content": {"image/png": {}}}})
def get_result(
    job_id: JobId, request: Request, ingest: IngestDep, pictures: PicturesDep, width: ThumbnailWidth = None
) -> Response:
    """The finished picture, a PNG."""
    job = ingest.job(str(job_id))
    if job.result is None:
        raise NotFound(f"Job {job.id} has no picture: it is {job.state}.")
    return pictures.answer(request, job.result, width)


@router.get("/jobs/{job_id}/record", response_class=Response, responses={200: {"content": {"application/json": {}}}})
def get_record(job_id: JobId, ingest: IngestDep) -> Response:
    """The run's record: what it takes to repeat it and to judge it."""
    record = ingest.storage.read(artifacts.record(ingest.job(str(job_id)).id))
    return Response(record, media_type="application/json")


def submit_daily(ingest: Ingest, hyperparameters: Hyperparameters) -> Job:
    """Queue a pair that has not been seen lately.

    Raises:
        NotFound: there is no photograph, or no painting.
    """
    return ingest.submit(*ingest.choose_pair(random.Random()), hyperparameters)


def _accepted(job: Job, response: Response) -> Job:
    response.headers["Location"] = f"/v1/jobs/{job.id}"
    return job
