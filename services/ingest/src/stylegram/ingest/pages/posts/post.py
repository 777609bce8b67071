"""One post as it goes out, and what people decide about it."""

from datetime import UTC
from typing import Annotated
from urllib.parse import quote

from fastapi import APIRouter, Form, Request
from starlette.responses import RedirectResponse, Response

from stylegram.common.errors import InvalidInput
from stylegram.common.schemas import Listing
from stylegram.common.views.posts import AccountView, PostDetails
from stylegram.ingest.pages.api import Api, ApiDep
from stylegram.ingest.pages.posts.shown import ShownAccount, ShownPost, clock_of, plain
from stylegram.ingest.pages.templating import render

router = APIRouter(include_in_schema=False)

_COUNTS = ("likes", "comments", "reach", "saves", "shares")

_Back = Annotated[str, Form(max_length=20)]


@router.get("/posts/{key}")
async def show(request: Request, key: str, api: ApiDep) -> Response:
    """The page of one post."""
    return await _page(request, api, key)


@router.post("/posts/{key}/approve")
async def approve(key: str, api: ApiDep, back: _Back = "") -> Response:
    """Have it go out when it is time."""
    await api.ask("POST", _place(key, "/approve"))
    return _to(key, back)


@router.post("/posts/{key}/reject")
async def reject(
    key: str, api: ApiDep, back: _Back = "", reason: Annotated[str, Form(max_length=500)] = ""
) -> Response:
    """Have it not go out."""
    why = {"reason": reason.strip()} if reason.strip() else {}
    await api.ask("POST", _place(key, "/reject"), json=why)
    return _to(key, back)


@router.post("/posts/{key}/retry")
async def retry(key: str, api: ApiDep, back: _Back = "") -> Response:
    """Have it tried again."""
    await api.ask("POST", _place(key, "/retry"))
    return _to(key, back)


@router.post("/posts/{key}/caption")
async def rewrite(
    request: Request,
    key: str,
    api: ApiDep,
    text: Annotated[str, Form(max_length=10_000)] = "",
    then: Annotated[str, Form(max_length=20)] = "",
) -> Response:
    """Give it other words, and, where somebody says so, a yes with them."""
    # A form's lines end in another way.
    words = text.replace("\r\n", "\n")
    try:
        await api.ask("PUT", _place(key, "/caption"), json={"text": words})
    except InvalidInput as error:
        return await _page(request, api, key, status=422, caption=words, caption_refused=str(error))
    if then == "approve":
        await api.ask("POST", _place(key, "/approve"))
    return _to(key)


@router.post("/posts/{key}/settle")
async def settle(
    request: Request,
    key: str,
    api: ApiDep,
    found: Annotated[str, Form(max_length=20)],
    url: Annotated[str, Form(max_length=2000)] = "",
) -> Response:
    """Write down whether it is out, where nobody knew."""
    given = url.strip()
    try:
        if found == "out" and not given:
            raise InvalidInput("Give the address of the post, as it is there.")
        await api.ask("POST", _place(key, "/settle"), json={"url": given if found == "out" else None})
    except InvalidInput as error:
        return await _page(request, api, key, status=422, url=given, url_refused=str(error))
    return _to(key)


async def accounts_of(api: Api) -> list[ShownAccount]:
    """All accounts, by name."""
    return [ShownAccount(view) for view in (await api.get_as(Listing[AccountView], "/v1/accounts")).items]


async def details_of(api: Api, key: str) -> PostDetails:
    """All about one post.

    Raises:
        NotFound: there is none.
    """
    return await api.get_as(PostDetails, _place(key))


async def _page(
    request: Request,
    api: Api,
    key: str,
    *,
    status: int = 200,
    caption: str | None = None,
    caption_refused: str = "",
    url: str = "",
    url_refused: str = "",
) -> Response:
    details = await details_of(api, key)
    account = next((each for each in await accounts_of(api) if each.view.account == details.account), None)
    rules = details.caption_rules
    return render(
        request,
        "posts/post.html",
        status=status,
        post=ShownPost(details),
        details=details,
        counts=[name for name in _COUNTS if any(getattr(reading, name) is not None for reading in details.feedback)],
        when=clock_of(account.timezone if account else UTC),
        plain=plain,
        rules=rules,
        caption=(details.caption or "").removesuffix(rules.last_line).rstrip() if caption is None else caption,
        caption_refused=caption_refused,
        url_given=url,
        url_refused=url_refused,
    )


def _place(key: str, decision: str = "") -> str:
    """Where the API has the post; whatever a key may be, it leads nowhere else."""
    return f"/v1/posts/{quote(key, safe='')}{decision}"


def _to(key: str, back: str = "") -> Response:
    """Where somebody goes on: at the list, where he came from it, else at the post."""
    return RedirectResponse("/posts" if back == "list" else f"/posts/{quote(key, safe='')}", 303)
