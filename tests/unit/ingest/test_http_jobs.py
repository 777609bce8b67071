from dataclasses import replace
from io import BytesIO
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from fastapi.testclient import TestClient
from PIL import Image

from ingest_http import NOBODY, open_client, submission
from ingest_samples import FAST, SIZE, add_asset, centres, quarters
from stylegram.common.clock import utcnow
from stylegram.common.hyperparameters import Hyperparameters
from stylegram.common.messages import JobCancelled, JobFailed, JobProgress, PostKind, PostRequest, Priority, decode
from stylegram.common.records import AssetReference, Role, RunRecord
from stylegram.common.topology import PUBLISHER_POSTS
from stylegram.ingest.bootstrap import Ingest
from stylegram.ingest.events import EventHandler
from stylegram.ingest.schemas import Job
from stylegram.ingest.tables import JobState

Pair = tuple[AssetReference, AssetReference]


def test_a_submitted_job_is_queued_and_can_be_asked_for(client: TestClient, ingest: Ingest, pair: Pair) -> None:
    response = client.post("/v1/jobs", json=submission(pair, publish=False))
    assert response.status_code == 202
    job = Job.model_validate(response.json())
    assert (job.state, job.publish, job.hyperparameters) == (JobState.QUEUED, False, FAST)
    assert (job.content, job.style) == pair
    assert response.headers["location"] == f"/v1/jobs/{job.id}"
    assert Job.model_validate(client.get(response.headers["location"]).json()) == job == ingest.job(job.id)


def test_what_is_not_said_takes_its_default(client: TestClient, pair: Pair) -> None:
    content, style = pair
    job = client.post("/v1/jobs", json={"content": content.sha256, "style": style.sha256}).json()
    assert (job["publish"], job["hyperparameters"]["size"]) == (False, 512)


def test_a_key_gives_one_job(client: TestClient, ingest: Ingest, pair: Pair) -> None:
    headers = {"Idempotency-Key": "monday"}
    first, second = (client.post("/v1/jobs", json=submission(pair), headers=headers) for _ in range(2))
    assert first.json() == second.json()
    assert len(ingest.unfinished_jobs()) == 1
    other = client.post("/v1/jobs", json=submission(pair, publish=True), headers=headers)
    assert other.status_code == 422
    assert "'monday' belongs to job" in other.json()["detail"]


@pytest.mark.parametrize("path", ["", f"/{NOBODY}/retry"])
def test_the_daily_jobs_keys_are_nobody_elses(client: TestClient, pair: Pair, path: str) -> None:
    headers = {"Idempotency-Key": "daily-2026-11-20"}
    response = client.post(f"/v1/jobs{path}", json=submission(pair), headers=headers)
    assert response.status_code == 422
    (error,) = response.json()["errors"]
    assert (error["where"], "daily-" in error["detail"]) == ("header/idempotency-key", True)


def listed(client: TestClient, **query: Any) -> list[str]:
    return [job["id"] for job in client.get("/v1/jobs", params=query).json()["items"]]


def test_jobs_are_listed_newest_first_by_state(client: TestClient, ingest: Ingest, pair: Pair, finished: Job) -> None:
    second, third = (ingest.submit(*pair, FAST) for _ in range(2))
    EventHandler(ingest.engine).handle(JobCancelled(job_id=second.id, worker="w"), 1)
    assert listed(client) == [third.id, second.id, finished.id]
    assert listed(client, limit=2) == [third.id, second.id]
    assert listed(client, state=["succeeded", "queued"]) == [third.id, finished.id]
    assert listed(client, state="cancelled") == [second.id]
    assert listed(client, state="failed") == []


def test_jobs_are_listed_by_what_they_are(client: TestClient, ingest: Ingest, pair: Pair) -> None:
    content, style = pair
    other = add_asset(ingest, Role.STYLE, 3)
    first = ingest.submit(content, style, FAST, priority=Priority.BATCH)
    second = ingest.submit(content, other, FAST)
    assert listed(client, style=other.sha256) == [second.id]
    assert listed(client, content=content.sha256) == [second.id, first.id]
    assert listed(client, content=other.sha256) == []
    assert listed(client, priority="batch") == [first.id]
    assert listed(client, created_after=second.created_at.isoformat()) == [second.id]
    assert listed(client, created_before=second.created_at.isoformat()) == [first.id]
    for time in ("2026-01-01T00:00:00", "2026-01-01", "0", "-1e9", "20260101T000000Z"):
        assert client.get(f"/v1/jobs?created_after={time}").status_code == 422
    assert client.get("/v1/jobs?style=scream").status_code == 422


