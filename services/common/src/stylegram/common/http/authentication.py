"""Who is answered where other machines can ask: whoever knows a token, or has logged in with one."""

import base64
import binascii
import hmac
from collections.abc import Collection
from dataclasses import dataclass
from hashlib import sha256
from urllib.parse import urlencode

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.types import ASGIApp, Receive, Scope, Send

from stylegram.common.http.problems import answer, is_for_people
from stylegram.common.http.sessions import Sessions
from stylegram.common.http.system import PROBES

# In fields of their own, for some browsers read only the first challenge of each.
_CHALLENGES = ("Bearer", 'Basic realm="Stylegram", charset="UTF-8"')


class Tokens:
    """The tokens that give access; kept as digests, so that nothing that shows this object shows one of them.

    Args:
        tokens: any number; none means that nobody has access.
    """

    def __init__(self, tokens: Collection[str]) -> None:
        self._digests = [sha256(token.encode()).digest() for token in tokens]

    def admit(self, authorization: str) -> bool:
        """Whether an `Authorization` field carries one of the tokens: as `Bearer`, or as the password of `Basic`."""
        digest = sha256(_credential(authorization)).digest()
        # All of them, always: the time that it takes says nothing about which one it was like.
        return any([hmac.compare_digest(digest, known) for known in self._digests])  # noqa: C419


@dataclass(frozen=True)
class Door:
    """Where people log in.

    Args:
        path: of the page that asks for a token; whoever wants another page is led there, and then back.
        open: what paths begin with that this page needs.
    """

    path: str
    open: tuple[str, ...] = ()


class Authentication:
    """Middleware that answers those who know a token; and everybody who only asks how the process is.

    Args:
        app: what answers.
        tokens: what they have to know.
        sessions: knows who has logged in.
        door: where people do so; None where there are no pages.
    """

    def __init__(self, app: ASGIApp, tokens: Tokens, sessions: Sessions, door: Door | None) -> None:
        self._app = app
        self._tokens = tokens
        self._sessions = sessions
        self._door = door

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer, or refuse to."""
        if scope["type"] == "http" and not self._is_open(scope["path"]):
            request = Request(scope)
            known = self._tokens.admit(request.headers.get("authorization", "")) or self._sessions.known_by_cookie(
                request
            )
            if not known:
                await (await self._refusal(request))(scope, receive, send)
                return
        await self._app(scope, receive, send)

    def _is_open(self, path: str) -> bool:
        return path in PROBES or (
            self._door is not None and (path == self._door.path or path.startswith(self._door.open))
        )

    async def _refusal(self, request: Request) -> Response:
        if self._door and request.method in ("GET", "HEAD") and is_for_people(request):
            wanted = request.url.path + (f"?{request.url.query}" if request.url.query else "")
            return RedirectResponse(f"{self._door.path}?{urlencode({'next': wanted})}", 303)
        response = await answer(request, HTTPException(401, "This needs a token that Stylegram knows."))
        for challenge in _CHALLENGES:
            response.headers.append("WWW-Authenticate", challenge)
        return response


def _credential(authorization: str) -> bytes:
    """The token that the field carries; empty where it carries none."""
    scheme, _, value = authorization.partition(" ")
    # Fields are read as Latin-1, byte by byte; tokens are compared as the bytes that were sent.
    sent = value.strip().encode("latin-1")
    match scheme.lower():
        case "bearer":
            return sent
        case "basic":
            try:
                return base64.b64decode(sent, validate=True).partition(b":")[2]
            except binascii.Error:
                return b""
        case _:
            return b""
