"""Pictures from storage over HTTP, whole or as thumbnails. They never change, so that browsers keep them for good."""

import threading
from enum import IntEnum
from io import BytesIO

from fastapi import Request, Response
from PIL import Image

from stylegram.common.errors import NotFound
from stylegram.common.images import encode_jpeg
from stylegram.common.ports import Storage

# Private: who may see a picture may become a question.
_FOR_GOOD = "private, max-age=31536000, immutable"
# A 100-megapixel PNG takes 300 MB while it is made small, and the stylizer wants the processor too.
_AT_ONCE = 2
_QUALITY = 85


class Width(IntEnum):
    """The widths that thumbnails have; few, so that browsers find again what they have."""

    SMALL = 320
    MEDIUM = 640
    LARGE = 1280


class Pictures:
    """Answers with objects that are pictures.

    Args:
        storage: where they lie.
    """

    def __init__(self, storage: Storage) -> None:
        self._storage = storage
        self._turns = threading.BoundedSemaphore(_AT_ONCE)

    def answer(self, request: Request, object_name: str, width: Width | None) -> Response:
        """The picture, or 304 where the browser has it already.

        Args:
            request: may name the version that the browser has.
            object_name: which picture.
            width: of the thumbnail, in pixels; None gives the object as it is.

        Raises:
            NotFound: no such object.
            Unavailable: the storage did not answer.
        """
        stored = self._storage.stat(object_name)
        if stored is None:
            raise NotFound(f"There is no object '{object_name}'.")
        etag = f'"{stored.sha256}"' if width is None else f'"{stored.sha256}-{width}"'
        headers = {"ETag": etag, "Cache-Control": _FOR_GOOD}
        if etag in _versions(request):
            return Response(status_code=304, headers=headers)
        data = self._storage.read(object_name)
        if width is None:
            return Response(data, headers=headers, media_type=stored.content_type)
        with self._turns:
            return Response(thumbnail(data, width), headers=headers, media_type="image/jpeg")


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
