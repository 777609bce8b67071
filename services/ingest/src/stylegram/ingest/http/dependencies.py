"""What endpoints are given: the service behind the app, and types of parameters that several of them take."""

from typing import Annotated
from uuid import UUID

from fastapi import Depends, Header, Path, Query, Request
from pydantic import AfterValidator, ValidationError, ValidatorFunctionWrapHandler, WrapValidator

from stylegram.common.http.problems import quoted
from stylegram.common.hyperparameters import Hyperparameters
from stylegram.ingest.bootstrap import Ingest
from stylegram.ingest.http.pictures import Pictures, Width
from stylegram.ingest.http.watch import JobWatch
from stylegram.ingest.jobs import DAILY_KEYS


def _ingest(request: Request) -> Ingest:
    ingest: Ingest = request.app.state.ingest
    return ingest


def _daily(request: Request) -> Hyperparameters:
    daily: Hyperparameters = request.app.state.daily
    return daily


def _pictures(request: Request) -> Pictures:
    pictures: Pictures = request.app.state.pictures
    return pictures


def _of_a_job(text: str, parse: ValidatorFunctionWrapHandler) -> UUID:
    """What is wrong with a UUID tells nobody where to find one."""
    try:
        job_id: UUID = parse(text)
    except ValidationError:
        raise ValueError(f"{quoted(text)} is no job's id; GET /v1/jobs lists them.") from None
    return job_id


def _of_a_client(key: str) -> str:
    if key.startswith(DAILY_KEYS):
        raise ValueError(f"keys that begin with {DAILY_KEYS} are Stylegram's own; choose another")
    return key


def _watch(request: Request) -> JobWatch:
    watch: JobWatch = request.app.state.watch
    return watch


IngestDep = Annotated[Ingest, Depends(_ingest)]
DailyDep = Annotated[Hyperparameters, Depends(_daily)]
PicturesDep = Annotated[Pictures, Depends(_pictures)]
WatchDep = Annotated[JobWatch, Depends(_watch)]

JobId = Annotated[UUID, Path(description="The job's id."), WrapValidator(_of_a_job)]
IdempotencyKey = Annotated[
    str | None,
    Header(
        min_length=1,
        max_length=200,
        description="The same key always gives the same job, however often it is sent. Those that begin with"
        f" `{DAILY_KEYS}` are Stylegram's own.",
    ),
    AfterValidator(_of_a_client),
]
ThumbnailWidth = Annotated[Width | None, Query(description="A JPEG so many pixels wide; the whole picture by default.")]
