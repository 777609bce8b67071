"""The pictures that there are, putting more among them, and the sync that brings them."""

from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Annotated

from fastapi import APIRouter, Form, Request
from pydantic import BaseModel
from starlette.concurrency import run_in_threadpool
from starlette.responses import RedirectResponse, Response

from stylegram.common.records import Role
from stylegram.common.schemas import Page, Sha256
from stylegram.ingest.bootstrap import Ingest
from stylegram.ingest.http.dependencies import IngestDep
from stylegram.ingest.http.invalid_file import InvalidFile, InvalidFiles
from stylegram.ingest.http.library_upload import LibraryUploadDep
from stylegram.ingest.pages.choices import assets_from
from stylegram.ingest.pages.templating import render
from stylegram.ingest.schemas import Asset
from stylegram.ingest.source_words import SourceDescription
from stylegram.ingest.sync import SyncReport, SyncRunning
from stylegram.ingest.tables import UPLOADS

router = APIRouter(include_in_schema=False)

_PICTURES = 24
# Of what the last sync did, one by one; the rest is counted.
_SYNCED_FILES = 100
_QUARANTINED = 200
_TITLES = {Role.CONTENT: "Photographs", Role.STYLE: "Paintings"}
_ORIGINS = {"file": "folder", "gdrive": "Google Drive", "upload": "upload"}
_OUTCOMES = {
    "added": "new",
    "changed": "changed",
    "duplicates": "copies",
    "quarantined": "refused",
    "unreadable": "unreadable",
    "removed": "gone",
}
"""What a sync did with files that were not as before, in the words of its command."""
_OF_ONE = {"copies": "copy"}


@dataclass(frozen=True)
class Shelf:
    """The pictures of one role.

    Args:
        role: theirs.
        title: what they are called.
        pictures: a page of them, newest first.
        count: how many there are.
        is_first: whether the page is the first.
    """

    role: Role
    title: str
    pictures: Page[Asset]
    count: int
    is_first: bool


@dataclass(frozen=True)
class Feed:
    """Where the pictures of one role come from.

    Args:
        role: theirs.
        title: what they are called.
        source: in words.
        did: what the last sync did with its files, in words; None where it did not get to them.
        files: those that were not as before, some of them.
    """

    role: Role
    title: str
    source: SourceDescription
    did: str | None
    files: Sequence[tuple[str, str, str | None]]


class Removal(BaseModel):
    """The form that takes a picture out of the library."""

    role: Role
    sha256: Sha256


@router.get("/library")
def show(
    request: Request, ingest: IngestDep, content_after: str | None = None, style_after: str | None = None
) -> Response:
    """The library."""
    return _page(request, ingest, {Role.CONTENT: content_after, Role.STYLE: style_after})


@router.post("/library/upload")
async def upload(request: Request, files: LibraryUploadDep, ingest: IngestDep) -> Response:
    """Put pictures into the library; those that are none are listed on the page."""
    try:
        await files.keep(ingest)
    except (InvalidFile, InvalidFiles) as error:
        refused = [value.detail for value in error.values]
        return await run_in_threadpool(_page, request, ingest, {}, refused)
    return RedirectResponse(f"/library#{files.role}", 303)


@router.post("/library/remove")
def remove(form: Annotated[Removal, Form()], ingest: IngestDep) -> RedirectResponse:
    """Take a picture out again that was put in here."""
    ingest.take_out_of_library(form.role, form.sha256)
    return RedirectResponse(f"/library#{form.role}", 303)


@router.post("/library/sync")
def sync(ingest: IngestDep) -> RedirectResponse:
    """Look for new pictures; where somebody does so already, that is what was wanted."""
    with suppress(SyncRunning):
        ingest.start_sync()
    return RedirectResponse("/library#sources", 303)


def _page(
    request: Request, ingest: Ingest, after: Mapping[Role, str | None], refused_uploads: Sequence[str] = ()
) -> Response:
    status, counts = ingest.sync_status, ingest.asset_counts()
    reports = {report.role: report for report in status.reports}
    return render(
        request,
        "library/page.html",
        status=422 if refused_uploads else 200,
        refused_uploads=refused_uploads,
        sync=status,
        feeds=[_feed(ingest, role, reports.get(role)) for role in Role],
        found=sum(report.added + report.changed + report.removed for report in status.reports),
        at=_TITLES[status.role] if status.role else None,
        shelves=[_shelf(ingest, role, counts[role], after.get(role)) for role in Role],
        quarantine=ingest.quarantine(_QUARANTINED),
        quarantined=ingest.quarantine_count(),
        titles=_TITLES,
        origins_of=_origins,
        source_of=_source_of,
        is_removable=lambda asset: UPLOADS in asset.sources,
    )


def _shelf(ingest: Ingest, role: Role, count: int, after: str | None) -> Shelf:
    pictures = assets_from(ingest, role, _PICTURES, after)
    return Shelf(role, _TITLES[role], pictures, count, is_first=after is None)


def _feed(ingest: Ingest, role: Role, report: SyncReport | None) -> Feed:
    files = report.files[:_SYNCED_FILES] if report else []
    return Feed(
        role,
        _TITLES[role],
        ingest.describe_source(role),
        _did(report) if report else None,
        [(file.name, _word(file.outcome), file.reason) for file in files],
    )


def _did(report: SyncReport) -> str:
    counts = ((getattr(report, outcome), outcome) for outcome in _OUTCOMES)
    words = [f"{count:,} {_word(outcome, count)}" for count, outcome in counts if count]
    if report.unchanged:
        words.append(f"{report.unchanged:,} as before")
    return ", ".join(words) or "no pictures"


def _word(outcome: str, count: int = 1) -> str:
    word = _OUTCOMES.get(outcome, outcome)
    return _OF_ONE.get(word, word) if count == 1 else word


def _source_of(asset: Asset) -> str:
    """What has the picture besides who put it in here."""
    return " and the ".join(_origins(source) for source in asset.sources if source != UPLOADS)


def _origins(source: str) -> str:
    return _ORIGINS.get(source.partition(":")[0], source)
