"""Taking a record in: one's own from elsewhere, or somebody else's."""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Self

from fastapi import Request
from starlette.datastructures import QueryParams, UploadFile
from starlette.exceptions import HTTPException

from stylegram.common.errors import InvalidInput
from stylegram.ingest.http.forms import whole_form
from stylegram.ingest.pages.api import Api

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


@dataclass(frozen=True)
class Refusal:
    """Why nothing of a file was taken in, and what else the form said.

    Args:
        words: why, and what to do about it.
        origin: of runs of which the file does not name one.
        own: whether they are our own.
    """

    words: str
    origin: str
    own: bool


async def take_in(request: Request, api: Api) -> Imported | Refusal:
    """Add the runs of the file that the form has.

    Raises:
        HTTPException: 400, 415: it is no whole form.
        StylegramError: the record does not answer.
    """
    if not request.headers.get("content-type", "").startswith("multipart/form-data"):
        raise HTTPException(415, "A file comes in a form, as multipart/form-data.")
    async with whole_form(request, max_files=1, max_fields=2, max_part_size=1000) as form:
        file, origin = form.get("file"), str(form.get("origin") or "").strip()
        own = bool(form.get("own"))
        if not isinstance(file, UploadFile) or not file.size:
            return Refusal("There is no file. Choose a logs.csv or an export of a record.", origin, own)
        params = ({"origin": origin} if origin else {}) | ({"own": "true"} if own else {})
        try:
            answer = await api.ask("POST", "/v1/logs", params=params, content=_pieces(file))
        except InvalidInput as error:
            return Refusal(str(error), origin, own)
    return Imported(**{name: answer[name] for name in Imported.__dataclass_fields__})


async def _pieces(file: UploadFile) -> AsyncIterator[bytes]:
    while piece := await file.read(_PIECE):
        yield piece
