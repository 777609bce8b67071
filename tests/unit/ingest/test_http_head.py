"""`HEAD`, wherever there is a `GET`."""

import pytest
from fastapi.testclient import TestClient

from ingest_http import NOBODY
from stylegram.ingest.schemas import Job


@pytest.mark.parametrize(
    "path", ["/", "/v1/jobs", "/v1/queues", "/healthz", "/metrics", "/openapi.json", "/static/stylegram.css"]
)
def test_it_answers_as_get_does_less_the_body(client: TestClient, path: str) -> None:
    head, get = client.head(path), client.get(path)
    assert (head.status_code, head.content) == (200, b"")
    assert head.headers["content-type"] == get.headers["content-type"]
    assert "content-security-policy" in head.headers


def test_pictures_say_their_length(client: TestClient, finished: Job) -> None:
    head = client.head(f"/v1/jobs/{finished.id}/result")
    get = client.get(f"/v1/jobs/{finished.id}/result")
    assert (head.headers["content-length"], head.content) == (str(len(get.content)), b"")
    assert head.headers["etag"] == get.headers["etag"]


@pytest.mark.parametrize(
    ("path", "status"), [(f"/v1/jobs/{NOBODY}", 404), ("/v1/jobs?x=1", 422), ("/v1/reconcile", 405)]
)
def test_problems_have_their_status(client: TestClient, path: str, status: int) -> None:
    response = client.head(path)
    assert (response.status_code, response.content) == (status, b"")
