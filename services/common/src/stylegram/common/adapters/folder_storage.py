"""Object storage in a folder that people can open and look into.

The bytes lie under their own name; what is known of them lies under the same name in `.objects/`. Objects
never change, so an object is there as soon as its bytes are, and linking them into place is the commit.
"""

import fcntl
import hashlib
import json
import os
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict
from datetime import datetime
from pathlib import Path
from tempfile import NamedTemporaryFile
from typing import Any

from stylegram.common import object_names
from stylegram.common.clock import utcnow
from stylegram.common.errors import AlreadyExists, InvalidObjectName, NotFound, Unavailable
from stylegram.common.ports import StoredObject

# Nobody takes a day over one object: what lies here longer was left by a process that was killed.
_STALE_SECONDS = 86_400


class FolderStorage:
    """The object storage port on a folder.

    Args:
        root: the folder, made when absent.
    """

    def __init__(self, root: Path) -> None:
        root.mkdir(parents=True, exist_ok=True)
        self._root = root.resolve()
        # Names that start with a dot are no object names, so nothing can collide with these.
        self._facts = self._root / ".objects"
        self._incoming = self._root / ".incoming"
        for folder in (self._facts, self._incoming):
            folder.mkdir(exist_ok=True)
        self._sweep()

    def write(
        self, name: str, data: bytes, *, content_type: str, metadata: Mapping[str, str] | None = None
    ) -> StoredObject:
        """See `Storage.write`."""
        path = self._path(name)
        stored = StoredObject(
            name, len(data), hashlib.sha256(data).hexdigest(), content_type, utcnow(), dict(metadata or {})
        )
        facts = json.dumps({**asdict(stored), "created_at": stored.created_at.isoformat()}).encode()
        with self._temporary(data) as bytes_file, self._temporary(facts) as facts_file, self._committing():
            if path.exists():
                raise AlreadyExists(
                    f"Object '{name}' exists already.", advice="Objects never change: choose another name."
                )
            facts_path = self._facts / f"{name}.json"
            for parent in (facts_path.parent, path.parent):
                parent.mkdir(parents=True, exist_ok=True)
            os.replace(facts_file, facts_path)
            os.replace(bytes_file, path)
            _sync_folder(path.parent)
        return stored

    def read(self, name: str) -> bytes:
        """See `Storage.read`."""
        stored = self.stat(name)
        try:
            data = self._path(name).read_bytes()
        except (FileNotFoundError, IsADirectoryError):
            stored = None
        if stored is None:
            raise NotFound(f"There is no object '{name}'.")
        if hashlib.sha256(data).hexdigest() != stored.sha256:
            raise Unavailable(f"Object '{name}' is damaged: its bytes are not those that were written.")
        return data

    def stat(self, name: str) -> StoredObject | None:
        """See `Storage.stat`."""
        if not self._path(name).is_file():
            return None
        try:
            facts: dict[str, Any] = json.loads((self._facts / f"{name}.json").read_bytes())
        except FileNotFoundError:  # deleted in between
            return None
        return StoredObject(**{**facts, "created_at": datetime.fromisoformat(facts["created_at"])})

    def list(self, prefix: str = "") -> Iterator[StoredObject]:
        """See `Storage.list`."""
        names = sorted(
            name
            for path in self._facts.rglob("*.json")
            if (name := path.relative_to(self._facts).as_posix().removesuffix(".json")).startswith(prefix)
        )
        for name in names:
            if stored := self.stat(name):
                yield stored

    def delete(self, name: str) -> bool:
        """See `Storage.delete`."""
        with self._committing():
            try:
                self._path(name).unlink()
            except FileNotFoundError:
                return False
            (self._facts / f"{name}.json").unlink(missing_ok=True)
            return True

    def _path(self, name: str) -> Path:
        path = self._root / object_names.check(name)
        # A link below the root may point elsewhere, however harmless the name looks.
        if not path.resolve().is_relative_to(self._root):
            raise InvalidObjectName(f"Object name {name!r} leads out of the storage.")
        return path

    @contextmanager
    def _temporary(self, data: bytes) -> Iterator[Path]:
        with NamedTemporaryFile(dir=self._incoming, delete=False) as file:
            path = Path(file.name)
            try:
                file.write(data)
                file.flush()
                os.fsync(file.fileno())
                yield path
            finally:
                path.unlink(missing_ok=True)

    @contextmanager
    def _committing(self) -> Iterator[None]:
        # The lock dies with its process, so a killed writer blocks nobody.
        with (self._root / ".lock").open("a") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield

    def _sweep(self) -> None:
        for path in self._incoming.iterdir():
            try:
                if path.stat().st_mtime < time.time() - _STALE_SECONDS:
                    path.unlink()
            except FileNotFoundError:  # another process swept it
                continue


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
