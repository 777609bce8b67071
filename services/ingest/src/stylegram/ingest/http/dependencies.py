"""What endpoints are given: the service behind the app, and types of parameters that several of them take."""

import re
from typing import Annotated, Generic, TypeVar
from uuid import UUID

from fastapi import Depends, Header, Path, Query, Request
from fastapi.exceptions import RequestValidationError
from fastapi.routing import APIRoute
from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    Field,
    ValidationError,
    ValidatorFunctionWrapHandler,
    WrapValidator,
)

from stylegram.common.hyperparameters import Hyperparameters
from stylegram.ingest.bootstrap import Ingest
from stylegram.ingest.http.pictures import Pictures, Width
from stylegram.ingest.http.problems import quoted
from stylegram.ingest.http.watch import JobWatch
from stylegram.ingest.jobs import DAILY_KEYS
from stylegram.ingest.schemas import Instant

_Item = TypeVar("_Item")


class Listing(BaseModel, Generic[_Item]):
    """A list that can grow fields beside its items."""

    items: list[_Item] = Field(description="All of them.")


def _ingest(request: Request) -> Ingest:
    ingest: Ingest = request.app.state.ingest
    return ingest


def _daily(request: Request) -> Hyperparameters:
    daily: Hyperparameters = request.app.state.daily
    return daily


def _pictures(request: Request) -> Pictures:
    pictures: Pictures = request.app.state.pictures
    return pictures


def _written_out(text: str) -> str:
    """Where a time is meant, a number would otherwise be taken for seconds."""
    if not re.match(r"\d{4}-\d\d-\d\d[Tt ]", text, re.ASCII):
        raise ValueError("give a time with its zone, as in 2026-11-20T08:00:00Z")
    return text


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


async def only_known_queries(request: Request) -> None:
    """Refuse a query's names that the endpoint does not know, as a misspelt one would do nothing."""
    route: APIRoute = request.scope["route"]
    known = [field.alias for field in route.dependant.query_params]
    unknown = [name for name in request.query_params if name not in known]
    if unknown:
        detail = f"Not known here; known: {', '.join(known) or 'none'}."
        raise RequestValidationError([{"loc": ("query", name), "msg": detail, "type": "extra"} for name in unknown])


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
When = Annotated[Instant, BeforeValidator(_written_out)]
ThumbnailWidth = Annotated[Width | None, Query(description="A JPEG so many pixels wide; the whole picture by default.")]
