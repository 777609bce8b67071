"""Which photograph to paint in the manner of which painting: a pair that has not been seen lately."""

import random
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import TypeVar

from sqlalchemy import Engine

from stylegram.common.database import transaction
from stylegram.common.errors import NotFound
from stylegram.common.records import AssetReference, Role
from stylegram.ingest.asset_repository import AssetRepository
from stylegram.ingest.job_repository import JobRepository

Pair = tuple[int, int]
"""The ids of a content and a style asset."""

_T = TypeVar("_T")
_NEVER = datetime.min.replace(tzinfo=UTC)


def choose_pair(engine: Engine, rng: random.Random) -> tuple[AssetReference, AssetReference]:
    """A content and a style image for the next job.

    Args:
        engine: the database.
        rng: decides where nothing else does.

    Raises:
        NotFound: there is no photograph, or no painting.
    """
    with transaction(engine) as session:
        assets = AssetRepository(session)
        contents = assets.candidates(Role.CONTENT)
        styles = assets.candidates(Role.STYLE)
        last_used = JobRepository(session).last_used()
    for candidates, pictures in ((contents, "photographs"), (styles, "paintings")):
        if not candidates:
            raise NotFound(
                f"There are no {pictures} to choose from.",
                advice="Put some into their folder and sync; quarantine tells which files were refused, and why.",
            )
    content, style = pick(list(contents), list(styles), last_used, rng)
    return contents[content], styles[style]


def pick(
    contents: Sequence[int], styles: Sequence[int], last_used: Mapping[Pair, datetime], rng: random.Random
) -> Pair:
    """The pair to use next.

    A pair that was never used goes first; among those the content that was used longest ago, or never, then the
    style. Once all have been used, the pair that was used longest ago. Jobs that failed count as used: else a pair
    that always fails would be chosen for ever.

    Args:
        contents: ids of the content assets to choose from; at least one.
        styles: likewise for style.
        last_used: when each pair was last used; may name assets that are no candidates any more.
        rng: decides between equals.
    """
    content_used: dict[int, datetime] = {}
    style_used: dict[int, datetime] = {}
    for (content, style), when in last_used.items():
        content_used[content] = max(when, content_used.get(content, _NEVER))
        style_used[style] = max(when, style_used.get(style, _NEVER))
    known_contents, known_styles = set(contents), set(styles)
    used = {pair: when for pair, when in last_used.items() if pair[0] in known_contents and pair[1] in known_styles}
    tried: defaultdict[int, set[int]] = defaultdict(set)
    for content, style in used:
        tried[content].add(style)
    fresh = [content for content in contents if len(tried[content]) < len(styles)]
    if not fresh:
        return _longest_ago(used, used, rng)
    content = _longest_ago(fresh, content_used, rng)
    return content, _longest_ago((style for style in styles if style not in tried[content]), style_used, rng)


def _longest_ago(items: Iterable[_T], last_used: Mapping[_T, datetime], rng: random.Random) -> _T:
    candidates = list(items)
    oldest = min(last_used.get(item, _NEVER) for item in candidates)
    return rng.choice([item for item in candidates if last_used.get(item, _NEVER) == oldest])
