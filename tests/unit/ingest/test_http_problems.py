import asyncio
import json
from typing import Any

import pytest
from fastapi.testclient import TestClient
from structlog.testing import capture_logs

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
BROWSER = {"Accept": "text/html,*/*;q=0.8"}


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
        ({"hyperparameters": {"sise": 64}}, "body/hyperparameters/sise", "Known names: size, evaluations,"),
        ({"hyperparameters": {"style_layers": ["relu9_9"]}}, "body/hyperparameters/style_layers", "unknown layer"),
        ({"hyperparameters": {"style_weight": 0, "content_weight": 0}}, "body/hyperparameters", "nothing to optimise"),
        ({"content": "../../etc/passwd"}, "body/content", "'../../etc/passwd' is no SHA-256 of an asset"),
        ({"style": "\ud800"}, "body", "Invalid JSON"),
        ({"pubish": True}, "body/pubish", "Not known here; known: content, style,"),
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


def test_who_gives_no_jobs_id_is_told_where_there_are_some(client: TestClient) -> None:
    for path in ("/v1/jobs/latest", "/v1/jobs/latest/result"):
        assert client.get(path).json()["errors"] == [
            {"where": "path/job_id", "detail": "'latest' is no job's id; GET /v1/jobs lists them."}
        ]
    assert len(client.get(f"/v1/jobs/{'x' * 5000}").json()["detail"]) < 200


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
        "detail": "There is nothing at /v1/nothing; /openapi.json says what there is.",
        "instance": "/v1/nothing",
    }
    wrong = client.delete("/v1/quarantine")
    assert (wrong.status_code, wrong.json()["title"]) == (405, "Method Not Allowed")
    assert wrong.headers["allow"] == "GET, HEAD"
    assert wrong.json()["detail"] == "/v1/quarantine can only be asked by GET, HEAD."
    several = client.put("/v1/jobs")
    assert (several.status_code, several.headers["allow"]) == (405, "GET, HEAD, POST")
    assert client.get("/v1/reconcile").headers["allow"] == "POST"
    assert client.post("/static/stylegram.css").headers["allow"] == "GET, HEAD"
    assert client.get("/static/../app.py").json()["status"] == 404
    for path in ("/v1/jobs/", "/v1/daily/"):
        assert client.post(path, json={}).status_code == 404, "nobody is sent elsewhere with a body"


def test_people_see_a_page_that_escapes_what_it_quotes(client: TestClient) -> None:
    response = client.post(f"/pictures/{NOBODY}/cancel", headers=BROWSER)
    assert response.status_code == 404
    assert response.headers["content-type"].startswith("text/html")
    assert f"There is no job &#39;{NOBODY}&#39;." in response.text


def test_programs_get_no_pages(client: TestClient) -> None:
    for path in (f"/v1/jobs/{NOBODY}", "/v1/nothing", "/static/nothing"):
        response = client.get(path, headers=BROWSER)
        assert (response.status_code, response.headers["content-type"]) == (404, "application/problem+json")
        assert "vary" not in response.headers
    for headers in ({}, BROWSER):
        assert client.get("/nothing", headers=headers).headers["vary"] == "Accept"


def test_a_flood_of_errors_is_not_repeated_whole(client: TestClient, pair: Pair) -> None:
    response = client.post("/v1/jobs", json=submission(pair, **{f"colour{number}": 1 for number in range(100)}))
    assert (response.status_code, len(response.json()["errors"])) == (422, 20)
    assert response.json()["detail"].endswith("; and 80 more")


@pytest.mark.parametrize(
    ("method", "path", "names"),
    [
        ("GET", "/v1/jobs?status=failed", ["status"]),
        ("GET", "/v1/jobs?limit=3&Limit=3&state=queued&x", ["Limit", "x"]),
        ("GET", f"/v1/jobs/{NOBODY}?width=320", ["width"]),
        ("POST", "/v1/daily?Again=true", ["Again"]),
        ("POST", "/v1/sync?role=content", ["role"]),
        ("GET", "/v1/queues?name=x", ["name"]),
    ],
)
def test_a_name_in_the_query_that_does_nothing_is_refused(
    client: TestClient, method: str, path: str, names: list[str]
) -> None:
    response = client.request(method, path)
    assert response.status_code == 422
    assert [error["where"] for error in response.json()["errors"]] == [f"query/{name}" for name in names]


def test_pages_and_probes_do_not_mind(client: TestClient) -> None:
    for path in ("/", "/healthz", "/readyz"):
        assert client.get(f"{path}?from=elsewhere").status_code == 200


@pytest.mark.parametrize("body", ["application/json", "multipart/form-data; boundary=x"])
def test_a_request_that_breaks_off_is_no_defect(client: TestClient, body: str) -> None:
    sent: list[Any] = []

    async def receive() -> dict[str, str]:
        return {"type": "http.disconnect"}

    async def send(message: Any) -> None:
        sent.append(message)

    scope = {
        "type": "http",
        "method": "POST",
        "scheme": "http",
        "path": "/v1/jobs",
        "query_string": b"",
        "headers": [(b"host", b"127.0.0.1:8000"), (b"content-type", body.encode())],
    }
    with capture_logs() as logs:
        asyncio.run(client.app(scope, receive, send))  # type: ignore[arg-type]
    assert logs == []
    assert sent[0]["status"] == 400


def failing(ingest: Ingest, monkeypatch: pytest.MonkeyPatch, error: StylegramError) -> TestClient:
    def fail(_: object) -> None:
        raise error

    monkeypatch.setattr(Ingest, "quarantine", fail)
    return open_client(ingest)
