"""The record: what was tried, what came of it, and what can be learned from that."""

from collections.abc import Mapping
from datetime import datetime
from typing import Annotated, Any

from fastapi import APIRouter, Query, Request
from starlette.concurrency import run_in_threadpool
from starlette.responses import Response

from stylegram.common.charts.key import key_of_shades
from stylegram.common.charts.scales import number
from stylegram.common.errors import InvalidInput, StylegramError
from stylegram.common.records import Role
from stylegram.common.schemas import Page
from stylegram.common.views.importance import Importance
from stylegram.common.views.preferences import Ranking
from stylegram.common.views.runs import RunView
from stylegram.ingest.bootstrap import Ingest
from stylegram.ingest.http.dependencies import IngestDep
from stylegram.ingest.pages.api import ApiDep
from stylegram.ingest.pages.record import charts, compare, importing, words
from stylegram.ingest.pages.record.importing import Imported
from stylegram.ingest.pages.record.runs import BOARDS, NEWEST, Overview, board, overview
from stylegram.ingest.pages.record.wish import Wish, WishDep, owners_in, pictures_in
from stylegram.ingest.pages.runs import has_picture, page_of
from stylegram.ingest.pages.templating import render

router = APIRouter(include_in_schema=False)
for _further in (compare, importing):
    router.include_router(_further.router)

_MOST_PICTURES = 300
_RANKED = 5

_By = Annotated[str, Query()]
_Cursor = Annotated[str | None, Query(max_length=500)]


@router.get("/record")
async def show(request: Request, api: ApiDep, ingest: IngestDep, wish: WishDep, by: _By = "") -> Response:
    """The page; it says so where the record does not answer."""
    try:
        shown = await overview(api, wish)
        # Where nothing was measured, as of imported runs, the front has nobody.
        by = by if by in BOARDS else "pareto" if shown.front.items else NEWEST
        first = await board(api, by, wish)
    except InvalidInput:
        raise
    except StylegramError as error:  # away, or nobody said where it is
        return render(request, "record/away.html", trouble=error.message)
    # The charts take a tenth of a second, for which nobody else is to wait.
    return await run_in_threadpool(_page, request, ingest, shown, first, by, wish)


def _page(request: Request, ingest: Ingest, shown: Overview, first: Page[RunView], by: str, wish: Wish) -> Response:
    return render(
        request,
        "record/page.html",
        shown=shown,
        board=first,
        by=by,
        wish=wish,
        axes=charts.space_axes(shown.measured or shown.newest.items),
        told=words.differing([*shown.measured, *first.items]),
        key=key_of_shades("shades"),
        days=_days(shown),
        choices=_choices(shown, ingest, wish),
        imported=Imported.of(request.query_params),
        **_TOOLS,
    )


@router.get("/record/leaderboard")
async def show_leaderboard(
    request: Request, api: ApiDep, wish: WishDep, by: _By = "pareto", cursor: _Cursor = None
) -> Response:
    """A page of the leaderboard alone."""
    by = by if by in BOARDS else "pareto"
    found = await board(api, by, wish, cursor)
    told = words.differing(found.items)
    return render(request, "record/leaderboard.html", board=found, by=by, wish=wish, told=told, **_TOOLS)


@router.get("/record/importance")
async def show_importance(request: Request, api: ApiDep, wish: WishDep) -> Response:
    """Which hyperparameters matter: this takes seconds, so it is asked for by itself."""
    found = Importance.model_validate(await api.get("/v1/importance", **wish.question))
    return render(request, "record/importance.html", found=found, wish=wish, **_TOOLS)


@router.get("/record/ranking")
async def show_ranking(request: Request, api: ApiDep) -> Response:
    """The pictures that people like most; of many comparisons this takes a second."""
    found = Ranking.model_validate(await api.get("/v1/ranking", limit=_RANKED))
    return render(request, "record/ranking.html", found=found, **_TOOLS)


def _choices(shown: Overview, ingest: Ingest, wish: Wish) -> dict[str, object]:
    """What the filters offer."""
    runs = [*shown.ends, *shown.newest.items]
    photographs, paintings = (
        [asset.name for asset in ingest.assets(role, limit=_MOST_PICTURES).items] for role in (Role.CONTENT, Role.STYLE)
    )
    return {
        "content": pictures_in(runs, "content", photographs, wish.content),
        "style": pictures_in(runs, "style", paintings, wish.style),
        "whose": owners_in(runs, wish.whose),
    }


def _days(shown: Overview) -> str:
    """From when to when."""
    ends = [run.started_at for run in (shown.first, *shown.newest.items[:1]) if run and run.started_at]
    return " – ".join(dict.fromkeys(map(_day, ends)))


def _day(when: datetime) -> str:
    return f"{when.day} {when:%b %Y}"


_TOOLS: Mapping[str, Any] = {
    "boards": BOARDS,
    "charts": charts,
    "day": _day,
    "has_picture": has_picture,
    "number": number,
    "page_of": page_of,
    "settings": words.settings,
}
"""What the record's templates call by name."""
