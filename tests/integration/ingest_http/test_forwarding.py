"""What ingest passes on to the logger's API and the publisher's, over real connections: streams, errors, and what must
not get through.
"""

import hashlib
import socket
import threading
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from typing import Any

import anyio
import httpx2
import pytest
from fastapi import APIRouter, Request, Response
from fastapi.responses import StreamingResponse
from pydantic import SecretStr

from ingest_http import TOKEN, serving
from ingest_samples import open_ingest
from logger_http import open_logger
from publisher_http import add_post, open_publisher
from stylegram.common.http.app import Part, assemble
from stylegram.ingest.bootstrap import Ingest
from stylegram.ingest.http.app import create_app
from stylegram.ingest.http.forwarding import LOGGER, PUBLISHER, Address, forwarding_part
from stylegram.logger.http.app import logger_part
from stylegram.publisher.http.app import create_app as create_publisher_app

LOGGERS_TOKEN, PUBLISHERS_TOKEN = "a-token-that-only-ingest-knows", "another-that-only-ingest-knows"
ACCOUNT = "file:///var/lib/out%20box/é&?#+"
PATIENCE = 20

odd = APIRouter(prefix="/v1")
proceed = threading.Event()


@odd.api_route("/runs/odd/echo/{rest:path}", methods=["GET", "POST", "PUT", "PATCH", "DELETE"])
async def echo(request: Request) -> dict[str, Any]:
    """What arrived."""
    return {
        "method": request.method,
        "path": request.scope["raw_path"].decode(),
        "query": request.scope["query_string"].decode(),
        "headers": sorted(request.headers.items()),
        "body": hashlib.sha256(await request.body()).hexdigest(),
    }


@odd.get("/logs/odd/pieces")
def pieces() -> Response:
    """The second piece comes when the first was seen."""

    async def body() -> AsyncIterator[bytes]:
        yield b"first"
        while not proceed.is_set():
            await anyio.sleep(0.01)
        yield b"second"

    return StreamingResponse(
        body(), 201, {"Connection": "x-hop", "X-Hop": "1", "X-End": "2", "Set-Cookie": "a=b", "Location": "/v1/logs/7"}
    )


@odd.get("/logs/odd/endless")
async def endless() -> Response:
    """As much as anybody reads."""

    async def body() -> AsyncIterator[bytes]:
        try:
            while True:
                yield bytes(10_000)
                # Sending to nobody waits for nobody.
                await anyio.sleep(0)
        finally:
            proceed.set()

    return StreamingResponse(body())


@pytest.fixture(autouse=True)
def nothing_has_proceeded() -> None:
    proceed.clear()


@pytest.fixture(scope="module")
def ingest(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ingest]:
    """One for all tests, for none of them leaves anything behind."""
    service = open_ingest(tmp_path_factory.mktemp("ingest"))
    yield service
    service.close()


@pytest.fixture(scope="module")
def logger_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A real logger's, with odd endpoints beside its own; it wants a token."""
    logger = open_logger(database_url=SecretStr(f"sqlite:///{tmp_path_factory.mktemp('logger')}/logger.sqlite"))
    app = assemble(
        Part(further_routers=[odd]),
        logger_part(logger),
        title="Odd",
        version="1",
        description="",
        tokens=[LOGGERS_TOKEN],
        ready=logger.check,
    )
    with serving(app) as client:
        yield str(client.base_url)
    logger.close()


@contextmanager
def front_door(
    ingest: Ingest, url: str | None, token: str | None = LOGGERS_TOKEN, patience: float = PATIENCE, **options: Any
) -> Iterator[httpx2.Client]:
    """A client of an ingest that knows the logger there."""
    address = Address(LOGGER, url, SecretStr(token) if token else None, patience)
    with serving(create_app(ingest, forwarding_part(address), tokens=[TOKEN], **options)) as client:
        client.headers["Authorization"] = f"Bearer {TOKEN}"
        yield client


@pytest.fixture
def client(ingest: Ingest, logger_url: str) -> Iterator[httpx2.Client]:
    with front_door(ingest, logger_url) as client:
        yield client


