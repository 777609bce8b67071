"""Taking a record in: one's own from elsewhere, or somebody else's."""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Self
from urllib.parse import urlencode

from fastapi import APIRouter, Request
from starlette.datastructures import QueryParams, UploadFile
from starlette.exceptions import HTTPException
from starlette.responses import RedirectResponse

from stylegram.common.errors import InvalidInput
from stylegram.ingest.http.forms import whole_form
from stylegram.ingest.pages.api import ApiDep

router = APIRouter(include_in_schema=False)

_PIECE = 1 << 20


@dataclass(frozen=True)
class Imported:
    """What became of a file's rows.

    Args:
        added: are new here.
        known: say nothing new.
        different: contradict what is known, which stays.
        refused: cannot be right.
    """

    added: int
    known: int
    different: int
    refused: int

    @classmethod
    def of(cls, query: QueryParams) -> Self | None:
        """What an address tells of it; None where it tells nothing."""
        texts = [query.get(name, "") for name in cls.__dataclass_fields__]
        return cls(*map(int, texts)) if all(text.isdecimal() and len(text) < 10 for text in texts) else None


@router.post("/record/import")
async def import_file(request: Request, api: ApiDep) -> RedirectResponse:
    """Add the runs of a file, and tell on the record what became of them.

    Raises:
        InvalidInput: there is no file, or it is no record.
        HTTPException: 400, 415: it is no whole form.
    """
    if not request.headers.get("content-type", "").startswith("multipart/form-data"):
        raise HTTPException(415, "A file comes in a form, as multipart/form-data.")
    async with whole_form(request, max_files=1, max_fields=2, max_part_size=1000) as form:
        file, origin = form.get("file"), str(form.get("origin") or "").strip()
        if not isinstance(file, UploadFile) or not file.size:
            raise InvalidInput("There is no file.", advice="Choose a logs.csv or an export of a record.")
        params = ({"origin": origin} if origin else {}) | ({"own": "true"} if form.get("own") else {})
        answer = await api.ask("POST", "/v1/logs", params=params, content=_pieces(file))
    counts = {name: answer[name] for name in Imported.__dataclass_fields__}
    return RedirectResponse(f"/record?{urlencode(counts)}#files", 303)


async def _pieces(file: UploadFile) -> AsyncIterator[bytes]:
    while piece := await file.read(_PIECE):
        yield piece
