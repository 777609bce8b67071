"""The publisher's API, beside what its features answer: probes, tokens, and what it says of itself."""

import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient

from publisher_http import open_client
from publisher_http import publisher as publisher
from stylegram.publisher.bootstrap import PublisherService
from stylegram.publisher.http.app import ROUTERS

TOKEN = "a-token-that-nobody-guesses"


@pytest.fixture
def client(publisher: PublisherService) -> TestClient:
    return open_client(publisher)


@pytest.fixture
def operations(client: TestClient) -> dict[str, dict[str, Any]]:
    schema = client.get("/openapi.json").json()
    return {
        f"{method} {path}": operation
        for path, operations in schema["paths"].items()
        for method, operation in operations.items()
    }


def test_a_whole_service_is_ready(client: TestClient) -> None:
    assert client.get("/healthz").json() == {"status": "ok"}
    assert client.get("/readyz").json() == {"status": "ready"}


def test_one_without_its_tables_lives_but_is_not_ready(client: TestClient, tmp_path: Path) -> None:
    with closing(sqlite3.connect(tmp_path / "publisher.sqlite")) as database, database:
        database.execute("ALTER TABLE posts RENAME TO lost")
    assert client.get("/healthz").status_code == 200
    assert client.get("/readyz").status_code == 503


def test_a_token_is_needed_where_there_is_one(publisher: PublisherService) -> None:
    client = open_client(publisher, tokens=[TOKEN])
    assert client.get("/readyz").status_code == 200
    assert client.get("/v1/posts").status_code == 401
    assert client.get("/v1/posts", headers={"Authorization": f"Bearer {TOKEN}"}).status_code == 200


def test_every_feature_is_there(operations: dict[str, dict[str, Any]]) -> None:
    paths = {name.partition(" ")[2] for name in operations}
    for router in ROUTERS:
        assert {getattr(route, "path", None) for route in router.routes} & paths


def test_every_endpoint_is_described(operations: dict[str, dict[str, Any]]) -> None:
    for name, operation in operations.items():
        assert operation["summary"], name
        assert operation["description"], name
        assert len(operation["tags"]) == 1, name
        for parameter in operation.get("parameters", []):
            assert parameter.get("description"), (name, parameter["name"])
        for status, response in operation["responses"].items():
            if status == "default" or int(status) >= 400:
                assert list(response["content"]) == ["application/problem+json"], (name, status)


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/v1/posts?states=failed"),
        ("POST", "/v1/accounts/resume?account=a&force=1"),
        ("GET", "/v1/accounts?a=1"),
    ],
)
def test_a_name_that_is_not_known_is_refused(client: TestClient, method: str, path: str) -> None:
    response = client.request(method, path)
    assert response.status_code == 422
    assert "Not known here" in response.json()["detail"]
