"""What the record answers about the runs that somebody wants to look at."""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

from stylegram.common.schemas import Page
from stylegram.common.views.runs import RunView
from stylegram.ingest.pages.api import Api
from stylegram.ingest.pages.record.wish import Wish

NEWEST = "newest"
BOARDS: Mapping[str, str] = {
    "score": "Score",
    "pareto": "Front",
    "rating": "Stars",
    "likes": "Likes",
    NEWEST: "Newest",
}
"""Orders of the leaderboard, and what people call them."""
PAGE = 20
"""Runs on a page of the leaderboard."""
# Points enough for a cloud, few enough to be drawn twice, for wide and for narrow windows.
_CLOUD, _MOST_OF_FRONT = 250, 150
_ENDS = 200


@dataclass(frozen=True)
class Overview:
    """Runs that stand for all that are wanted.

    Args:
        newest: the newest.
        first: the oldest; None where there is none.
        best: the one with the best score; None where none is measured.
        front: the Pareto front, by style error.
        ends: the newest and oldest runs of all, wanted or not: they show what may be asked for.
    """

    newest: Page[RunView]
    first: RunView | None
    best: RunView | None
    front: Page[RunView]
    ends: Sequence[RunView]

    @property
    def is_empty(self) -> bool:
        """Whether there is no such run."""
        return not (self.newest.items or self.newest.next)

    @cached_property
    def measured(self) -> Sequence[RunView]:
        """Those that have both errors, each once, the best score first."""
        each = {run.job_id: run for run in (*self.newest.items, *self.front.items)}
        return sorted((run for run in each.values() if run.score is not None), key=lambda run: (run.score, run.job_id))


async def overview(api: Api, wish: Wish) -> Overview:
    """Ask for all of it at once.

    Raises:
        StylegramError: the record does not answer.
    """
    runs, board, asked = "/v1/runs", "/v1/leaderboard", wish.question
    newest, first, best, front, *ends = await asyncio.gather(
        _page(api, runs, limit=_CLOUD, **asked),
        _page(api, runs, limit=1, sort="started_at", order="ascending", **asked),
        _page(api, board, limit=1, by="score", **asked),
        _page(api, board, limit=_MOST_OF_FRONT, **asked),
        _page(api, runs, limit=_ENDS),
        _page(api, runs, limit=_ENDS, sort="started_at", order="ascending"),
    )
    return Overview(
        newest,
        first.items[0] if first.items else None,
        best.items[0] if best.items else None,
        front,
        [run for page in ends for run in page.items],
    )


async def board(api: Api, by: str, wish: Wish, cursor: str | None = None) -> Page[RunView]:
    """A page of the leaderboard.

    Args:
        api: of which it is asked.
        by: one of `BOARDS`.
        wish: which runs.
        cursor: of the page; None for the first.

    Raises:
        InvalidInput: the cursor is none of this list's.
        StylegramError: the record does not answer.
    """
    if by == NEWEST:
        return await _page(api, "/v1/runs", limit=PAGE, cursor=cursor, **wish.question)
    return await _page(api, "/v1/leaderboard", by=by, limit=PAGE, cursor=cursor, **wish.question)


async def _page(api: Api, path: str, **query: object) -> Page[RunView]:
    return await api.get_as(Page[RunView], path, **query)
