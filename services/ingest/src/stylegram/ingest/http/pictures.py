"""Pictures and films from storage over HTTP. They never change, so that browsers keep them for good."""

import threading
from collections.abc import Callable
from enum import IntEnum
from io import BytesIO
from typing import Any

from fastapi import Request, Response
from PIL import Image

from stylegram.common.errors import NotFound
from stylegram.common.images import encode_jpeg
from stylegram.common.ports import Storage, StoredObject
from stylegram.ingest.http.ranges import part

# Private: who may see a picture may become a question.
_FOR_GOOD = "private, max-age=31536000, immutable"
# A 100-megapixel PNG takes 300 MB while it is made small, and the stylizer wants the processor too.
_AT_ONCE = 2
_QUALITY = 85
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
        self._turns = threading.BoundedSemaphore(_AT_ONCE)

    def answer(self, request: Request, object_name: str, width: Width | None = None) -> Response:
        """The picture, or 304 where the browser has it already.

        Args:
            request: may name the version that the browser has.
            object_name: which picture.
            width: of the thumbnail, in pixels; None gives the object as it is.

        Raises:
            NotFound: no such object.
            Unavailable: the storage did not answer.
        """
        stored = self._stat(object_name)
        if width is None:
            return _unless_known(request, stored.sha256, lambda: self._whole(stored))
        return _unless_known(request, f"{stored.sha256}-{width}", lambda: self._thumbnail(stored, width))

    def film(self, request: Request, object_name: str) -> Response:
        """The film, or the part of it that was asked for; otherwise as `answer`.

        Raises:
            NotFound: no such object.
            Unavailable: the storage did not answer.
            HTTPException: 416, as the part that was asked for begins beyond the end.
        """
        stored = self._stat(object_name)
        whole = _unless_known(request, stored.sha256, lambda: self._whole(stored))
        return whole if whole.status_code == 304 else part(request, whole)

    def _stat(self, object_name: str) -> StoredObject:
        stored = self._storage.stat(object_name)
        if stored is None:
            raise NotFound(f"There is no object '{object_name}'.")
        return stored

    def _whole(self, stored: StoredObject) -> Response:
        return Response(self._storage.read(stored.name), media_type=stored.content_type)

    def _thumbnail(self, stored: StoredObject, width: int) -> Response:
        data = self._storage.read(stored.name)
        with self._turns:
            return Response(thumbnail(data, width), media_type="image/jpeg")


def _unless_known(request: Request, version: str, make: Callable[[], Response]) -> Response:
    """What is made, unless the request says that the browser has this version of it: then 304."""
    etag = f'"{version}"'
    response = Response(status_code=304) if etag in _versions(request) else make()
    response.headers.update({"ETag": etag, "Cache-Control": _FOR_GOOD})
    return response


def thumbnail(data: bytes, width: int) -> bytes:
    """A JPEG of the picture, never enlarged.

    Args:
        data: a picture as storage has it: clean.
        width: pixels at most; the height is twice that at most.
    """
    with Image.open(BytesIO(data)) as image:
        image.thumbnail((width, 2 * width), Image.Resampling.LANCZOS)
        return encode_jpeg(image.convert("RGB"), quality=_QUALITY)


def _versions(request: Request) -> set[str]:
    return {tag.strip().removeprefix("W/") for tag in request.headers.get("if-none-match", "").split(",")}
