"""The path that everything lies below, where somebody before us has other services on the same name."""

import re
from collections.abc import MutableMapping
from typing import Any
from urllib.parse import quote

from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

# What a response says of other places here: the target of a redirect, and of each link in a list (RFC 8288).
_OWN_TARGET = re.compile(r"<(?=/(?!/))")


class Prefix:
    """Middleware that takes the prefix off what is asked for, and puts it before where responses lead.

    What is asked for without the prefix is answered too: some proxies take it off, and probes know of none.

    Args:
        app: what answers; it knows of no prefix but in the pages and texts that it writes.
        prefix: as in `/stylegram`; empty for none.
    """

    def __init__(self, app: ASGIApp, prefix: str) -> None:
        self._app = app
        self._prefix = prefix

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer."""
        if scope["type"] != "http" or not self._prefix:
            await self._app(scope, receive, send)
            return

        async def send_with_prefix(message: Message) -> None:
            if message["type"] == "http.response.start":
                self._lead(MutableHeaders(scope=message))
            await send(message)

        await self._app({**scope, **self._without(scope)}, receive, send_with_prefix)

    def _without(self, scope: Scope) -> MutableMapping[str, Any]:
        path: str = scope["path"]
        below = path.removeprefix(self._prefix)
        if below == path or (below and not below.startswith("/")):
            return {}
        raw: bytes = scope.get("raw_path") or quote(path).encode()
        raw_below = raw.removeprefix(self._prefix.encode())
        if raw_below == raw or (raw_below and not raw_below.startswith(b"/")):
            # Letters of the prefix, or the slash behind it, may have been escaped.
            raw_below = quote(below).encode()
        return {"path": below or "/", "raw_path": raw_below or b"/"}

    def _lead(self, headers: MutableHeaders) -> None:
        if (location := headers.get("location", "")).startswith("/") and not location.startswith("//"):
            headers["Location"] = self._prefix + location
        if link := headers.get("link"):
            headers["Link"] = _OWN_TARGET.sub(f"<{self._prefix}", link)
