"""How far a request got: with the carrier that has the app's fingerprint, and with the plain one."""

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
import requests

from h2_fake import H2Fake
from instagrapi_fake_http import InstagrapiFake
from stylegram.publisher.outlets.instagrapi_api import transport as module
from stylegram.publisher.outlets.instagrapi_api.transport import Carrier, NoAnswer, Redirected, Transport

INSTAGRAM = "https://i.instagram.com/api/v1/media/configure/"
PASSWORD = "proxy-password"


def session(carrier: Carrier, endpoint: str | None, proxy: str | None = None) -> tuple[requests.Session, Transport]:
    """A session as the client has them."""
    transport = Transport(carrier, endpoint=endpoint, proxy=proxy)
    requests_session = requests.Session()
    requests_session.mount("https://", transport)
    return requests_session, transport


@pytest.fixture
def mute() -> Iterator[int]:
    """The port of somebody who listens and never says anything."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        yield listener.getsockname()[1]


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "CONNECT_SECONDS", 0.5)
    monkeypatch.setattr(module, "ANSWER_SECONDS", 0.5)


@contextmanager
def hanging_up_proxy() -> Iterator[str]:
    """A proxy that takes what it is sent and then closes the connection."""

    def serve() -> None:
        connection, _ = listener.accept()
        with connection:
            connection.recv(65536)

    with socket.create_server(("127.0.0.1", 0)) as listener:
        threading.Thread(target=serve, daemon=True).start()
        yield f"http://user:{PASSWORD}@127.0.0.1:{listener.getsockname()[1]}"


def test_curl_never_sends_again_what_it_has_no_answer_to() -> None:
    with H2Fake(resets=2) as far_end:
        sending, _ = session("curl", far_end.url)
        assert sending.post(INSTAGRAM, data=b"first").json() == {"status": "ok"}
        with pytest.raises(NoAnswer) as error:
            sending.post(INSTAGRAM, data=b"second")
        assert error.value.was_sent
        assert far_end.requests == 2


def test_curl_keeps_the_connection_of_what_only_reads() -> None:
    with H2Fake() as far_end:
        sending, transport = session("curl", far_end.url)
        for _ in range(3):
            sending.get(INSTAGRAM)
        assert (far_end.requests, far_end.connections) == (3, 1)
        assert transport.answer is not None and transport.answer.body == {"status": "ok"}


def test_what_changes_something_goes_over_a_connection_of_its_own() -> None:
    with H2Fake() as far_end:
        sending, _ = session("curl", far_end.url)
        for _ in range(3):
            sending.post(INSTAGRAM, data=b"x")
        assert (far_end.requests, far_end.connections) == (3, 3)
    with InstagrapiFake() as fake:
        sending, _ = session("requests", fake.url)
        for _ in range(3):
            sending.post(INSTAGRAM, data=b"x")
            sending.get(INSTAGRAM)
            sending.get(INSTAGRAM)
        assert (fake.calls.total(), fake.connections) == (9, 3)


@pytest.mark.parametrize("carrier", ["curl", "requests"])
def test_nobody_there_means_that_nothing_was_sent(carrier: Carrier, impatient: None) -> None:
    for endpoint in ("http://127.0.0.1:9", "http://nowhere.invalid"):
        with pytest.raises(NoAnswer) as error:
            session(carrier, endpoint)[0].post(INSTAGRAM, data=b"x")
        assert not error.value.was_sent


def test_a_handshake_that_never_ends_means_that_nothing_was_sent(mute: int, impatient: None) -> None:
    with pytest.raises(NoAnswer) as error:
        session("curl", f"https://127.0.0.1:{mute}")[0].post(INSTAGRAM, data=b"x")
    assert not error.value.was_sent


@pytest.mark.parametrize("carrier", ["curl", "requests"])
def test_no_answer_in_time_means_that_nobody_knows(mute: int, carrier: Carrier, impatient: None) -> None:
    with pytest.raises(NoAnswer) as error:
        session(carrier, f"http://127.0.0.1:{mute}")[0].post(INSTAGRAM, data=b"x")
    assert error.value.was_sent


@pytest.mark.parametrize("carrier", ["curl", "requests"])
def test_what_became_of_a_request_before_says_nothing_of_this_one(mute: int, carrier: Carrier, impatient: None) -> None:
    with pytest.raises(NoAnswer) as error:
        try:
            session(carrier, "http://127.0.0.1:9")[0].post(INSTAGRAM, data=b"x")
        except NoAnswer:
            session(carrier, f"http://127.0.0.1:{mute}")[0].post(INSTAGRAM, data=b"x")
    assert error.value.was_sent


@pytest.mark.parametrize("carrier", ["curl", "requests"])
def test_a_proxy_that_hangs_up_on_what_it_was_sent_leaves_nobody_knowing(carrier: Carrier, impatient: None) -> None:
    with hanging_up_proxy() as proxy, pytest.raises(NoAnswer) as error:
        session(carrier, "http://far.invalid", proxy)[0].post(INSTAGRAM, data=b"x")
    assert error.value.was_sent


@pytest.mark.parametrize("carrier", ["curl", "requests"])
def test_a_proxy_that_is_not_there_means_that_nothing_was_sent(carrier: Carrier, impatient: None) -> None:
    with pytest.raises(NoAnswer) as error:
        session(carrier, None, f"http://user:{PASSWORD}@127.0.0.1:9")[0].post(INSTAGRAM, data=b"x")
    assert not error.value.was_sent
    assert PASSWORD not in repr(error.value) + str(error.value)


@pytest.mark.parametrize("carrier", ["curl", "requests"])
def test_a_proxy_that_says_no_means_that_nothing_was_sent(carrier: Carrier) -> None:
    def say_no() -> None:
        connection, _ = listener.accept()
        with connection:
            connection.recv(4096)
            connection.sendall(b"HTTP/1.1 407 Proxy Authentication Required\r\nContent-Length: 0\r\n\r\n")

    with socket.create_server(("127.0.0.1", 0)) as listener:
        threading.Thread(target=say_no, daemon=True).start()
        proxy = f"http://user:{PASSWORD}@127.0.0.1:{listener.getsockname()[1]}"
        with pytest.raises(NoAnswer) as error:
            session(carrier, None, proxy)[0].post(INSTAGRAM, data=b"x")
    assert not error.value.was_sent


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_redirect_is_not_followed(status: int) -> None:
    asked: list[bytes] = []

    def redirect() -> None:
        while True:
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            with connection:
                asked.append(connection.recv(4096))
                place = "Location: https://i.instagram.com/again\r\nContent-Length: 0"
                connection.sendall(f"HTTP/1.1 {status} x\r\n{place}\r\n\r\n".encode())

    with socket.create_server(("127.0.0.1", 0)) as listener:
        threading.Thread(target=redirect, daemon=True).start()
        sending, transport = session("requests", f"http://127.0.0.1:{listener.getsockname()[1]}")
        with pytest.raises(Redirected):
            sending.post(INSTAGRAM, data=b"x")
    assert len(asked) == 1
    assert transport.answer and transport.answer.location.endswith("/again")
