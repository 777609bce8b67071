from io import BytesIO
from typing import Any

import pytest
from fastapi.testclient import TestClient
from PIL import Image

from ingest_http import NOBODY, open_client, submission
from ingest_samples import FAST, SIZE, centres, quarters
from stylegram.common.clock import utcnow
from stylegram.common.hyperparameters import Hyperparameters
from stylegram.common.messages import JobProgress
from stylegram.common.records import AssetReference, RunRecord
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
    assert (job["publish"], job["hyperparameters"]["size"]) == (True, 512)


def test_a_key_gives_one_job(client: TestClient, ingest: Ingest, pair: Pair) -> None:
    headers = {"Idempotency-Key": "monday"}
    first, second = (client.post("/v1/jobs", json=submission(pair), headers=headers) for _ in range(2))
    assert first.json() == second.json()
    assert len(ingest.unfinished_jobs()) == 1
    other = client.post("/v1/jobs", json=submission(pair, publish=False), headers=headers)
    assert other.status_code == 422
    assert "'monday' belongs to job" in other.json()["detail"]


def test_jobs_are_listed_newest_first_by_state(client: TestClient, ingest: Ingest, pair: Pair, finished: Job) -> None:
    second, third = (ingest.submit(*pair, FAST) for _ in range(2))
    ingest.cancel(second.id)

    def listed(query: str) -> list[str]:
        return [job["id"] for job in client.get(f"/v1/jobs{query}").json()["items"]]

    assert listed("") == [third.id, second.id, finished.id]
    assert listed("?limit=2") == [third.id, second.id]
    assert listed("?state=succeeded&state=queued") == [third.id, finished.id]
    assert listed("?state=failed") == []


def test_progress_is_shown_even_where_the_loss_is_no_number(client: TestClient, ingest: Ingest, pair: Pair) -> None:
    job = ingest.submit(*pair, FAST)
    progress = JobProgress(job_id=job.id, sent_at=utcnow(), evaluation=1, evaluations=2, size=64, loss=float("nan"))
    EventHandler(ingest.engine).handle(progress, 1)
    shown = client.get(f"/v1/jobs/{job.id}").json()
    assert (shown["state"], shown["evaluation"], shown["evaluations"], shown["loss"]) == ("running", 1, 2, None)
    assert client.get("/").status_code == 200


def test_cancelling_ends_a_job_once(client: TestClient, ingest: Ingest, pair: Pair, finished: Job) -> None:
    job = ingest.submit(*pair, FAST)
    for _ in range(2):
        response = client.post(f"/v1/jobs/{job.id}/cancel")
        assert (response.status_code, response.json()["state"]) == (200, "cancelled")
    assert client.post(f"/v1/jobs/{finished.id}/cancel").json()["state"] == "succeeded"


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


@pytest.mark.parametrize("path", ["", "/result", "/record"])
def test_an_unknown_job_is_not_found(client: TestClient, path: str) -> None:
    assert client.get(f"/v1/jobs/{NOBODY}{path}").status_code == 404
    assert client.post(f"/v1/jobs/{NOBODY}/cancel").status_code == 404


def test_pictures_must_be_there_in_their_roles(client: TestClient, pair: Pair) -> None:
    content, style = pair
    response = client.post("/v1/jobs", json=submission((style, content)))
    assert response.status_code == 404
    assert "no content image 000000000000…" in response.json()["detail"]


TOO_FEW_PICTURES = [
    ({"start": "image"}, "start=image needs a picture to start from"),
    ({"style_weights": [1, 2]}, "style_weights with 2 numbers needs 2 style images"),
    ({"start": "image", "style_weights": [1, 2, 3]}, "start from; style_weights with 3 numbers needs 3 style images"),
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


def test_there_is_no_daily_job_without_pictures(client: TestClient) -> None:
    response = client.post("/v1/daily")
    assert response.status_code == 404
    assert "There are no photographs" in response.json()["detail"]
