"""Assets: the pictures that there are, those that are refused, and the sync that brings them."""

from typing import Annotated

from fastapi import APIRouter, Query, Request, Response

from stylegram.common.records import Role
from stylegram.ingest.http.dependencies import IngestDep, Limit, Listing, PicturesDep, Sha256, ThumbnailWidth
from stylegram.ingest.schemas import Asset, QuarantinedFile
from stylegram.ingest.sync import SyncReport

router = APIRouter(prefix="/v1", tags=["assets"])


@router.get("/assets")
def list_assets(
    ingest: IngestDep, role: Annotated[Role | None, Query(description="Only of this role.")] = None, limit: Limit = 200
) -> Listing[Asset]:
    """The pictures that the sources have, newest first."""
    return Listing(items=ingest.newest_assets(role, limit=limit))


@router.get(
    "/assets/{role}/{sha256}",
    response_class=Response,
    responses={200: {"content": {"image/jpeg": {}, "image/png": {}}}},
)
def get_asset(
    role: Role,
    sha256: Sha256,
    request: Request,
    ingest: IngestDep,
    pictures: PicturesDep,
    width: ThumbnailWidth = None,
) -> Response:
    """The picture itself, upright, in sRGB and without metadata."""
    return pictures.answer(request, ingest.asset(role, sha256).object_name, width)


@router.get("/quarantine")
def list_quarantine(ingest: IngestDep) -> Listing[QuarantinedFile]:
    """The files that the sources have and Stylegram refuses, with the reasons."""
    return Listing(items=ingest.quarantine())


@router.post("/sync")
def sync_sources(ingest: IngestDep) -> Listing[SyncReport]:
    """Sync the sources into storage, and report what that did to each; 409 while a sync is running."""
    return Listing(items=list(ingest.sync_all().values()))
