"""An outbox: a folder with a JPEG, its caption and its run's record for every post.

A post is out when its JPEG is there; that comes last, so that whoever watches the folder finds the rest.
"""

import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from stylegram.common.clock import utcnow
from stylegram.common.errors import ConfigurationError, InvalidInput, NotFound, Unavailable
from stylegram.common.files import sync_folder, write_atomically
from stylegram.common.ports import Post, PublishedPost

_KEY = re.compile(r"[A-Za-z0-9_-]{1,100}")
_DATE = r"\d{4}-\d\d-\d\d"
# In the order in which they appear: the picture is the commit.
_SUFFIXES = (".txt", ".json", ".jpg")


class FolderOutlet:
    """The outlet port on a folder. The files are called `<date>-<key>`, in UTC.

    Args:
        root: the folder, made when absent.

    Raises:
        ConfigurationError: it cannot be made.
    """

    # What is not in the folder is not out, and committing twice leaves the same files.
    find_is_certain = True

    def __init__(self, root: Path) -> None:
        self._staging = root / ".staging"
        try:
            self._staging.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise ConfigurationError(
                f"The outbox '{root}' cannot be made: {error.strerror}.",
                advice="Name a folder that may be written in STYLEGRAM_PUBLISH_URL.",
            ) from error
        self._root = root.resolve()
        self.account = self._root.as_uri()

    def upload(self, post: Post) -> str:
        """See `Outlet.upload`."""
        contents = (post.caption.encode(), post.record, post.image)
        with self._writing():
            # An attempt that began yesterday and was killed left its name: a post has but one.
            left = self._named(self._root, post.key) or self._named(self._staging, post.key)
            name = left.stem if left else f"{utcnow():%Y-%m-%d}-{post.key}"
            for suffix, data in zip(_SUFFIXES, contents, strict=True):
                write_atomically(self._staging / f"{name}{suffix}", data)
        return name

    def commit(self, post: Post, upload: str) -> PublishedPost:
        """See `Outlet.commit`."""
        staged = [self._staging / f"{upload}{suffix}" for suffix in _SUFFIXES]
        with self._writing():
            for path in staged:
                # Absent where an earlier commit got as far as that.
                if path.exists():
                    os.replace(path, self._root / path.name)
            sync_folder(self._root)
        published = self.find(post.key)
        if published is None:
            raise NotFound(f"'{staged[-1]}' is gone: the upload was taken away.", advice="Request the post again.")
        return published

    def find(self, post_key: str) -> PublishedPost | None:
        """See `Outlet.find`."""
        with self._writing():
            path = self._named(self._root, post_key, ".jpg")
        return PublishedPost(media_id=path.stem, url=path.as_uri()) if path else None

    def _named(self, folder: Path, key: str, *suffixes: str) -> Path | None:
        if not _KEY.fullmatch(key):
            raise InvalidInput(f"{key[:80]!r} cannot name a post.", advice="Use letters, digits, - and _.")
        name = re.compile(rf"{_DATE}-{key}")
        wanted = suffixes or _SUFFIXES
        return next((path for path in folder.iterdir() if path.suffix in wanted and name.fullmatch(path.stem)), None)

    @contextmanager
    def _writing(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            raise Unavailable(f"The outbox '{self._root}' cannot be used: {error}.") from error
