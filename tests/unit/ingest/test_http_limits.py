import hashlib
import json
from collections.abc import Iterator
from typing import Any

import pytest
from fastapi.testclient import TestClient

from ingest_http import open_client, submission
from ingest_samples import encoded, noise
from stylegram.common.records import AssetReference
from stylegram.ingest.bootstrap import Ingest

Pair = tuple[AssetReference, AssetReference]


@pytest.fixture
def narrow(ingest: Ingest) -> TestClient:
    """A client of an app that takes no more than 50 kB."""
    return open_client(ingest, max_upload_megabytes=0.05)


def in_pieces(body: bytes) -> Iterator[bytes]:
    """Sent so, a body does not say its length."""
    for start in range(0, len(body), 10_000):
        yield body[start : start + 10_000]


def test_a_body_that_says_that_it_is_too_large_is_refused_unread(narrow: TestClient) -> None:
    for declared in ("50001", "9" * 5000):
        response = narrow.post("/v1/jobs", content=b"{}", headers={"Content-Length": declared})
        assert response.status_code == 413
        assert response.headers["content-type"] == "application/problem+json"
        assert "0.05 MB" in response.json()["detail"]


@pytest.mark.parametrize("kind", ["application/json", "multipart/form-data; boundary=x"])
def test_one_that_does_not_is_refused_on_the_way(narrow: TestClient, kind: str) -> None:
    start = (
        b'--x\r\nContent-Disposition: form-data; name="content"; filename="a.png"\r\n\r\n' if "x" in kind[-1] else b" "
    )
    response = narrow.post("/v1/jobs", content=in_pieces(start + bytes(60_000)), headers={"Content-Type": kind})
    assert response.status_code == 413
    assert response.headers["content-type"] == "application/problem+json"


def test_what_fits_is_taken(narrow: TestClient, pair: Pair) -> None:
    assert narrow.post("/v1/jobs", json=submission(pair)).status_code == 202
    padded = json.dumps(submission(pair)).encode() + b" " * 20_000
    response = narrow.post("/v1/jobs", content=in_pieces(padded), headers={"Content-Type": "application/json"})
    assert response.status_code == 202


def test_pictures_may_have_more_than_texts(client: TestClient, ingest: Ingest, pair: Pair) -> None:
    large = encoded(noise().resize((900, 600)), "BMP")
    assert len(large) > 1_000_000
    padded = json.dumps(submission(pair)).encode() + b" " * 1_000_000
    response = client.post("/v1/jobs", content=padded, headers={"Content-Type": "application/json"})
    assert (response.status_code, "1 MB" in response.json()["detail"]) == (413, True)
    texts = {"style": pair[1].sha256, "hyperparameters": " " * 1_000_001}
    assert client.post("/v1/jobs", data=texts, files={"content": large}).status_code == 400
    as_file: dict[str, Any] = {"content": large, "hyperparameters": ("h.json", b" " * 1_000_001)}
    refused = client.post("/v1/jobs", data={"style": pair[1].sha256}, files=as_file)
    assert refused.json()["errors"] == [{"where": "body/hyperparameters", "detail": "This may have 1 MB."}]
    assert not ingest.unfinished_jobs()
    taken = client.post("/v1/jobs", data={"style": pair[1].sha256}, files={"content": large})
    assert taken.json()["content"]["sha256"] == hashlib.sha256(large).hexdigest()


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"Content-Type": "text/plain"},
        {"Content-Type": "application/x-www-form-urlencoded"},
        {"Content-Type": "application/xml"},
    ],
)
def test_what_is_neither_json_nor_a_form_is_refused(client: TestClient, headers: dict[str, str]) -> None:
    response = client.post("/v1/jobs", content=b"content=1", headers=headers)
    assert response.status_code == 415
    assert response.headers["accept"] == "application/json, multipart/form-data"
    assert response.headers["content-type"] == "application/problem+json"
