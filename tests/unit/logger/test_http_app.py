"""The logger's API, beside what its features answer: probes, tokens, problems, and what it says of itself."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient
from sqlalchemy import create_engine

from logger_http import logger as logger
from logger_http import open_client
from stylegram.logger.bootstrap import LoggerService
from stylegram.logger.http.app import ROUTERS
from stylegram.logger.repository import RunRepository

TOKEN = "a-token-that-nobody-guesses"


@pytest.fixture
def client(logger: LoggerService) -> TestClient:
    return open_client(logger)


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
    assert "stylegram_runs_total" in client.get("/metrics").text


def test_one_without_its_database_lives_but_is_not_ready(logger: LoggerService, tmp_path: Path) -> None:
    gone = RunRepository(create_engine(f"sqlite:///{tmp_path}/no/such/folder.sqlite"))
    client = open_client(replace(logger, runs=gone))
    assert client.get("/healthz").status_code == 200
    response = client.get("/readyz")
    assert response.status_code == 503
    assert response.json()["detail"].startswith("The database did not answer")


def test_a_token_is_needed_where_there_is_one(logger: LoggerService) -> None:
    client = open_client(logger, tokens=[TOKEN])
    assert client.get("/readyz").status_code == 200
    assert client.get("/openapi.json").status_code == 401
    assert client.get("/openapi.json", headers={"Authorization": f"Bearer {TOKEN}"}).status_code == 200


def test_it_has_no_pages(client: TestClient) -> None:
    response = client.get("/", headers={"Accept": "text/html"})
    assert (response.status_code, response.headers["content-type"]) == (404, "application/problem+json")


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
