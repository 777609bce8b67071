"""What a process answers to whoever keeps it running: whether it lives, whether it can work, how much it has done.

A cluster starts anew what does not live, and waits for what is not ready. So the first is about this process alone,
and only the second asks others.
"""

import json
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future
from contextlib import contextmanager
from socketserver import ThreadingMixIn
from typing import TYPE_CHECKING
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer, make_server

from prometheus_client import CONTENT_TYPE_LATEST, generate_latest

from stylegram.common.errors import ConfigurationError, StylegramError

if TYPE_CHECKING:
    from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

Check = Callable[[], object]
"""Asks a dependency for something small; raises where it does not answer."""

# However often somebody asks us, we ask others no oftener.
_CACHE_SECONDS = 2.0
# Who asks us has little patience, too.
_PATIENCE_SECONDS = 2.0


class Health:
    """What is known of a process, from its start to its end.

    Args:
        stop: set when the process is to end.
    """

    def __init__(self, stop: threading.Event) -> None:
        self.stop = stop
        self._threads: Sequence[threading.Thread] = ()
        self._failures: Sequence[BaseException] = ()
        self._inquiries: dict[str, _Inquiry] | None = None
        self._measurement: _Inquiry | None = None
        self.start = "It has only just been started."
        """What it is at until it has its checks."""

    def watch(self, threads: Sequence[threading.Thread], failures: Sequence[BaseException]) -> None:
        """Have it live as long as these threads do.

        Args:
            threads: all of them have been started.
            failures: grows by whatever one of them raises.
        """
        self._threads, self._failures = threads, failures

    def depend_on(self, checks: Mapping[str, Check]) -> None:
        """Have it ready while each of these, by name, comes to an end and raises nothing."""
        self._inquiries = {name: _Inquiry(check) for name, check in checks.items()}

    def measure_by(self, measure: Check) -> None:
        """Have `measure` bring those gauges up to date that nothing else does, whenever somebody asks for metrics."""
        self._measurement = _Inquiry(measure)

    def measure(self) -> None:
        """Bring the gauges up to date; where that takes long they stay as they were, for who asks has little time."""
        if self._measurement:
            _reason(self._measurement.begin(), time.monotonic() + _PATIENCE_SECONDS)

    def faults(self) -> dict[str, str]:
        """Why the process should be started anew, by part; empty while it lives, and while it ends as it should."""
        if self._failures:
            return {"failure": str(self._failures[0]) or type(self._failures[0]).__name__}
        if self.stop.is_set():
            return {}
        return {thread.name: "It has ended." for thread in self._threads if not thread.is_alive()}

    def check(self) -> None:
        """Raise if there are faults.

        Raises:
            StylegramError: the process should be started anew; names them.
        """
        if faults := self.faults():
            raise StylegramError("; ".join(f"{part}: {reason}" for part, reason in faults.items()))

    def obstacles(self) -> dict[str, str]:
        """Why the process cannot work now, by part or dependency; empty where it can."""
        if faults := self.faults():
            return faults
        if self.stop.is_set():
            return {"stop": "It was asked to end."}
        if self._inquiries is None:
            return {"start": self.start}
        deadline = time.monotonic() + _PATIENCE_SECONDS
        answers = {name: inquiry.begin() for name, inquiry in self._inquiries.items()}
        return {name: reason for name, answer in answers.items() if (reason := _reason(answer, deadline))}


class _Inquiry:
    """One check, made by one thread at a time: a dependency that hangs costs one thread, however often we are asked."""

    def __init__(self, check: Check) -> None:
        self._check = check
        self._lock = threading.Lock()
        self._answer: Future[str] | None = None
        self._asked = 0.0

    def begin(self) -> "Future[str]":
        """What will be the reason for which the dependency does not answer; empty where it does."""
        with self._lock:
            now = time.monotonic()
            if self._answer is None or (self._answer.done() and now - self._asked >= _CACHE_SECONDS):
                self._answer, self._asked = Future(), now
                threading.Thread(target=self._ask, args=(self._answer,), name="check", daemon=True).start()
            return self._answer

    def _ask(self, answer: "Future[str]") -> None:
        try:
            self._check()
        except Exception as error:  # whatever it is, the dependency is not as it should be
            answer.set_result(str(error) or type(error).__name__)
        else:
            answer.set_result("")


def _reason(answer: "Future[str]", deadline: float) -> str:
    try:
        return answer.result(max(0.0, deadline - time.monotonic()))
    except TimeoutError:
        return f"It did not answer within {_PATIENCE_SECONDS:g} seconds."


@contextmanager
def answering(port: int | None, health: Health) -> Iterator[int | None]:
    """Answer `/healthz`, `/readyz` and `/metrics` on all addresses; gives the port.

    Args:
        port: 0 has the system choose a free one, None answers nowhere.
        health: what to tell.

    Raises:
        ConfigurationError: the port cannot be had.
    """
    if port is None:
        yield None
        return
    try:
        server = make_server("", port, _application(health), _Server, _Handler)
    except OSError as error:
        raise ConfigurationError(
            f"Port {port} cannot be listened on: {error.strerror}.", advice="STYLEGRAM_METRICS_PORT names a free one."
        ) from error
    with server:
        threading.Thread(target=server.serve_forever, args=(0.1,), name="health", daemon=True).start()
        try:
            yield server.server_port
        finally:
            server.shutdown()


class _Server(ThreadingMixIn, WSGIServer):
    """A thread for each request, so that one that takes long keeps no other waiting."""

    daemon_threads = True


class _Handler(WSGIRequestHandler):
    """Says nothing of each request, and does not wait for ever for the rest of one."""

    timeout = 10.0

    def log_message(self, *_: object) -> None:
        """Probes come every few seconds."""


def _application(health: Health) -> "WSGIApplication":
    def status(problems: Mapping[str, str]) -> tuple[str, str, bytes]:
        if problems:
            return _json("503 Service Unavailable", {"status": "unavailable", "problems": problems})
        return _json("200 OK", {"status": "ok"})

    def metrics() -> tuple[str, str, bytes]:
        health.measure()
        return "200 OK", CONTENT_TYPE_LATEST, generate_latest()

    pages: dict[str, Callable[[], tuple[str, str, bytes]]] = {
        "/healthz": lambda: status(health.faults()),
        "/readyz": lambda: status(health.obstacles()),
        "/metrics": metrics,
    }

    def respond(environ: "WSGIEnvironment", start_response: "StartResponse") -> Iterable[bytes]:
        method, page = environ["REQUEST_METHOD"], pages.get(environ["PATH_INFO"])
        headers = [("Cache-Control", "no-store")]
        if page is None:
            code, content_type, body = _json("404 Not Found", {"status": "not found"})
        elif method not in ("GET", "HEAD"):
            code, content_type, body = _json("405 Method Not Allowed", {"status": "method not allowed"})
            headers.append(("Allow", "GET, HEAD"))
        else:
            code, content_type, body = page()
        start_response(code, [*headers, ("Content-Type", content_type), ("Content-Length", str(len(body)))])
        return [] if method == "HEAD" else [body]

    return respond


def _json(code: str, content: Mapping[str, object]) -> tuple[str, str, bytes]:
    return code, "application/json", json.dumps(content).encode()
