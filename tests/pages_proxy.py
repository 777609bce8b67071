"""What stands before the replicas in a cluster: each request goes to the next one."""

from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import contextmanager
from itertools import cycle

import httpx2
from fastapi import FastAPI, Request
from starlette.background import BackgroundTask
from starlette.responses import StreamingResponse

from ingest_http import serving

_METHODS = ["GET", "POST", "PUT", "DELETE", "HEAD"]


@contextmanager
def balanced(replicas: Sequence[str]) -> Iterator[str]:
    """The address at which all replicas answer in turn, by their addresses; they are told the name that was asked."""
    turn = cycle(replicas)
    app = FastAPI(openapi_url=None)
    app.state.close = lambda: None

    @app.api_route("/{path:path}", methods=_METHODS)
    async def pass_on(request: Request, path: str) -> StreamingResponse:
        # A client a request: a replica that ends lets nobody wait for a connection to it.
        client = httpx2.AsyncClient(base_url=next(turn), timeout=None, trust_env=False)
        url = request.url.path + (f"?{request.url.query}" if request.url.query else "")
        asked = client.build_request(
            request.method,
            url,
            headers=request.headers.raw,
            content=None if request.method == "GET" else request.stream(),
        )
        answer = await client.send(asked, stream=True)

        async def pieces() -> AsyncIterator[bytes]:
            async for piece in answer.aiter_raw():
                yield piece

        async def close() -> None:
            await answer.aclose()
            await client.aclose()

        response = StreamingResponse(pieces(), answer.status_code, background=BackgroundTask(close))
        response.raw_headers = [
            (name, value)
            for name, value in answer.headers.raw
            if name.decode().lower() not in {"connection", "keep-alive"}
        ]
        return response

    with serving(app) as client:
        yield str(client.base_url).rstrip("/")
