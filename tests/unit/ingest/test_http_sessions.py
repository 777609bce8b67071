"""Logging in with a token, as a browser does."""

import time
from collections.abc import Iterator

import pytest
from fastapi.testclient import TestClient
from itsdangerous import TimestampSigner

from ingest_http import TOKEN, open_client
from ingest_samples import open_ingest
from stylegram.common.http.sessions import COOKIE
from stylegram.ingest.bootstrap import Ingest

OTHER = "another-token-for-somebody"
HTML = {"Accept": "text/html"}


@pytest.fixture(scope="module")
def ingest(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ingest]:
    """One for all tests, for none of them leaves anything behind."""
    service = open_ingest(tmp_path_factory.mktemp("ingest"))
    yield service
    service.close()


@pytest.fixture
def client(ingest: Ingest) -> TestClient:
    return open_client(ingest, tokens=[TOKEN, OTHER])


def log_in(client: TestClient, token: str = TOKEN, place: str = "/login", **headers: str) -> str:
    """The cookie that logging in gave."""
    response = client.post(place, data={"token": token}, headers=headers)
    assert response.status_code == 303
    return response.headers["set-cookie"]


def test_a_page_leads_to_the_login_and_the_login_back(client: TestClient) -> None:
    response = client.get("/gallery?rating=4&style=a%26b", headers=HTML)
    assert response.status_code == 303
    door = response.headers["location"]
    assert door == "/login?next=%2Fgallery%3Frating%3D4%26style%3Da%2526b"
    shown = client.get(door, headers=HTML)
    assert shown.status_code == 200
    assert "Token" in shown.text
    back = client.post(door, data={"token": TOKEN})
    assert back.headers["location"] == "/gallery?rating=4&style=a%26b"
    assert client.get("/queue", headers=HTML).status_code == 200
    assert client.get("/v1/jobs").status_code == 200


def test_what_the_login_needs_is_open_and_nothing_else(client: TestClient) -> None:
    assert client.get("/static/stylegram.css").status_code == 200
    assert client.get("/static/../v1/jobs").status_code == 401
    assert client.get("/static/%2e%2e/v1/jobs").status_code in (401, 404)
    assert client.post("/queue/stylizer.jobs/pause", headers=HTML).status_code == 401


@pytest.mark.parametrize("token", ["", " ", TOKEN[:-1], TOKEN + "x", TOKEN.upper(), "ü" * 20])
def test_a_wrong_token_is_refused_in_words(client: TestClient, token: str) -> None:
    response = client.post("/login", data={"token": token}, headers=HTML)
    assert response.status_code == 401
    assert "does not know this token" in response.text
    assert "set-cookie" not in response.headers
    assert not token.strip() or token not in response.text


def test_a_token_may_be_pasted_with_a_line_end(client: TestClient) -> None:
    log_in(client, f" {TOKEN}\r\n")
    assert client.get("/v1/jobs").status_code == 200


def test_logging_out_ends_it(client: TestClient) -> None:
    log_in(client)
    assert "Log out" in client.get("/queue", headers=HTML).text
    assert client.post("/logout").headers["location"] == "/login"
    assert client.get("/v1/jobs").status_code == 401


def test_only_who_has_logged_in_may_log_out(client: TestClient) -> None:
    shown = client.get("/queue", headers={**HTML, "Authorization": f"Bearer {TOKEN}"})
    assert "Log out" not in shown.text


def test_the_cookie_is_for_the_browser_alone_and_says_no_token(client: TestClient) -> None:
    cookie = log_in(client)
    assert {"HttpOnly", "SameSite=lax", "Path=/", "Max-Age=2592000"} <= {part.strip() for part in cookie.split(";")}
    assert "Secure" not in cookie
    assert TOKEN not in cookie
    assert "; Secure" in log_in(client, origin="https://127.0.0.1:8000")


def test_a_session_ends_with_its_token(ingest: Ingest, client: TestClient) -> None:
    log_in(client, OTHER)
    rotated = open_client(ingest, tokens=[TOKEN])
    rotated.cookies.update(client.cookies)
    assert client.get("/v1/jobs").status_code == 200
    assert rotated.get("/v1/jobs").status_code == 401