@contextmanager
def somebody(answer: bytes) -> Iterator[str]:
    """The address of one who answers so to whatever is asked, and hangs up; says nothing where that is empty."""
    ended = threading.Event()
    with socket.create_server(("127.0.0.1", 0)) as server:

        def serve() -> None:
            connection, _ = server.accept()
            with connection:
                connection.recv(65536)
                if answer:
                    connection.sendall(answer)
                else:
                    ended.wait(PATIENCE)

        thread = threading.Thread(target=serve)
        thread.start()
        yield f"http://127.0.0.1:{server.getsockname()[1]}"
        ended.set()
        thread.join(PATIENCE)
        assert not thread.is_alive()


def assert_problem(response: httpx2.Response, status: int, words: str) -> None:
    assert (response.status_code, response.headers["content-type"]) == (status, "application/problem+json")
    assert words in response.json()["detail"]
    assert response.json()["instance"] == response.url.path
    assert LOGGERS_TOKEN not in response.text


def test_a_request_arrives_as_it_was(client: httpx2.Client) -> None:
    asked = "/v1/runs/odd/echo/a%2Fb%20c?where=size%3E64&where=a+b&x"
    body = bytes(300_000)
    sent = client.request("PATCH", asked, content=body, headers={"Content-Type": "text/csv", "If-None-Match": '"1"'})
    arrived = sent.json()
    assert (arrived["method"], arrived["path"]) == ("PATCH", "/v1/runs/odd/echo/a%2Fb%20c")
    assert arrived["query"] == "where=size%3E64&where=a+b&x"
    assert arrived["body"] == hashlib.sha256(body).hexdigest()
    headers = dict(arrived["headers"])
    assert (headers["content-type"], headers["if-none-match"], headers["content-length"]) == (
        "text/csv",
        '"1"',
        "300000",
    )


def test_a_body_of_no_declared_length_arrives_too(client: httpx2.Client) -> None:
    parts = [bytes([number]) * 50_000 for number in range(10)]
    arrived = client.post("/v1/runs/odd/echo/x", content=iter(parts)).json()
    assert arrived["body"] == hashlib.sha256(b"".join(parts)).hexdigest()
    assert dict(arrived["headers"])["transfer-encoding"] == "chunked"


def test_a_length_beside_the_encoding_that_counts_is_not_passed_on(client: httpx2.Client) -> None:
    headers = {"Transfer-Encoding": "chunked", "Content-Length": "7"}
    arrived = client.post("/v1/runs/odd/echo/x", content=iter([b"abc"]), headers=headers).json()
    assert arrived["body"] == hashlib.sha256(b"abc").hexdigest()
    assert "content-length" not in dict(arrived["headers"])


def test_who_asks_stays_here(client: httpx2.Client) -> None:
    of_the_client = {
        "Cookie": "session=1",
        "Origin": str(client.base_url).rstrip("/"),
        "Proxy-Authorization": "Basic x",
        "Connection": "keep-alive, X-Hop",
        "X-Hop": "1",
        "TE": "trailers",
        "Forwarded": "for=1.2.3.4",
    }
    arrived = client.post("/v1/runs/odd/echo/x", headers=of_the_client).json()["headers"]
    assert [value for name, value in arrived if name == "authorization"] == [f"Bearer {LOGGERS_TOKEN}"]
    assert TOKEN not in str(arrived)
    names = {name for name, _ in arrived}
    assert names.isdisjoint({"cookie", "origin", "proxy-authorization", "x-hop", "te", "forwarded"})


def test_without_a_token_for_the_logger_none_is_sent(ingest: Ingest, logger_url: str) -> None:
    with front_door(ingest, logger_url, token=None) as client:
        response = client.get("/v1/runs/odd/echo/x")
    assert_problem(response, 502, "STYLEGRAM_LOGGER_TOKEN is to be one of its own")
    # A browser would ask for a password that is not its user's.
    assert "www-authenticate" not in response.headers


def test_an_answer_comes_bit_by_bit_and_without_what_is_about_the_connection(client: httpx2.Client) -> None:
    with client.stream("GET", "/v1/logs/odd/pieces") as response:
        arriving = response.iter_raw()
        assert next(arriving) == b"first"
        proceed.set()
        assert b"".join(arriving) == b"second"
    assert (response.status_code, response.headers["location"]) == (201, "/v1/logs/7")
    assert response.headers["x-end"] == "2"
    assert {"x-hop", "set-cookie"}.isdisjoint(response.headers)
    assert len(response.headers.get_list("date")) == 1


def test_who_hears_enough_ends_the_loggers_answer(client: httpx2.Client) -> None:
    with client.stream("GET", "/v1/logs/odd/endless") as response:
        next(response.iter_raw())
    assert proceed.wait(PATIENCE)


