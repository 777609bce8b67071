"""How far a request got that no answer came to: by that, a post that was to be shown is surely not out, or may be."""

import ssl
from collections.abc import Iterator

from requests.exceptions import ConnectTimeout, InvalidURL, RequestException
from urllib3.exceptions import ConnectTimeoutError, NewConnectionError

# What http.client says of a proxy that does not let anybody through.
_NO_TUNNEL = "Tunnel connection failed"


def was_sent(error: RequestException) -> bool:
    """Whether any of the request may have reached the far end; in doubt, yes.

    A `ProxyError` alone tells nothing: urllib3 says "Unable to connect to proxy" of one, too, that took the request and
    then hung up.
    """
    return not isinstance(error, ConnectTimeout | InvalidURL) and not any(map(_is_early, causes(error)))


def causes(error: BaseException) -> Iterator[BaseException]:
    """The error and those behind it, of which urllib3 keeps some as arguments and some as reasons.

    Not those that were being dealt with when it was raised: they may be of another request.
    """
    waiting: list[object] = [error]
    seen: set[int] = set()
    while waiting:
        cause = waiting.pop()
        if not isinstance(cause, BaseException) or id(cause) in seen:
            continue
        seen.add(id(cause))
        yield cause
        waiting += [cause.__cause__, getattr(cause, "reason", None), *cause.args]


def _is_early(error: BaseException) -> bool:
    if isinstance(error, ConnectTimeoutError | NewConnectionError | ssl.SSLCertVerificationError):
        return True
    return isinstance(error, OSError) and str(error).startswith(_NO_TUNNEL)
