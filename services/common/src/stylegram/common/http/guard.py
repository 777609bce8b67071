"""Which pages may ask. Where there are no tokens, being a program on this machine is what gives access.

A web page from elsewhere is no such program, although the browser that shows it is. It may send us forms (cross-site
request forgery), or have its own name resolve to this machine (DNS rebinding) and then read the answers too. Where
there are tokens the browser may know one, and send it along with forms of other sites.
"""

from urllib.parse import urlsplit

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.types import ASGIApp, Receive, Scope, Send

from stylegram.common.http.loopback import is_loopback
from stylegram.common.http.problems import answer
from stylegram.common.http.system import PROBES

_SAFE_METHODS = {"GET", "HEAD", "OPTIONS"}
_OWN_SITES = {"same-origin", "none"}


class Guard:
    """Middleware that answers only requests for a loopback name, and changes nothing for other sites' pages.

    Args:
        app: what answers.
        any_host: whether requests for other names are answered too, as somebody else decides who may ask.
    """

    def __init__(self, app: ASGIApp, *, any_host: bool) -> None:
        self._app = app
        self._any_host = any_host

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer, or refuse to."""
        if scope["type"] == "http":
            request = Request(scope)
            if scope["path"] not in PROBES and (refusal := self._refusal(request)):
                response = await answer(request, refusal)
                await response(scope, receive, send)
                return
        await self._app(scope, receive, send)

    def _refusal(self, request: Request) -> HTTPException | None:
        hosts = request.headers.getlist("host")
        if len(hosts) != 1 or not (self._any_host or is_loopback(_host_name(hosts[0]))):
            return HTTPException(421, "Stylegram answers only to localhost and 127.0.0.1.")
        if request.method in _SAFE_METHODS:
            return None
        # Every browser sends at least one of the two along with a change; other programs send neither.
        site, origin = request.headers.get("sec-fetch-site"), request.headers.get("origin")
        # On other hosts somebody before us may have taken TLS off.
        schemes = ("http", "https") if self._any_host else (request.url.scheme,)
        if site not in {None, *_OWN_SITES} or origin not in {None, *(f"{scheme}://{hosts[0]}" for scheme in schemes)}:
            return HTTPException(403, "Another site's page may not change anything here.")
        return None


def _host_name(host: str) -> str:
    """The name in a `Host` header, without port and brackets; empty for what is none."""
    try:
        parts = urlsplit(f"//{host}")
    except ValueError:
        return ""
    return parts.hostname or "" if parts.netloc == host and "@" not in host else ""
