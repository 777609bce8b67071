"""Jobs: submit them, see how they stand, cancel and repeat them, get what came of them."""

from datetime import datetime
from pathlib import PurePosixPath
from typing import Annotated, Any

from fastapi import APIRouter, Header, Path, Query, Request, Response
from pydantic import BaseModel, Field
from starlette.concurrency import run_in_threadpool

from stylegram.common import artifacts
from stylegram.common.errors import NotFound
from stylegram.common.http.dependencies import When
from stylegram.common.http.paging import LINK, Cursor, Limit, linked
from stylegram.common.http.problems import responses
from stylegram.common.messages import PostKind, Priority
from stylegram.common.schemas import Listing, Page, Sha256
from stylegram.ingest.http.dependencies import (
    DailyDep,
    IdempotencyKey,
    IngestDep,
    JobId,
    PicturesDep,
    ThumbnailWidth,
    WatchDep,
)
from stylegram.ingest.http.job_events import JobEvents
from stylegram.ingest.http.pictures import NOT_MODIFIED
from stylegram.ingest.http.submission import SubmissionDep
from stylegram.ingest.http.submission_schema import REQUEST_BODY
from stylegram.ingest.schemas import Job, JobFilter
from stylegram.ingest.tables import JobState

router = APIRouter(prefix="/v1", tags=["jobs"])

_LOCATION: dict[int | str, dict[str, Any]] = {
    202: {
        "description": "The job, which is queued",
        "headers": {"Location": {"schema": {"type": "string"}, "description": "Where to ask how it stands."}},
    }
}
_FILM: dict[int | str, dict[str, Any]] = {
    status: {
        "description": description,
        "content": {"video/mp4": {}},
        "headers": {"Accept-Ranges": {"schema": {"type": "string"}}, **headers},
    }
    for status, description, headers in (
        (200, "The whole film", {}),
        (206, "The part that was asked for", {"Content-Range": {"schema": {"type": "string"}}}),
    )
}


@router.get("/jobs", responses=LINK)
def list_jobs(
    request: Request,
    response: Response,
    ingest: IngestDep,
    state: Annotated[list[JobState] | None, Query(description="Only in this state; may be repeated.")] = None,
    content: Annotated[Sha256 | None, Query(description="Only of this content image, by its SHA-256.")] = None,
    style: Annotated[Sha256 | None, Query(description="Only with this first style image, by its SHA-256.")] = None,
    priority: Annotated[Priority | None, Query(description="Only of this priority.")] = None,
    created_after: Annotated[When | None, Query(description="Only submitted then or later.")] = None,
    created_before: Annotated[When | None, Query(description="Only submitted before.")] = None,
    limit: Limit = 50,
    cursor: Cursor = None,
) -> Page[Job]:
    """The jobs, newest first, a page at a time."""
    wanted = JobFilter(
        states=tuple(state or ()),
        content=content,
        style=style,
        priority=priority,
        created_after=created_after,
        created_before=created_before,
    )
    return linked(ingest.jobs(wanted, limit=limit, cursor=cursor), request, response)


@router.post(
    "/jobs",
    status_code=202,
    openapi_extra={"requestBody": REQUEST_BODY},
    responses={**_LOCATION, **responses(400, 413, 415, 422, 429)},
)
async def submit_job(
    submission: SubmissionDep, ingest: IngestDep, response: Response, idempotency_key: IdempotencyKey = None
) -> Job:
    """Queue a job; `Location` says where to ask how it stands.

    JSON names assets by their SHA-256; a form may bring the pictures along as files, which become assets. The same
    `Idempotency-Key` gives the same job, if it is the same; 422 where it is not.
    """
    return _accepted(await submission.submit(ingest, idempotency_key=idempotency_key), response)


@router.post(
    "/daily",
    status_code=202,
    responses={
        200: {"description": "The day's job, which has ended already; `again=true` queues another", "model": Job},
        **_LOCATION,
        **responses(404, 422, 429),
    },
)
def submit_daily_job(
    ingest: IngestDep,
    daily: DailyDep,
    response: Response,
    again: Annotated[
        bool,
        Query(description="Queue a new one even if the day has its job already, as where that one failed."),
    ] = False,
) -> Job:
    """Queue the daily picture, a pair that has not been seen lately; asked again on the same day, the same job.

    Where that has ended, the answer is 200 and nothing is queued; `again=true` queues another.
    """
    job = ingest.submit_daily(daily, again=again)
    if job.finished:
        response.status_code = 200
    return _accepted(job, response)


@router.get("/jobs/{job_id}", responses=responses(404))
def get_job(job_id: JobId, ingest: IngestDep) -> Job:
    """The job as it stands."""
    return ingest.job(str(job_id))


@router.post(
    "/jobs/{job_id}/cancel",
    status_code=202,
    responses={
        200: {"description": "The job, which had ended already", "model": Job},
        202: {"description": "The job, which will be cancelled as soon as nobody works on it"},
        **responses(404),
    },
)
def cancel_job(job_id: JobId, ingest: IngestDep, response: Response) -> Job:
    """Ask for the job's end. It is cancelled once no work is done on it any more; what had ended stays as it is."""
    job = ingest.cancel(str(job_id))
    if job.finished:
        response.status_code = 200
    return job


@router.post("/jobs/{job_id}/retry", status_code=202, responses={**_LOCATION, **responses(404, 409, 422, 429)})
def retry_job(job_id: JobId, ingest: IngestDep, response: Response, idempotency_key: IdempotencyKey = None) -> Job:
    """Queue a new job that does what one that failed or was cancelled should have done; 409 for any other.

    While an earlier retry of it has not ended, that one is the answer; under an `Idempotency-Key` that is not its own,
    409 is.
    """
    return _accepted(ingest.retry(str(job_id), idempotency_key=idempotency_key), response)


