import json
from typing import Any

import pytest
from fastapi.testclient import TestClient

from ingest_http import NOBODY, open_client, submission
from stylegram.common.errors import (
    AlreadyExists,
    ConfigurationError,
    InvalidImage,
    InvalidInput,
    NotFound,
    QueueFull,
    StylegramError,
    Unavailable,
    WrongState,
)
from stylegram.common.records import AssetReference
from stylegram.ingest.bootstrap import Ingest
from stylegram.ingest.sync import SyncRunning

Pair = tuple[AssetReference, AssetReference]


@pytest.mark.parametrize(
    ("error", "status", "title"),
    [
        (NotFound("Gone.", advice="Look elsewhere."), 404, "Not Found"),
        (InvalidInput("Refused.", advice="Look elsewhere."), 422, "Unprocessable Entity"),
        (InvalidImage("Refused.", advice="Look elsewhere."), 422, "Unprocessable Entity"),
        (AlreadyExists("Taken.", advice="Look elsewhere."), 409, "Conflict"),
        (WrongState("Too early.", advice="Look elsewhere."), 409, "Conflict"),
        (SyncRunning("Running.", advice="Look elsewhere."), 409, "Conflict"),
        (Unavailable("Away.", advice="Look elsewhere."), 503, "Service Unavailable"),
        (QueueFull("Full.", advice="Look elsewhere."), 429, "Too Many Requests"),
    ],
)
def test_every_error_of_ours_is_a_problem(
    ingest: Ingest, monkeypatch: pytest.MonkeyPatch, error: StylegramError, status: int, title: str
) -> None:
    response = failing(ingest, monkeypatch, error).get("/v1/quarantine")
    assert response.headers["content-type"] == "application/problem+json"
    assert response.status_code == status
    assert response.json() == {
        "type": f"urn:stylegram:problem:{error.code}",
        "title": title,
        "status": status,
        "detail": str(error),
        "instance": "/v1/quarantine",
    }
    assert ("retry-after" in response.headers) == (status in {429, 503})


def test_an_error_that_is_nobodys_input_shows_no_internals(ingest: Ingest, monkeypatch: pytest.MonkeyPatch) -> None:
    response = failing(ingest, monkeypatch, ConfigurationError("password=hunter2")).get("/v1/quarantine")
    assert (response.status_code, response.json()["type"]) == (500, "about:blank")
    assert "hunter2" not in response.text


@pytest.mark.parametrize(
    ("change", "where", "detail"),
    [
        ({"hyperparameters": {"size": 5}}, "body/hyperparameters/size", "greater than or equal to 32"),
        ({"hyperparameters": {"sise": 64}}, "body/hyperparameters/sise", "Extra inputs"),
        ({"hyperparameters": {"style_layers": ["relu9_9"]}}, "body/hyperparameters/style_layers", "unknown layer"),
        ({"hyperparameters": {"style_weight": 0, "content_weight": 0}}, "body/hyperparameters", "nothing to optimise"),
        ({"content": "../../etc/passwd"}, "body/content", "should match pattern"),
        ({"style": "\ud800"}, "body", "Invalid JSON"),
        ({"pubish": True}, "body/pubish", "Extra inputs"),
    ],
)
def test_a_value_that_is_refused_is_named(
    client: TestClient, pair: Pair, change: dict[str, Any], where: str, detail: str
) -> None:
    body = json.dumps(submission(pair, **change))
    response = client.post("/v1/jobs", content=body, headers={"Content-Type": "application/json"})
    assert response.status_code == 422
    assert response.headers["content-type"] == "application/problem+json"
    (error,) = response.json()["errors"]
    assert error["where"] == where
    assert detail in error["detail"]
    assert where in response.json()["detail"]


@pytest.mark.parametrize("body", [b"", b"{", b"\xff", b"null", b"[" * 100_000])
def test_a_body_that_is_no_submission_is_refused(client: TestClient, body: bytes) -> None:
    response = client.post("/v1/jobs", content=body, headers={"Content-Type": "application/json"})
    assert response.status_code in {400, 422}
    assert response.headers["content-type"] == "application/problem+json"


@pytest.mark.parametrize("path", ["/v1/jobs?limit=0", "/v1/jobs?limit=1001", "/v1/jobs?state=lost", "/v1/jobs/42"])
def test_parameters_are_checked(client: TestClient, path: str) -> None:
    response = client.get(path)
    assert response.status_code == 422
    assert len(response.json()["errors"]) == 1


def test_a_key_has_bounds(client: TestClient, pair: Pair) -> None:
    response = client.post("/v1/jobs", json=submission(pair), headers={"Idempotency-Key": "k" * 201})
    assert response.status_code == 422
    assert response.json()["errors"][0]["where"] == "header/idempotency-key"


def test_what_http_itself_refuses_is_a_problem_too(client: TestClient) -> None:
    unknown = client.get("/v1/nothing")
    assert unknown.json() == {
        "type": "about:blank",
        "title": "Not Found",
        "status": 404,
        "detail": "Not Found",
        "instance": "/v1/nothing",
    }
    wrong = client.delete("/v1/quarantine")
    assert (wrong.status_code, wrong.json()["title"]) == (405, "Method Not Allowed")
    assert wrong.headers["allow"] == "GET"
    several = client.put("/v1/jobs")
    assert (several.status_code, several.headers["allow"]) == (405, "GET, POST")
    assert client.get("/static/../app.py").json()["status"] == 404


def test_people_see_a_page_that_escapes_what_it_quotes(client: TestClient) -> None:
    response = client.get(f"/v1/jobs/{NOBODY}", headers={"Accept": "text/html,*/*;q=0.8"})
    assert response.status_code == 404
    assert response.headers["content-type"].startswith("text/html")
    assert f"There is no job &#39;{NOBODY}&#39;." in response.text


def failing(ingest: Ingest, monkeypatch: pytest.MonkeyPatch, error: StylegramError) -> TestClient:
    def fail(_: object) -> None:
        raise error

    monkeypatch.setattr(Ingest, "quarantine", fail)
    return open_client(ingest)
