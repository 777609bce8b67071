"""An outbox: a folder with a post's pictures or film, its caption and its run's record.

A post is out when its first picture, or its film, is there; that comes last, so that whoever watches the folder finds
the rest.
"""

import os
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from stylegram.common.clock import utcnow
from stylegram.common.errors import ConfigurationError, InvalidInput, NotFound, Unavailable
from stylegram.common.files import sync_folder, write_atomically
from stylegram.common.messages import PostKind
from stylegram.common.ports import Feedback, Medium, Post, PublishedPost, SoughtPost

_KEY = re.compile(r"[A-Za-z0-9_-]{1,100}")
# What an older version left has no kind in its name.
_NAME = re.compile(rf"\d{{4}}-\d\d-\d\d-(?:(?:{'|'.join(PostKind)})(?:-\d)?-)?(?P<key>[A-Za-z0-9_-]{{1,100}}?)")
# What the file is called that says that the post is out: its only picture, the first of several, or its film.
_COMMITS = (".jpg", ".1.jpg", ".mp4")


class FolderOutlet:
    """The outlet port on a folder. Files are called `<date>-<kind>-<key>`, in UTC, and then `.<n>` in a carousel.

    Args:
        root: the folder, made when absent.

    Raises:
        ConfigurationError: it cannot be made.
    """

    kinds = frozenset(PostKind)
    is_public = False
    # What is not in the folder is not out, and committing twice leaves the same files.
    find_is_certain = True
    login = ""

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
        _check(post.key)
        with self._writing():
            # An attempt that began yesterday and was killed left its name: a post has but one.
            left = next(self._named(self._root, post.key), None) or next(self._named(self._staging, post.key), None)
            name = left.name.partition(".")[0] if left else f"{utcnow():%Y-%m-%d}-{_kind(post)}-{post.key}"
            for ending, data in _files(post).items():
                write_atomically(self._staging / f"{name}{ending}", data)
        return name

    def commit(self, post: Post, upload: str) -> PublishedPost:
        """See `Outlet.commit`."""
        staged = [self._staging / f"{upload}{ending}" for ending in _files(post)]
        with self._writing():
            for path in staged:
                # Absent where an earlier commit got as far as that.
                if path.exists():
                    os.replace(path, self._root / path.name)
            sync_folder(self._root)
        published = self._published(post.key)
        if published is None:
            raise NotFound(f"'{staged[-1]}' is gone: the upload was taken away.", advice="Request the post again.")
        return published

    def find(self, sought: SoughtPost) -> PublishedPost | None:
        """See `Outlet.find`."""
        return self._published(sought.key)

    def permalink(self, media_id: str) -> str | None:
        """See `Outlet.permalink`."""
        key = _NAME.fullmatch(media_id)
        published = self._published(key["key"]) if key else None
        return published.url if published else None

    def feedback(self, media_id: str, kind: PostKind) -> Feedback:  # noqa: ARG002  (the port's)
        """Nobody says anything of a file."""
        return Feedback()

    def remaining(self) -> int | None:
        """A folder does not count."""
        return None

    def _published(self, key: str) -> PublishedPost | None:
        _check(key)
        with self._writing():
            for path in self._named(self._root, key):
                name, dot, ending = path.name.partition(".")
                if dot + ending in _COMMITS:
                    return PublishedPost(media_id=name, url=path.as_uri())
        return None

    def _named(self, folder: Path, key: str) -> Iterator[Path]:
        """The files of a post."""
        for path in folder.iterdir():
            name = _NAME.fullmatch(path.name.partition(".")[0])
            if name and name["key"] == key:
                yield path

    @contextmanager
    def _writing(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            raise Unavailable(f"The outbox '{self._root}' cannot be used: {error}.") from error


def _kind(post: Post) -> str:
    return f"{PostKind.GRID}-{post.tile}" if post.tile else post.kind


def _files(post: Post) -> Mapping[str, bytes]:
    """The post's files by how their names end, in the order in which they appear: the last is the commit."""
    files = {".txt": f"{post.caption}\n".encode(), ".json": post.record}
    several = len(post.media) > 1
    for number, medium in reversed(list(enumerate(post.media, 1))):
        files |= _medium(medium, f".{number}" if several else "")
    return files


def _medium(medium: Medium, number: str) -> dict[str, bytes]:
    cover = {f"{number}.cover.jpg": medium.cover} if medium.cover else {}
    return cover | {f"{number}.{medium.ending}": medium.data}


def _check(key: str) -> None:
    if not _KEY.fullmatch(key):
        raise InvalidInput(f"{key[:80]!r} cannot name a post.", advice="Use letters, digits, - and _.")