def test_another_replica_knows_the_session(ingest: Ingest, client: TestClient) -> None:
    log_in(client)
    other = open_client(ingest, tokens=[OTHER, TOKEN])
    other.cookies.update(client.cookies)
    assert other.get("/v1/jobs").status_code == 200


def test_a_session_ends_after_thirty_days(client: TestClient, monkeypatch: pytest.MonkeyPatch) -> None:
    log_in(client)
    now = time.time()
    monkeypatch.setattr(TimestampSigner, "get_timestamp", lambda _: int(now) + 30 * 86_400 - 5)
    assert client.get("/v1/jobs").status_code == 200
    monkeypatch.setattr(TimestampSigner, "get_timestamp", lambda _: int(now) + 30 * 86_400 + 5)
    assert client.get("/v1/jobs").status_code == 401


def test_a_replica_whose_clock_is_behind_knows_it_too(client: TestClient, monkeypatch: pytest.MonkeyPatch) -> None:
    log_in(client)
    now = time.time()
    monkeypatch.setattr(TimestampSigner, "get_timestamp", lambda _: int(now) - 60)
    assert client.get("/v1/jobs").status_code == 200


def signed(token: str = TOKEN, purpose: str = "stylegram.session", words: str = "in") -> str:
    return TimestampSigner(token, salt=purpose).sign(words).decode()


def test_a_cookie_of_ones_own_making_opens_nothing(client: TestClient) -> None:
    def status(value: str) -> int:
        return client.get("/v1/jobs", headers={"Cookie": f"{COOKIE}={value}"}).status_code

    assert status(signed()) == 200
    foreign = [signed(token="somebody else's key"), signed(purpose="another"), signed(words="out"), signed()[:-1]]
    for value in ("", "in", "in.x.y", *foreign):
        assert status(value) == 401


def test_a_cookie_of_another_stylegram_above_keeps_nobody_out(client: TestClient) -> None:
    others = signed(token="somebody else's key")
    for cookies in (f"{COOKIE}={signed()}; {COOKIE}={others}", f"a=b;{COOKIE}={others};{COOKIE}={signed()}"):
        assert client.get("/v1/jobs", headers={"Cookie": cookies}).status_code == 200


@pytest.mark.parametrize(
    "place", ["//elsewhere.example", "/\\elsewhere.example", "https://elsewhere.example", "", "x\ny"]
)
def test_the_login_leads_nowhere_else(client: TestClient, place: str) -> None:
    response = client.post("/login", params={"next": place}, data={"token": TOKEN})
    assert response.headers["location"] == "/"


def test_a_place_with_a_long_address_is_no_reason_to_ask_for_no_token(client: TestClient) -> None:
    door = client.get(f"/gallery?style={'a' * 3000}", headers=HTML).headers["location"]
    assert "Token" in client.get(door, headers=HTML).text
    assert client.post(door, data={"token": TOKEN}).headers["location"] == "/"


@pytest.mark.parametrize("files", [{}, {"file": bytes(20_000)}])
def test_a_stranger_can_bring_hardly_anything_along(client: TestClient, files: dict[str, bytes]) -> None:
    response = client.post("/login", data={"token": TOKEN, "more": "x" * (0 if files else 20_000)}, files=files)
    assert response.status_code == 413
    assert "0.01 MB" in response.json()["detail"]
    log_in(client)
    assert client.post("/v1/preview", data={"size": "x" * 900, "more": "x" * 20_000}).status_code != 413


def test_other_sites_can_use_no_session(client: TestClient) -> None:
    log_in(client)
    for headers in ({"Sec-Fetch-Site": "cross-site"}, {"Origin": "https://elsewhere.example"}):
        assert client.post("/v1/sync/start", headers=headers).status_code == 403
        assert client.post("/logout", headers=headers).status_code == 403
    assert client.get("/v1/jobs").status_code == 200


def test_who_asks_as_a_program_is_asked_for_a_token(client: TestClient) -> None:
    assert client.get("/v1/jobs", headers=HTML).status_code == 401
    assert client.get("/gallery").status_code == 401
