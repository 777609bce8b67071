"""Assets: the pictures that there are, those that are refused, and the sync that brings them."""

from http import HTTPStatus
from typing import Annotated

from fastapi import APIRouter, Path, Query, Request, Response
from starlette.concurrency import run_in_threadpool

from stylegram.common.errors import ConfigurationError, Unavailable
from stylegram.common.http.paging import LINK, Cursor, Limit, linked
from stylegram.common.http.problems import responses
from stylegram.common.records import Role
from stylegram.common.schemas import Listing, Page, Sha256
from stylegram.ingest.http.dependencies import IngestDep, PicturesDep, ThumbnailWidth
from stylegram.ingest.http.library_upload import REQUEST_BODY, LibraryUploadDep
from stylegram.ingest.http.pictures import NOT_MODIFIED
from stylegram.ingest.schemas import Asset, QuarantinedFile
from stylegram.ingest.sync import SyncReport
from stylegram.ingest.syncs import SyncStatus

router = APIRouter(prefix="/v1", tags=["assets"])

Full = Annotated[bool, Query(description="List everything, also where a source can tell what changed.")]
RoleOfAsset = Annotated[Role, Path(description="What the picture is for.")]
DigestOfAsset = Annotated[Sha256, Path(description="Digest of the bytes as the source had them.")]
DryRun = Annotated[bool, Query(description="Only look: nothing is read or kept.")]


@router.get("/assets", responses=LINK)
def list_assets(
    request: Request,
    response: Response,
    ingest: IngestDep,
    role: Annotated[Role | None, Query(description="Only of this role.")] = None,
    limit: Limit = 200,
    cursor: Cursor = None,
) -> Page[Asset]:
    """The pictures that the sources have, newest first, a page at a time."""
    return linked(ingest.assets(role, limit=limit, cursor=cursor), request, response)


@router.get(
    "/assets/{role}/{sha256}",
    response_class=Response,
    responses={200: {"content": {"image/jpeg": {}, "image/png": {}}}, **NOT_MODIFIED, **responses(404)},
)
async def get_asset(
    role: RoleOfAsset,
    sha256: DigestOfAsset,
    request: Request,
    ingest: IngestDep,
    pictures: PicturesDep,
    width: ThumbnailWidth = None,
) -> Response:
    """The picture itself, upright, in sRGB and without metadata."""
    asset = await run_in_threadpool(ingest.asset, role, sha256)
    return await pictures.answer(request, asset.object_name, width)


@router.post(
    "/assets",
    status_code=HTTPStatus.CREATED,
    openapi_extra={"requestBody": REQUEST_BODY},
    responses=responses(400, 413, 415, 422),
)
async def put_assets_into_library(upload: LibraryUploadDep, ingest: IngestDep) -> Listing[Asset]:
    """Put pictures into the library, as if a source had them: daily pictures may be made of them.

    Files that are no pictures are named in the 422, and the others are kept.
    """
    return Listing(items=await upload.keep(ingest))


@router.delete(
    "/assets/{role}/{sha256}", status_code=HTTPStatus.NO_CONTENT, responses=responses(404, 409), response_class=Response
)
def take_asset_out_of_library(role: RoleOfAsset, sha256: DigestOfAsset, ingest: IngestDep) -> None:
    """Take a picture out of the library that was put into it by hand; 409 for one that only a source has.

    The picture itself stays, for jobs refer to it; and where a source has it as well, it stays in the library too.
    """
    ingest.take_out_of_library(role, sha256)


@router.get("/quarantine")
def list_quarantine(ingest: IngestDep) -> Listing[QuarantinedFile]:
    """The files that the sources have and Stylegram refuses, with the reasons."""
    return Listing(items=ingest.quarantine())


@router.post("/sync", responses=responses(404, 409))
def sync_sources(ingest: IngestDep, full: Full = False, dry_run: DryRun = False) -> Listing[SyncReport]:
    """Sync the sources into storage, and report what that did to each; 409 while a sync is running.

    It takes as long as it takes: where there are thousands of new files, start one instead.
    """
    try:
        return Listing(items=list(ingest.sync_all(full=full, dry_run=dry_run).values()))
    except ConfigurationError as error:  # of credentials, say: whoever runs Stylegram can mend that while it runs
        raise Unavailable(error.message, advice=error.advice) from error


@router.post("/sync/start", status_code=HTTPStatus.ACCEPTED, responses=responses(409))
def start_sync(ingest: IngestDep, full: Full = False, dry_run: DryRun = False) -> SyncStatus:
    """Begin the same and answer at once; `GET /v1/sync` tells how it goes on."""
    return ingest.start_sync(full=full, dry_run=dry_run)


@router.get("/sync")
def get_sync(ingest: IngestDep) -> SyncStatus:
    """How the sync that runs stands, or how the latest ended; every replica tells the same, within a second or two."""
    return ingest.sync_status
