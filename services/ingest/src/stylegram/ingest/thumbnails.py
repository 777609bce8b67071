"""Thumbnails: made once, and kept in storage beside the pictures.

Their names come from the picture's bytes, so that any number of processes share them, and no thumbnail is ever of
another picture. Nothing is lost with them: what is missing is made anew.
"""

import threading
from contextlib import suppress
from io import BytesIO

import structlog
from PIL import Image

from stylegram.common.errors import AlreadyExists, NotFound, StylegramError, Unavailable
from stylegram.common.images import encode_jpeg
from stylegram.common.ports import Storage, StoredObject

_QUALITY = 85
# Two pictures that share a lock wait for each other, which costs no more than a turn would.
_LOCKS = 16

_log = structlog.get_logger(__name__)


class Thumbnails:
    """Small JPEGs of the pictures in storage.

    Args:
        storage: where the pictures lie, and the thumbnails, as `thumbnails/{width}/{sha256}.jpg`.
    """

    def __init__(self, storage: Storage) -> None:
        self._storage = storage
        self._locks = [threading.Lock() for _ in range(_LOCKS)]

    def find(self, picture: StoredObject, width: int) -> bytes | None:
        """The thumbnail, where it has been made before.

        Args:
            picture: of which.
            width: see `shrunk`.

        Raises:
            Unavailable: the storage did not answer.
        """
        name = _name(picture, width)
        try:
            return self._storage.read(name)
        except NotFound:
            return None
        except Unavailable:
            raise
        except StylegramError as error:
            _log.warning("thumbnail_damaged", name=name, reason=str(error))
            # Where that is not allowed, it is made anew each time.
            with suppress(StylegramError):
                self._storage.delete(name)
            return None

    def make(self, picture: StoredObject, width: int) -> bytes:
        """The thumbnail, made now unless somebody in this process has just done so.

        Args:
            picture: of which.
            width: see `shrunk`.

        Raises:
            NotFound: the picture is gone.
            Unavailable: the storage did not answer.
        """
        name = _name(picture, width)
        with self._locks[hash(name) % _LOCKS]:
            if (made := self.find(picture, width)) is not None:
                return made
            thumbnail = shrunk(self._storage.read(picture.name), width)
            try:
                # Another process may have been at it too, with the same outcome.
                with suppress(AlreadyExists):
                    self._storage.write(name, thumbnail, content_type="image/jpeg")
            except StylegramError as error:
                _log.warning("thumbnail_not_kept", name=name, reason=str(error))
            return thumbnail


def shrunk(data: bytes, width: int) -> bytes:
    """A JPEG of the picture, never enlarged.

    Args:
        data: a picture as storage has it: clean.
        width: pixels at most; the height is twice that at most.
    """
    with Image.open(BytesIO(data)) as image:
        image.thumbnail((width, 2 * width), Image.Resampling.LANCZOS)
        return encode_jpeg(image.convert("RGB"), quality=_QUALITY)


def _name(picture: StoredObject, width: int) -> str:
    return f"thumbnails/{int(width)}/{picture.sha256}.jpg"
