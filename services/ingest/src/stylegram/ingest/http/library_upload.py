"""What `POST /v1/assets` takes: a form with a role and the files that are put into the library."""

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from typing import Annotated, Any

from fastapi import Depends, Request
from fastapi.exceptions import RequestValidationError
from starlette.datastructures import FormData, UploadFile
from starlette.exceptions import HTTPException

from stylegram.common.errors import InvalidImage
from stylegram.common.records import Role
from stylegram.ingest.bootstrap import Ingest
from stylegram.ingest.http.forms import whole_form
from stylegram.ingest.http.invalid_file import InvalidFile, InvalidFiles
from stylegram.ingest.http.turns import CLEANING
from stylegram.ingest.schemas import Asset

FORM = "multipart/form-data"
# Together they may have what any request may: a few large ones, or as many small ones as somebody picks in a folder.
_MOST_FILES = 200
_MOST_ROLE_BYTES = 100

REQUEST_BODY: dict[str, Any] = {
    "required": True,
    "content": {
        FORM: {
            "schema": {
                "type": "object",
                "required": ["role", "file"],
                "additionalProperties": False,
                "properties": {
                    "role": {"$ref": "#/components/schemas/Role"},
                    "file": {
                        "type": "array",
                        "items": {
                            "type": "string",
                            "format": "binary",
                            "contentMediaType": "application/octet-stream",
                        },
                        "minItems": 1,
                        "maxItems": _MOST_FILES,
                        "description": "A picture; may be repeated.",
                    },
                },
            }
        }
    },
}
"""What stands in the API's schema for the body."""


@dataclass(frozen=True)
class LibraryUpload:
    """Files for the library, read and not yet looked at.

    Args:
        role: what their pictures are for.
        files: in the order of the form.
    """

    role: Role
    files: Sequence[UploadFile]

    async def keep(self, ingest: Ingest) -> list[Asset]:
        """Put the pictures into the library.

        Raises:
            InvalidFile: one is no picture; the others are kept.
            InvalidFiles: several are none; likewise.
            Unavailable: see `Assets.upload`.
        """
        kept, refused = [], []
        for number, file in enumerate(self.files):
            try:
                kept.append(await CLEANING.run(self._keep, ingest, file))
            except InvalidImage as reason:
                refused.append(InvalidFile(file.filename or "unnamed", [f"body/file/{number}"], reason))
        if refused:
            raise refused[0] if len(refused) == 1 else InvalidFiles(refused)
        return kept

    def _keep(self, ingest: Ingest, file: UploadFile) -> Asset:
        return ingest.put_into_library(self.role, file.filename or "", file.file.read())


async def _read(request: Request) -> AsyncIterator[LibraryUpload]:
    """The form in the body; its files are closed when the request has been answered."""
    if request.headers.get("content-type", "").partition(";")[0].strip().lower() != FORM:
        raise HTTPException(415, f"Pictures are put into the library as {FORM}.", headers={"Accept": FORM})
    async with whole_form(
        request, max_files=_MOST_FILES, max_fields=1 + _MOST_FILES, max_part_size=_MOST_ROLE_BYTES
    ) as form:
        yield _of_form(form)


LibraryUploadDep = Annotated[LibraryUpload, Depends(_read)]


def _of_form(form: FormData) -> LibraryUpload:
    refused = [_refusal(name, "Not known here; known: role, file.") for name in form if name not in ("role", "file")]
    roles, files = form.getlist("role"), form.getlist("file")
    if len(roles) != 1 or roles[0] not in tuple(Role):
        refused.append(_refusal("role", f"Say once what the pictures are for: {' or '.join(Role)}."))
    # A browser sends a field in which nobody chose anything as a file without name and bytes.
    chosen = [file for file in files if isinstance(file, UploadFile) and (file.filename or file.size)]
    if not chosen or not all(isinstance(file, UploadFile) for file in files):
        refused.append(_refusal("file", "Choose at least one file; with curl, write file=@photo.jpg."))
    if refused:
        raise RequestValidationError(refused)
    return LibraryUpload(Role(str(roles[0])), chosen)


def _refusal(name: str, words: str) -> dict[str, Any]:
    return {"loc": ("body", name), "msg": words, "type": "value_error"}
