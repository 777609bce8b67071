"""What is known of an object, in the metadata that the bucket keeps beside it."""

import json
from collections.abc import Mapping

from google.cloud.storage import Blob

from stylegram.common.errors import InvalidInput, StylegramError
from stylegram.common.ports import StoredObject

_SHA256, _WRITE, _METADATA = "stylegram-sha256", "stylegram-write", "stylegram-metadata"
# Google's limit of all custom metadata is 8 KiB, keys included.
_MAX_METADATA = 7_500


def written(name: str, sha256: str, write: str, metadata: Mapping[str, str]) -> dict[str, str]:
    """The bucket's metadata for an object that is about to be written.

    Args:
        name: the object's, for the error.
        sha256: of its bytes.
        write: what tells this write from any other.
        metadata: the caller's, of any characters. It is one value of ASCII, as the bucket's own are headers to some
            of those who read them, to whom a line's end is the end.

    Raises:
        InvalidInput: it is larger than a bucket takes.
    """
    text = json.dumps(dict(metadata), separators=(",", ":"))
    if len(text) > _MAX_METADATA:
        raise InvalidInput(
            f"The metadata of object '{name}' has {len(text)} bytes; the bucket takes {_MAX_METADATA}.",
            advice="Store it as an object of its own.",
        )
    return {_SHA256: sha256, _WRITE: write, _METADATA: text}


def is_of(blob: Blob, write: str) -> bool:
    """Whether it was that write which made the object."""
    return (blob.metadata or {}).get(_WRITE) == write


def stored_object(name: str, blob: Blob) -> StoredObject | None:
    """What is known of an object of ours; None if it is somebody else's.

    Raises:
        StylegramError: it is known in part.
    """
    kept = blob.metadata or {}
    if _SHA256 not in kept:
        return None
    try:
        metadata = json.loads(kept[_METADATA])
        if not isinstance(metadata, dict) or blob.size is None or blob.time_created is None:
            raise ValueError
    except (KeyError, ValueError):
        raise StylegramError(f"What is known of object '{name}' is damaged.") from None
    return StoredObject(name, blob.size, kept[_SHA256], blob.content_type or "", blob.time_created, metadata)
