"""The media of posts, to be looked at before they go out."""

import hashlib
import threading
from collections import OrderedDict
from collections.abc import Callable, Sequence

from stylegram.common.errors import NotFound
from stylegram.common.http.turns import Turns
from stylegram.common.ports import Medium
from stylegram.publisher.composer import Composer
from stylegram.publisher.tables import PostRow

# A page shows a dozen; of a carousel each is asked for by itself.
_MOST_KEPT = 16
# A film may have some ten megabytes.
_MOST_BYTES = 64_000_000


class MediaMaker:
    """Makes media as the publisher does, one post's at a time, and keeps the newest.

    To make them takes a second and some hundred megabytes: a page that asks for ten waits, and, as those that wait have
    no thread, all else is answered.

    Args:
        composer: see `Desk`.
        look: what tells its look from any other.
    """

    def __init__(self, composer: Callable[[], Composer], look: str) -> None:
        self._composer = composer
        self._look = look
        self._turns = Turns(1)
        # An app may be asked from several event loops, each of which has turns of its own.
        self._lock = threading.Lock()
        self._kept: OrderedDict[str, Sequence[Medium]] = OrderedDict()

    def version(self, row: PostRow) -> str:
        """The same for media that are the same, as 16 hexadecimal digits; nothing is made for it."""
        # Artifacts never change, and media do not depend on the words.
        return hashlib.sha256("\n".join((row.key, row.request or "", self._look)).encode()).hexdigest()[:16]

    async def make(self, row: PostRow, number: int) -> Medium:
        """The medium as it would go out.

        Args:
            row: of which post.
            number: from 1 on.

        Raises:
            InvalidInput: the row has no request, or a picture is none.
            NotFound: a picture or the film is not in storage, or the post has fewer media.
            Unavailable: the storage did not answer.
        """
        media = await self._turns.run(self._of, row)
        if not 0 < number <= len(media):
            raise NotFound(f"Post {row.key} has no medium {number}.", advice=f"It has {len(media)}.")
        return media[number - 1]

    def _of(self, row: PostRow) -> Sequence[Medium]:
        version = self.version(row)
        with self._lock:
            media = self._kept.pop(version, None) or self._composer().post(row).media
            self._kept[version] = media
            while len(self._kept) > 1 and (len(self._kept) > _MOST_KEPT or self._bytes_kept() > _MOST_BYTES):
                self._kept.popitem(last=False)
        return media

    def _bytes_kept(self) -> int:
        return sum(len(medium.data) + len(medium.cover or b"") for media in self._kept.values() for medium in media)
