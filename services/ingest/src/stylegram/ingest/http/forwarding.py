"""What is asked about the record is asked of the logger, and what about posts of the publisher, so that people need to
know one address only.

Requests go on as they come, bit by bit, and so do answers. What is about the connection, or about who asks, stays here:
whoever got this far may ask, and the neighbours know ingest by tokens of their own.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from http import HTTPStatus

import httpx2
import structlog
from anyio import CancelScope
from fastapi import APIRouter, Request
from pydantic import SecretStr
from starlette.exceptions import HTTPException
from starlette.responses import StreamingResponse
from starlette.types import Receive, Scope, Send

from stylegram.common.errors import NotFound, Unavailable
from stylegram.common.http.app import Part
from stylegram.common.http.problems import MEDIA_TYPE

_METHODS = ["GET", "POST", "PUT", "PATCH", "DELETE"]
# What a request says of what it wants and brings. Never who asks, nor what the browser says of its page: that was
# looked at here.
_PASSED_ON = {
    b"accept",
    b"accept-encoding",
    b"content-encoding",
    b"content-length",
    b"content-type",
    b"idempotency-key",
    b"if-match",
    b"if-modified-since",
    b"if-none-match",
    b"if-range",
    b"if-unmodified-since",
    b"last-event-id",
    b"range",
}
# Of the connection between two (RFC 9110, section 7.6.1; RFC 9112); the last three would be ingest's own words.
_OF_THE_CONNECTION = {
    b"connection",
    b"keep-alive",
    b"proxy-authenticate",
    b"proxy-connection",
    b"te",
    b"trailer",
    b"transfer-encoding",
    b"upgrade",
    b"date",
    b"server",
    b"set-cookie",
}
_VIA = b"1.1 stylegram-ingest"
# It is near, or not there.
_CONNECT_SECONDS = 5.0

_log = structlog.get_logger(__name__)
_RawHeaders = list[tuple[bytes, bytes]]


@dataclass(frozen=True)
class Neighbour:
    """A service that requests are passed on to.

    Args:
        name: as in `STYLEGRAM_NAME_URL`, which says where it is.
        has: what it has, as in "where the record is".
        features: what stands in a path after `/v1/`.
    """

    name: str
    has: str
    features: Sequence[str]

    def setting(self, what: str) -> str:
        """The variable's name, as in `STYLEGRAM_LOGGER_TOKEN` of "token"."""
        return f"STYLEGRAM_{self.name}_{what}".upper()


LOGGER = Neighbour(
    "logger",
    "the record is",
    ("runs", "leaderboard", "importance", "suggest", "advice", "studies", "comparisons", "ranking", "logs"),
)
PUBLISHER = Neighbour("publisher", "posts are", ("posts", "accounts"))


class Address:
    """Where a neighbour answers, and how it is asked.

    Args:
        neighbour: which.
        url: of its API; None where nobody said.
        token: the one that it knows us by.
        patience: seconds for which it may say nothing.
    """

    def __init__(
        self, neighbour: Neighbour, url: str | None, token: SecretStr | None = None, patience: float = 60.0
    ) -> None:
        self.neighbour = neighbour
        self._base = None if url is None else httpx2.URL(url)
        self._authorization = [(b"authorization", b"Bearer " + token.get_secret_value().encode())] if token else []
        self._timeout = httpx2.Timeout(patience, connect=min(patience, _CONNECT_SECONDS)).as_dict()
        # Made once, for it reads many certificates; connections are made anew, for several event loops may ask.
        self._tls = httpx2.create_ssl_context()

    async def ask(self, request: Request) -> StreamingResponse:
        """Its answer, as it comes.

        Raises:
            NotFound: nobody said where it is, or the path leaves the API.
            Unavailable: nobody answers there.
            HTTPException: 504, as it takes too long; 502, as what answers is another, or does not take our token.
        """
        question = self._question(request)
        transport = httpx2.AsyncHTTPTransport(verify=self._tls, trust_env=False)
        try:
            answer = await transport.handle_async_request(question)
            _check(self.neighbour, answer)
        except BaseException as error:
            with CancelScope(shield=True):
                await transport.aclose()
            if isinstance(error, httpx2.TransportError):
                raise _problem(self.neighbour, error) from error
            raise
        return _PassedOn(self.neighbour, answer, transport)

    def _question(self, request: Request) -> httpx2.Request:
        if self._base is None:
            raise NotFound(
                f"This API does not know where {self.neighbour.has}: {self.neighbour.setting('url')} is not set.",
                advice=f"Have whoever runs it name the {self.neighbour.name}'s address there.",
            )
        if {".", ".."} & set(request.url.path.split("/")):
            raise NotFound(f"There is nothing at {request.url.path}.")
        given: _RawHeaders = request.headers.raw
        if any(name == b"via" and _VIA in value for name, value in given):
            detail = f"{self.neighbour.setting('url')} names ingest itself; name the {self.neighbour.name}."
            raise HTTPException(HTTPStatus.BAD_GATEWAY, detail)
        names = {name for name, _ in given}
        # A length beside it does not count, and is not to be believed by anybody else (RFC 9112, section 6.3).
        untold = {b"content-length"} if b"transfer-encoding" in names else set[bytes]()
        sent = [(name, value) for name, value in given if name in _PASSED_ON - untold]
        has_body = bool(names & {b"content-length", b"transfer-encoding"})
        path: bytes = request.scope.get("raw_path") or request.url.path.encode()
        query: bytes = request.scope["query_string"]
        below = self._base.raw_path.rstrip(b"/") + path
        return httpx2.Request(
            request.method,
            self._base.copy_with(raw_path=below + (b"?" + query if query else b"")),
            headers=[*sent, *self._authorization, (b"via", _VIA)],
            content=request.stream() if has_body else None,
            extensions={"timeout": self._timeout},
        )


