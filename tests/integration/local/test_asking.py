"""Whom the commands ask, in whose name, and what they say where nobody answers as expected."""

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest

from local_commands import Command, Worker, served
from stylegram.ingest.bootstrap import Ingest

TOKEN = "correct horse battery staple".replace(" ", "-")


@contextmanager
def stranger(status: int, body: bytes) -> Iterator[str]:
    """A server that is no Stylegram."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            pass

    with HTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()
            thread.join()


def test_where_nobody_answers_it_says_what_to_do(stylegram: Command) -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    for words in (("jobs", "list"), ("jobs", "show", "123456"), ("queue", "status"), ("queue", "pause", "stylizer")):
        refused = stylegram(*words, "--url", f"http://127.0.0.1:{port}")
        assert (refused.code, refused.out) == (1, "")
        assert f"No Stylegram answers at http://127.0.0.1:{port}" in refused.err
        assert "stylegram serve" in refused.err


@pytest.mark.parametrize(
    ("status", "body", "words"),
    [
        (200, b"<html>It works!</html>", "not what this version understands"),
        (200, b'{"items": [{"id": "1"}], "next": null}', "items.0."),
        (302, b"", "is no Stylegram: it says 302"),
        (404, b"<html>Not found</html>", "is no Stylegram: it says 404"),
        (500, b"[]", "is no Stylegram: it says 500"),
    ],
)
def test_a_stranger_is_known_as_one(stylegram: Command, status: int, body: bytes, words: str) -> None:
    with stranger(status, body) as url:
        refused = stylegram("jobs", "list", "--url", url)
    assert (refused.code, refused.out) == (1, "")
    assert words in refused.err
    assert "Traceback" not in refused.err


@pytest.mark.parametrize(
    "url", ["localhost:8000", "127.0.0.1", "ftp://127.0.0.1", "http://", "http://[::1", "http://a:b", ""]
)
def test_what_is_no_address_is_wrong_usage(stylegram: Command, url: str) -> None:
    refused = stylegram("jobs", "list", "--url", url)
    assert (refused.code, refused.out) == (2, "")
    assert "is no address of a Stylegram" in refused.err


def test_the_environment_says_where_to_ask(
    stylegram: Command, worker: Worker, state: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    job = worker.submit()
    with served(worker.ingest) as url:
        monkeypatch.setenv("STYLEGRAM_URL", url)
        assert job.id[:8] in stylegram("jobs", "list").out
    assert stylegram("jobs", "list").code == 1
    assert job.id[:8] in stylegram("jobs", "list", "--state", str(state)).out, "the command line goes before"


def test_a_token_comes_from_the_environment_or_a_file(
    stylegram: Command, ingest: Ingest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "token").write_text(f"{TOKEN}\n")
    with served(ingest, tokens=[TOKEN]) as url:
        refused = stylegram("queue", "status", "--url", url)
        assert (refused.code, "STYLEGRAM_TOKEN" in refused.err) == (1, True)
        monkeypatch.setenv("STYLEGRAM_TOKEN", "another")
        refused = stylegram("queue", "status", "--url", url)
        assert (refused.code, "another" in refused.err) == (1, False)
        monkeypatch.setenv("STYLEGRAM_TOKEN", TOKEN)
        assert stylegram("queue", "status", "--url", url).code == 0
        monkeypatch.delenv("STYLEGRAM_TOKEN")
        monkeypatch.setenv("STYLEGRAM_TOKEN_FILE", str(tmp_path / "token"))
        assert stylegram("queue", "status", "--url", url).code == 0
    monkeypatch.setenv("STYLEGRAM_TOKEN_FILE", str(tmp_path / "missing"))
    refused = stylegram("queue", "status", "--url", url)
    assert (refused.code, "STYLEGRAM_TOKEN_FILE" in refused.err) == (2, True)


def test_a_token_for_this_machine_goes_to_no_proxy(
    stylegram: Command, ingest: Ingest, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("STYLEGRAM_TOKEN", TOKEN)
    monkeypatch.delenv("NO_PROXY", raising=False)
    monkeypatch.delenv("no_proxy", raising=False)
    with stranger(200, b"") as proxy, served(ingest, tokens=[TOKEN]) as url:
        for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY"):
            monkeypatch.setenv(name, proxy)
        for here in (url, url.replace("127.0.0.1", "localhost")):
            assert stylegram("queue", "status", "--url", here).code == 0
        elsewhere = stylegram("queue", "status", "--url", "http://stylegram.invalid")
        assert "not what this version understands" in elsewhere.err, "others are asked through it"


def test_a_folder_that_holds_no_state_is_refused_and_left_alone(stylegram: Command, tmp_path: Path) -> None:
    refused = stylegram("jobs", "list", "--state", str(tmp_path))
    assert (refused.code, refused.out) == (2, "")
    assert "is no state folder" in refused.err
    assert list(tmp_path.iterdir()) == []
    assert stylegram("jobs", "list", "--state", str(tmp_path / "missing")).code == 2


def test_a_folder_and_an_address_are_one_too_many(stylegram: Command, ingest: Ingest, state: Path) -> None:
    refused = stylegram("jobs", "list", "--state", str(state), "--url", "http://127.0.0.1:8000")
    assert (refused.code, refused.out) == (2, "")
    assert "Give one of them" in refused.err


def test_a_folder_is_asked_while_somebody_works_in_it(stylegram: Command, worker: Worker, state: Path) -> None:
    import fcntl

    job = worker.submit()
    with (state / ".lock").open("a") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # as a house does
        assert job.id[:8] in stylegram("jobs", "list", "--state", str(state)).out
    assert stylegram("queue", "status", "--state", str(state)).code == 0
