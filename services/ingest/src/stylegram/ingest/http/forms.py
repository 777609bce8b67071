"""Forms that may bring files along, and are whole."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from python_multipart.multipart import parse_options_header
from starlette.datastructures import FormData
from starlette.exceptions import HTTPException
from starlette.formparsers import MultiPartException, MultiPartParser
from starlette.requests import Request

# All others would be read as something that nobody wrote, or not at all.
_CHARSETS = {b"utf-8", b"utf8", b"us-ascii", b"ascii"}


class _WholeForm(MultiPartParser):
    """Starlette's parser takes what came before the connection broke off for the form, less its last part."""

    _ended = False

    def on_end(self) -> None:
        self._ended = True

    async def parse(self) -> FormData:
        form = await super().parse()
        if not self._ended:
            await form.close()
            raise MultiPartException("The form is cut off: its closing boundary is missing. Send all of it.")
        return form


@asynccontextmanager
async def whole_form(
    request: Request, *, max_files: int, max_fields: int, max_part_size: int
) -> AsyncIterator[FormData]:
    """The `multipart/form-data` in the body; its files are closed at the end of the context.

    Args:
        request: its body has not been read.
        max_files: files at most.
        max_fields: parts that are no files, at most.
        max_part_size: bytes of such a part, at most.

    Raises:
        HTTPException: 400, it is no whole form within these limits; 415, it is in another character set than UTF-8.
    """
    _, options = parse_options_header(request.headers["content-type"])
    if options.get(b"charset", b"utf-8").lower() not in _CHARSETS:
        raise HTTPException(415, "A form is sent in UTF-8; leave its charset out.")
    parser = _WholeForm(
        request.headers, request.stream(), max_files=max_files, max_fields=max_fields, max_part_size=max_part_size
    )
    try:
        form = await parser.parse()
    except MultiPartException as error:
        raise HTTPException(400, error.message) from None
    try:
        yield form
    finally:
        await form.close()
