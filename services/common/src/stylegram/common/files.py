"""Files that are there whole or not at all."""

import os
from collections.abc import Iterable
from pathlib import Path
from uuid import uuid4

_ANYBODY, _OWNER = 0o666, 0o600
_ANYBODY_S_FOLDER, _OWNER_S_FOLDER = 0o777, 0o700


def write_atomically(path: Path, data: bytes | Iterable[bytes], *, private: bool = False) -> None:
    """Write or replace the file; readers see the old bytes or the new ones, also after a power cut.

    Args:
        path: the file, whose folder is made when absent.
        data: all that is to be in it, at once or piece by piece.
        private: whether nobody else may read it, at any time, nor look into its folder if that is new; else the
            process's usual permissions hold.

    Raises:
        OSError: it could not be written; what was there is as it was.
    """
    path.parent.mkdir(_OWNER_S_FOLDER if private else _ANYBODY_S_FOLDER, parents=True, exist_ok=True)
    # A secure temporary file of the library's could be read by nobody else for ever.
    temporary = path.parent / f".{uuid4().hex}"
    try:
        descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, _OWNER if private else _ANYBODY)
        with os.fdopen(descriptor, "wb") as file:
            file.writelines([data] if isinstance(data, bytes) else data)
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)
    sync_folder(path.parent)


def sync_folder(folder: Path) -> None:
    """Make the folder's entries, as in what was just renamed into it, outlast a power cut."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
