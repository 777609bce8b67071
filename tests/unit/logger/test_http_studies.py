"""Studies and suggestions over HTTP."""

from collections.abc import Iterator
from typing import Any

import pytest
from fastapi.testclient import TestClient

from logger_http import logger as logger
from logger_http import open_client
from stylegram.logger.bootstrap import LoggerService

PAIR = {
    "content": {"sha256": "a" * 64, "object_name": "assets/a", "name": "a.jpg"},
    "style": {"sha256": "b" * 64, "object_name": "assets/b", "name": "b.jpg"},
}
STUDY: dict[str, Any] = {
    "name": "first",
    "sampler": "random",
    "budget": 2,
    "pairs": [PAIR],
    "space": {"content_weight": {"low": 0.01, "high": 1, "log": True}},
    "base": {"size": 64, "evaluations": [2]},
}
ASKED = {"content": "a" * 64, "style": "b" * 64}


@pytest.fixture
def client(logger: LoggerService) -> Iterator[TestClient]:
    with open_client(logger) as client:
        yield client


def test_a_study_from_its_creation_to_its_end(client: TestClient) -> None:
    created = client.post("/v1/studies", json=STUDY)
    assert (created.status_code, created.headers["location"]) == (201, "/v1/studies/first")
    assert client.post("/v1/studies", json=STUDY).json() == created.json()
    assert client.post("/v1/studies", json=STUDY | {"budget": 3}).status_code == 409
    trial = client.post("/v1/studies/first/trials")
    assert trial.status_code == 201
    assert trial.json()["name"] == "first/0"
    assert trial.json()["hyperparameters"]["size"] == 64
    failed = client.post("/v1/studies/first/trials/0/fail", json={"reason": "Cancelled."})
    assert (failed.json()["state"], failed.json()["failure"]) == ("failed", "Cancelled.")
    assert client.post("/v1/studies/first/trials").status_code == 201
    used_up = client.post("/v1/studies/first/trials")
    assert (used_up.status_code, "used up" in used_up.json()["detail"]) == (409, True)
    study = client.get("/v1/studies/first").json()
    assert (study["failed"], study["running"], study["best"]) == (1, 1, None)
    assert client.get("/v1/studies").json()["items"] == [study]
    assert [each["number"] for each in client.get("/v1/studies/first/trials").json()["items"]] == [0, 1]


@pytest.mark.parametrize(
    "changes",
    [
        {"name": "a/b"},
        {"pairs": []},
        {"pairs": [PAIR, PAIR]},
        {"space": {}},
        {"space": {"size": {"low": 64, "high": 128}}},
        {"space": {"content_weight": {"low": 1, "high": 0.1}}},
        {"base": {"sizes": 64}},
        {"sampler": "oracle"},
        {"budget": 0},
        {"colour": "red"},
    ],
)
def test_what_is_no_study_is_refused(client: TestClient, changes: dict[str, Any]) -> None:
    assert client.post("/v1/studies", json=STUDY | changes).status_code == 422
    assert client.get("/v1/studies").json()["items"] == []


def test_what_is_not_there_is_said(client: TestClient) -> None:
    client.post("/v1/studies", json=STUDY)
    for method, path in (
        ("GET", "/v1/studies/second"),
        ("GET", "/v1/studies/second/trials"),
        ("POST", "/v1/studies/second/trials"),
    ):
        assert client.request(method, path).status_code == 404
    assert client.post("/v1/studies/first/trials/0/fail", json={"reason": "No."}).status_code == 404


def test_suggestions_and_advice(client: TestClient) -> None:
    suggested = client.get("/v1/suggest", params={**ASKED, "n": 3, "size": 256})
    assert suggested.status_code == 200
    first = suggested.json()
    assert (first["hyperparameters"]["size"], first["source"], len(first["further"])) == (256, "exploration", 2)
    assert client.get("/v1/suggest", params={**ASKED, "n": 11}).status_code == 422
    assert client.get("/v1/studies").json()["items"] == []
    client.post("/v1/studies", json=STUDY)
    advice = client.post("/v1/advice", json={**PAIR, "base": {"size": 512}, "study": "first"}).json()
    assert (advice["trial"], advice["source"], advice["hyperparameters"]["size"]) == ("first/0", "study", 512)
    assert client.post("/v1/advice", json={**PAIR, "base": {}}).json()["source"] == "default"
