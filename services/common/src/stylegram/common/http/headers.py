"""What every response says to the browser, whatever it is a response to."""

from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

# Everything comes from here, in files of its own: a name that slipped through unescaped could still run nothing.
# Pictures may also be those that the page itself has in hand, as one that is about to be sent.
_CONTENT_SECURITY_POLICY = (
    "default-src 'self'; img-src 'self' blob:; object-src 'none'; base-uri 'none'; form-action 'self';"
    " frame-ancestors 'none'"
)
HEADERS = {
    "Content-Security-Policy": _CONTENT_SECURITY_POLICY,
    "X-Content-Type-Options": "nosniff",
    # With `no-referrer` browsers would send our own forms with `Origin: null`, and `guard.Guard` would refuse them.
    "Referrer-Policy": "same-origin",
    # Other sites may not embed the pictures either.
    "Cross-Origin-Resource-Policy": "same-origin",
    # What changes is asked for anew; responses that never change say so themselves.
    "Cache-Control": "no-cache",
}


class Headers:
    """Middleware that adds `HEADERS` where the response does not have its own.

    Args:
        app: what answers.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer, with the headers."""

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in HEADERS.items():
                    headers.setdefault(name, value)
            await send(message)

        await self._app(scope, receive, send_with_headers)
