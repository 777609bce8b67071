"""What is thought of a picture's strength before anybody compared it: from its rating, and from how its post is taken.

Both move the mean of the strength's prior and leave its deviation, so that they are as weak as any prior: a handful of
comparisons outweighs them. A unit is one of log-odds, as everywhere in `bradley_terry`.
"""

import math
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

import numpy as np

from stylegram.logger.preferences.bradley_terry import Floats

STAR = 0.5
"""A star more or less than three. Five stars are then preferred to three in 73 of 100 comparisons, and to one in 88:
people who rate pictures one by one are less consistent than when they see two side by side."""
_MIDDLE = 3

LIKED = 0.5
"""Being liked by e times as large a share of those who saw it as usual on that account. Half, as likes depend on the
hour and the hashtags too."""
MOST_LIKED = 1.0
"""However a post is taken, it counts for no more than two stars."""
USUAL_VIEWS = 200
"""As many people are added who like a post as often as is usual, so that a post that few have seen says little."""


@dataclass(frozen=True)
class Picture:
    """A run's picture, as far as preferences go.

    Args:
        job_id: of the run.
        content_name: the photograph's file name; None where that is not known, as with all that follows.
        content_sha256: its identity.
        style_name: the painting's file name.
        style_sha256: its identity.
        origin: whose record the run was imported from; None for our own.
        started_at: when the run began.
        rating: 1 … 5 stars.
        account: where it was posted.
        likes: how many people like the posts.
        reach: how many people have seen them.
    """

    job_id: str
    content_name: str | None = None
    content_sha256: str | None = None
    style_name: str | None = None
    style_sha256: str | None = None
    origin: str | None = None
    started_at: datetime | None = None
    rating: int | None = None
    account: str | None = None
    likes: int | None = None
    reach: int | None = None


def prior_means(pictures: Sequence[Picture]) -> Floats:
    """(pictures,), what their strengths are thought to be before anybody compares them.

    How posts are taken is relative to the account's other posts among the pictures.

    >>> prior_means([Picture("a", rating=5), Picture("b"), Picture("c", rating=1)]).tolist()
    [1.0, 0.0, -1.0]
    """
    usual = _usual_shares(pictures)
    return np.array([_of_rating(each) + _of_post(each, usual) for each in pictures], dtype=np.float64)


def _of_rating(picture: Picture) -> float:
    return 0.0 if picture.rating is None else STAR * (picture.rating - _MIDDLE)


def _of_post(picture: Picture, usual: dict[str | None, float]) -> float:
    if not _is_told(picture) or not (share := usual[picture.account]):
        return 0.0
    liked = ((picture.likes or 0) + share * USUAL_VIEWS) / ((picture.reach or 0) + USUAL_VIEWS)
    return min(max(LIKED * math.log(liked / share), -MOST_LIKED), MOST_LIKED)


def _usual_shares(pictures: Iterable[Picture]) -> dict[str | None, float]:
    """Which share of those who see a post like it, by account."""
    likes: dict[str | None, int] = defaultdict(int)
    reach: dict[str | None, int] = defaultdict(int)
    for picture in filter(_is_told, pictures):
        likes[picture.account] += picture.likes or 0
        reach[picture.account] += picture.reach or 0
    return {account: likes[account] / reach[account] for account in reach}


def _is_told(picture: Picture) -> bool:
    return picture.likes is not None and bool(picture.reach)
