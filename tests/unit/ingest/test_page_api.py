"""How pages ask the app's own API: in whose name, and what becomes of errors."""

import socket
from pathlib import Path

import pytest
from fastapi.testclient import TestClient

from ingest_http import TOKEN, open_client
from ingest_http import ingest as ingest
from publisher_http import add_post, open_publisher
from stylegram.common.errors import NotFound, StylegramError, Unavailable
from stylegram.common.http.problems import Problem, error_of
from stylegram.ingest.bootstrap import Ingest
from stylegram.ingest.http.app import create_app
from stylegram.ingest.http.forwarding import PUBLISHER, Address, forwarding_part
from stylegram.publisher.http.app import publisher_part

HTML = {"Accept": "text/html"}


def test_cookies_of_others_may_say_anything(ingest: Ingest, tmp_path: Path) -> None:
    publisher = open_publisher(tmp_path)
    app = create_app(ingest, publisher_part(publisher), tokens=[TOKEN])
    client = TestClient(app, base_url="http://127.0.0.1:8000", follow_redirects=False)
    session = client.post("/login", data={"token": TOKEN}).headers["set-cookie"].partition(";")[0]
    client.cookies.clear()
    cookies = f"{session}; name=Jürgen; odd=\N{SNOWMAN}".encode()
    response = client.get(f"/posts/{add_post(publisher)}", headers=[(b"accept", b"text/html"), (b"cookie", cookies)])
    assert response.status_code == 200
    publisher.close()


def test_who_is_away_behind_the_api_is_no_defect_of_the_page(ingest: Ingest) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"http://127.0.0.1:{silent.getsockname()[1]}"
        app = create_app(ingest, forwarding_part(Address(PUBLISHER, url, patience=0.2)))
        client = TestClient(app, base_url="http://127.0.0.1:8000", raise_server_exceptions=False)
        response = client.get("/posts/0123456789abcdef", headers=HTML)
    assert response.status_code == 503
    assert "The publisher took too long" in response.text


@pytest.mark.parametrize(
    ("status", "kind"), [(404, NotFound), (502, Unavailable), (503, Unavailable), (504, Unavailable)]
)
def test_an_answer_says_which_error_it_was(status: int, kind: type[StylegramError]) -> None:
    problem = Problem(type="about:blank", title="", status=status, detail="It is so.", instance="/")
    error = error_of(status, problem.model_dump_json().encode())
    assert (type(error), str(error)) == (kind, "It is so.")


def test_pages_lead_to_the_login_and_not_to_errors(ingest: Ingest) -> None:
    assert open_client(ingest, tokens=[TOKEN]).get("/posts", headers=HTML).status_code == 303
