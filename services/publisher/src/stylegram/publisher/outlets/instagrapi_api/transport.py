"""What carries the client's requests, and knows of each how far it got.

The client itself sends again what it has no answer to: after a 408, after half an answer, after a redirect, and curl
does so too on a connection that it kept open. That is how posts come to be out twice, so here

- a request is sent once, over a connection of its own unless it only reads, and never forever: with timeouts;
- whatever comes instead of an answer is an error that the client hands on, `NoAnswer`, and none that it knows.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal
from urllib.parse import urlsplit, urlunsplit

from curl_cffi import CurlECode, CurlError, CurlOpt
from instagrapi.transports import create_curl_h2_adapter
from requests import PreparedRequest, Response
from requests.adapters import HTTPAdapter
from requests.exceptions import RequestException

from stylegram.publisher.outlets.sending import causes, was_sent

Carrier = Literal["curl", "requests"]
"""What talks to Instagram: curl has the app's fingerprint, requests is plain Python."""

CONNECT_SECONDS = 15.0
ANSWER_SECONDS = 60.0
# A line slower than that is given up on, lest an upload takes forever.
_BYTES_PER_SECOND = 100_000

_REDIRECTS = range(300, 400)
_REQUEST_TIMEOUT = 408
# Curl's errors that come before anything of the request has been sent.
_TOO_EARLY = {
    CurlECode.UNSUPPORTED_PROTOCOL,
    CurlECode.URL_MALFORMAT,
    CurlECode.COULDNT_RESOLVE_PROXY,
    CurlECode.COULDNT_RESOLVE_HOST,
    CurlECode.COULDNT_CONNECT,
    CurlECode.SSL_CONNECT_ERROR,
    CurlECode.PEER_FAILED_VERIFICATION,
    CurlECode.PROXY,
}
# The same, of errors whose numbers alone do not tell.
_TOO_EARLY_WORDS = {
    CurlECode.OPERATION_TIMEDOUT: ("Resolving timed out", "Connection timed out", "SSL connection timeout"),
    CurlECode.RECV_ERROR: ("CONNECT tunnel failed",),
}


@dataclass(frozen=True)
class Answer:
    """What came back, as far as it says how things stand; its text may hold secrets, and is not shown.

    Args:
        status: of HTTP.
        body: the JSON, if it is an object.
        retry_after: the header.
        location: the header.
    """

    status: int
    body: Mapping[str, Any] | None = field(default=None, repr=False)
    retry_after: str | None = None
    location: str = field(default="", repr=False)


class NoAnswer(RequestException):
    """A request that no answer came to.

    The client takes neither this nor what it derives from for something that it could deal with.

    Args:
        why: what happened, without addresses.
        was_sent: whether it may have reached Instagram, who may have done as told.
    """

    def __init__(self, why: str, *, was_sent: bool) -> None:
        super().__init__(why)
        self.why = why
        self.was_sent = was_sent


class Redirected(NoAnswer):
    """The answer is another address, which nobody goes to: `Transport.answer` has it."""

    def __init__(self) -> None:
        super().__init__("Instagram pointed to another page", was_sent=True)


class Transport(HTTPAdapter):
    """The adapter of `requests` that the client's sessions send through.

    Args:
        carrier: see `Carrier`.
        endpoint: where Instagram answers, if not at its own addresses.
        proxy: through which it is reached; may hold a password.
    """

    def __init__(self, carrier: Carrier, *, endpoint: str | None = None, proxy: str | None = None) -> None:
        super().__init__(max_retries=0)
        self._curl = create_curl_h2_adapter() if carrier == "curl" else None
        self._carrier: HTTPAdapter = self._curl or HTTPAdapter(max_retries=0)
        self._endpoint = endpoint
        self._proxies = {"http": proxy, "https": proxy} if proxy else None
        self.answer: Answer | None = None
        """To the latest request; None if there was none."""

    def send(self, request: PreparedRequest, *args: object, **options: Any) -> Response:  # noqa: ANN401, ARG002
        """Send it once.

        Raises:
            NoAnswer: it did not get there, or no whole answer came back.
        """
        self.answer = None
        self._connect_anew(request.method != "GET")
        try:
            response = self._carrier.send(
                self._addressed(request),
                timeout=(CONNECT_SECONDS, ANSWER_SECONDS + len(request.body or b"") / _BYTES_PER_SECOND),
                verify=options.get("verify", True),
                cert=options.get("cert"),
                proxies=self._proxies or (None if self._endpoint else options.get("proxies")),
            )
            # Here and now: half an answer that the session finds is one that the client asks for again.
            response.content  # noqa: B018
        except RequestException as error:
            raise NoAnswer(_reason(error), was_sent=_was_sent(error)) from None
        response.request, response.url = request, request.url or ""
        return self._judged(response)

    def close(self) -> None:
        """Let go of the connections."""
        self._carrier.close()
        super().close()

    def _connect_anew(self, anew: bool) -> None:
        # The far end of a kept connection may close it just as a request goes out on it. Curl then sends it again; and
        # where it is not sent again, nobody knows whether it was carried out.
        if self._curl:
            self._curl.client.curl_options[CurlOpt.FRESH_CONNECT] = int(anew)
        elif anew:
            self._carrier.close()

    def _judged(self, response: Response) -> Response:
        headers = response.headers
        self.answer = Answer(
            response.status_code, _as_object(response), headers.get("Retry-After"), headers.get("Location", "")
        )
        if response.status_code in _REDIRECTS:
            raise Redirected
        if response.status_code == _REQUEST_TIMEOUT:
            raise NoAnswer("Instagram took too long (408)", was_sent=True)
        return response

    def _addressed(self, request: PreparedRequest) -> PreparedRequest:
        if not self._endpoint:
            return request
        there = urlsplit(self._endpoint)
        addressed = request.copy()
        addressed.url = urlunsplit(urlsplit(request.url or "")._replace(scheme=there.scheme, netloc=there.netloc))
        return addressed


def _as_object(response: Response) -> Mapping[str, Any] | None:
    try:
        body = response.json()
    except ValueError:
        return None
    return body if isinstance(body, dict) else None


def _reason(error: Exception) -> str:
    """The error's kind; its text has addresses, and those of proxies have passwords."""
    return type(error.__cause__ or error).__name__


def _was_sent(error: RequestException) -> bool:
    """Whether any of the request may have reached the far end; in doubt, yes."""
    return was_sent(error) and not any(isinstance(cause, CurlError) and _is_early(cause) for cause in causes(error))


def _is_early(error: CurlError) -> bool:
    words = next((words for code, words in _TOO_EARLY_WORDS.items() if code == error.code), ())
    return error.code in _TOO_EARLY or any(word in str(error) for word in words)
