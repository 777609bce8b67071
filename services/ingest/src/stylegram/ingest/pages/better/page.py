"""Which is better? Two pictures, one tap, and the next two; from many such answers the record makes a ranking.

Everything works without script, by forms and redirects. With it the same pages are fetched ahead (`better.js`).
"""

from typing import Annotated
from uuid import uuid4

from fastapi import APIRouter, Form, Request
from starlette.responses import RedirectResponse, Response

from stylegram.common.errors import InvalidInput, NotFound, StylegramError, Unavailable
from stylegram.common.views.preferences import (
    COMPARISON_ID,
    MOST_SKIPPED,
    SURE,
    Pair,
    Ranking,
    ShownPicture,
)
from stylegram.common.views.runs import RunView
from stylegram.ingest.http.dependencies import IngestDep
from stylegram.ingest.pages.api import Api, ApiDep
from stylegram.ingest.pages.better.wish import Wish, key_of
from stylegram.ingest.pages.choices import choices_of
from stylegram.ingest.pages.runs import run_in_record
from stylegram.ingest.pages.templating import render

router = APIRouter(include_in_schema=False)

_SHOWN_OF_RANKING = 5
# Of fewer comparisons a ranking says nothing.
_FEWEST_THAT_TELL = 3

_Run = Annotated[str, Form(max_length=200)]
_Digest = Annotated[str, Form(max_length=64)]
_Id = Annotated[str, Form(pattern=COMPARISON_ID)]


@router.get("/better")
async def show(request: Request, api: ApiDep, ingest: IngestDep) -> Response:
    """The page: two pictures, and how far the ranking is."""
    wish = Wish.of_query(request.query_params)
    photographs, paintings = await choices_of(ingest, wish.content, wish.style)
    pair, ranking, why = None, None, ""
    try:
        ranking = await api.get_as(Ranking, "/v1/ranking", limit=_SHOWN_OF_RANKING)
    except StylegramError:  # away, or nobody said where it is
        why = "The record does not answer, and it is what asks."
    else:
        try:
            pair = await _named(api, wish) or await _next(api, wish)
        except (NotFound, Unavailable) as error:
            why = error.message
    skipped = [*wish.skipped, key_of(pair)][-MOST_SKIPPED:] if pair else []
    return render(
        request,
        "better/page.html",
        wish=wish,
        photographs=photographs,
        paintings=paintings,
        pair=pair,
        key=key_of(pair) if pair else "",
        id=str(uuid4()),
        why=why,
        ranking=ranking,
        missing=max(_FEWEST_THAT_TELL - ranking.comparisons, 0) if ranking else 0,
        sure=SURE,
        skip=Wish(wish.content, wish.style, skipped).address(),
    )


@router.post("/better")
async def say(
    api: ApiDep,
    first: _Run,
    second: _Run,
    id: _Id,  # noqa: A002  (what the API calls it)
    better: _Run = "",
    content: _Digest = "",
    style: _Digest = "",
    skipped: Annotated[list[str] | None, Form(alias="not")] = None,
) -> RedirectResponse:
    """Say which of two is better, or, where neither is named, take back what was said under that id."""
    if better:
        if first == second or better not in (first, second):
            raise InvalidInput("Neither of the two pictures is the better one.", advice="Choose one of those shown.")
        await _say(api, id, better, second if better == first else first)
        wish = Wish(content, style, (skipped or [])[-MOST_SKIPPED:], said=id, of=(first, second))
    else:
        await _take_back(api, id)
        wish = Wish(content, style, pair=(first, second))
    return RedirectResponse(wish.address(), 303)


async def _say(api: Api, comparison_id: str, better: str, worse: str) -> None:
    said = {"id": comparison_id, "better": better, "worse": worse}
    try:
        await api.ask("POST", "/v1/comparisons", json=said)
    except InvalidInput:
        # Who goes back to a page and chooses the other picture has changed their mind.
        await _take_back(api, comparison_id)
        await api.ask("POST", "/v1/comparisons", json=said)


async def _take_back(api: Api, comparison_id: str) -> None:
    try:
        await api.ask("DELETE", f"/v1/comparisons/{comparison_id}")
    except NotFound:
        # It has not got there, or was taken back before: it is gone, as was wanted.
        return


async def _named(api: Api, wish: Wish) -> Pair | None:
    """The two that the address names; None where they are not both there."""
    if not wish.pair:
        return None
    try:
        first, second = [await run_in_record(api, job_id) for job_id in wish.pair]
    except StylegramError:
        return None
    if {first.outcome, second.outcome} != {"succeeded"}:
        return None
    return Pair(first=_shown(first), second=_shown(second))


def _shown(run: RunView) -> ShownPicture:
    return ShownPicture.model_validate(run, from_attributes=True)


async def _next(api: Api, wish: Wish) -> Pair:
    """Two of which nobody said that they do not want to see them; any two where there are no others.

    Raises:
        NotFound: there is nothing left to compare.
    """
    asked = {"content": wish.content or None, "style": wish.style or None, "not": list(wish.skipped)}
    return await api.get_as(Pair, "/v1/comparisons/next", **asked)
