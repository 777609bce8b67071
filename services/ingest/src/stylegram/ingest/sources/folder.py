"""A folder, with all that is below it, as a source."""

import itertools
import os
import stat
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import unquote_to_bytes

from stylegram.common.errors import ChangesLost, NotFound, Unavailable
from stylegram.common.ports import SourceFile, SourcePage
from stylegram.ingest.sources.names import could_be_picture, is_hidden

_FILES_PER_PAGE = 1000
# Every volume's root has one, and only root can read it.
_SYSTEM_FOLDERS = {"lost+found"}


class FolderSource:
    """The source port on a folder.

    Hidden files and JSON sidecars are no pictures. A link to a file is followed where it stays within the folder;
    a link to a folder never is, since what lies within is found anyway. A key is the path from the folder on, with
    `%` and bytes that are not UTF-8 percent-encoded.

    Args:
        root: the folder, absolute; need not exist yet.
    """

    def __init__(self, root: Path) -> None:
        self.url = root.as_uri()
        self._root = root

    def describe(self) -> str:
        """See `Source.describe`."""
        self._check()
        return f"the folder {self._root}"

    def listing(self) -> Iterator[SourcePage]:
        """See `Source.listing`; a folder's files come by name, before those of the folders in it."""
        files = self._files()
        while page := tuple(itertools.islice(files, _FILES_PER_PAGE)):
            yield SourcePage(page)

    def changes(self, since: str) -> Iterator[SourcePage]:  # noqa: ARG002
        """See `Source.changes`; a folder keeps no record of them."""
        raise ChangesLost(f"The folder '{self._root}' does not know what has changed in it.")

    def _check(self) -> None:
        if self._root.is_file():
            raise NotFound(f"'{self._root}' is a file, not a folder.", advice="Name the folder that it is in.")
        if not self._root.is_dir():
            raise NotFound(
                f"There is no folder '{self._root}'.", advice="Make it or mount it, or correct the source's URL."
            )

    def _files(self) -> Iterator[SourceFile]:
        self._check()
        root = os.path.realpath(self._root)
        for folder, subfolders, names in os.walk(root, onerror=_unlistable):
            subfolders[:] = sorted(name for name in subfolders if not is_hidden(name) and name not in _SYSTEM_FOLDERS)
            for name in sorted(names):
                path = os.path.realpath(os.path.join(folder, name))  # noqa: PTH118  (pathlib raises on link cycles)
                if not could_be_picture(name) or not Path(path).is_relative_to(root):
                    continue
                if (found := _regular_file(path)) is not None:
                    yield SourceFile(
                        key=_key(os.path.relpath(f"{folder}/{name}", root)),
                        name=os.fsencode(name).decode("utf-8", "replace"),
                        fingerprint=f"{found.st_size}-{found.st_mtime_ns}",
                        size=found.st_size,
                    )

    def read(self, file: SourceFile) -> bytes:
        """See `Source.read`."""
        try:
            return (self._root / os.fsdecode(unquote_to_bytes(file.key))).read_bytes()
        except FileNotFoundError:
            raise NotFound(f"'{file.key}' is gone from '{self._root}'.") from None
        except OSError as error:
            raise Unavailable(
                f"'{file.key}' in '{self._root}' could not be read: {error.strerror}.",
                advice="Check the file's permissions.",
            ) from error


def _unlistable(error: OSError) -> None:
    # Passing over a folder would read as if its files had been deleted.
    raise Unavailable(
        f"The folder '{error.filename}' could not be listed: {error.strerror}.", advice="Check its permissions."
    ) from error


def _regular_file(path: str) -> os.stat_result | None:
    """What is known of the file; None for what is none: a dangling link, a link cycle, a pipe, a device."""
    try:
        found = os.lstat(path)
    except FileNotFoundError:
        return None
    except OSError as error:
        _unlistable(error)
        raise
    return found if stat.S_ISREG(found.st_mode) else None


def _key(relative: str) -> str:
    # Undecodable bytes are lone surrogates here (PEP 383), which no database takes.
    return "".join(
        f"%{ord(character) & 0xFF:02X}" if character == "%" or "\udc80" <= character <= "\udcff" else character
        for character in relative
    )
