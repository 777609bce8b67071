"""What a process answers over HTTP, asked over HTTP."""

import json
import re
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.client import HTTPConnection, HTTPResponse
from typing import Any

import pytest

from stylegram.common import health as health_module
from stylegram.common.errors import ConfigurationError, StylegramError, Unavailable
from stylegram.common.health import Health, answering
from stylegram.common.metrics import MESSAGES
from stylegram.common.service import run_until_signalled


class Caller:
    """Whoever asks the process at that port."""

    def __init__(self, port: int) -> None:
        self._port = port

    def ask(self, path: str, method: str = "GET") -> tuple[HTTPResponse, bytes]:
        connection = HTTPConnection("127.0.0.1", self._port, timeout=20)
        connection.request(method, path)
        response = connection.getresponse()
        body = response.read()
        connection.close()
        return response, body

    def problems(self, path: str) -> tuple[int, Any]:
        response, body = self.ask(path)
        return response.status, json.loads(body).get("problems", {})


@contextmanager
def asked(health: Health) -> Iterator[Caller]:
    with answering(0, health) as port:
        assert port
        yield Caller(port)


@pytest.fixture
def stop() -> threading.Event:
    return threading.Event()


@pytest.fixture
def health(stop: threading.Event) -> Health:
    return Health(stop)


@pytest.fixture
def release() -> Iterator[threading.Event]:
    """Ends what hangs."""
    release = threading.Event()
    yield release
    release.set()


class Hanging:
    """Whoever is asked and does not answer."""

    def __init__(self, release: threading.Event) -> None:
        self.times = 0
        self._release = release

    def __call__(self) -> None:
        self.times += 1
        self._release.wait(20)


@pytest.fixture
def hanging(release: threading.Event, monkeypatch: pytest.MonkeyPatch) -> Hanging:
    """Whom nobody waits for long, and everybody asks anew."""
    monkeypatch.setattr(health_module, "_PATIENCE_SECONDS", 0.1)
    monkeypatch.setattr(health_module, "_CACHE_SECONDS", 0.0)
    return Hanging(release)


def away() -> None:
    raise Unavailable("The database did not answer.")


def test_it_lives_and_is_ready_while_all_answer(health: Health) -> None:
    health.depend_on({"broker": lambda: 3, "storage": lambda: None})
    with asked(health) as caller:
        for path in ("/healthz", "/readyz"):
            response, body = caller.ask(path)
            assert (response.status, json.loads(body)) == (200, {"status": "ok"})
            assert response.getheader("Content-Type") == "application/json"


def test_whoever_does_not_answer_is_named_and_the_process_lives_all_the_same(health: Health) -> None:
    def defect() -> None:
        raise KeyError

    health.depend_on({"broker": lambda: 3, "database": away, "storage": defect})
    with asked(health) as caller:
        status, problems = caller.problems("/readyz")
        assert (status, problems) == (503, {"database": "The database did not answer.", "storage": "KeyError"})
        assert caller.problems("/healthz") == (200, {})


def test_before_it_has_started_it_lives_and_is_not_ready(health: Health) -> None:
    health.start = "The broker is away."
    with asked(health) as caller:
        assert caller.problems("/healthz") == (200, {})
        assert caller.problems("/readyz") == (503, {"start": "The broker is away."})


def test_a_dependency_that_hangs_keeps_nobody_waiting_and_is_asked_once(
    health: Health, hanging: Hanging, release: threading.Event
) -> None:
    health.depend_on({"broker": hanging, "storage": lambda: None})
    with asked(health) as caller:
        for _ in range(3):
            assert caller.problems("/readyz") == (503, {"broker": "It did not answer within 0.1 seconds."})
        assert caller.problems("/healthz") == (200, {})
        assert hanging.times == 1
        release.set()
        while caller.problems("/readyz")[0] == 503:  # it is asked again, and answers
            pass


