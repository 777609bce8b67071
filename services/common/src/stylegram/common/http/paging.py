"""Lists that come a page at a time."""

from typing import Annotated, TypeVar
from urllib.parse import urlencode

from fastapi import Query, Request, Response

from stylegram.common.http.problems import Responses
from stylegram.common.schemas import Page

_Item = TypeVar("_Item")

Limit = Annotated[int, Query(ge=1, le=1000, description="Items at most.")]
Cursor = Annotated[str | None, Query(max_length=500, description="`next` of the page before.")]

LINK: Responses = {
    200: {
        "headers": {
            "Link": {"schema": {"type": "string"}, "description": 'The next page, as rel="next"; not on the last.'}
        }
    }
}
"""What an endpoint that gives pages says of its answer's fields."""


def linked(page: Page[_Item], request: Request, response: Response) -> Page[_Item]:
    """The page, while the response gets a link to the next one: the same request from there on."""
    if page.next is not None:
        asked = [(name, value) for name, value in request.query_params.multi_items() if name != "cursor"]
        query = urlencode([*asked, ("cursor", page.next)])
        response.headers["Link"] = f'<{request.url.path}?{query}>; rel="next"'
    return page
