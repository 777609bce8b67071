"""The record's API under requests that its own description gives rise to, valid and invalid: no defect, no broken
promise.

`STYLEGRAM_FUZZ_EXAMPLES=500` asks for more of them, with a new seed each time.
"""

import json
import os
from collections.abc import Callable, Iterator
from contextlib import suppress
from functools import partial
from itertools import islice
from typing import Any

import pytest
import schemathesis
from fastapi import FastAPI
from fastapi.routing import APIRoute
from hypothesis import HealthCheck, given, settings
from hypothesis.errors import Unsatisfiable
from pydantic import SecretStr
from schemathesis.generation.modes import GenerationMode
from schemathesis.specs.openapi.checks import (
    allow_header_conformance,
    negative_data_rejection,
    positive_data_acceptance,
)
from schemathesis.specs.openapi.schemas import OpenApiSchema

from logger_http import open_logger
from stylegram.common.records import RunRecord
from stylegram.logger.bootstrap import LoggerService
from stylegram.logger.http.app import ROUTERS, create_app

_MORE = os.environ.get("STYLEGRAM_FUZZ_EXAMPLES")
_EXAMPLES = int(_MORE or 6)
_SETTINGS = partial(
    settings, derandomize=not _MORE, deadline=None, database=None, suppress_health_check=list(HealthCheck)
)
TOKEN = "a-token-that-nobody-guesses"
RUNS = [f"7a2a4bba-78e9-4420-b582-1e588703315{number}" for number in range(4)]


@pytest.fixture(scope="module")
def logger(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LoggerService]:
    """A logger that has some runs."""
    service = open_logger(database_url=SecretStr(f"sqlite:///{tmp_path_factory.mktemp('logger')}/logger.sqlite"))
    yield service
    service.close()


@pytest.fixture
def filled(logger: LoggerService, record: Callable[..., RunRecord]) -> LoggerService:
    for job_id in RUNS:
        logger.runs.save(record(job_id))
    return logger


@pytest.fixture(scope="module")
def app(logger: LoggerService) -> FastAPI:
    return create_app(logger, tokens=[TOKEN], max_upload_megabytes=1)


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


@schemathesis.serializer("application/vnd.apache.parquet")
def as_it_is(_: object, value: Any) -> bytes:
    """Bytes, or what passes for them."""
    return value if isinstance(value, bytes) else str(value).encode()


ENDPOINTS = [
    (route.path, method)
    for router in ROUTERS
    for route in router.routes
    if isinstance(route, APIRoute)
    for method in sorted(route.methods or ())
]


PARTICULAR: dict[tuple[str, str], list[Any]] = {
    # A comparison may be called so.
    ("/v1/comparisons/next", "GET"): [allow_header_conformance],
    # Filters have a way of their own to say "none".
    **{(path, "GET"): [negative_data_rejection] for path in ("/v1/runs", "/v1/leaderboard", "/v1/importance")},
}


@pytest.mark.parametrize(("path", "method"), ENDPOINTS)
def test_the_api_keeps_its_promises(api: OpenApiSchema, filled: LoggerService, path: str, method: str) -> None:
    operation = api[path][method]
    turn = 0

    def check(case: schemathesis.Case[Any]) -> None:
        nonlocal turn
        turn += 1
        # At random, requests would never find anything.
        for name in {"job_id", "id"} & case.path_parameters.keys():
            if case.meta and case.meta.generation.mode.is_positive and turn % 3:
                case.path_parameters[name] = RUNS[turn % len(RUNS)]
        # What fits the description may be refused, as cursors and studies that are not there.
        case.call_and_validate(
            headers={"Authorization": f"Bearer {TOKEN}"},
            excluded_checks=[positive_data_acceptance, *PARTICULAR.get((path, method), ())],
        )

    for mode in GenerationMode:
        with suppress(Unsatisfiable):  # nothing can be wrong with a request that has no parameters
            _SETTINGS(max_examples=_EXAMPLES)(given(operation.as_strategy(generation_mode=mode))(check))()
    # There are hundreds, for each hyperparameter is a filter.
    for case in islice(
        api.iter_coverage_cases(
            operation, generation_modes=list(GenerationMode), generation_config=api.config.generation
        ),
        4 * _EXAMPLES,
    ):
        check(case)
