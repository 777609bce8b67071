"""Stylegram's API, asked as a program outside asks it, which bears that a replica of it ends now and then."""

import time
from http import HTTPStatus
from io import BytesIO
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx2
from PIL import Image

from cluster.waiting import PATIENCE, eventually
from stylegram.common.messages import Priority
from stylegram.common.records import RunRecord
from stylegram.common.schemas import Page
from stylegram.common.views.posts import PostView
from stylegram.ingest.schemas import Job
from stylegram.ingest.tables import JobState

SAMPLES = Path(__file__).parents[2] / "samples"
SIDE = 128
"""Of the pictures that are painted, in pixels: what they show does not matter here."""


def sample(name: str) -> bytes:
    """A sample picture, as in styles/two_fishes.jpg, small, as a JPEG."""
    with Image.open(SAMPLES / name) as picture:
        small = picture.convert("RGB").resize((SIDE, SIDE))
    buffer = BytesIO()
    small.save(buffer, "JPEG")
    return buffer.getvalue()


_AWAY = (HTTPStatus.BAD_GATEWAY, HTTPStatus.SERVICE_UNAVAILABLE, HTTPStatus.GATEWAY_TIMEOUT)


class Api:
    """The API at a URL, in the name of who has that token.

    What is asked is asked again while nobody answers, as any client of a cluster does; what is submitted has a key.
    """

    def __init__(self, url: str, token: str) -> None:
        self._client = httpx2.Client(
            base_url=url, headers={"Authorization": f"Bearer {token}"}, timeout=60.0, trust_env=False
        )

    def close(self) -> None:
        """Nothing is asked any more."""
        self._client.close()

    def ask(self, method: str, path: str, *, patient: tuple[int, ...] = _AWAY, **options: Any) -> httpx2.Response:
        """The answer, which says that all is well; asked again while its status is one of the patient ones."""
        deadline = time.monotonic() + PATIENCE
        while True:
            try:
                response = self._client.request(method, path, **options)
            except httpx2.TransportError as error:
                trouble = str(error)
            else:
                if response.is_success:
                    return response
                trouble = f"{response.status_code} {response.text}"
                assert response.status_code in patient, f"{method} {path}: {trouble}"
            assert time.monotonic() < deadline, f"{method} {path} came to nothing: {trouble}"
            time.sleep(0.5)

    def ask_until_there(self, path: str) -> httpx2.Response:
        """What somebody will have as soon as he has heard of it."""
        return self.ask("GET", path, patient=(*_AWAY, HTTPStatus.NOT_FOUND))

    def submit(
        self,
        content: str = "photos/astronaut.png",
        style: str = "styles/two_fishes.jpg",
        *,
        evaluations: int = 4,
        publish: bool = False,
        priority: Priority = Priority.INTERACTIVE,
    ) -> str:
        """The id of a job with these samples, which are uploaded."""
        files = {"content": (Path(content).name, sample(content)), "style": (Path(style).name, sample(style))}
        data = {
            "hyperparameters": f'{{"size": {SIDE}, "evaluations": [{evaluations}]}}',
            "publish": str(publish).lower(),
            "priority": priority,
        }
        answer = self.ask("POST", "/v1/jobs", files=files, data=data, headers={"Idempotency-Key": uuid4().hex})
        return Job.model_validate_json(answer.content).id

    def job(self, job_id: str) -> Job:
        """The job as it stands."""
        return Job.model_validate_json(self.ask("GET", f"/v1/jobs/{job_id}").content)

    def jobs(self) -> list[Job]:
        """The newest thousand."""
        answer = self.ask("GET", "/v1/jobs", params={"limit": 1000})
        return Page[Job].model_validate_json(answer.content).items

    def record(self, job_id: str) -> RunRecord:
        """All about the run of a job that has ended."""
        return RunRecord.model_validate_json(self.ask("GET", f"/v1/jobs/{job_id}/record").content)

    def posts(self, job_id: str) -> list[PostView]:
        """Those of a job's picture."""
        answer = self.ask("GET", "/v1/posts", params={"limit": 1000})
        return [post for post in Page[PostView].model_validate_json(answer.content).items if post.job_id == job_id]

    def painted(self, job_id: str, evaluations: int, *, attempt: int = 1) -> Job:
        """The job, when so many evaluations are done in that attempt or a later one."""

        def is_under_way() -> Job | None:
            job = self.job(job_id)
            assert not job.finished, f"It ended too early: {job.state}, {job.reason}"
            return job if (job.attempt or 0) >= attempt and (job.evaluation or 0) >= evaluations else None

        return eventually(is_under_way, f"{evaluations} evaluations of {job_id} in attempt {attempt}")

    def succeeded(self, job_id: str, *, seconds: float = PATIENCE) -> Job:
        """The job, when it has succeeded."""
        job = eventually(
            lambda: found if (found := self.job(job_id)).finished else None, f"the end of {job_id}", seconds=seconds
        )
        assert job.state is JobState.SUCCEEDED, f"{job.state}: {job.reason}"
        return job

    def published(self, job_id: str) -> Job:
        """The job, when its picture is posted."""
        return eventually(
            lambda: job if (job := self.job(job_id)).post_state == "published" else None, f"the post of {job_id}"
        )