def forwarding_part(*addresses: Address) -> Part:
    """What neighbours have to answer with, asked of them there."""
    return Part(further_routers=[_router(address) for address in addresses])


def _router(address: Address) -> APIRouter:
    router = APIRouter(prefix="/v1", include_in_schema=False)
    for feature in address.neighbour.features:
        for path in (f"/{feature}", f"/{feature}/{{rest:path}}"):
            router.add_api_route(path, address.ask, methods=_METHODS, response_model=None)
    return router


class _PassedOn(StreamingResponse):
    """A neighbour's answer.

    Args:
        neighbour: whose.
        answer: its body was not read.
        transport: what it comes by; closed when all was passed on, or nobody listens any more.
    """

    def __init__(self, neighbour: Neighbour, answer: httpx2.Response, transport: httpx2.AsyncHTTPTransport) -> None:
        super().__init__(answer.aiter_raw(), answer.status_code)
        self.raw_headers = list(_end_to_end(answer.headers.raw))
        self._neighbour = neighbour
        self._answer = answer
        self._transport = transport

    async def stream_response(self, send: Send) -> None:
        """Pass it on; an answer that breaks off breaks off here too, so that nobody takes it for whole."""
        await send({"type": "http.response.start", "status": self.status_code, "headers": self.raw_headers})
        try:
            async for piece in self.body_iterator:
                await send({"type": "http.response.body", "body": piece, "more_body": True})
        except httpx2.TransportError as error:
            _log.warning("neighbour_broke_off", neighbour=self._neighbour.name, reason=repr(error))
        else:
            await send({"type": "http.response.body", "body": b"", "more_body": False})

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer."""
        try:
            await super().__call__(scope, receive, send)
        finally:
            with CancelScope(shield=True):
                await self._answer.aclose()
                await self._transport.aclose()


def _end_to_end(headers: Iterable[tuple[bytes, bytes]]) -> Iterator[tuple[bytes, bytes]]:
    """The fields that are not about the connection, their names in small letters."""
    fields = [(name.lower(), value) for name, value in headers]
    named = {word.strip().lower() for name, value in fields if name == b"connection" for word in value.split(b",")}
    return ((name, value) for name, value in fields if name not in _OF_THE_CONNECTION | named)


def _check(neighbour: Neighbour, answer: httpx2.Response) -> None:
    """Refuse what is no answer to who asked.

    Raises:
        HTTPException: 502, it is about us, or not the neighbour's.
    """
    name, token = neighbour.name, neighbour.setting("token")
    match answer.status_code:
        case HTTPStatus.UNAUTHORIZED:
            detail = f"The {name} does not take ingest's token; {token} is to be one of its own."
        case HTTPStatus.MISDIRECTED_REQUEST:
            detail = (
                f"The {name} answers only on its own machine; give it STYLEGRAM_API_TOKENS, and ingest one of them as"
                f" {token}."
            )
        case status if _is_ours(status, answer.headers.get("content-type", "")):
            return
        case status:
            detail = f"What answers at {neighbour.setting('url')} is no {name}: it says {status} and no more."
    _log.warning("neighbour_refuses", neighbour=name, status=answer.status_code, reason=detail)
    raise HTTPException(HTTPStatus.BAD_GATEWAY, detail)


def _is_ours(status: int, content_type: str) -> bool:
    """Our services redirect nobody, and their errors are problems."""
    if status < HTTPStatus.MULTIPLE_CHOICES or status == HTTPStatus.NOT_MODIFIED:
        return True
    return status >= HTTPStatus.BAD_REQUEST and content_type.partition(";")[0].strip() == MEDIA_TYPE


def _problem(neighbour: Neighbour, error: httpx2.TransportError) -> Exception:
    name = neighbour.name
    _log.warning("neighbour_away", neighbour=name, reason=repr(error))
    match error:
        case httpx2.ConnectError():
            return Unavailable(f"The {name} did not answer.", advice="Ask again in a moment.")
        case httpx2.TimeoutException():
            detail = f"The {name} took too long. It may do what was asked all the same; ask for less, or later."
            return HTTPException(HTTPStatus.GATEWAY_TIMEOUT, detail)
        case _:
            return HTTPException(HTTPStatus.BAD_GATEWAY, f"The connection to the {name} broke off; ask again.")
