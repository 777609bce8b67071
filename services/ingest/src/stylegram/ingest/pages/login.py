"""Logging in with a token of the API's, and out."""

from typing import Annotated

from fastapi import APIRouter, Form, Query, Request
from starlette.responses import RedirectResponse, Response

from stylegram.common.http.authentication import Door
from stylegram.common.http.sessions import Sessions
from stylegram.ingest.pages.templating import render

DOOR = Door("/login", ("/static/",))
"""Where people log in, and what that page needs."""
router = APIRouter(include_in_schema=False)

_Next = Annotated[str, Query()]
# What is longer, nobody finds again by it either.
_LONGEST_PATH = 2000


@router.get(DOOR.path)
def login_page(request: Request, next: _Next = "/") -> Response:  # noqa: A002  (what such addresses call it)
    """The page that asks for a token."""
    return render(request, "login.html", next=_own(next), wrong=False)


@router.post(DOOR.path)
def log_in(request: Request, token: Annotated[str, Form(max_length=1000)] = "", next: _Next = "/") -> Response:  # noqa: A002
    """Begin a session, and go where somebody wanted to go."""
    sessions: Sessions = request.app.state.sessions
    response: Response = RedirectResponse(_own(next), 303)
    if sessions.begin(token, request, response):
        return response
    return render(request, "login.html", status=401, next=_own(next), wrong=True)


@router.post("/logout")
def log_out(request: Request) -> RedirectResponse:
    """End the session."""
    sessions: Sessions = request.app.state.sessions
    response = RedirectResponse(DOOR.path, 303)
    sessions.end(response)
    return response


def _own(path: str) -> str:
    """The path, if it is one of ours: an address that leads elsewhere could have come from anybody."""
    is_own = path.startswith("/") and not path.startswith(("//", "/\\")) and path.isprintable()
    return path if is_own and len(path) <= _LONGEST_PATH else "/"
