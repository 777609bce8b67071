"""Serving the app from a thread."""

import errno
import socket
import threading

import uvicorn
from fastapi import FastAPI

from stylegram.common.errors import ConfigurationError, Unavailable
from stylegram.common.http.connections import BACKLOG, Connection
from stylegram.common.http.loopback import is_loopback

# Requests are short; what takes longer than this belongs to a browser that went away.
_GRACE_SECONDS = 5


def listen(host: str, port: int, *, authenticated: bool = False) -> socket.socket:
    """Take the address, so that it is known to be free before anything else begins.

    Args:
        host: `localhost` or an address; `::` is all that this machine has.
        port: 0 takes any that is free.
        authenticated: whether the app that will be served asks for tokens; else only loopback addresses will do.

    Raises:
        ConfigurationError: other machines could reach the address, and nothing would stop them.
        Unavailable: the address is taken, or may not be used.
    """
    if not (authenticated or is_loopback(host)):
        raise ConfigurationError(
            f"Stylegram cannot listen on '{host}' without tokens: whoever reaches it could do everything.",
            advice=f"Set STYLEGRAM_API_TOKENS, or listen on 127.0.0.1 and come through ssh -L {port}:127.0.0.1:{port}.",
        )
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    both = host == "::" and socket.has_dualstack_ipv6()
    try:
        listener = socket.create_server((host, port), family=family, dualstack_ipv6=both)
    except OSError as error:
        reason = "another process has it" if error.errno == errno.EADDRINUSE else error.strerror
        raise Unavailable(
            f"Port {port} of {host} cannot be used: {reason}.", advice="Choose another --port, or end that process."
        ) from None
    # Headers and body are written apart: without this, each body waits 40 ms for the headers' acknowledgement.
    listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return listener


def url_of(listener: socket.socket) -> str:
    """Where the browser finds what is served on the socket."""
    host, port = listener.getsockname()[:2]
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


def serve(app: FastAPI, listener: socket.socket, stop: threading.Event) -> None:
    """Answer requests until `stop` is set, then finish those at hand; streams are let go.

    Closes the socket; leaves signals alone.

    Args:
        app: from `app.assemble`.
        listener: from `listen`.
        stop: ends it.
    """
    config = uvicorn.Config(
        app,
        http=Connection,
        backlog=BACKLOG,
        log_config=None,
        access_log=False,
        lifespan="off",
        ws="none",
        # Nobody stands between the browser and us, who could say in whose name it asks.
        proxy_headers=False,
        server_header=False,
        timeout_graceful_shutdown=_GRACE_SECONDS,
    )
    server = uvicorn.Server(config)

    def follow() -> None:
        stop.wait()
        app.state.close()
        server.should_exit = True

    threading.Thread(target=follow, daemon=True).start()
    with listener:
        server.run(sockets=[listener])
