import socket
from collections.abc import Iterator

import pytest
from fastapi.testclient import TestClient

from ingest_http import open_client, wait_for_sync
from ingest_samples import open_ingest
from stylegram.common.errors import ConfigurationError, Unavailable
from stylegram.common.http.server import listen, url_of

OWN = {"Origin": "http://127.0.0.1:8000"}


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TestClient]:
    """One for all tests, for none of them leaves anything behind."""
    ingest = open_ingest(tmp_path_factory.mktemp("ingest"))
    yield open_client(ingest)
    ingest.close()


@pytest.mark.parametrize("host", ["localhost", "LOCALHOST:8000", "127.0.0.1", "127.0.0.1:9", "127.1.2.3", "[::1]:8000"])
def test_loopback_names_are_answered(client: TestClient, host: str) -> None:
    assert client.get("/healthz", headers={"Host": host}).status_code == 200


@pytest.mark.parametrize(
    "host",
    [
        "evil.example",
        "localhost.evil.example:8000",
        "127.0.0.1.evil.example",
        "127.0.0.1@evil",
        "evil@127.0.0.1",
        "127.0.0.1/evil",
        "0.0.0.0",
        "192.168.0.2",
        "2130706433",
        "[::]",
        "[::1",
        "",
    ],
)
def test_other_names_are_refused(client: TestClient, host: str) -> None:
    for path in ("/", "/v1/jobs", "/static/stylegram.css", "/openapi.json"):
        response = client.get(path, headers={"Host": host})
        assert (response.status_code, response.json()["title"]) == (421, "Misdirected Request")
        assert response.headers["content-type"] == "application/problem+json"


@pytest.mark.parametrize(
    "headers",
    [{}, OWN, {"Sec-Fetch-Site": "same-origin"}, {"Sec-Fetch-Site": "none"}, {"Sec-Fetch-Site": "same-origin", **OWN}],
)
def test_programs_and_our_own_pages_may_change_things(client: TestClient, headers: dict[str, str]) -> None:
    assert client.post("/v1/sync", headers=headers).status_code == 200
    assert client.post("/library/sync", headers=headers).status_code == 303
    wait_for_sync(client)


@pytest.mark.parametrize(
    "headers",
    [
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
        {"Sec-Fetch-Site": "cross-site", **OWN},
        {"Origin": "https://evil.example"},
        {"Origin": "null"},
        {"Origin": "http://127.0.0.1:3000"},
        {"Origin": "https://127.0.0.1:8000"},
        {"Origin": "http://127.0.0.1:8000.evil.example"},
        {"Origin": "https://evil.example", "Sec-Fetch-Site": "same-origin"},
    ],
)
def test_other_sites_pages_may_not(client: TestClient, headers: dict[str, str]) -> None:
    for path in ("/v1/jobs", "/v1/daily", "/v1/sync", "/paint", "/daily", "/library/sync", "/nowhere"):
        response = client.post(path, headers=headers)
        assert (response.status_code, response.json()["status"]) == (403, 403)


def test_links_from_other_sites_are_followed(client: TestClient) -> None:
    assert client.get("/", headers={"Sec-Fetch-Site": "cross-site"}).status_code == 200


def test_every_response_says_what_browsers_may_do(client: TestClient) -> None:
    for path in ("/", "/healthz", "/v1/jobs", "/v1/nothing", "/v1/jobs/42", "/static/stylegram.css"):
        headers = client.get(path).headers
        policy = headers["content-security-policy"]
        assert policy.startswith("default-src 'self';")
        assert "unsafe" not in policy
        assert "frame-ancestors 'none'" in policy
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["referrer-policy"] == "same-origin"
        assert headers["cross-origin-resource-policy"] == "same-origin"
        assert headers["cache-control"] == "no-cache"


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "", "192.168.0.2", "example.org"])
def test_other_machines_cannot_be_let_in_without_tokens(host: str) -> None:
    with pytest.raises(ConfigurationError, match=r"without tokens.* 127\.0\.0\.1"):
        listen(host, 0)


def test_with_tokens_they_can() -> None:
    with listen("0.0.0.0", 0, authenticated=True) as listener:
        assert url_of(listener) == f"http://0.0.0.0:{listener.getsockname()[1]}"


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost"])
def test_a_free_port_is_found(host: str) -> None:
    with listen(host, 0) as listener:
        assert url_of(listener) == f"http://127.0.0.1:{listener.getsockname()[1]}"


def test_a_port_that_is_taken_is_said() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(Unavailable, match=f"Port {port} of 127.0.0.1 cannot be used: another process has it"):
            listen("127.0.0.1", port)