@router.post("/jobs/{job_id}/posts", status_code=202, responses=responses(404, 409, 422))
def post_job(
    job_id: JobId,
    ingest: IngestDep,
    kind: Annotated[
        list[PostKind] | None,
        Query(description="What it is posted as; may be repeated. What the publisher is set to by default."),
    ] = None,
) -> Job:
    """Have the picture of a job that succeeded posted; 409 for any other. What was posted already is not posted again.

    The job's `posts` tell what becomes of it; on an account where posts wait for a yes, so does this one.
    """
    return ingest.request_posts(str(job_id), kind or ())


@router.get(
    "/jobs/{job_id}/events",
    response_class=Response,
    responses={
        200: {
            "description": "Server-sent events, until the job's end",
            "content": {"text/event-stream": {"schema": {"type": "string"}}},
        },
        204: {"description": "The job has ended, and the browser has seen that: it need not ask again"},
        **responses(404),
    },
)
async def follow_job(
    job_id: JobId,
    ingest: IngestDep,
    watch: WatchDep,
    last_event_id: Annotated[
        str | None, Header(max_length=200, description="The last event that was seen; browsers send it by themselves.")
    ] = None,
) -> Response:
    """Follow the job: a `snapshot` of the whole job first, an `update` with the fields that changed (and always `id`
    and `sequence`) after each change, and the `end`, the whole job again.

    Each event's id is the job's sequence number. Who has seen the current one gets no snapshot; who is behind does.
    """
    job = await run_in_threadpool(ingest.job, str(job_id))
    if job.finished and last_event_id == str(job.sequence):
        return Response(status_code=204)
    return JobEvents(job, watch, last_event_id)


@router.get(
    "/jobs/{job_id}/result",
    response_class=Response,
    responses={
        200: {"content": {"image/png": {}, "image/jpeg": {}}},
        **NOT_MODIFIED,
        **responses(404),
    },
)
async def get_result(
    job_id: JobId, request: Request, ingest: IngestDep, pictures: PicturesDep, width: ThumbnailWidth = None
) -> Response:
    """The finished picture, a PNG."""
    job = await run_in_threadpool(ingest.job, str(job_id))
    if job.result is None:
        raise NotFound(f"Job {job.id} has no picture: it is {job.state}.")
    return await pictures.answer(request, job.result, width)


@router.get(
    "/jobs/{job_id}/record",
    response_class=Response,
    responses={
        200: {"content": {"application/json": {"schema": {"$ref": "#/components/schemas/RunRecord"}}}},
        **responses(404),
    },
)
def get_record(job_id: JobId, ingest: IngestDep) -> Response:
    """The run's record: what it takes to repeat it and to judge it."""
    record = ingest.storage.read(artifacts.record(ingest.job(str(job_id)).id))
    return Response(record, media_type="application/json")


class Snapshot(BaseModel):
    """The picture as it was on the way."""

    evaluation: int = Field(description="Evaluations done.")
    url: str = Field(description="Where the picture is.")
    created_at: datetime = Field(description="When it was taken.")


@router.get("/jobs/{job_id}/snapshots", responses=responses(404))
def list_snapshots(job_id: JobId, request: Request, ingest: IngestDep) -> Listing[Snapshot]:
    """The pictures of the way there, in their order; none before the first, and of a run that keeps none."""
    job = ingest.job(str(job_id))
    place = f"{request.app.state.prefix}/v1/jobs/{job.id}/snapshots"
    snapshots = [
        Snapshot(evaluation=evaluation, url=f"{place}/{evaluation}", created_at=stored.created_at)
        for stored in ingest.storage.list(f"{PurePosixPath(artifacts.snapshot(job.id, 0)).parent}/")
        for evaluation in [int(PurePosixPath(stored.name).stem)]
    ]
    # Names sort as texts, which differs from ten thousand on.
    return Listing(items=sorted(snapshots, key=lambda snapshot: snapshot.evaluation))


@router.get(
    "/jobs/{job_id}/snapshots/{evaluation}",
    response_class=Response,
    responses={200: {"content": {"image/jpeg": {}}}, **NOT_MODIFIED, **responses(404)},
)
async def get_snapshot(
    job_id: JobId,
    evaluation: Annotated[int, Path(ge=0, le=10**9, description="Evaluations done.")],
    request: Request,
    ingest: IngestDep,
    pictures: PicturesDep,
    width: ThumbnailWidth = None,
) -> Response:
    """The picture as it was after so many evaluations, a JPEG."""
    job = await run_in_threadpool(ingest.job, str(job_id))
    try:
        return await pictures.answer(request, artifacts.snapshot(job.id, evaluation), width)
    except NotFound:
        raise NotFound(
            f"There is no snapshot of evaluation {evaluation};",
            advice=f"GET /v1/jobs/{job.id}/snapshots lists those there are.",
        ) from None


@router.get(
    "/jobs/{job_id}/timelapse",
    response_class=Response,
    responses={**_FILM, **NOT_MODIFIED, **responses(404, 416)},
)
async def get_timelapse(
    job_id: JobId,
    request: Request,
    ingest: IngestDep,
    pictures: PicturesDep,
    range_: Annotated[str | None, Header(alias="Range", description="A part, as in `bytes=0-1023`.")] = None,  # noqa: ARG001  (read from the request; here for the schema)
) -> Response:
    """The film of how the picture came about, or a part of it."""
    job = await run_in_threadpool(ingest.job, str(job_id))
    return await pictures.film(request, artifacts.timelapse(job.id))


def _accepted(job: Job, response: Response) -> Job:
    response.headers["Location"] = f"/v1/jobs/{job.id}"
    return job
