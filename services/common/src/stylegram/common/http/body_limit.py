"""How much a request may bring along."""

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from stylegram.common.http.problems import answer

# A token is shorter by far; and whoever sends one has not shown yet that he knows it.
_DOOR_MEGABYTES = 0.01


class BodyLimit:
    """Middleware that refuses bodies above a size: at once where they say so, else as soon as they have reached it.

    Args:
        app: what answers.
        megabytes: the most that a body may have.
        door: path at which strangers log in, who may send hardly anything.
    """

    def __init__(self, app: ASGIApp, megabytes: float, door: str | None = None) -> None:
        self._app = app
        self._megabytes = megabytes
        self._door = door

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer, or refuse to."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        megabytes = _DOOR_MEGABYTES if scope["path"] == self._door else self._megabytes
        most = megabytes * 1e6
        request = Request(scope)
        declared = request.headers.get("content-length", "")
        # Compared as a number of digits first: nobody parses a million of them.
        if declared.isdecimal() and (len(declared) > 18 or int(declared) > most):
            response = await answer(request, _refusal(megabytes))
            await response(scope, receive, send)
            return
        received = 0

        async def receive_within_limit() -> Message:
            nonlocal received
            message = await receive()
            received += len(message.get("body", b""))
            if received > most:
                raise _refusal(megabytes)
            return message

        await self._app(scope, receive_within_limit, send)


def _refusal(megabytes: float) -> HTTPException:
    return HTTPException(413, f"The request is too large: all that it brings along may have {megabytes:g} MB together.")
