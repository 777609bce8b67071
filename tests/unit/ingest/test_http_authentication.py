import base64
from collections.abc import Iterator

import pytest
from fastapi.testclient import TestClient

from ingest_http import TOKEN, open_client
from ingest_samples import open_ingest
from stylegram.common.http.authentication import Tokens
from stylegram.ingest.bootstrap import Ingest

OTHER = "another-token-for-somebody"
PLACES = ("/", "/gallery", "/v1/jobs", "/v1/nothing", "/openapi.json", "/loginx", "/login/")


@pytest.fixture(scope="module")
def ingest(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ingest]:
    """One for all tests, for none of them leaves anything behind."""
    service = open_ingest(tmp_path_factory.mktemp("ingest"))
    yield service
    service.close()


@pytest.fixture(scope="module")
def client(ingest: Ingest) -> TestClient:
    return open_client(ingest, tokens=[TOKEN, OTHER])


def basic(user: str, password: str) -> str:
    return "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()


@pytest.mark.parametrize(
    "authorization",
    [
        f"Bearer {TOKEN}",
        f"bearer {TOKEN}",
        f"Bearer {OTHER}",
        basic("", TOKEN),
        basic("anybody", TOKEN),
        basic("anybody", OTHER),
    ],
)
def test_who_knows_a_token_is_answered(client: TestClient, authorization: str) -> None:
    for place in ("/", "/v1/jobs", "/static/stylegram.css", "/openapi.json"):
        assert client.get(place, headers={b"Authorization": authorization.encode()}).status_code == 200


@pytest.mark.parametrize(
    "authorization",
    [
        None,
        "",
        TOKEN,
        "Bearer",
        "Bearer ",
        f"Bearer {TOKEN}x",
        f"Bearer {TOKEN[:-1]}",
        f"Token {TOKEN}",
        f"Bearer {TOKEN.upper()}",
        f"Basic {TOKEN}",
        "Basic =",
        "Basic " + base64.b64encode(TOKEN.encode()).decode(),
        basic(TOKEN, ""),
        basic("anybody", ""),
        basic("anybody", f"{TOKEN}:"),
    ],
)
def test_others_are_not(client: TestClient, authorization: str | None) -> None:
    for place in PLACES:
        response = client.get(place, headers={} if authorization is None else {"Authorization": authorization})
        assert response.status_code == 401
        assert response.headers["content-type"] == "application/problem+json"
        bearer, for_browsers = response.headers.get_list("www-authenticate")
        assert bearer == "Bearer"
        assert for_browsers.startswith('Basic realm="Stylegram"')
        assert TOKEN not in response.text
    assert client.post("/v1/sync", headers={"Authorization": authorization or ""}).status_code == 401


@pytest.mark.parametrize("path", ["/healthz", "/readyz", "/metrics"])
def test_probes_need_no_token_and_no_name(ingest: Ingest, path: str) -> None:
    for client in (open_client(ingest), open_client(ingest, tokens=[TOKEN])):
        assert client.get(path, headers={"Host": "10.1.2.3:8000"}).status_code == 200


@pytest.mark.parametrize("path", ["/healthz/", "//healthz", "/healthz/../v1/jobs", "/v1/jobs?/healthz"])
def test_nothing_else_passes_for_a_probe(client: TestClient, path: str) -> None:
    assert client.get(path).status_code == 401


def test_with_tokens_the_name_may_be_any_but_the_site_may_not(client: TestClient) -> None:
    known = {"Authorization": f"Bearer {TOKEN}", "Host": "pictures.example"}
    assert client.get("/v1/jobs", headers=known).status_code == 200
    for origin in ("http://pictures.example", "https://pictures.example"):
        assert client.post("/v1/sync", headers=known | {"Origin": origin}).status_code == 200
    for foreign in (
        {"Origin": "https://evil.example"},
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site", "Origin": "https://pictures.example"},
        {"Origin": "null"},
    ):
        assert client.post("/v1/sync", headers=known | foreign).status_code == 403


def test_nothing_shows_a_token() -> None:
    tokens = Tokens([TOKEN])
    assert TOKEN not in repr(tokens)
    assert TOKEN not in repr(vars(tokens))
    assert not Tokens([]).admit("Bearer ")
