"""A service that answers over HTTP as a process of its own.

>>> with opening(settings) as (listener, undo):  # doctest: +SKIP
...     service = bootstrap(settings)
...     undo.callback(service.close)
...     targets = [service.run, answering(create_app(service), listener, stop)]
"""

import socket
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

import structlog
from fastapi import FastAPI

from stylegram.common.http.server import listen, serve, url_of
from stylegram.common.http.settings import HttpSettings
from stylegram.common.service import Target

_log = structlog.get_logger(__name__)


@contextmanager
def opening(settings: HttpSettings) -> Iterator[tuple[socket.socket, ExitStack]]:
    """Take the address before anything else begins.

    Yields:
        The address, and what undoes the opening, to which further steps are added: that is done where one of them
        fails, and not once all goes well.

    Raises:
        ConfigurationError: see `listen`.
        Unavailable: likewise.
    """
    with ExitStack() as undo:
        listener = listen(settings.http_host, settings.http_port, authenticated=bool(settings.tokens))
        undo.callback(listener.close)
        yield listener, undo
        undo.pop_all()


def answering(app: FastAPI, listener: socket.socket, stop: threading.Event) -> Target:
    """What answers at the address until `stop` is set, and has the log say where; see `serve`."""

    def answer() -> None:
        _log.info("api_listens", url=url_of(listener))
        serve(app, listener, stop)

    return answer
