"""What connections cost before anybody has shown a token, and pictures those who want something else."""

import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from typing import Any

import httpx2
import pytest

from ingest_http import TOKEN, serving, submission
from ingest_samples import FAST, png
from stylegram.common.http import connections
from stylegram.common.messages import JobStarted
from stylegram.common.records import AssetReference, Role
from stylegram.ingest.bootstrap import Ingest
from stylegram.ingest.events import EventHandler
from stylegram.ingest.http.app import create_app

Pair = tuple[AssetReference, AssetReference]
# What plain endpoints share.
THREADS = 40
PATIENCE = 20


def connected(client: httpx2.Client) -> socket.socket:
    return socket.create_connection((client.base_url.host, client.base_url.port or 80), timeout=PATIENCE)


def is_closed(connection: socket.socket) -> bool:
    """Whether the server closes it, once it has said what it has to say."""
    try:
        while connection.recv(65536):
            pass
    except ConnectionError:
        pass
    except TimeoutError:
        return False
    return True


REQUEST = b"GET /v1/jobs HTTP/1.1\r\nHost: localhost\r\n"


@pytest.mark.parametrize(
    ("answered", "rest"),
    [
        pytest.param(b"", b"", id="nothing"),
        pytest.param(b"", REQUEST + b"X-A: ", id="half a head"),
        pytest.param(REQUEST + b"\r\n", REQUEST, id="half a head after a request"),
        pytest.param(REQUEST + b"Content-Length: 9\r\n\r\n", b"1234", id="half a body that nobody wants"),
    ],
)
def test_who_says_nothing_whole_is_not_waited_for(
    ingest: Ingest, monkeypatch: pytest.MonkeyPatch, answered: bytes, rest: bytes
) -> None:
    monkeypatch.setattr(connections, "_HEAD_SECONDS", 0.3)
    with serving(create_app(ingest, tokens=[TOKEN])) as client, connected(client) as connection:
        if answered:
            connection.sendall(answered)
            assert connection.recv(12) == b"HTTP/1.1 401"
        connection.sendall(rest)
        assert is_closed(connection)


def test_who_follows_a_job_is_waited_for(ingest: Ingest, pair: Pair, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connections, "_HEAD_SECONDS", 0.1)
    job = ingest.submit(*pair, FAST)
    with serving(create_app(ingest)) as client, client.stream("GET", f"/v1/jobs/{job.id}/events") as response:
        events = iter(httpx2.EventSource(response))
        assert next(events).event == "snapshot"
        with connected(client) as idle:
            assert is_closed(idle)
        EventHandler(ingest.engine).handle(JobStarted(job_id=job.id, worker="w", attempt=1), 1)
        assert next(events).event == "update"


def test_connections_beyond_the_most_are_closed_at_once(ingest: Ingest, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connections, "_MOST_CONNECTIONS", 3)
    monkeypatch.setattr(connections, "_HEAD_SECONDS", 600.0)
    with serving(create_app(ingest)) as client, ExitStack() as held:
        for _ in range(3):
            held.enter_context(connected(client))
        with connected(client) as one_too_many:
            assert is_closed(one_too_many)
        held.close()
        # The server learns of it when it next looks at the connections.
        for _ in range(1000):
            try:
                assert client.get("/healthz").status_code == 200
                break
            except httpx2.TransportError:
                continue
        else:
            pytest.fail("There is no room, although everybody has gone.")


class Slow:
    """A storage that lets nobody go on in one of its methods before it is told to.

    Args:
        storage: what it is else.
        method: the name of that one.
    """

    def __init__(self, storage: Any, method: str) -> None:
        self._storage = storage
        self._method = method
        self.entered = threading.Event()
        self.go = threading.Event()

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._storage, name)
        return self._slowly(found) if name == self._method else found

    def _slowly(self, method: Callable[..., Any]) -> Callable[..., Any]:
        def wait(*args: Any, **options: Any) -> Any:
            self.entered.set()
            assert self.go.wait(PATIENCE)
            return method(*args, **options)

        return wait


@contextmanager
def slow(ingest: Ingest, method: str) -> Iterator[tuple[Slow, httpx2.Client]]:
    storage: Any = Slow(ingest.storage, method)
    with serving(create_app(replace(ingest, storage=storage))) as client:
        try:
            yield storage, client
        finally:
            storage.go.set()


def head_of(request: httpx2.Request) -> bytes:
    fields = "".join(f"{name}: {value}\r\n" for name, value in request.headers.items())
    return f"{request.method} {request.url.raw_path.decode()} HTTP/1.1\r\n{fields}Connection: close\r\n\r\n".encode()


@pytest.mark.parametrize("wanted", ["uploads", "thumbnails"])
def test_pictures_keep_nobody_waiting_who_wants_none(ingest: Ingest, pair: Pair, wanted: str) -> None:
    painting = ingest.upload(Role.STYLE, "a.png", png(1))
    with slow(ingest, "write" if wanted == "uploads" else "read") as (storage, client), ExitStack() as held:
        if wanted == "uploads":
            data, files = {"style": painting.sha256}, {"content": ("b.png", png(2))}
            request = client.build_request("POST", "/v1/jobs", data=data, files=files)
        else:
            request = client.build_request("GET", f"/v1/assets/style/{painting.sha256}?width=320")
        whole = head_of(request) + request.read()
        waiting = [held.enter_context(connected(client)) for _ in range(THREADS + 5)]
        for connection in waiting:
            connection.sendall(whole)
        assert storage.entered.wait(PATIENCE)
        for path in ("/healthz", "/readyz", "/v1/jobs"):
            assert client.get(path).status_code == 200
        assert client.post("/v1/jobs", json=submission((pair[0], painting))).status_code == 202
        storage.go.set()
        answers = [connection.makefile("rb").readline().split()[1] for connection in waiting]
    assert set(answers) == {b"202" if wanted == "uploads" else b"200"}
