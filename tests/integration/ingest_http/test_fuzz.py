"""The API under requests that its own description gives rise to, valid and invalid: no defect, no broken promise.

`STYLEGRAM_FUZZ_EXAMPLES=500` asks for more of them, with a new seed each time.
"""

import json
import os
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace
from functools import partial
from typing import Any

import pytest
import schemathesis
from fastapi import FastAPI
from fastapi.routing import APIRoute
from hypothesis import HealthCheck, given, settings
from hypothesis.errors import Unsatisfiable
from schemathesis.generation.modes import GenerationMode
from schemathesis.specs.openapi.checks import positive_data_acceptance
from schemathesis.specs.openapi.schemas import OpenApiSchema

from ingest_http import TOKEN
from ingest_samples import FAST, add_asset, completed, encoded, open_ingest, png, quarters
from stylegram.common import artifacts
from stylegram.common.http import system
from stylegram.common.messages import CancelJob, JobCancelled, JobFailed, JobStarted, Message
from stylegram.common.model_cache import default_cache
from stylegram.common.records import Role
from stylegram.common.topology import INGEST_EVENTS, QUEUES
from stylegram.ingest.bootstrap import Ingest
from stylegram.ingest.events import EventHandler
from stylegram.ingest.http import assets, jobs, preview, queues
from stylegram.ingest.http.app import create_app
from stylegram.stylizer.preview_service.painter import FastPainter

_MORE = os.environ.get("STYLEGRAM_FUZZ_EXAMPLES")
_EXAMPLES = int(_MORE or 25)
_SETTINGS = partial(
    settings, derandomize=not _MORE, deadline=None, database=None, suppress_health_check=list(HealthCheck)
)
AUTHORIZATION = {"Authorization": f"Bearer {TOKEN}"}


@pytest.fixture(scope="module")
def ingest(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ingest]:
    """Ingest with pictures, a job in every state, one with all artifacts, and a dead letter."""
    root = tmp_path_factory.mktemp("ingest")
    service = open_ingest(root)
    (root / "photos" / "a.png").write_bytes(encoded(quarters(), "PNG"))
    (root / "photos" / "broken.jpg").write_bytes(b"no picture")
    (root / "paintings" / "b.png").write_bytes(png(2))
    service.sync_all()
    pair = add_asset(service, Role.CONTENT, 1), add_asset(service, Role.STYLE, 2)
    queued, running, cancelled, failed, done = (service.submit(*pair, FAST) for _ in range(5))
    end = completed(done)
    said: list[Message] = [
        JobStarted(job_id=running.id, worker="w", attempt=1),
        JobCancelled(job_id=cancelled.id, worker="w"),
        JobFailed(job_id=failed.id, reason="No canvas.", error_code="error"),
        end,
    ]
    for message in said:
        EventHandler(service.engine).handle(message, 1)
    for name, data, kind in (
        (artifacts.result(done.id), png(3), "image/png"),
        (artifacts.record(done.id), end.record.model_dump_json().encode(), "application/json"),
        (artifacts.snapshot(done.id, 20), encoded(quarters(), "JPEG"), "image/jpeg"),
        (artifacts.timelapse(done.id), bytes(2000), "video/mp4"),
    ):
        service.storage.write(name, data, content_type=kind)
    service.broker.publish(CancelJob(job_id=queued.id))
    delivery = service.broker.receive(INGEST_EVENTS.name)
    assert delivery
    service.broker.reject(delivery, "Nobody knows.")
    yield service
    service.close()


@pytest.fixture(scope="module")
def app(ingest: Ingest) -> FastAPI:
    painting = replace(ingest, previewer=FastPainter(default_cache()))
    return create_app(painting, daily=FAST, tokens=[TOKEN], max_upload_megabytes=1)


@pytest.fixture(scope="module")
def api(app: FastAPI) -> OpenApiSchema:
    """The API's description, with only the answers that it names."""
    description = json.loads(json.dumps(app.openapi()))
    for operations in description["paths"].values():
        for operation in operations.values():
            # With it, any answer would be as promised.
            del operation["responses"]["default"]
    schema = schemathesis.openapi.from_dict(description)
    schema.app = app
    return schema


# Streams that do not end have their own tests.
ENDPOINTS = [
    (path, method)
    for feature in (jobs, preview, assets, queues, system)
    for route in feature.router.routes
    if isinstance(route, APIRoute) and not (path := route.path).endswith("/events")
    for method in sorted(route.methods or ())
]
# What fits the description may be refused here: cursors, rules between hyperparameters, files that are no pictures.
PARTICULAR = {
    ("/v1/jobs", "GET"),
    ("/v1/assets", "GET"),
    ("/v1/jobs", "POST"),
    ("/v1/preview", "POST"),
    ("/v1/assets", "POST"),
}


@pytest.mark.parametrize(("path", "method"), ENDPOINTS)
def test_the_api_keeps_its_promises(api: OpenApiSchema, ingest: Ingest, path: str, method: str) -> None:
    operation = api[path][method]
    known = Known(ingest)
    excluded: list[Any] = [positive_data_acceptance] if (path, method) in PARTICULAR else []

    def check(case: schemathesis.Case[Any]) -> None:
        known.name_in(case)
        case.call_and_validate(headers=AUTHORIZATION, excluded_checks=excluded)

    for mode in GenerationMode:
        with suppress(Unsatisfiable):  # nothing can be wrong with a request that has no parameters
            _SETTINGS(max_examples=_EXAMPLES)(given(operation.as_strategy(generation_mode=mode))(check))()
    for example in operation.get_strategies_from_examples():
        _SETTINGS(max_examples=1)(given(example)(check))()
    for case in api.iter_coverage_cases(
        operation, generation_modes=list(GenerationMode), generation_config=api.config.generation
    ):
        check(case)


class Known:
    """What there is, for requests to name it: at random, they would never find anything.

    Args:
        ingest: has it.
    """

    def __init__(self, ingest: Ingest) -> None:
        self._jobs = [job.id for job in ingest.newest_jobs(limit=10)]
        self._contents = [asset.sha256 for asset in ingest.assets(Role.CONTENT, limit=5).items]
        self._styles = [asset.sha256 for asset in ingest.assets(Role.STYLE, limit=5).items]
        self._turn = 0

    def name_in(self, case: schemathesis.Case[Any]) -> None:
        """Have two of three valid requests name what there is, one after another."""
        self._turn += 1
        if not (case.meta and case.meta.generation.mode.is_positive and self._turn % 3):
            return
        if "job_id" in case.path_parameters:
            case.path_parameters["job_id"] = self._jobs[self._turn % len(self._jobs)]
            # One that another job has is refused.
            if key := case.headers.get("Idempotency-Key"):
                case.headers["Idempotency-Key"] = f"{key[:100]}{self._turn}"
        if "sha256" in case.path_parameters:
            there = self._contents if case.path_parameters["role"] == Role.CONTENT else self._styles
            case.path_parameters["sha256"] = there[0]
        if "name" in case.path_parameters:
            case.path_parameters["name"] = QUEUES[self._turn % len(QUEUES)].name
        if isinstance(case.body, dict) and "content" in case.body:
            case.body |= {"content": self._contents[0], "style": self._styles[0]}
