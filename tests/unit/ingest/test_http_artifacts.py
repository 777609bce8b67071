from io import BytesIO

import pytest
from fastapi.testclient import TestClient
from PIL import Image

from ingest_http import NOBODY, open_client
from ingest_samples import FAST, encoded, noise
from stylegram.common import artifacts
from stylegram.common.records import AssetReference
from stylegram.ingest.bootstrap import Ingest
from stylegram.ingest.schemas import Job

Pair = tuple[AssetReference, AssetReference]
FILM = bytes(range(256)) * 4


@pytest.fixture
def job(ingest: Ingest, pair: Pair) -> Job:
    """A job whose film and some of whose snapshots are in storage; so are another's."""
    job, other = (ingest.submit(*pair, FAST) for _ in range(2))
    ingest.storage.write(artifacts.timelapse(job.id), FILM, content_type="video/mp4")
    for owner, evaluations in ((job, (20, 5, 10_000)), (other, (7,))):
        for evaluation in evaluations:
            name = artifacts.snapshot(owner.id, evaluation)
            ingest.storage.write(name, encoded(noise(evaluation), "JPEG"), content_type="image/jpeg")
    return job


def test_snapshots_are_listed_in_their_order(client: TestClient, job: Job) -> None:
    items = client.get(f"/v1/jobs/{job.id}/snapshots").json()["items"]
    assert [item["evaluation"] for item in items] == [5, 20, 10_000]
    for item in items:
        response = client.get(item["url"])
        assert (response.status_code, response.headers["content-type"]) == (200, "image/jpeg")
        assert response.content == encoded(noise(item["evaluation"]), "JPEG")
    assert "immutable" in response.headers["cache-control"]
    small = client.get(f"{items[0]['url']}?width=320")
    assert Image.open(BytesIO(small.content)).format == "JPEG"
    assert client.get(items[0]["url"], headers={"If-None-Match": small.headers["etag"]}).status_code == 200
    assert client.get(items[0]["url"], headers={"If-None-Match": response.headers["etag"]}).status_code == 200
    again = client.get(items[2]["url"], headers={"If-None-Match": response.headers["etag"]})
    assert again.status_code == 304


def test_snapshots_lie_below_the_prefix(ingest: Ingest, job: Job) -> None:
    client = open_client(ingest, prefix="/art")
    items = client.get(f"/art/v1/jobs/{job.id}/snapshots").json()["items"]
    assert [item["url"] for item in items] == [
        f"/art/v1/jobs/{job.id}/snapshots/{number}" for number in (5, 20, 10_000)
    ]


def test_a_job_without_snapshots_has_none(client: TestClient, finished: Job) -> None:
    assert client.get(f"/v1/jobs/{finished.id}/snapshots").json() == {"items": []}


def test_who_asks_for_a_snapshot_that_is_not_there_is_told_where_they_are(client: TestClient, job: Job) -> None:
    response = client.get(f"/v1/jobs/{job.id}/snapshots/999")
    assert response.status_code == 404
    assert response.json()["detail"] == (
        f"There is no snapshot of evaluation 999; GET /v1/jobs/{job.id}/snapshots lists those there are."
    )


def test_the_film_is_whole_where_nothing_else_is_asked_for(client: TestClient, job: Job) -> None:
    response = client.get(f"/v1/jobs/{job.id}/timelapse")
    assert (response.status_code, response.content) == (200, FILM)
    assert response.headers["content-type"] == "video/mp4"
    assert response.headers["accept-ranges"] == "bytes"
    assert "immutable" in response.headers["cache-control"]
    etag = response.headers["etag"]
    assert client.get(f"/v1/jobs/{job.id}/timelapse", headers={"If-None-Match": etag}).status_code == 304


@pytest.mark.parametrize(
    ("asked", "first", "end"),
    [
        ("bytes=0-", 0, 1024),
        ("bytes=0-0", 0, 1),
        ("bytes=100-199", 100, 200),
        ("Bytes = 100-199 ", 100, 200),
        ("bytes=1023-", 1023, 1024),
        ("bytes=1000-999999999", 1000, 1024),
        ("bytes=-24", 1000, 1024),
        ("bytes=-99999", 0, 1024),
    ],
)
def test_a_player_gets_the_part_that_it_asks_for(
    client: TestClient, job: Job, asked: str, first: int, end: int
) -> None:
    response = client.get(f"/v1/jobs/{job.id}/timelapse", headers={"Range": asked})
    assert (response.status_code, response.content) == (206, FILM[first:end])
    assert response.headers["content-range"] == f"bytes {first}-{end - 1}/1024"
    assert response.headers["content-length"] == str(end - first)
    assert response.headers["content-type"] == "video/mp4"


@pytest.mark.parametrize("asked", ["bytes=1024-", "bytes=2000-3000", "bytes=-0"])
def test_a_part_beyond_the_end_is_refused(client: TestClient, job: Job, asked: str) -> None:
    response = client.get(f"/v1/jobs/{job.id}/timelapse", headers={"Range": asked})
    assert response.status_code == 416
    assert response.headers["content-range"] == "bytes */1024"
    assert response.headers["content-type"] == "application/problem+json"


@pytest.mark.parametrize(
    "asked",
    ["bytes=-", "bytes=5-4", "bytes=0-1,5-6", "items=0-1", "bytes", "bytes=a-b", "bytes=٣-٤", "bytes=" + "9" * 99],
)
def test_what_is_no_single_range_gives_the_whole(client: TestClient, job: Job, asked: str) -> None:
    response = client.get(f"/v1/jobs/{job.id}/timelapse", headers={b"Range": asked.encode()})
    assert (response.status_code, response.content) == (200, FILM)


def test_a_part_of_another_version_is_not_given(client: TestClient, job: Job) -> None:
    path = f"/v1/jobs/{job.id}/timelapse"
    etag = client.get(path).headers["etag"]
    assert client.get(path, headers={"Range": "bytes=0-1", "If-Range": etag}).status_code == 206
    assert client.get(path, headers={"Range": "bytes=0-1", "If-Range": '"another"'}).status_code == 200


@pytest.mark.parametrize("path", ["snapshots/20", "timelapse"])
def test_what_was_not_made_is_not_found(client: TestClient, finished: Job, path: str) -> None:
    for job_id in (finished.id, NOBODY):
        assert client.get(f"/v1/jobs/{job_id}/{path}").status_code == 404
    assert client.get(f"/v1/jobs/{finished.id}/snapshots/-1").status_code == 422
    assert client.get(f"/v1/jobs/{NOBODY}/snapshots").status_code == 404
