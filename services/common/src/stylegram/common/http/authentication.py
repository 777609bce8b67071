"""Who is answered where other machines can ask: whoever knows a token."""

import base64
import binascii
import hmac
from collections.abc import Collection
from hashlib import sha256

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.types import ASGIApp, Receive, Scope, Send

from stylegram.common.http.problems import answer
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


class Authentication:
    """Middleware that answers those who know a token; and everybody who only asks how the process is.

    Args:
        app: what answers.
        tokens: what they have to know.
    """

    def __init__(self, app: ASGIApp, tokens: Tokens) -> None:
        self._app = app
        self._tokens = tokens

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer, or refuse to."""
        if scope["type"] == "http" and scope["path"] not in PROBES:
            request = Request(scope)
            if not self._tokens.admit(request.headers.get("authorization", "")):
                response = await answer(request, HTTPException(401, "This needs a token that Stylegram knows."))
                for challenge in _CHALLENGES:
                    response.headers.append("WWW-Authenticate", challenge)
                await response(scope, receive, send)
                return
        await self._app(scope, receive, send)


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
