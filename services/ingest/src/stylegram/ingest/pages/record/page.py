"""The record: what was tried, what came of it, and what can be learned from that."""

from collections.abc import Mapping
from datetime import datetime
from typing import Annotated, Any
from urllib.parse import urlencode

from fastapi import APIRouter, Query, Request
from starlette.concurrency import run_in_threadpool
from starlette.responses import RedirectResponse, Response

from stylegram.common.charts.key import key_of_shades
from stylegram.common.charts.scales import number
from stylegram.common.errors import InvalidInput, StylegramError
from stylegram.common.records import Role
from stylegram.common.schemas import Page
from stylegram.common.views.importance import FEWEST_RUNS, Importance
from stylegram.common.views.preferences import Ranking
from stylegram.common.views.runs import RunView
from stylegram.ingest.bootstrap import Ingest
from stylegram.ingest.http.dependencies import IngestDep
from stylegram.ingest.pages.api import Api, ApiDep
from stylegram.ingest.pages.away import away
from stylegram.ingest.pages.record import charts, compare, words
from stylegram.ingest.pages.record.importing import Imported, Refusal, take_in
from stylegram.ingest.pages.record.runs import BOARDS, NEWEST, Overview, board, overview
from stylegram.ingest.pages.record.wish import Wish, WishDep, owners_in, pictures_in
from stylegram.ingest.pages.runs import has_picture, page_of
from stylegram.ingest.pages.templating import render

router = APIRouter(include_in_schema=False)
router.include_router(compare.router)

_MOST_PICTURES = 300
_RANKED = 5

_By = Annotated[str, Query()]
_Cursor = Annotated[str | None, Query(max_length=500)]


@router.get("/record")
async def show(request: Request, api: ApiDep, ingest: IngestDep, wish: WishDep, by: _By = "") -> Response:
    """The page; it says so where the record does not answer."""
    return await _answer(request, api, ingest, wish, by)


@router.post("/record/import")
async def import_file(request: Request, api: ApiDep, ingest: IngestDep) -> Response:
    """Add the runs of a file, and tell on the record what became of them, or why nothing did."""
    told = await take_in(request, api)
    if isinstance(told, Refusal):
        return await _answer(request, api, ingest, Wish(), refusal=told)
    return RedirectResponse(f"/record?{urlencode(vars(told))}#files", 303)


async def _answer(
    request: Request, api: Api, ingest: Ingest, wish: Wish, by: str = "", refusal: Refusal | None = None
) -> Response:
    try:
        shown = await overview(api, wish)
        # Where nothing was measured, as of imported runs, nothing has a score.
        by = by if by in BOARDS else "score" if shown.best else NEWEST
        first = await board(api, by, wish)
    except InvalidInput:
        raise
    except StylegramError as error:  # away, or nobody said where it is
        return away(
            request,
            error,
            title="Record",
            meanwhile="The record is away. Pictures are painted all the same, and each leaves its run there once it is"
            " back.",
            unknown="This Stylegram paints, and keeps no record: no logger is connected to it.",
            setting="STYLEGRAM_LOGGER_URL",
        )
    # The charts take a tenth of a second, for which nobody else is to wait.
    return await run_in_threadpool(_page, request, ingest, shown, first, by, wish, refusal)


def _page(
    request: Request,
    ingest: Ingest,
    shown: Overview,
    first: Page[RunView],
    by: str,
    wish: Wish,
    refusal: Refusal | None,
) -> Response:
    return render(
        request,
        "record/page.html",
        status=422 if refusal else 200,
        refusal=refusal,
        shown=shown,
        board=first,
        by=by,
        wish=wish,
        axes=charts.space_axes(shown.measured or shown.newest.items),
        told=words.differing([*shown.measured, *first.items]),
        key=key_of_shades("shades"),
        days=_days(shown),
        too_few=_too_few(shown),
        choices=_choices(shown, ingest, wish),
        imported=Imported.of(request.query_params),
        **_TOOLS,
    )


@router.get("/record/leaderboard")
async def show_leaderboard(
    request: Request, api: ApiDep, wish: WishDep, by: _By = "score", cursor: _Cursor = None
) -> Response:
    """A page of the leaderboard alone."""
    by = by if by in BOARDS else "score"
    found = await board(api, by, wish, cursor)
    told = words.differing(found.items)
    return render(request, "record/leaderboard.html", board=found, by=by, wish=wish, told=told, **_TOOLS)


@router.get("/record/importance")
async def show_importance(request: Request, api: ApiDep, wish: WishDep) -> Response:
    """Which hyperparameters matter: this takes seconds, so it is asked for by itself."""
    found = await api.get_as(Importance, "/v1/importance", **wish.question)
    return render(request, "record/importance.html", found=found, wish=wish, **_TOOLS)


@router.get("/record/ranking")
async def show_ranking(request: Request, api: ApiDep) -> Response:
    """The pictures that people like most; of many comparisons this takes a second."""
    found = await api.get_as(Ranking, "/v1/ranking", limit=_RANKED)
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


def _too_few(shown: Overview) -> str:
    """Why it is not worth while to ask what matters; empty where it may be."""
    count = len(shown.measured)
    if shown.newest.next or shown.front.next or count >= FEWEST_RUNS:
        return ""
    noun = "run is" if count == 1 else "runs are"
    return f"{count} {noun} too few to tell: it takes {FEWEST_RUNS} that have a score."


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