def test_the_head_is_answered_and_ends(client: httpx2.Client) -> None:
    assert client.head("/v1/logs/odd/endless").status_code == 200
    assert proceed.wait(PATIENCE)


def test_the_loggers_problems_are_passed_on(client: httpx2.Client) -> None:
    assert_problem(client.get("/v1/runs/odd/nothing/here"), 404, "There is nothing at /v1/runs/odd/nothing/here")
    wrong = client.put("/v1/logs/odd/pieces")
    assert_problem(wrong, 405, "can only be asked by GET, HEAD")
    assert wrong.headers["allow"] == "GET, HEAD"


@pytest.mark.parametrize("feature", ["runs", "leaderboard", "importance", "suggest", "advice", "studies"])
def test_without_an_address_the_setting_is_named(ingest: Ingest, feature: str) -> None:
    with front_door(ingest, None) as client:
        for path in (f"/v1/{feature}", f"/v1/{feature}/some/more"):
            assert_problem(client.get(path), 404, "STYLEGRAM_LOGGER_URL is not set")


@pytest.fixture(scope="module")
def publisher_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A real publisher's, with a post; it wants another token than the logger."""
    publisher = open_publisher(tmp_path_factory.mktemp("publisher"))
    add_post(publisher, account=ACCOUNT)
    with serving(create_publisher_app(publisher, tokens=[PUBLISHERS_TOKEN])) as client:
        yield str(client.base_url)
    publisher.close()


def test_each_neighbour_is_asked_what_is_its_own(ingest: Ingest, logger_url: str, publisher_url: str) -> None:
    addresses = (
        Address(LOGGER, logger_url, SecretStr(LOGGERS_TOKEN), PATIENCE),
        Address(PUBLISHER, publisher_url, SecretStr(PUBLISHERS_TOKEN), PATIENCE),
    )
    with serving(create_app(ingest, forwarding_part(*addresses), tokens=[TOKEN])) as client:
        client.headers["Authorization"] = f"Bearer {TOKEN}"
        assert client.get("/v1/runs").json() == {"items": [], "next": None}
        [post] = client.get("/v1/posts", params={"account": ACCOUNT}).json()["items"]
        picture = client.get(f"/v1/posts/{post['key']}/media/1")
        assert picture.headers["content-type"] == "image/jpeg"
        version = {"If-None-Match": picture.headers["etag"]}
        assert client.get(f"/v1/posts/{post['key']}/media/1", headers=version).status_code == 304
        refused = client.put(f"/v1/posts/{post['key']}/caption", json={"text": ""})
        assert_problem(refused, 422, "There is no caption in it.")
        resumed = client.post("/v1/accounts/resume", params={"account": ACCOUNT})
        assert resumed.json()["account"] == ACCOUNT


@pytest.mark.parametrize("path", ["/v1/posts", "/v1/posts/0123456789abcdef/media/1", "/v1/accounts"])
def test_what_is_wrong_is_said_of_the_right_neighbour(ingest: Ingest, publisher_url: str, path: str) -> None:
    for url, token, status, words in (
        (
            None,
            None,
            404,
            "not know where posts are: STYLEGRAM_PUBLISHER_URL is not set.",
        ),
        (publisher_url, None, 502, "The publisher does not take ingest's token; STYLEGRAM_PUBLISHER_TOKEN is to be"),
        ("http://127.0.0.1:9", None, 503, "The publisher did not answer."),
    ):
        address = Address(PUBLISHER, url, token, PATIENCE)
        with serving(create_app(ingest, forwarding_part(address))) as client:
            assert_problem(client.get(path), status, words)


def test_a_token_is_needed_here_too(client: httpx2.Client) -> None:
    del client.headers["Authorization"]
    assert client.get("/v1/runs/odd/echo/x").status_code == 401
    client.headers["Authorization"] = f"Bearer {LOGGERS_TOKEN}"
    assert client.get("/v1/runs/odd/echo/x").status_code == 401


def test_another_sites_page_changes_nothing(client: httpx2.Client) -> None:
    response = client.post("/v1/runs/odd/echo/x", headers={"Origin": "https://evil.example"})
    assert response.status_code == 403


