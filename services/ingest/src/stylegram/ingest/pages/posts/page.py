"""The posts: how the accounts stand, what waits for a yes, what went out and what did not; as a list, and as a calendar
of the month.
"""

import asyncio
from collections.abc import Sequence
from datetime import UTC, tzinfo
from typing import Annotated, Any

from fastapi import APIRouter, Form, Request
from starlette.responses import RedirectResponse, Response

from stylegram.common.errors import StylegramError
from stylegram.common.schemas import Page
from stylegram.common.views.posts import PostDetails, PostState, PostView
from stylegram.ingest.pages.api import Api, ApiDep
from stylegram.ingest.pages.away import away
from stylegram.ingest.pages.posts.calendar import Month, span_of
from stylegram.ingest.pages.posts.post import accounts_of, details_of
from stylegram.ingest.pages.posts.post import router as one_post
from stylegram.ingest.pages.posts.shown import ShownAccount, ShownPost, clock_of, day_title, plain
from stylegram.ingest.pages.templating import render

router = APIRouter(include_in_schema=False)

# By the word in the address: what it is called, and what is listed.
_LISTS: dict[str, tuple[str, Sequence[PostState]]] = {
    "all": ("All", ()),
    "waiting": ("Waiting", (PostState.PREPARED, PostState.UPLOADING, PostState.COMMITTING)),
    "out": ("Out", (PostState.PUBLISHED,)),
    "failed": ("Failed", (PostState.FAILED,)),
    "review": ("Needs review", (PostState.NEEDS_REVIEW,)),
}
# On one page; and of those that somebody is to decide about, whose pictures are made for the purpose.
_LISTED, _TO_BE_DECIDED = 24, 12
# A grid has nine tiles, which are decided about together.
_ASKED_FOR = 9 * _TO_BE_DECIDED
# More of a month than anybody looks at.
_MOST_OF_MONTH = 1000

_Account = Annotated[str, Form(max_length=500)]


@router.get("/posts")
async def show(
    request: Request,
    api: ApiDep,
    view: str = "list",
    show: str = "all",
    day: str | None = None,
    month: str | None = None,
    cursor: str | None = None,
) -> Response:
    """The page. Words in the address that are none of ours are as if they were not there."""
    try:
        accounts = await accounts_of(api)
    except StylegramError as error:
        return away(
            request,
            error,
            title="Posts",
            meanwhile="The posts cannot be shown just now. What is to go out goes out all the same.",
            unknown="This Stylegram paints, and posts nothing: no publisher is connected to it.",
            setting="STYLEGRAM_PUBLISHER_URL",
        )
    if view == "calendar":
        return await _calendar(request, api, accounts, month)
    return await _list(request, api, accounts, show if show in _LISTS else "all", day, cursor)


@router.post("/posts/accounts/resume")
async def resume(api: ApiDep, account: _Account) -> Response:
    """Have an account go on."""
    await api.ask("POST", "/v1/accounts/resume", params={"account": account})
    return RedirectResponse("/posts", 303)


@router.post("/posts/accounts/stop")
async def stop(api: ApiDep, account: _Account, reason: Annotated[str, Form(max_length=500)] = "") -> Response:
    """Have nothing go out on an account."""
    why = reason.strip() or "Stopped by hand."
    await api.ask("POST", "/v1/accounts/stop", params={"account": account}, json={"reason": why})
    return RedirectResponse("/posts", 303)


@router.post("/posts/accounts/approval")
async def set_approval(api: ApiDep, account: _Account, on: Annotated[bool, Form()] = False) -> Response:
    """Have an account's new posts wait for a yes, or not."""
    await api.ask("PUT", "/v1/accounts/approval", params={"account": account}, json={"on": on})
    return RedirectResponse("/posts", 303)


router.include_router(one_post)


async def _list(
    request: Request, api: Api, accounts: Sequence[ShownAccount], chosen: str, day: str | None, cursor: str | None
) -> Response:
    span = span_of(day, _zone_of(accounts))
    # What is to be decided stands above the first page of everything.
    is_first = cursor is None and span is None
    since, until = (time.isoformat() for time in span) if span else (None, None)
    asking, doubtful = await asyncio.gather(_asking(api), _doubtful(api)) if is_first else ([], [])
    posts, following = await _posts(api, _LISTS[chosen][1], _LISTED, since=since, until=until, cursor=cursor)
    return render(
        request,
        "posts/page.html",
        accounts=accounts,
        when=clock_of(_zone_of(accounts)),
        asking=asking[:_TO_BE_DECIDED],
        there_are_more=len(asking) > _TO_BE_DECIDED,
        doubtful=doubtful,
        posts=posts,
        following=following,
        is_first=is_first,
        lists={word: name for word, (name, _) in _LISTS.items()},
        chosen=chosen,
        day=day if span else None,
        day_title=day_title(span[0].astimezone(_zone_of(accounts))) if span else "",
        plain=plain,
    )


async def _calendar(request: Request, api: Api, accounts: Sequence[ShownAccount], text: str | None) -> Response:
    month = Month.of(text, _zone_of(accounts))
    since, until = month.begin.isoformat(), month.end.isoformat()
    next_ones = [
        (account.view.next_due_at, account.view.next_post)
        for account in accounts
        if account.view.next_due_at and account.view.next_post
    ]
    posts, more = await _posts(api, (PostState.PUBLISHED,), _MOST_OF_MONTH, since=since, until=until)
    details = await asyncio.gather(*(details_of(api, key) for _, key in next_ones))
    due = [(moment, ShownPost(view)) for (moment, _), view in zip(next_ones, details, strict=True)]
    return render(
        request,
        "posts/calendar.html",
        month=month,
        when=clock_of(month.zone),
        this_month=Month.of(None, month.zone),
        days=month.days(posts, due),
        count=len(posts),
        more=more is not None,
    )


async def _posts(
    api: Api,
    states: Sequence[PostState],
    limit: int,
    **query: Any,  # noqa: ANN401  (see `Api.get`)
) -> tuple[list[ShownPost], str | None]:
    """A page of posts, and the cursor of the next one."""
    page = await api.get_as(Page[PostView], "/v1/posts", state=list(states), limit=limit, **query)
    return [ShownPost(view) for view in page.items], page.next


async def _asking(api: Api) -> list[ShownPost]:
    """Those that wait for a yes; of a grid one tile, as it stands for all nine."""
    posts, _ = await _posts(api, (PostState.PREPARED,), _ASKED_FOR, approved="false")
    once = {(post.view.account, post.view.artifact, post.is_tile or post.view.key): post for post in posts}
    return [post for post in once.values() if post.waits_for_yes]


async def _doubtful(api: Api) -> list[tuple[ShownPost, PostDetails]]:
    """Those of which nobody knows whether they are out, with all about them."""
    posts, _ = await _posts(api, (PostState.NEEDS_REVIEW,), _TO_BE_DECIDED)
    details = await asyncio.gather(*(details_of(api, post.view.key) for post in posts))
    return list(zip(posts, details, strict=True))


def _zone_of(accounts: Sequence[ShownAccount]) -> tzinfo:
    """Whose days the page shows."""
    return accounts[0].timezone if accounts else UTC
