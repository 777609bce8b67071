"""What the API says of itself."""

from typing import Any

import pytest
from fastapi.testclient import TestClient

from ingest_http import TOKEN, open_client
from stylegram.common.hyperparameters import Hyperparameters
from stylegram.ingest.bootstrap import Ingest
from stylegram.ingest.http.submission import JobSubmission


@pytest.fixture
def schema(client: TestClient) -> dict[str, Any]:
    description: dict[str, Any] = client.get("/openapi.json").json()
    return description


@pytest.fixture
def operations(schema: dict[str, Any]) -> dict[str, dict[str, Any]]:
    return {
        f"{method} {path}": operation
        for path, operations in schema["paths"].items()
        for method, operation in operations.items()
    }


def test_every_endpoint_is_described(operations: dict[str, dict[str, Any]]) -> None:
    assert len(operations) > 20
    for name, operation in operations.items():
        assert operation["summary"], name
        assert operation["description"], name
        assert len(operation["tags"]) == 1, name
        for parameter in operation.get("parameters", []):
            assert parameter.get("description"), (name, parameter["name"])


def test_every_problem_is_one(operations: dict[str, dict[str, Any]]) -> None:
    for name, operation in operations.items():
        for status, response in operation["responses"].items():
            if status == "default" or int(status) >= 400:
                assert list(response["content"]) == ["application/problem+json"], (name, status)
            if status in {"429", "503"}:
                assert "Retry-After" in response["headers"], (name, status)


@pytest.mark.parametrize(
    ("name", "statuses"),
    [
        ("post /v1/jobs", {202, 400, 401, 403, 404, 413, 415, 422, 429, 503}),
        ("get /v1/jobs", {200, 401, 422, 503}),
        ("get /v1/assets", {200, 401, 422, 503}),
        ("post /v1/jobs/{job_id}/retry", {202, 401, 403, 404, 409, 422, 429, 503}),
        ("post /v1/jobs/{job_id}/cancel", {200, 202, 401, 403, 404, 422, 503}),
        ("get /v1/jobs/{job_id}/timelapse", {200, 206, 304, 401, 404, 416, 422, 503}),
        ("get /v1/jobs/{job_id}/events", {200, 204, 401, 404, 422, 503}),
        ("post /v1/sync", {200, 401, 403, 404, 409, 503}),
        ("get /healthz", {200, 503}),
    ],
)
def test_an_endpoint_names_what_it_may_answer(
    operations: dict[str, dict[str, Any]], name: str, statuses: set[int]
) -> None:
    assert set(operations[name]["responses"]) == {*map(str, statuses), "default"}


def test_a_job_is_submitted_as_json_or_as_a_form(schema: dict[str, Any], operations: dict[str, dict[str, Any]]) -> None:
    content = operations["post /v1/jobs"]["requestBody"]["content"]
    assert list(content) == ["application/json", "multipart/form-data"]
    models = schema["components"]["schemas"]
    json, form = models["JobSubmission"], models["JobForm"]
    assert set(json["properties"]) == set(form["properties"]) == set(JobSubmission.model_fields)
    assert json["required"] == form["required"] == ["content", "style"]
    file, sha256 = form["properties"]["content"]["anyOf"]
    assert (file["format"], sha256["pattern"]) == ("binary", json["properties"]["content"]["pattern"])
    for media_type, described in content.items():
        assert described["examples"], media_type


def test_the_examples_can_be_submitted() -> None:
    examples = JobSubmission.model_json_schema()["examples"]
    assert len(examples) == 2
    for example in examples:
        JobSubmission.model_validate(example)


def test_hyperparameters_are_described_by_their_model(schema: dict[str, Any]) -> None:
    described = schema["components"]["schemas"]["Hyperparameters"]["properties"]
    assert set(described) == set(Hyperparameters.model_fields)
    for name, field in Hyperparameters.model_fields.items():
        assert described[name]["description"] == field.description
    assert (described["size"]["minimum"], described["size"]["maximum"]) == (32, 4096)


def test_every_reference_leads_somewhere(schema: dict[str, Any]) -> None:
    def references(part: Any) -> list[str]:
        if isinstance(part, dict):
            own = [part["$ref"]] if isinstance(part.get("$ref"), str) else []
            return own + [name for value in part.values() for name in references(value)]
        return [name for value in part for name in references(value)] if isinstance(part, list) else []

    names = set(references(schema))
    assert {f"#/components/schemas/{name}" for name in ("Problem", "JobForm", "RunRecord", "Job")} <= names
    for name in names:
        assert name.removeprefix("#/components/schemas/") in schema["components"]["schemas"], name


def test_a_token_is_asked_for_where_there_are_some(ingest: Ingest, schema: dict[str, Any]) -> None:
    known = {"Authorization": f"Bearer {TOKEN}"}
    guarded = open_client(ingest, tokens=[TOKEN]).get("/openapi.json", headers=known).json()
    assert set(guarded["components"]["securitySchemes"]) == {"bearer", "basic"}
    assert guarded["security"] == [{"bearer": []}, {"basic": []}]
    assert schema["security"] == [{"bearer": []}, {"basic": []}, {}]
    for path, operations in guarded["paths"].items():
        for operation in operations.values():
            assert operation.get("security") == ([] if path in {"/healthz", "/readyz", "/metrics"} else None)


def test_pages_are_no_part_of_it(schema: dict[str, Any]) -> None:
    assert not {"/", "/paint", "/daily", "/sync"} & set(schema["paths"])
