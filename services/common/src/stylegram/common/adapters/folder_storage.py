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
from typing import Any
from uuid import uuid4

from stylegram.common import object_names
from stylegram.common.clock import utcnow
from stylegram.common.errors import (
    AlreadyExists,
    ConfigurationError,
    InvalidObjectName,
    NotFound,
    StylegramError,
    Unavailable,
)
from stylegram.common.files import sync_folder
from stylegram.common.metrics import STORAGE_BYTES, STORAGE_SECONDS
from stylegram.common.ports import StoredObject

# Nobody takes a day over one object: what lies here longer was left by a process that was killed.
_STALE_SECONDS = 86_400
# No object name has a tilde, so the facts about `x` never lie where those about `x.json/y` need a folder.
_FACTS_SUFFIX = "~.json"


@contextmanager
def _answering() -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise Unavailable(f"The storage folder did not answer: {error}.") from error


class FolderStorage:
    """The object storage port on a folder.

    Args:
        root: the folder, made when absent.

    Raises:
        ConfigurationError: the folder cannot be made, or not written to.
    """

    def __init__(self, root: Path) -> None:
        try:
            root.mkdir(parents=True, exist_ok=True)
            self._root = root.resolve()
            # Names that start with a dot are no object names, so nothing can collide with these.
            self._facts = self._root / ".objects"
            self._incoming = self._root / ".incoming"
            for folder in (self._facts, self._incoming):
                folder.mkdir(exist_ok=True)
            self._sweep()
        except OSError as error:
            raise ConfigurationError(
                f"The storage folder '{root}' cannot be used: {error}.",
                advice="STYLEGRAM_STORAGE_URL names a folder that this process may write.",
            ) from error

    @STORAGE_SECONDS.labels(operation="written").time()
    @_answering()
    def write(
        self, name: str, data: bytes, *, content_type: str, metadata: Mapping[str, str] | None = None
    ) -> StoredObject:
        """See `Storage.write`."""
        path = self._path(name)
        self._check_there()
        stored = StoredObject(
            name, len(data), hashlib.sha256(data).hexdigest(), content_type, utcnow(), dict(metadata or {})
        )
        facts = json.dumps({**asdict(stored), "created_at": stored.created_at.isoformat()}).encode()
        with self._temporary(data) as bytes_file, self._temporary(facts) as facts_file, self._committing():
            self._check_free(name, path)
            facts_path = self._facts_path(name)
            for parent in (path.parent, facts_path.parent):
                parent.mkdir(parents=True, exist_ok=True)
            # In this order on the disk too: bytes without facts would be an object nobody can read or write.
            for source, target in ((facts_file, facts_path), (bytes_file, path)):
                os.replace(source, target)
                sync_folder(target.parent)
        STORAGE_BYTES.labels(operation="written").inc(len(data))
        return stored

    @STORAGE_SECONDS.labels(operation="read").time()
    @_answering()
    def read(self, name: str) -> bytes:
        """See `Storage.read`."""
        stored = self.stat(name)
        try:
            data = self._path(name).read_bytes() if stored else b""
        except FileNotFoundError:  # deleted in between
            stored = None
        if stored is None:
            raise NotFound(f"There is no object '{name}'.")
        if hashlib.sha256(data).hexdigest() != stored.sha256:
            # No waiting mends it: were it retryable, its message would hold up a queue for ever.
            raise StylegramError(f"Object '{name}' is damaged: its bytes are not those that were written.")
        STORAGE_BYTES.labels(operation="read").inc(len(data))
        return data

    @_answering()
    def stat(self, name: str) -> StoredObject | None:
        """See `Storage.stat`."""
        if not self._path(name).is_file():
            self._check_there()
            return None
        try:
            facts: dict[str, Any] = json.loads(self._facts_path(name).read_bytes())
            return StoredObject(**{**facts, "created_at": datetime.fromisoformat(facts["created_at"])})
        except FileNotFoundError:  # deleted in between, or no file of ours
            return None
        except (ValueError, TypeError, KeyError):
            raise StylegramError(f"What is known of object '{name}' is damaged.") from None

    def list(self, prefix: str = "") -> Iterator[StoredObject]:
        """See `Storage.list`."""
        self._check_there()
        # Not all that was ever stored is looked through for a job's few objects.
        parent = prefix.rpartition("/")[0]
        try:
            top = self._facts / object_names.check(parent) if parent else self._facts
        except InvalidObjectName:  # and so no object has one that begins like this
            return
        names = sorted(
            name
            for folder, _, files in os.walk(top)
            for file in files
            if file.endswith(_FACTS_SUFFIX) and (name := self._object_name(Path(folder, file))).startswith(prefix)
        )
        for name in names:
            if stored := self.stat(name):
                yield stored

    @_answering()
    def delete(self, name: str) -> bool:
        """See `Storage.delete`."""
        path, facts_path = self._path(name), self._facts_path(name)
        self._check_there()
        with self._committing():
            if not (path.is_file() and facts_path.is_file()):
                return False
            for file, root in ((path, self._root), (facts_path, self._facts)):
                file.unlink()
                _remove_empty(file.parent, root)
            return True

    def signed_url(self, name: str, *, seconds: int) -> None:  # noqa: ARG002  # nobody serves a folder
        """See `Storage.signed_url`."""
        object_names.check(name)

    def _check_there(self) -> None:
        # Where nothing is mounted any more lies an empty folder, in which nothing may be looked for, nor left.
        if not self._facts.is_dir():
            raise Unavailable(
                f"The storage folder '{self._root}' is gone.", advice="If it is on another disk, mount that again."
            )

    def _path(self, name: str) -> Path:
        path = self._root / object_names.check(name)
        # A link below the root may point elsewhere, however harmless the name looks.
        if not Path(os.path.realpath(path)).is_relative_to(self._root):
            raise InvalidObjectName(f"Object name {name!r} leads out of the storage.")
        return path

    def _facts_path(self, name: str) -> Path:
        return self._facts / f"{name}{_FACTS_SUFFIX}"

    def _object_name(self, facts_path: Path) -> str:
        return facts_path.relative_to(self._facts).as_posix().removesuffix(_FACTS_SUFFIX)

    def _check_free(self, name: str, path: Path) -> None:
        if path.is_dir():
            problem = f"'{name}' is a folder of objects, so it cannot be an object."
        elif path.exists():
            problem = f"Object '{name}' exists already."
        elif blocking := next((parent for parent in path.parents if parent.exists() and not parent.is_dir()), None):
            problem = f"Object '{blocking.relative_to(self._root)}' exists, so '{name}' cannot lie below it."
        else:
            return
        raise AlreadyExists(problem, advice="Objects never change: choose another name.")

    @contextmanager
    def _temporary(self, data: bytes) -> Iterator[Path]:
        # With the process's usual permissions: a secure temporary file could be read by nobody else for ever.
        path = self._incoming / uuid4().hex
        try:
            with path.open("xb") as file:
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


def _remove_empty(folder: Path, root: Path) -> None:
    """Remove what a deleted object leaves behind, so that the folder's name is free again."""
    while folder != root:
        try:
            folder.rmdir()
        except OSError:  # not empty
            return
        folder = folder.parent
