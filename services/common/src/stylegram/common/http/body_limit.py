"""How much a request may bring along."""

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from stylegram.common.http.problems import answer


class BodyLimit:
    """Middleware that refuses bodies above a size: at once where they say so, else as soon as they have reached it.

    Args:
        app: what answers.
        megabytes: the most that a body may have.
    """

    def __init__(self, app: ASGIApp, megabytes: float) -> None:
        self._app = app
        self._megabytes = megabytes

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer, or refuse to."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        most = self._megabytes * 1e6
        request = Request(scope)
        declared = request.headers.get("content-length", "")
        # Compared as a number of digits first: nobody parses a million of them.
        if declared.isdecimal() and (len(declared) > 18 or int(declared) > most):
            response = await answer(request, self._refusal())
            await response(scope, receive, send)
            return
        received = 0

        async def receive_within_limit() -> Message:
            nonlocal received
            message = await receive()
            received += len(message.get("body", b""))
            if received > most:
                raise self._refusal()
            return message

        await self._app(scope, receive_within_limit, send)

    def _refusal(self) -> HTTPException:
        detail = f"The request is too large: all that it brings along may have {self._megabytes:g} MB together."
        return HTTPException(413, detail)