@pytest.mark.parametrize("path", ["/v1/runs/../../healthz", "/v1/runs/%2e%2e/%2E%2E/healthz", "/v1/logs/./odd/pieces"])
def test_no_path_leads_out_of_what_is_passed_on(client: httpx2.Client, path: str) -> None:
    # Asked by hand, for clients tidy paths up.
    head = f"GET {path} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {TOKEN}\r\nConnection: close\r\n\r\n"
    with socket.create_connection((client.base_url.host, client.base_url.port or 80), PATIENCE) as connection:
        connection.sendall(head.encode())
        assert connection.makefile("rb").readline().split()[1] == b"404"


def test_a_prefix_of_the_loggers_is_kept(ingest: Ingest, logger_url: str) -> None:
    with front_door(ingest, f"{logger_url.rstrip('/')}/behind/it/") as client:
        nothing_there = client.get("/v1/runs/odd/echo/x?a=1")
    assert nothing_there.json()["instance"] == "/behind/it/v1/runs/odd/echo/x"


def test_a_body_has_its_limit_here(ingest: Ingest, logger_url: str) -> None:
    with front_door(ingest, logger_url, max_upload_megabytes=0.05) as client:
        whole = client.post("/v1/runs/odd/echo/x", content=bytes(60_000))
        in_parts = client.post("/v1/runs/odd/echo/x", content=iter([bytes(30_000)] * 3))
        fits = client.post("/v1/runs/odd/echo/x", content=bytes(40_000))
    for response in (whole, in_parts):
        assert_problem(response, 413, "0.05 MB")
    assert fits.status_code == 200


def test_a_logger_that_is_away_is_said_to_be(ingest: Ingest) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    with front_door(ingest, f"http://127.0.0.1:{port}") as client:
        response = client.get("/v1/runs")
        assert_problem(response, 503, "The logger did not answer.")
        assert int(response.headers["retry-after"]) > 0
        # Nobody has to know where it is.
        assert str(port) not in response.text
        assert client.get("/readyz").status_code == 200


def test_a_logger_that_hangs_is_given_up(ingest: Ingest) -> None:
    with somebody(b"") as url, front_door(ingest, url, patience=0.3) as client:
        assert_problem(client.get("/v1/runs"), 504, "The logger took too long.")


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        pytest.param(b"HTTP/1.1 200 OK\r\nContent-", "broke off", id="half a head"),
        pytest.param(b"220 mail.example ESMTP\r\n", "broke off", id="no HTTP"),
        pytest.param(
            b"HTTP/1.1 302 Found\r\nLocation: https://evil.example/\r\nContent-Length: 0\r\n\r\n",
            "is no logger: it says 302",
            id="elsewhere",
        ),
        pytest.param(
            b"HTTP/1.1 502 Bad Gateway\r\nContent-Type: text/html\r\nContent-Length: 4\r\n\r\nnope",
            "is no logger: it says 502",
            id="a proxy's words",
        ),
        pytest.param(
            b"HTTP/1.1 421 Misdirected Request\r\nContent-Length: 0\r\n\r\n",
            "answers only on its own machine",
            id="another name",
        ),
    ],
)
def test_who_is_no_logger_is_not_repeated(ingest: Ingest, answer: bytes, words: str) -> None:
    with somebody(answer) as url, front_door(ingest, url) as client:
        response = client.get("/v1/runs")
    assert_problem(response, 502, words)
    assert "evil.example" not in f"{response.headers}{response.text}"


@pytest.mark.parametrize("framing", [b"Content-Length: 100\r\n\r\n", b"Transfer-Encoding: chunked\r\n\r\n7\r\n"])
def test_an_answer_that_breaks_off_is_not_taken_for_whole(ingest: Ingest, framing: bytes) -> None:
    begun = b"HTTP/1.1 200 OK\r\nContent-Type: text/csv\r\n" + framing + b"a,b,c\r\n"
    with somebody(begun) as url, front_door(ingest, url) as client:
        with pytest.raises(httpx2.RemoteProtocolError):
            client.get("/v1/logs")
        assert client.get("/healthz").status_code == 200


def test_an_ingest_that_is_told_to_ask_itself_says_so(ingest: Ingest) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    address = Address(LOGGER, f"http://127.0.0.1:{port}", SecretStr(TOKEN), PATIENCE)
    app = create_app(ingest, forwarding_part(address), tokens=[TOKEN])
    with serving(app, port=port) as client:
        response = client.get("/v1/runs", headers={"Authorization": f"Bearer {TOKEN}"})
    assert_problem(response, 502, "names ingest itself")