def test_pages_follow_each_other(client: TestClient, ingest: Ingest, pair: Pair) -> None:
    jobs = [ingest.submit(*pair, FAST, priority=Priority.BATCH).id for _ in range(5)]
    seen, place = [], "/v1/jobs?limit=2&state=queued&state=running&priority=batch"
    while place:
        response = client.get(place)
        page = response.json()
        seen.append([job["id"] for job in page["items"]])
        link = response.headers.get("link", "")
        assert bool(link) == (page["next"] is not None)
        place = link.removeprefix("<").removesuffix('>; rel="next"')
        assert not place or parse_qs(urlsplit(place).query) == {
            "limit": ["2"],
            "state": ["queued", "running"],
            "priority": ["batch"],
            "cursor": [page["next"]],
        }
        ingest.submit(*pair, FAST, priority=Priority.BATCH)  # moves nothing
    assert seen == [[jobs[4], jobs[3]], [jobs[2], jobs[1]], [jobs[0]]]


@pytest.mark.parametrize("cursor", ["", "x", "ä", "e30=", "W10", "bnVsbA==", "x" * 501])
def test_a_cursor_that_is_none_is_refused(client: TestClient, cursor: str) -> None:
    assert client.get("/v1/jobs", params={"cursor": cursor}).status_code == 422


def test_a_full_queue_takes_no_more_but_still_knows_what_it_has(ingest: Ingest, pair: Pair) -> None:
    client = open_client(replace(ingest, max_queued=1))
    headers = {"Idempotency-Key": "monday"}
    first = client.post("/v1/jobs", json=submission(pair), headers=headers)
    response = client.post("/v1/jobs", json=submission(pair))
    assert response.status_code == 429
    assert int(response.headers["retry-after"]) > 0
    assert response.json()["type"] == "urn:stylegram:problem:queue-full"
    assert client.post("/v1/jobs", json=submission(pair), headers=headers).json() == first.json()


def test_progress_is_shown_even_where_the_loss_is_no_number(client: TestClient, ingest: Ingest, pair: Pair) -> None:
    job = ingest.submit(*pair, FAST)
    progress = JobProgress(job_id=job.id, sent_at=utcnow(), evaluation=1, evaluations=2, size=64, loss=float("nan"))
    EventHandler(ingest.engine).handle(progress, 1)
    shown = client.get(f"/v1/jobs/{job.id}").json()
    assert (shown["state"], shown["evaluation"], shown["evaluations"], shown["loss"]) == ("running", 1, 2, None)
    assert client.get("/").status_code == 200


def test_cancelling_is_asked_for_and_done_when_nobody_works(
    client: TestClient, ingest: Ingest, pair: Pair, finished: Job
) -> None:
    job = ingest.submit(*pair, FAST)
    first, second = (client.post(f"/v1/jobs/{job.id}/cancel") for _ in range(2))
    assert (first.status_code, second.status_code) == (202, 202)
    assert (first.json()["state"], first.json()["sequence"]) == ("queued", job.sequence + 1)
    assert first.json() == second.json()
    assert Job.model_validate(first.json()).cancel_requested_at
    EventHandler(ingest.engine).handle(JobCancelled(job_id=job.id, worker="w"), 1)
    third = client.post(f"/v1/jobs/{job.id}/cancel")
    assert (third.status_code, third.json()["state"]) == (200, "cancelled")
    fourth = client.post(f"/v1/jobs/{finished.id}/cancel")
    assert (fourth.status_code, fourth.json()["state"]) == (200, "succeeded")
    assert fourth.json() == client.get(f"/v1/jobs/{finished.id}").json()


