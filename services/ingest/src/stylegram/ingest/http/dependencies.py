"""What endpoints are given: the service behind the app, and types of parameters that several of them take."""

from typing import Annotated, Generic, TypeVar
from uuid import UUID

from fastapi import Depends, Path, Query, Request
from pydantic import BaseModel, StringConstraints

from stylegram.common.hyperparameters import Hyperparameters
from stylegram.ingest.bootstrap import Ingest
from stylegram.ingest.http.pictures import Pictures, Width

_Item = TypeVar("_Item")


class Listing(BaseModel, Generic[_Item]):
    """A list that can grow fields beside its items."""

    items: list[_Item]


def _ingest(request: Request) -> Ingest:
    ingest: Ingest = request.app.state.ingest
    return ingest


def _daily(request: Request) -> Hyperparameters:
    daily: Hyperparameters = request.app.state.daily
    return daily


def _pictures(request: Request) -> Pictures:
    pictures: Pictures = request.app.state.pictures
    return pictures


IngestDep = Annotated[Ingest, Depends(_ingest)]
DailyDep = Annotated[Hyperparameters, Depends(_daily)]
PicturesDep = Annotated[Pictures, Depends(_pictures)]

JobId = Annotated[UUID, Path(description="The job's id.")]
Sha256 = Annotated[str, StringConstraints(pattern="^[0-9a-f]{64}$")]
Limit = Annotated[int, Query(ge=1, le=1000, description="Items at most.")]
ThumbnailWidth = Annotated[Width | None, Query(description="A JPEG so many pixels wide; the whole picture by default.")]
