"""A file's bytes, range by range, and whether they are those that were listed."""

import hashlib
from collections.abc import Mapping
from io import BytesIO

from googleapiclient.errors import HttpError
from googleapiclient.http import MediaIoBaseDownload

from stylegram.common.errors import NotFound, StylegramError, Unavailable
from stylegram.common.ports import SourceFile
from stylegram.ingest.sources.drive.api import DriveApi
from stylegram.ingest.sources.drive.items import md5_of

# What is fetched again after a broken connection, at most. Most pictures are two or three of these.
_RANGE = 4 * 1024 * 1024


def download(api: DriveApi, file: SourceFile, keys: Mapping[str, str]) -> bytes:
    """The file's bytes; see `Source.read`.

    Args:
        api: whom to ask.
        file: as it was listed.
        keys: resource keys, by id.
    """
    # Once more: a file that is replaced while it is fetched gives the beginning of one and the end of the other.
    for _ in range(2):
        data = _fetch(api, file, keys)
        if data is not None and _is_as_listed(data, file):
            return data
    raise Unavailable(
        f"'{file.name}' ({file.key}) in Google Drive is another by now than was listed.",
        advice="The next sync takes it as it is then.",
    )


def _fetch(api: DriveApi, file: SourceFile, keys: Mapping[str, str]) -> bytes | None:
    """All bytes; None where there are more or fewer than were listed, of which no more than a range is fetched."""
    buffer = BytesIO()
    ranges = MediaIoBaseDownload(buffer, api.media(file.key, keys), chunksize=_RANGE)
    is_done = False
    while not is_done:
        before = buffer.tell()
        try:
            status, is_done = api.link.call(f"file '{file.name}' ({file.key})", ranges.next_chunk)
        except NotFound as error:
            raise NotFound(f"'{file.name}' ({file.key}) is gone from Google Drive.") from error
        except StylegramError as error:
            if isinstance(error.__cause__, HttpError) and error.__cause__.resp.status == 416:
                return None
            raise
        if status.total_size != file.size or buffer.tell() > file.size:
            return None
        if not is_done and buffer.tell() == before:
            # A server, or what stands before it, that makes nothing of ranges would be asked for them for ever.
            return None
    return buffer.getvalue()


def _is_as_listed(data: bytes, file: SourceFile) -> bool:
    listed = md5_of(file)
    # Drive's checksum; nothing's safety depends on it.
    return listed is None or hashlib.md5(data, usedforsecurity=False).hexdigest() == listed