def test_however_often_it_is_asked_it_asks_others_now_and_then(health: Health, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(health_module, "_CACHE_SECONDS", 1e6)
    asked_for = []
    health.depend_on({"broker": lambda: asked_for.append("broker")})
    with asked(health) as caller:
        for _ in range(5):
            assert caller.problems("/readyz") == (200, {})
    assert asked_for == ["broker"]


def test_a_target_that_has_ended_by_itself_is_a_fault(health: Health, stop: threading.Event) -> None:
    known = []

    def end() -> None:
        """Returns, which nobody asked it to."""

    def look() -> None:
        while not health.faults():
            stop.wait(0.01)
        known.append((caller.problems("/healthz"), caller.problems("/readyz")))
        with pytest.raises(StylegramError, match=r"<locals>\.end: It has ended"):
            health.check()

    health.depend_on({})
    health.check()
    with asked(health) as caller:
        run_until_signalled(end, look, stop=stop, health=health)
    ((status, problems), ready) = known[0]
    (name,) = problems
    assert status == 503
    assert name.endswith("<locals>.end")
    assert ready == (503, problems)


def test_a_target_that_failed_is_a_fault_while_the_others_still_finish(health: Health, stop: threading.Event) -> None:
    known = []

    def finish() -> None:
        stop.wait(20)
        while not health.faults():
            pass
        known.append(caller.problems("/healthz"))

    with asked(health) as caller, pytest.raises(Unavailable):
        run_until_signalled(finish, away, stop=stop, health=health)
    assert known == [(503, {"failure": "The database did not answer."})]


def test_a_process_that_was_asked_to_end_lives_until_it_has_but_takes_no_more_work(
    health: Health, stop: threading.Event
) -> None:
    known = []

    def finish() -> None:
        stop.set()
        known.append((caller.problems("/healthz"), caller.problems("/readyz")))

    health.depend_on({"broker": lambda: None})
    with asked(health) as caller:
        run_until_signalled(lambda: None, finish, stop=stop, health=health)
    assert known == [((200, {}), (503, {"stop": "It was asked to end."}))]


def test_metrics_are_those_of_the_process(health: Health) -> None:
    MESSAGES.labels(queue="test.health", outcome="acked").inc()
    with asked(health) as caller:
        response, body = caller.ask("/metrics?name=ignored")
    assert response.status == 200
    assert (response.getheader("Content-Type") or "").startswith("text/plain")
    assert b'stylegram_messages_total{outcome="acked",queue="test.health"} 1.0' in body


def test_what_nothing_else_measures_is_measured_for_whoever_asks(health: Health) -> None:
    measured = []
    health.measure_by(lambda: measured.append("queues"))
    with asked(health) as caller:
        assert caller.ask("/healthz")[0].status == 200
        assert measured == []
        assert caller.ask("/metrics")[0].status == 200
    assert measured == ["queues"]


def test_metrics_are_shown_though_somebody_who_is_measured_hangs_or_fails(health: Health, hanging: Hanging) -> None:
    with asked(health) as caller:
        health.measure_by(hanging)
        for _ in range(3):
            response, body = caller.ask("/metrics")
            assert response.status == 200
            assert b"stylegram_messages_total" in body
        assert hanging.times == 1
        health.measure_by(away)
        assert caller.ask("/metrics")[0].status == 200


@pytest.mark.parametrize("path", ["/healthz", "/readyz", "/metrics"])
def test_asked_for_the_head_it_gives_no_body(health: Health, path: str) -> None:
    health.depend_on({})
    with answering(0, health) as port, socket.create_connection(("127.0.0.1", port or 0), timeout=20) as connection:
        connection.sendall(f"HEAD {path} HTTP/1.0\r\n\r\n".encode())
        answer = connection.makefile("rb").read()
    head, _, body = answer.partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.0 200")
    assert re.search(rb"Content-Length: [1-9]", head)
    assert body == b""


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "OPTIONS", "PATCH"])
def test_nothing_can_be_done_to_it(health: Health, method: str) -> None:
    with asked(health) as caller:
        response, _ = caller.ask("/healthz", method)
    assert response.status == 405
    assert response.getheader("Allow") == "GET, HEAD"


@pytest.mark.parametrize("path", ["/", "/healthz/", "/favicon.ico", "/metrics/../healthz"])
def test_it_has_no_other_pages(health: Health, path: str) -> None:
    with asked(health) as caller:
        assert caller.ask(path)[0].status == 404


def test_a_port_that_is_taken_is_named(health: Health) -> None:
    with (
        answering(0, health) as port,
        pytest.raises(ConfigurationError, match=rf"Port {port} .*STYLEGRAM_METRICS_PORT"),
        answering(port, health),
    ):
        pass


def test_without_a_port_it_does_not_answer(health: Health) -> None:
    with answering(None, health) as port:
        assert port is None
