"""What the API says of itself."""

import json
from typing import Any

import pytest
from fastapi.testclient import TestClient

from ingest_http import TOKEN, open_client
from ingest_samples import add_asset
from stylegram.common.hyperparameters import Hyperparameters
from stylegram.common.records import Role
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
        ("post /v1/jobs", {202, 400, 401, 403, 413, 415, 422, 429, 503}),
        ("get /v1/jobs", {200, 401, 422, 503}),
        ("post /v1/preview", {200, 400, 401, 403, 404, 413, 415, 422, 503}),
        ("get /v1/assets", {200, 401, 422, 503}),
        ("post /v1/assets", {201, 400, 401, 403, 413, 415, 422, 503}),
        ("delete /v1/assets/{role}/{sha256}", {204, 401, 403, 404, 409, 422, 503}),
        ("post /v1/jobs/{job_id}/retry", {202, 401, 403, 404, 409, 422, 429, 503}),
        ("post /v1/jobs/{job_id}/posts", {202, 401, 403, 404, 409, 422, 503}),
        ("post /v1/jobs/{job_id}/cancel", {200, 202, 401, 403, 404, 422, 503}),
        ("get /v1/jobs/{job_id}/timelapse", {200, 206, 304, 401, 404, 416, 422, 503}),
        ("get /v1/jobs/{job_id}/events", {200, 204, 401, 404, 422, 503}),
        ("post /v1/daily", {200, 202, 401, 403, 404, 422, 429, 503}),
        ("post /v1/sync", {200, 401, 403, 404, 409, 422, 503}),
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


def test_a_preview_is_asked_for_as_a_form(schema: dict[str, Any], operations: dict[str, dict[str, Any]]) -> None:
    assert list(operations["post /v1/preview"]["requestBody"]["content"]) == ["multipart/form-data"]
    models = schema["components"]["schemas"]
    assert "PreviewWish" not in models
    form, of_a_job = models["PreviewForm"], models["JobForm"]
    assert (form["required"], list(form["properties"])) == (["content", "style"], ["content", "style", "size"])
    assert form["properties"]["content"]["anyOf"] == of_a_job["properties"]["content"]["anyOf"]
    assert (form["properties"]["size"]["minimum"], form["properties"]["size"]["maximum"]) == (64, 768)


def test_the_examples_can_be_submitted(
    client: TestClient, ingest: Ingest, schema: dict[str, Any], operations: dict[str, dict[str, Any]]
) -> None:
    content = operations["post /v1/jobs"]["requestBody"]["content"]
    as_json, as_form = ([each["value"] for each in described["examples"].values()] for described in content.values())
    of_model = schema["components"]["schemas"]["JobSubmission"]["examples"]
    assert (len(as_json), len(as_form), len(of_model)) == (2, 1, 2)
    for example in (*as_json, *as_form, *of_model):
        for role, pictures in (
            (Role.CONTENT, [example["content"], *filter(None, example.get("masks", []))]),
            (Role.STYLE, [example["style"], *example.get("further_styles", [])]),
        ):
            for sha256 in pictures:
                add_asset(ingest, role, int(sha256, 16))
    for example in (*as_json, *of_model):
        response = client.post("/v1/jobs", json=example)
        assert response.status_code == 202, response.text
    for example in as_form:
        parts = {
            name: (None, value if isinstance(value, str) else json.dumps(value)) for name, value in example.items()
        }
        response = client.post("/v1/jobs", files=parts)
        assert response.status_code == 202, response.text


@pytest.mark.parametrize(
    "model",
    [
        "Job",
        "Asset",
        "QuarantinedFile",
        "QueueStatus",
        "DeadLetter",
        "JobSubmission",
        "JobForm",
        "PreviewForm",
        "Snapshot",
    ],
)
def test_every_field_is_described(schema: dict[str, Any], model: str) -> None:
    properties = schema["components"]["schemas"][model]["properties"]
    assert [name for name, described in properties.items() if not described.get("description")] == []


def test_ids_are_said_to_be_uuids(schema: dict[str, Any]) -> None:
    job = schema["components"]["schemas"]["Job"]["properties"]
    assert job["id"]["format"] == "uuid"
    assert {"type": "string", "format": "uuid"} in job["retry_of"]["anyOf"]


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
    assert not {"/", "/paint", "/daily", "/library/sync"} & set(schema["paths"])