def test_what_failed_is_tried_again_as_a_new_job(client: TestClient, ingest: Ingest, pair: Pair) -> None:
    job = ingest.submit(*pair, FAST, publish=False, time_limit_seconds=7)
    early = client.post(f"/v1/jobs/{job.id}/retry")
    assert (early.status_code, f"Job {job.id} is queued; only" in early.json()["detail"]) == (409, True)
    EventHandler(ingest.engine).handle(JobFailed(job_id=job.id, reason="No canvas.", error_code="error"), 1)
    response = client.post(f"/v1/jobs/{job.id}/retry", headers={"Idempotency-Key": "again"})
    retry = Job.model_validate(response.json())
    assert (response.status_code, response.headers["location"]) == (202, f"/v1/jobs/{retry.id}")
    assert (retry.retry_of, retry.publish, retry.time_limit_seconds) == (job.id, False, 7)
    for headers in ({}, {"Idempotency-Key": "again"}):
        assert client.post(f"/v1/jobs/{job.id}/retry", headers=headers).json()["id"] == retry.id
    other = client.post(f"/v1/jobs/{job.id}/retry", headers={"Idempotency-Key": "other"})
    assert (other.status_code, retry.id in other.json()["detail"]) == (409, True)
    EventHandler(ingest.engine).handle(JobCancelled(job_id=retry.id, worker="w"), 1)
    assert client.post(f"/v1/jobs/{job.id}/retry", headers={"Idempotency-Key": "again"}).json()["id"] == retry.id
    assert client.post(f"/v1/jobs/{job.id}/retry").json()["id"] != retry.id


def test_a_picture_is_posted_as_what_is_asked_for(client: TestClient, ingest: Ingest, finished: Job) -> None:
    response = client.post(f"/v1/jobs/{finished.id}/posts", params={"kind": ["grid", "story"]})
    assert (response.status_code, response.json()["id"]) == (202, finished.id)
    delivery = ingest.broker.receive(PUBLISHER_POSTS.name)
    assert delivery
    request = decode(delivery.body)
    assert isinstance(request, PostRequest)
    assert (request.artifact, request.kinds) == (finished.result, (PostKind.GRID, PostKind.STORY))
    assert client.post(f"/v1/jobs/{finished.id}/posts", params={"kind": "oil"}).status_code == 422


def test_what_has_no_picture_is_not_posted(client: TestClient, ingest: Ingest, pair: Pair) -> None:
    job = ingest.submit(*pair, FAST)
    refused = client.post(f"/v1/jobs/{job.id}/posts")
    assert (refused.status_code, "is queued; only" in refused.json()["detail"]) == (409, True)
    assert client.post(f"/v1/jobs/{NOBODY}/posts").status_code == 404
    assert ingest.broker.depth(PUBLISHER_POSTS.name) == 0


def test_what_succeeded_is_submitted_anew_instead(client: TestClient, finished: Job) -> None:
    response = client.post(f"/v1/jobs/{finished.id}/retry")
    assert response.status_code == 409
    assert response.json()["detail"] == (
        f"Job {finished.id} has succeeded; only one that failed or was cancelled can be tried again. To paint it once"
        " more, submit it anew."
    )


def test_the_result_is_the_picture_for_good(client: TestClient, finished: Job) -> None:
    response = client.get(f"/v1/jobs/{finished.id}/result")
    assert response.status_code == 200
    assert response.headers["content-type"] == "image/png"
    assert response.headers["cache-control"] == "private, max-age=31536000, immutable"
    image = Image.open(BytesIO(response.content))
    assert (image.format, image.size, centres(image)) == ("PNG", SIZE, centres(quarters()))
    again = client.get(f"/v1/jobs/{finished.id}/result", headers={"If-None-Match": f'"x", {response.headers["etag"]}'})
    assert (again.status_code, again.content) == (304, b"")
    assert again.headers["etag"] == response.headers["etag"]


def test_the_record_is_the_runs(client: TestClient, finished: Job) -> None:
    response = client.get(f"/v1/jobs/{finished.id}/record")
    assert response.headers["content-type"] == "application/json"
    assert RunRecord.model_validate_json(response.content).job_id == finished.id


def test_an_unfinished_job_has_no_result(client: TestClient, ingest: Ingest, pair: Pair) -> None:
    job = ingest.submit(*pair, FAST)
    response = client.get(f"/v1/jobs/{job.id}/result")
    assert response.status_code == 404
    assert response.json()["detail"] == f"Job {job.id} has no picture: it is queued."
    assert client.get(f"/v1/jobs/{job.id}/record").status_code == 404


