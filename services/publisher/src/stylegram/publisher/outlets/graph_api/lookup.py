"""What of ours can be seen on the account."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

from stylegram.common.ports import PublishedPost
from stylegram.publisher.outlets import markers
from stylegram.publisher.outlets.graph_api.api import GraphApi

# Clocks differ.
_EARLIER = timedelta(minutes=10)
_PAGE = 50
# Nobody posts more than that while one post's outcome is not known.
_PAGES = 10
_FIELDS = "id,caption,timestamp,permalink"


@dataclass(frozen=True)
class _Item:
    published: PublishedPost
    caption: str
    taken_at: datetime


class Lookup:
    """The account's lists of its own posts.

    Args:
        api: the way there.
        user_id: the account's number.
    """

    def __init__(self, api: GraphApi, user_id: str) -> None:
        self._api = api
        self._user_id = user_id

    def by_marker(self, marker: str, since: datetime) -> PublishedPost | None:
        """The post since then whose caption has the marker; None if the list has none
        (https://developers.facebook.com/docs/instagram-platform/instagram-graph-api/reference/ig-user/media).

        Raises:
            Trouble: the API did not tell.
        """
        recent = self._recent("media", since)
        return next((item.published for item in recent if markers.is_in(item.caption, marker)), None)

    def stories(self, since: datetime) -> list[PublishedPost]:
        """The stories since then; they have no caption that would tell which is which
        (https://developers.facebook.com/docs/instagram-platform/instagram-graph-api/reference/ig-user/stories).

        Raises:
            Trouble: the API did not tell.
        """
        return [item.published for item in self._recent("stories", since)]

    def _recent(self, edge: str, since: datetime) -> Iterator[_Item]:
        more: dict[str, str] = {}
        for _ in range(_PAGES):
            answer = self._api.get(f"{self._user_id}/{edge}", fields=_FIELDS, limit=_PAGE, **more)
            listed = map(_item, answer["data"])
            items = [item for item in listed if item and item.taken_at >= since - _EARLIER]
            yield from items
            # Newest first, so that a page with nothing new on it is the last that matters. The page's own address of
            # the next is of no use: it has the token in it.
            match answer:
                case {"paging": {"cursors": {"after": str(after)}}} if items:
                    more = {"after": after}
                case _:
                    return


def _item(listed: object) -> _Item | None:
    match listed:
        case {"id": str(media_id), "timestamp": str(taken_at), **more}:
            link, caption = more.get("permalink"), more.get("caption")
            return _Item(
                PublishedPost(media_id, str(link) if link else None),
                str(caption or ""),
                datetime.fromisoformat(taken_at),
            )
    return None
