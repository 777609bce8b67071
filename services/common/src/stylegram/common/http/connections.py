"""How many connections there may be, and how long one may go without a request: before anybody has shown a token."""

import asyncio

from uvicorn.protocols.http.h11_impl import H11Protocol, RequestResponseCycle

# A process may have 1024 descriptors where nobody gave it more, and the rest of it needs some.
_MOST_CONNECTIONS = 768
# For a request's head, whoever sends it; far longer than a slow line takes.
_HEAD_SECONDS = 10.0
BACKLOG = 100
"""Connections that are taken at once, before any of them can be closed again: with `_MOST_CONNECTIONS` below 1024."""


class Connection(H11Protocol):
    """Closes connections beyond the most that there may be, and those whose next request takes too long to come."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """See `asyncio.Protocol`."""
        super().connection_made(transport)
        if len(self.connections) > _MOST_CONNECTIONS:
            transport.abort()
        else:
            self._expect_request(after=None)

    def on_response_complete(self) -> None:
        """What follows may be the next request already, or the rest of a body that nobody wanted."""
        done = self.cycle
        super().on_response_complete()
        self._expect_request(after=done)

    def _expect_request(self, after: RequestResponseCycle | None) -> None:
        self.loop.call_later(_HEAD_SECONDS, self._give_up, after)

    def _give_up(self, after: RequestResponseCycle | None) -> None:
        if self.cycle is after:
            self.transport.abort()
