"""What hangs in the gallery: the runs of the record, or, where that is away, the jobs that ended."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Self

from starlette.concurrency import run_in_threadpool

from stylegram.common.errors import InvalidInput, StylegramError
from stylegram.common.schemas import Page
from stylegram.common.views.runs import RunView
from stylegram.ingest.bootstrap import Ingest
from stylegram.ingest.pages.api import Api
from stylegram.ingest.pages.runs import has_picture
from stylegram.ingest.schemas import Job, JobFilter
from stylegram.ingest.tables import JobState

PAGE = 24
"""Tiles on a page: some screens full, of which the first is there at once."""
# A filter that fits few of very many runs is answered with short pages, each in a tenth of a second.
_MOST_LOOKS = 5

SHAPES = (50, 56, 63, 67, 71, 75, 80, 90, 100, 111, 125, 133, 140, 150, 160, 178, 200, 240)
"""Widths over heights that tiles have, in hundredths; `gallery.css` has a rule for each, for pages have no styles of
their own. Neighbours are so near each other that hardly anything of a picture is cut off."""
_UNKNOWN = 133


@dataclass(frozen=True)
class Tile:
    """A picture on the wall, or what is there in its place.

    Args:
        job_id: the run's.
        content_name: the photograph's file name; None where that is not known, as with all that follows.
        content_sha256: its digest.
        style_name: the painting's file name.
        style_sha256: its digest.
        when: it was done, or at least begun.
        shape: one of `SHAPES`.
        has_picture: whether there is one here.
        origin: whose record it comes from; None for our own.
        reason: why it failed.
        is_run: whether the record knows it, so that it can be rated and compared.
        rating: stars, 1 … 5.
        likes: of its posts.
    """

    job_id: str
    content_name: str | None
    content_sha256: str | None
    style_name: str | None
    style_sha256: str | None
    when: datetime | None
    shape: int
    has_picture: bool
    origin: str | None = None
    reason: str | None = None
    is_run: bool = True
    rating: int | None = None
    likes: int | None = None

    @classmethod
    def of_run(cls, run: RunView) -> Self:
        """How the record has it."""
        return cls(
            job_id=run.job_id,
            content_name=run.content_name,
            content_sha256=run.content_sha256,
            style_name=run.style_name,
            style_sha256=run.style_sha256,
            when=run.finished_at or run.started_at,
            shape=shape_of(run.width, run.height),
            has_picture=has_picture(run),
            origin=run.origin,
            reason=(run.reason or "Nobody knows why.") if run.outcome == "failed" else None,
            rating=run.rating,
            likes=run.likes,
        )

    @classmethod
    def of_job(cls, job: Job) -> Self:
        """How the job table has it, which knows nothing of the picture's shape and what people think of it."""
        return cls(
            job_id=job.id,
            content_name=job.content.name,
            content_sha256=job.content.sha256,
            style_name=job.style.name,
            style_sha256=job.style.sha256,
            when=job.finished_at,
            shape=_UNKNOWN,
            has_picture=job.state is JobState.SUCCEEDED,
            reason=(job.reason or "Nobody knows why.") if job.state is JobState.FAILED else None,
            is_run=False,
        )


@dataclass(frozen=True)
class Wall:
    """A page of tiles.

    Args:
        tiles: in order, `PAGE` at most.
        following: the cursor of the next page; None at the end.
        has_record: whether they come from the record.
    """

    tiles: Sequence[Tile]
    following: str | None
    has_record: bool


def shape_of(width: int | None, height: int | None) -> int:
    """The nearest of `SHAPES`.

    >>> shape_of(512, 384), shape_of(384, 512), shape_of(None, None)
    (133, 75, 133)
    """
    if not width or not height:
        return _UNKNOWN
    wanted = math.log(100 * width / height)
    return min(SHAPES, key=lambda shape: abs(math.log(shape) - wanted))


async def wall_of(
    api: Api, ingest: Ingest, question: Mapping[str, Any], otherwise: JobFilter, cursor: str | None
) -> Wall:
    """A page of what is asked for; from the job table where the record does not answer.

    Args:
        api: of which the record is asked.
        ingest: whose jobs they are.
        question: as `GET /v1/runs` takes it.
        otherwise: which jobs are meant by that, as far as they tell.
        cursor: of the page; None for the first.

    Raises:
        InvalidInput: the cursor is none of this list's.
    """
    try:
        return await _of_record(api, question, cursor)
    except InvalidInput:
        raise
    except StylegramError as away:  # or nobody said where it is
        try:
            page = await run_in_threadpool(ingest.jobs, otherwise, limit=PAGE, cursor=cursor)
        except InvalidInput:
            # It went away in the middle of its list: to go on with another one would show half of the pictures twice.
            raise away from None
        return Wall([Tile.of_job(job) for job in page.items], page.next, has_record=False)


async def _of_record(api: Api, question: Mapping[str, Any], cursor: str | None) -> Wall:
    tiles: list[Tile] = []
    for _ in range(_MOST_LOOKS):
        page = await api.get_as(Page[RunView], "/v1/runs", **question, limit=PAGE - len(tiles), cursor=cursor)
        tiles += map(Tile.of_run, page.items)
        cursor = page.next
        if cursor is None or len(tiles) == PAGE:
            break
    return Wall(tiles, cursor, has_record=True)
