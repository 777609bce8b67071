"""The posts: lists of them, one of them as it goes out, and what people decide."""

from datetime import datetime
from typing import Annotated, Any

from fastapi import APIRouter, Path, Query, Request, Response
from pydantic import BaseModel, ConfigDict, Field
from starlette.concurrency import run_in_threadpool

from stylegram.common import cursors
from stylegram.common.http.dependencies import When
from stylegram.common.http.paging import LINK, Cursor, Limit, linked
from stylegram.common.http.problems import responses
from stylegram.common.schemas import Page
from stylegram.common.views.posts import PostDetails, PostState, PostView
from stylegram.publisher.addresses import check_address
from stylegram.publisher.desk import Desk
from stylegram.publisher.http.dependencies import DeskDep, MediaDep
from stylegram.publisher.ledger import Place
from stylegram.publisher.own_caption import own_caption
from stylegram.publisher.tables import PostRow
from stylegram.publisher.views import post_details, post_views

router = APIRouter(prefix="/v1", tags=["posts"])

_Key = Annotated[str, Path(pattern="^[0-9a-z]{1,32}$", description="The post's key.")]
# What it is made of never changes, but the settings of how may: a browser asks again after a while, which costs little.
_FOR_A_WHILE = "private, max-age=300"
_PICTURE: dict[str, Any] = {"schema": {"type": "string", "format": "binary"}}
_MEDIA: dict[int | str, dict[str, Any]] = {
    200: {"content": {"image/jpeg": _PICTURE, "video/mp4": _PICTURE}},
    304: {"description": "The browser has this version already."},
}


class Rejection(BaseModel):
    """A no."""

    model_config = ConfigDict(extra="forbid")

    reason: str = Field("not wanted", min_length=1, max_length=500, description="What is kept as the reason.")


class Caption(BaseModel):
    """Other words."""

    model_config = ConfigDict(extra="forbid")

    text: str = Field(
        max_length=10_000, description="The caption, with or without its last line, by which the post is found again."
    )


class Settlement(BaseModel):
    """What a person found out."""

    model_config = ConfigDict(extra="forbid")

    url: str | None = Field(max_length=2000, description="Where the post is; null if it is surely not out.")


@router.get("/posts", responses=LINK)
def list_posts(
    request: Request,
    response: Response,
    desk: DeskDep,
    state: Annotated[list[PostState] | None, Query(description="Only posts that are so; may be repeated.")] = None,
    account: Annotated[str | None, Query(max_length=500, description="Only posts of this account.")] = None,
    approved: Annotated[
        bool | None, Query(description="Only posts to which somebody has said yes; or, if false, nobody has.")
    ] = None,
    since: Annotated[
        When | None,
        Query(description="Only posts that went out then or later; those that are not out count by when they came."),
    ] = None,
    until: Annotated[When | None, Query(description="Only posts before then, likewise.")] = None,
    limit: Limit = 50,
    cursor: Cursor = None,
) -> Page[PostView]:
    """The posts, newest first, a page at a time, and what each waits for in a few words."""
    rows = desk.ledger.posts(
        state or (),
        account=account,
        approved=approved,
        since=since,
        until=until,
        after=None if cursor is None else _place(cursor),
        limit=limit + 1,
    )
    following = _cursor(rows[limit - 1]) if len(rows) > limit else None
    return linked(Page(items=post_views(desk, rows[:limit]), next=following), request, response)


@router.get("/posts/{key}", responses=responses(404))
def get_post(key: _Key, desk: DeskDep) -> PostDetails:
    """Everything about a post: its words, what it waits for, how it was taken, what to do where nobody knows."""
    return post_details(desk, desk.ledger.get(key))


@router.get("/posts/{key}/media/{number}", response_class=Response, responses=_MEDIA | responses(404))
async def get_medium(
    key: _Key,
    number: Annotated[int, Path(ge=1, le=10, description="Which of the post's media, from 1 on.")],
    request: Request,
    desk: DeskDep,
    media: MediaDep,
    cover: Annotated[bool, Query(description="Of a film the picture that stands for it.")] = False,
) -> Response:
    """A picture or film of the post as it would go out now, made for the purpose; a film's cover is a JPEG as well."""
    row = await run_in_threadpool(desk.ledger.get, key)
    etag = f'"{media.version(row)}-{number}{"-cover" if cover else ""}"'
    headers = {"ETag": etag, "Cache-Control": _FOR_A_WHILE}
    if etag in request.headers.get("if-none-match", ""):
        return Response(status_code=304, headers=headers)
    medium = await media.make(row, number)
    if cover and medium.cover:
        return Response(medium.cover, headers=headers, media_type="image/jpeg")
    return Response(medium.data, headers=headers, media_type=medium.content_type)


@router.post("/posts/{key}/approve", responses=responses(404, 409))
def approve(key: _Key, desk: DeskDep) -> PostDetails:
    """Say yes: the post goes out when it is time. Of a grid one tile stands for all nine."""
    desk.decisions.approve(key)
    return _now(desk, key)


@router.post("/posts/{key}/reject", responses=responses(404, 409))
def reject(key: _Key, desk: DeskDep, rejection: Rejection | None = None) -> PostDetails:
    """Say no: the post does not go out. Of a grid one tile stands for all that are not out yet."""
    desk.decisions.reject(key, (rejection or Rejection()).reason)
    return _now(desk, key)


@router.post("/posts/{key}/retry", responses=responses(404, 409))
def retry(key: _Key, desk: DeskDep) -> PostDetails:
    """Have a post that failed, or was rejected, tried again; that is a yes as well."""
    desk.decisions.retry(key)
    return _now(desk, key)


@router.put("/posts/{key}/caption", responses=responses(404, 409, 422))
def rewrite(key: _Key, caption: Caption, desk: DeskDep) -> PostDetails:
    """Give a post that waits another caption; its last line is put below it. 422 for one that Instagram would not
    take."""
    desk.decisions.rewrite(key, own_caption(caption.text, desk.ledger.get(key).key))
    return _now(desk, key)


@router.post("/posts/{key}/settle", responses=responses(404, 409, 422))
def settle(key: _Key, found: Settlement, desk: DeskDep) -> PostDetails:
    """Say whether a post is out of which nobody knows; its `review` tells how to find out. One that is not out has
    failed, and can be tried again."""
    if found.url is not None:
        check_address(found.url, desk.ledger.get(key).account)
    desk.decisions.settle(key, found.url)
    return _now(desk, key)


def _now(desk: Desk, key: str) -> PostDetails:
    return post_details(desk, desk.ledger.get(key))


def _cursor(row: PostRow) -> str:
    return cursors.written([row.created_at, row.kind, row.key])


def _place(cursor: str) -> Place:
    position = cursors.read(cursor)
    with cursors.refusing(cursor):
        return Place(*cursors.checked(position, (datetime,), (str,), (str,)))