@pytest.mark.parametrize("path", ["", "/result", "/record", "/events"])
def test_an_unknown_job_is_not_found(client: TestClient, path: str) -> None:
    assert client.get(f"/v1/jobs/{NOBODY}{path}").status_code == 404


@pytest.mark.parametrize("action", ["cancel", "retry"])
def test_nothing_is_done_to_an_unknown_job(client: TestClient, action: str) -> None:
    assert client.post(f"/v1/jobs/{NOBODY}/{action}").status_code == 404


def test_pictures_must_be_there_in_their_roles(client: TestClient, pair: Pair) -> None:
    content, style = pair
    response = client.post("/v1/jobs", json=submission((style, content)))
    assert response.status_code == 422
    assert [error["where"] for error in response.json()["errors"]] == ["body/content", "body/style"]
    assert "no content image 000000000000…" in response.json()["detail"]


TOO_FEW_PICTURES = [
    ({"start": "image"}, "start=image needs a picture to start from"),
    ({"style_weights": [1, 2]}, "style_weights has 2 numbers for 1 style image"),
]


@pytest.mark.parametrize(("hyperparameters", "words"), TOO_FEW_PICTURES)
def test_what_needs_more_pictures_than_a_job_has_is_refused(
    client: TestClient, ingest: Ingest, pair: Pair, hyperparameters: dict[str, Any], words: str
) -> None:
    response = client.post("/v1/jobs", json=submission(pair, hyperparameters=hyperparameters))
    assert response.status_code == 422
    assert response.headers["content-type"] == "application/problem+json"
    assert words in response.json()["detail"]
    assert not ingest.unfinished_jobs()


@pytest.mark.parametrize(("hyperparameters", "words"), TOO_FEW_PICTURES)
def test_the_daily_job_has_no_more_pictures_either(synced: Ingest, hyperparameters: dict[str, Any], words: str) -> None:
    client = open_client(synced, Hyperparameters.model_validate(hyperparameters))
    response = client.post("/v1/daily")
    assert response.status_code == 422
    assert words in response.json()["detail"]
    assert not synced.unfinished_jobs()


def test_one_style_may_have_a_weight(client: TestClient, pair: Pair) -> None:
    assert client.post("/v1/jobs", json=submission(pair, hyperparameters={"style_weights": [3]})).status_code == 202


def test_the_daily_job_pairs_what_was_not_paired_before(client: TestClient, synced: Ingest) -> None:
    response = client.post("/v1/daily")
    assert response.status_code == 202
    job = Job.model_validate(response.json())
    assert response.headers["location"] == f"/v1/jobs/{job.id}"
    assert (job.content.name, job.style.name, job.publish, job.hyperparameters) == ("me.png", "scream.png", True, FAST)
    assert synced.job(job.id) == job


def test_a_day_has_one_daily_job_unless_told_otherwise(client: TestClient, synced: Ingest) -> None:
    first, second = (client.post("/v1/daily") for _ in range(2))
    assert (first.status_code, second.status_code) == (202, 202)
    assert first.json() == second.json()
    assert first.json()["priority"] == "batch"
    again = client.post("/v1/daily?again=true")
    assert again.json()["id"] != first.json()["id"]
    assert again.headers["location"] == f"/v1/jobs/{again.json()['id']}"
    assert len(synced.unfinished_jobs()) == 2


def test_a_daily_job_that_has_ended_is_shown_and_not_queued(client: TestClient, synced: Ingest) -> None:
    first = client.post("/v1/daily").json()
    EventHandler(synced.engine).handle(JobFailed(job_id=first["id"], reason="No canvas.", error_code="error"), 1)
    second = client.post("/v1/daily")
    assert (second.status_code, second.json()["id"], second.json()["state"]) == (200, first["id"], "failed")
    assert second.headers["location"] == f"/v1/jobs/{first['id']}"
    assert client.post("/v1/daily?again=true").status_code == 202


def test_there_is_no_daily_job_without_pictures(client: TestClient) -> None:
    response = client.post("/v1/daily")
    assert response.status_code == 404
    assert "There are no photographs" in response.json()["detail"]
