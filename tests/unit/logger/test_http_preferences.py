"""Comparisons and stars over HTTP."""

from typing import Any

import pytest
from fastapi.testclient import TestClient
from sqlalchemy import insert

from logger_http import logger as logger
from logger_http import open_client
from stylegram.common.clock import utcnow
from stylegram.common.database import transaction
from stylegram.logger.bootstrap import LoggerService
from stylegram.logger.preferences.repository import PreferenceRepository
from stylegram.logger.tables import runs


@pytest.fixture
def client(logger: LoggerService) -> TestClient:
    """Of a logger with three runs that have pictures, a, b and c, and one that failed."""
    facts = {"started_at": utcnow(), "content_name": "me.jpg", "content_sha256": "c" * 64, "outcome": "succeeded"}
    with transaction(logger.engine) as session:
        session.execute(insert(runs), [{"job_id": job_id, **facts} for job_id in "abc"])
        session.execute(insert(runs).values(job_id="failed", **facts | {"outcome": "failed"}))
    return open_client(logger)


def say(client: TestClient, better: str, worse: str, **more: Any) -> Any:
    return client.post("/v1/comparisons", json={"better": better, "worse": worse, **more})


def test_from_a_question_to_a_ranking(client: TestClient) -> None:
    pair = client.get("/v1/comparisons/next", params={"seed": 3}).json()
    assert pair == client.get("/v1/comparisons/next", params={"seed": 3}).json()
    shown = [pair["first"]["job_id"], pair["second"]["job_id"]]
    assert len({*shown, "a", "b", "c"}) == 3
    assert (pair["first"]["content_name"], pair["first"]["content_sha256"]) == ("me.jpg", "c" * 64)
    for number in range(2):
        answer = say(client, *shown, id=f"mine-{number}")
        assert (answer.status_code, answer.json()["better"]) == (201, shown[0])
    answer = client.get("/v1/ranking", params={"limit": 1}).json()
    assert [each["job_id"] for each in answer["items"]] == shown[:1]
    assert (answer["pictures"], answer["comparisons"]) == (2, 2)
    for number in range(2):
        assert client.delete(f"/v1/comparisons/mine-{number}").status_code == 204
    assert client.get("/v1/ranking").json()["items"] == []


def test_what_is_not_wanted_now_is_not_asked(client: TestClient) -> None:
    for seed in range(20):
        pair = client.get("/v1/comparisons/next", params={"seed": seed, "not": ["c,a", "b,a"]}).json()
        assert {pair["first"]["job_id"], pair["second"]["job_id"]} == {"b", "c"}


def test_an_id_is_made_up_and_told(client: TestClient) -> None:
    first, second = (say(client, "a", "b").json()["id"] for _ in range(2))
    assert first != second
    assert client.delete(f"/v1/comparisons/{first}").status_code == 204
    assert client.get("/v1/ranking").json()["comparisons"] == 1


def test_stars(client: TestClient) -> None:
    assert client.put("/v1/runs/a/rating", json={"rating": 5}).status_code == 204
    assert client.get("/v1/ranking").json()["items"][0]["rating"] == 5
    assert client.put("/v1/runs/a/rating", json={"rating": None}).status_code == 204
    assert client.get("/v1/ranking").json()["items"] == []


def test_nothing_to_compare_says_so(client: TestClient) -> None:
    answer = client.get("/v1/comparisons/next", params={"content": "0" * 64})
    assert answer.status_code == 404
    assert "0 such pictures" in answer.json()["detail"]


@pytest.mark.parametrize(
    ("method", "path", "body", "status"),
    [
        ("POST", "/v1/comparisons", {"better": "a", "worse": "a"}, 422),
        ("POST", "/v1/comparisons", {"better": "a", "worse": "nobody"}, 404),
        ("POST", "/v1/comparisons", {"better": "a", "worse": "failed"}, 409),
        ("POST", "/v1/comparisons", {"better": "a", "worse": "b", "id": "../x"}, 422),
        ("POST", "/v1/comparisons", {"better": "a", "worse": "b", "id": "x" * 37}, 422),
        ("POST", "/v1/comparisons", {"better": "a", "wrose": "b", "worse": "b"}, 422),
        ("POST", "/v1/comparisons", {"better": "a", "worse": "x\0"}, 404),
        ("DELETE", "/v1/comparisons/never", None, 404),
        ("PUT", "/v1/runs/a/rating", {"rating": 6}, 422),
        ("PUT", "/v1/runs/a/rating", {"rating": 0}, 422),
        ("PUT", "/v1/runs/a/rating", {}, 422),
        ("PUT", "/v1/runs/nobody/rating", {"rating": 3}, 404),
        ("PUT", "/v1/runs/failed/rating", {"rating": 3}, 409),
        ("GET", "/v1/ranking?limit=0", None, 422),
        ("GET", "/v1/comparisons/next?seeds=1", None, 422),
        ("GET", "/v1/comparisons/next?not=a", None, 422),
        ("GET", "/v1/comparisons/next?not=a,b,c", None, 422),
        ("GET", "/v1/comparisons/next?" + "&".join(["not=a,b"] * 21), None, 422),
    ],
)
def test_what_is_refused(
    client: TestClient, logger: LoggerService, method: str, path: str, body: Any, status: int
) -> None:
    answer = client.request(method, path, json=body)
    assert (answer.status_code, answer.json().get("status")) == (status, status)
    assert PreferenceRepository(logger.engine).tallies() == []
