"""Pictures and films from storage over HTTP. They never change, so that browsers keep them for good."""

from enum import IntEnum
from typing import Any

from fastapi import Request, Response
from starlette.concurrency import run_in_threadpool

from stylegram.common.errors import NotFound
from stylegram.common.http.turns import Turns
from stylegram.common.ports import Storage, StoredObject
from stylegram.ingest.http.ranges import part
from stylegram.ingest.thumbnails import Thumbnails

# Private: who may see a picture may become a question.
_FOR_GOOD = "private, max-age=31536000, immutable"
# A 100-megapixel PNG takes 300 MB while it is made small, and the stylizer wants the processor too.
_AT_ONCE = 2
# A screen of thumbnails: more would only wait for the storage together.
_READS_AT_ONCE = 8
NOT_MODIFIED: dict[int | str, dict[str, Any]] = {304: {"description": "The browser has this version already."}}
"""What endpoints say of `Pictures`' answers."""


class Width(IntEnum):
    """The widths that thumbnails have; few, so that browsers find again what they have."""

    SMALL = 320
    MEDIUM = 640
    LARGE = 1280


class Pictures:
    """Answers with objects that are pictures, or films of them.

    Args:
        storage: where they lie.
    """

    def __init__(self, storage: Storage) -> None:
        self._storage = storage
        self._thumbnails = Thumbnails(storage)
        self._making = Turns(_AT_ONCE)
        self._reading = Turns(_READS_AT_ONCE)

    async def answer(self, request: Request, object_name: str, width: Width | None = None) -> Response:
        """The picture, or 304 where the browser has it already.

        Args:
            request: may name the version that the browser has.
            object_name: which picture.
            width: of the thumbnail, in pixels; None gives the object as it is.

        Raises:
            NotFound: no such object.
            Unavailable: the storage did not answer.
        """
        stored = await run_in_threadpool(self._stat, object_name)
        etag = f'"{stored.sha256}"' if width is None else f'"{stored.sha256}-{width}"'
        if etag in _versions(request):
            response = Response(status_code=304)
        elif width is None:
            response = await run_in_threadpool(self._whole, stored)
        else:
            response = Response(await self._thumbnail(stored, width), media_type="image/jpeg")
        response.headers.update({"ETag": etag, "Cache-Control": _FOR_GOOD})
        return response

    async def thumbnail(self, object_name: str, width: Width) -> bytes:
        """A thumbnail's bytes, for whoever works on with it.

        Args:
            object_name: which picture.
            width: in pixels.

        Raises:
            NotFound: no such object.
            Unavailable: the storage did not answer.
        """
        return await self._thumbnail(await run_in_threadpool(self._stat, object_name), width)

    async def film(self, request: Request, object_name: str) -> Response:
        """The film, or the part of it that was asked for; otherwise as `answer`.

        Raises:
            NotFound: no such object.
            Unavailable: the storage did not answer.
            HTTPException: 416, as the part that was asked for begins beyond the end.
        """
        whole = await self.answer(request, object_name)
        return whole if whole.status_code == 304 else part(request, whole)

    def _stat(self, object_name: str) -> StoredObject:
        stored = self._storage.stat(object_name)
        if stored is None:
            raise NotFound(f"There is no object '{object_name}'.")
        return stored

    def _whole(self, stored: StoredObject) -> Response:
        return Response(self._storage.read(stored.name), media_type=stored.content_type)

    async def _thumbnail(self, stored: StoredObject, width: Width) -> bytes:
        # Who only wants what is there already waits for nobody who decodes.
        kept = await self._reading.run(self._thumbnails.find, stored, width)
        return kept if kept is not None else await self._making.run(self._thumbnails.make, stored, width)


def _versions(request: Request) -> set[str]:
    return {tag.strip().removeprefix("W/") for tag in request.headers.get("if-none-match", "").split(",")}
