"""How posts are taken, in the words of the API."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from stylegram.common.errors import NotFound
from stylegram.common.messages import PostKind
from stylegram.common.ports import Feedback
from stylegram.publisher.outlets.graph_api.api import GraphApi
from stylegram.publisher.outlets.graph_api.troubles import Refusal, Remedy, entry_of

# https://developers.facebook.com/docs/instagram-platform/reference/instagram-media/insights
_METRICS: Sequence[str] = ("reach", "saved", "shares")
_STORY_METRICS: Sequence[str] = ("reach", "shares")


def feedback(api: GraphApi, media_id: str, kind: PostKind) -> Feedback:
    """How a post is taken by now.

    Counts that the API does not give are None: metrics differ between kinds and versions, need a right of their own
    (instagram_manage_insights), and are kept back while fewer than five people have seen a story.

    Raises:
        NotFound: the post is there no more.
        Trouble: the API did not tell.
    """
    try:
        post = api.get(media_id, fields="like_count,comments_count")
    except Refusal as refusal:
        if refusal.is_of_nothing:
            raise NotFound(f"Instagram has no post {media_id} any more.") from None
        raise
    seen = _insights(api, media_id, _STORY_METRICS if kind is PostKind.STORY else _METRICS)
    return Feedback(
        likes=_count(post, "like_count"),  # absent where the account hides it
        comments=_count(post, "comments_count"),
        reach=seen.get("reach"),
        saves=seen.get("saved"),
        shares=seen.get("shares"),
    )


def _count(of: Mapping[str, Any], name: str) -> int | None:
    value = of.get(name)
    return value if isinstance(value, int) else None


def _insights(api: GraphApi, media_id: str, metrics: Sequence[str]) -> Mapping[str, int]:
    try:
        answer = api.get(f"{media_id}/insights", metric=",".join(metrics))
    except Refusal as refusal:
        match entry_of(refusal).remedy:
            case Remedy.PERMIT:
                return {}
            case Remedy.REFUSE:  # one metric that it does not have spoils the answer for all
                if len(metrics) == 1:
                    return {}
                return {name: value for one in metrics for name, value in _insights(api, media_id, [one]).items()}
        raise
    return dict(_values(answer))


def _values(answer: Mapping[str, Any]) -> Iterator[tuple[str, int]]:
    for metric in answer.get("data", ()):
        match metric:  # without values where there are no data yet
            case {"name": str(name), "values": [{"value": int(value)}, *_]}:
                yield name, value
