"""Reading: who is logged in, what is out, and how it is taken; straight from the answers.

The client's own objects are passed over: making them fails on whatever Instagram adds, and its lists are empty where
there was no answer at all.
"""

import json
from collections.abc import Collection, Iterator, Mapping
from datetime import UTC, datetime
from typing import Any

from instagrapi import Client, config

from stylegram.common.errors import Unavailable
from stylegram.common.messages import PostKind
from stylegram.common.ports import Feedback, SoughtPost
from stylegram.publisher.outlets import markers

Item = Mapping[str, Any]

_PAGE = 33
_PAGES = 3
_SITE = "https://www.instagram.com"
# Of a document of the app's by which it asks how a post is taken, and of what it sends along.
_INSIGHTS = {"surface": "post", "doc_id": 3221905377882880, "locale": "en_US", "vc_policy": "insights_policy"}
# Business, and creator.
_PROFESSIONAL = (2, 3)


def current_user(client: Client) -> Item:
    """Who is logged in."""
    user: Item = client.private_request("accounts/current_user/?edit=true")["user"]
    return user


def has_insights(user: Item) -> bool:
    """Whether the account is told more of its posts than others see."""
    return bool(user.get("is_business")) or user.get("account_type") in _PROFESSIONAL


def find(client: Client, sought: SoughtPost, uploads: Collection[str], *, since: datetime) -> Item | None:
    """The newest of the account's posts that is the one, and not older than `since`."""
    for item in _stories(client) if sought.kind is PostKind.STORY else _posts(client, since):
        if _taken_at(item) >= since and _is(item, sought, uploads):
            return item
    return None


def item(client: Client, media_id: str) -> Item:
    """A post.

    Raises:
        Unavailable: the answer has none.
    """
    items = client.private_request(f"media/{media_id}/info/").get("items")
    if not items:
        raise Unavailable(f"Instagram did not say how '{media_id}' is.")
    found: Item = items[0]
    return found


def address(item: Item, username: str) -> str | None:
    """Where people find it; None where the answer does not tell."""
    match item.get("product_type"), item.get("code"):
        case "story", _:
            return f"{_SITE}/stories/{username}/{item['pk']}/"
        case "clips", str(code):
            return f"{_SITE}/reel/{code}/"
        case _, str(code):
            return f"{_SITE}/p/{code}/"
    return None


def insights(client: Client, media_id: str) -> Feedback:
    """What only the account itself is told of the post; nothing where it is told nothing yet."""
    wanted = {"query_params": {"access_token": "", "id": media_id}}
    answer = client.private_request("ads/graphql/", client.with_query_params(_INSIGHTS, wanted))
    told = (answer.get("data") or {}).get("instagram_post_by_igid") or {}
    metrics = (told.get("inline_insights_node") or {}).get("metrics") or {}
    return Feedback(reach=_count(metrics, "reach_count"), saves=_count(told, "save_count"))


def counts(item: Item) -> Feedback:
    """How a post is taken, as everybody sees it."""
    return Feedback(likes=_count(item, "like_count"), comments=_count(item, "comment_count"))


def _count(of: Item, name: str) -> int | None:
    value = of.get(name)
    return value if isinstance(value, int) else None


def _posts(client: Client, since: datetime) -> Iterator[Item]:
    """The account's own, page by page until they are older; the first page begins with those that are pinned."""
    following: dict[str, str] = {}
    for _ in range(_PAGES):
        page = client.private_request(f"feed/user/{client.user_id}/", params={"count": _PAGE, **following})
        items = page["items"]
        yield from items
        if not page.get("next_max_id") or not items or _taken_at(items[-1]) < since:
            return
        following = {"max_id": page["next_max_id"]}


def _stories(client: Client) -> list[Item]:
    able = {"supported_capabilities_new": json.dumps(config.SUPPORTED_CAPABILITIES)}
    reel = client.private_request(f"feed/user/{client.user_id}/story/", params=able).get("reel") or {}
    items: list[Item] = reel.get("items") or []
    return items[::-1]


def _is(item: Item, sought: SoughtPost, uploads: Collection[str]) -> bool:
    # A story shows no caption. What the app called the upload comes back in some answers; where it does not, the
    # story is not found, which is only to say that nobody knows.
    if _number(item.get("device_timestamp")) in uploads:
        return True
    text = (item.get("caption") or {}).get("text") or ""
    return sought.kind is not PostKind.STORY and markers.is_in(text, sought.marker)


def _number(value: object) -> str:
    # It comes as a fraction, too.
    return str(int(value) if isinstance(value, float) else value)


def _taken_at(item: Item) -> datetime:
    return datetime.fromtimestamp(int(item["taken_at"]), UTC)
