"""Jobs whose pictures come along, and those with more than two."""

import hashlib
import json
from dataclasses import replace
from typing import Any

import pytest
from fastapi.testclient import TestClient

from ingest_http import open_client, submission
from ingest_samples import FAST, add_asset, encoded, png, quarters
from stylegram.common.messages import Priority
from stylegram.common.records import AssetReference, Role
from stylegram.ingest.bootstrap import Ingest
from stylegram.ingest.schemas import Job

Pair = tuple[AssetReference, AssetReference]
UNKNOWN = "f" * 64


def digest(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def submitted(client: TestClient, data: dict[str, Any], files: Any = None, **headers: str) -> Job:
    # A file that is none makes httpx send a form with parts whatever else there is.
    response = client.post("/v1/jobs", data=data, files=files or {"start_image": ("", b"")}, headers=headers)
    assert response.status_code == 202, response.text
    return Job.model_validate(response.json())


def test_pictures_come_along(client: TestClient, ingest: Ingest) -> None:
    photo, painting = encoded(quarters(), "PNG"), png(2)
    hyperparameters = json.dumps({"size": 64, "evaluations": [2]})
    job = submitted(
        client,
        {"hyperparameters": hyperparameters, "publish": "false", "priority": "batch", "time_limit_seconds": "90.5"},
        {"content": ("a photo.png", photo), "style": ("C:\\art\\scream.png", painting, "image/png")},
    )
    assert (job.content.sha256, job.content.name) == (digest(photo), "a photo.png")
    assert (job.style.sha256, job.style.name) == (digest(painting), "scream.png")
    assert (job.publish, job.priority, job.time_limit_seconds) == (False, Priority.BATCH, 90.5)
    assert job.hyperparameters == FAST
    for role, picture in ((Role.CONTENT, job.content), (Role.STYLE, job.style)):
        assert ingest.storage.stat(picture.object_name)
        assert client.get(f"/v1/assets/{role}/{picture.sha256}").status_code == 200


def test_assets_can_be_named_instead(client: TestClient, pair: Pair) -> None:
    content, style = pair
    job = submitted(client, {"content": content.sha256}, {"style": png(2)})
    assert (job.content, job.style.sha256) == (content, digest(png(2)))
    assert (job.publish, job.priority) == (False, Priority.INTERACTIVE)
    job = submitted(client, {"content": content.sha256, "style": style.sha256})
    assert (job.content, job.style, job.start_image) == (*pair, None)


def test_a_job_may_be_a_trial_of_a_study(client: TestClient, pair: Pair) -> None:
    content, style = pair
    job = submitted(client, {"content": content.sha256, "style": style.sha256, "trial": "autumn/7"})
    assert job.trial == "autumn/7"
    by_json = client.post("/v1/jobs", json=submission(pair, trial="autumn/8"))
    assert Job.model_validate(by_json.json()).trial == "autumn/8"
    for trial in ("autumn", "autumn/", "/7", "autumn/seven", "a/b/7", "a" * 200 + "/7"):
        assert client.post("/v1/jobs", json=submission(pair, trial=trial)).status_code == 422, trial


def test_a_job_may_have_more_pictures(client: TestClient, ingest: Ingest, pair: Pair) -> None:
    content, style = pair
    third = add_asset(ingest, Role.STYLE, 3)
    hyperparameters = {"size": 64, "evaluations": [2], "start": "image", "style_weights": [1, 2, 3]}
    parts: list[tuple[str, Any]] = [
        ("content", (None, content.sha256)),
        ("style", (None, style.sha256)),
        ("further_styles", (None, third.sha256)),
        ("further_styles", ("fourth.png", png(4))),
        ("masks", ("mask.png", png(5))),
        ("masks", (None, "")),
        ("masks", (None, content.sha256)),
        ("start_image", ("start.png", png(6))),
        ("hyperparameters", (None, json.dumps(hyperparameters))),
    ]
    response = client.post("/v1/jobs", files=parts)
    assert response.status_code == 202, response.text
    by_form = Job.model_validate(response.json())
    assert [style.sha256 for style in by_form.further_styles] == [third.sha256, digest(png(4))]
    assert [mask and mask.sha256 for mask in by_form.masks] == [digest(png(5)), None, content.sha256]
    assert by_form.start_image
    assert by_form.start_image.sha256 == digest(png(6))
    body = submission(
        pair,
        hyperparameters=hyperparameters,
        further_styles=[third.sha256, digest(png(4))],
        masks=[digest(png(5)), None, content.sha256],
        start_image=digest(png(6)),
    )
    by_json = Job.model_validate(client.post("/v1/jobs", json=body).json())
    same = {"content", "style", "further_styles", "masks", "start_image", "hyperparameters"}
    assert by_json.model_dump(include=same) == by_form.model_dump(include=same)


def test_a_key_decides_by_the_pictures_bytes(client: TestClient, ingest: Ingest, pair: Pair) -> None:
    style = {"style": pair[1].sha256}

    def send(data: bytes, name: str) -> Any:
        return client.post("/v1/jobs", data=style, files={"content": (name, data)}, headers={"Idempotency-Key": "k"})

    first, again, other = send(png(1), "a.png"), send(png(1), "b.png"), send(png(2), "a.png")
    assert (first.status_code, again.json(), other.status_code) == (202, first.json(), 422)
    named = client.post("/v1/jobs", json=style | {"content": digest(png(1))}, headers={"Idempotency-Key": "k"})
    assert named.json() == first.json()
    assert len(ingest.unfinished_jobs()) == 1


def test_one_file_may_be_several_pictures(client: TestClient) -> None:
    job = submitted(client, {}, {"content": png(1), "style": png(1), "masks": png(1)})
    assert job.content.sha256 == job.style.sha256 == digest(png(1))
    assert job.content.object_name != job.style.object_name


@pytest.mark.parametrize(
    ("change", "where", "detail"),
    [
        ({"content": ""}, "body/content", "required"),
        ({"style": "me.png"}, "body/style", "to send a file with curl, write style=@photo.jpg"),
        ({"content": "me.png"}, "body/content", "'me.png' is no SHA-256 of an asset"),
        ({"style": ["0" * 64, "1" * 64]}, "body/style", "once"),
        ({"hyperparameters": "{"}, "body/hyperparameters", "JSON"),
        ({"hyperparameters": "[]"}, "body/hyperparameters", "object"),
        ({"hyperparameters": '{"size": 5}'}, "body/hyperparameters/size", "32"),
        ({"hyperparameters": '{"size": "64"}'}, "body/hyperparameters/size", "integer"),
        (
            {"hyperparameters": '{"sise": 64}'},
            "body/hyperparameters/sise",
            "there is no hyperparameter 'sise'. Known names: size,",
        ),
        ({"publish": "perhaps"}, "body/publish", "JSON"),
        ({"priority": "urgent"}, "body/priority", "interactive"),
        ({"time_limit_seconds": "0"}, "body/time_limit_seconds", "greater than 0"),
        ({"time_limit_seconds": "NaN"}, "body/time_limit_seconds", "JSON"),
        ({"masks": ["x"]}, "body/masks/0", "write masks=@photo.jpg"),
        ({"further_styles": ["0" * 64] * 16}, "body/further_styles", "15"),
        ({"colour": "red"}, "body/colour", "Not known here; known: content,"),
    ],
)
def test_a_field_that_is_refused_is_named(
    client: TestClient, ingest: Ingest, pair: Pair, change: dict[str, Any], where: str, detail: str
) -> None:
    content, style = pair
    data = {"content": content.sha256, "style": style.sha256} | change
    response = client.post("/v1/jobs", data=data, files={"start_image": ("", b"")})
    assert response.status_code == 422, response.text
    error = response.json()["errors"][0]
    assert error["where"] == where
    assert detail in error["detail"]
    assert not ingest.unfinished_jobs()


@pytest.mark.parametrize(
    ("change", "where"),
    [
        ({"publish": "true"}, "body/publish"),
        ({"publish": 1}, "body/publish"),
        ({"time_limit_seconds": "90"}, "body/time_limit_seconds"),
        ({"time_limit_seconds": 0}, "body/time_limit_seconds"),
        ({"time_limit_seconds": 1e9}, "body/time_limit_seconds"),
        ({"priority": "urgent"}, "body/priority"),
        ({"further_styles": None}, "body/further_styles"),
        ({"masks": [""]}, "body/masks/0"),
        ({"hyperparameters": {"size": "64"}}, "body/hyperparameters/size"),
        ({"hyperparameters": {"deterministic": 1}}, "body/hyperparameters/deterministic"),
    ],
)
def test_json_is_taken_by_the_letter(client: TestClient, pair: Pair, change: dict[str, Any], where: str) -> None:
    response = client.post("/v1/jobs", json=submission(pair, **change))
    assert response.status_code == 422
    assert response.json()["errors"][0]["where"] == where


def test_every_field_that_is_refused_is_named_at_once(client: TestClient, pair: Pair) -> None:
    data = {"content": "me.png", "hyperparameters": "{", "publish": "perhaps", "colour": "red"}
    response = client.post("/v1/jobs", data=data, files={"style": ("a.png", b"")})
    errors = {error["where"]: error["detail"] for error in response.json()["errors"]}
    assert len(errors) == len(response.json()["errors"])
    assert set(errors) == {f"body/{name}" for name in (*data, "style")}
    assert errors["body/style"] == "The file is empty."


def test_what_is_no_picture_is_refused_with_the_reason(client: TestClient, ingest: Ingest, pair: Pair) -> None:
    content, style = pair
    data = {"content": content.sha256, "style": style.sha256}
    files = [("masks", ("sky.png", b"no picture")), ("further_styles", ("b.png", png(3))), ("masks", ("c.png", png(4)))]
    response = client.post("/v1/jobs", data=data, files=files)
    assert response.status_code == 422
    problem = response.json()
    assert problem["type"] == "urn:stylegram:problem:invalid-image"
    assert problem["detail"].startswith("The file 'sky.png' is refused: Not a picture of a known type. JPEG,")
    assert problem["errors"] == [{"where": "body/masks/0", "detail": problem["detail"]}]
    assert not ingest.unfinished_jobs()


def test_a_file_that_is_refused_is_named_at_each_of_its_places(client: TestClient) -> None:
    response = client.post("/v1/jobs", files={"content": b"no picture", "style": b"no picture"})
    assert [error["where"] for error in response.json()["errors"]] == ["body/content", "body/style"]


@pytest.mark.parametrize("name", ["further_styles", "masks", "start_image"])
def test_every_picture_must_be_there(client: TestClient, pair: Pair, name: str) -> None:
    value, where = (UNKNOWN, name) if name == "start_image" else ([pair[1].sha256, UNKNOWN], f"{name}/1")
    response = client.post("/v1/jobs", json=submission(pair, **{name: value}))
    assert response.status_code == 422
    (error,) = response.json()["errors"]
    assert error["where"] == f"body/{where}"
    assert "There is no" in error["detail"]


def multipart(fields: dict[str, str]) -> bytes:
    parts = (f'--x\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{fields[name]}\r\n' for name in fields)
    return "".join(parts).encode() + b"--x--"


def test_a_form_that_is_cut_off_is_not_taken_for_a_shorter_one(client: TestClient, ingest: Ingest, pair: Pair) -> None:
    content, style = pair
    kind = {"Content-Type": "multipart/form-data; boundary=x"}
    body = multipart({"content": content.sha256, "style": style.sha256, "priority": "batch"})
    for length in range(body.index(b"priority"), len(body)):
        response = client.post("/v1/jobs", content=body[:length], headers=kind)
        assert (response.status_code, "closing boundary" in response.json()["detail"]) == (400, True)
    assert not ingest.unfinished_jobs()
    for ending in (b"", b"\r\n", b"\r\nan epilogue"):
        assert client.post("/v1/jobs", content=body + ending, headers=kind).json()["priority"] == "batch"


@pytest.mark.parametrize(
    "charset", ["utf-16", "latin-1", "idna", "punycode", "unicode_escape", "hex", "nonsense", '""']
)
def test_a_form_comes_in_utf8(client: TestClient, pair: Pair, charset: str) -> None:
    body = multipart({"content": pair[0].sha256, "style": pair[1].sha256, "\\ud800": "ä"})
    kind = "multipart/form-data; boundary=x"
    response = client.post("/v1/jobs", content=body, headers={"Content-Type": f"{kind}; charset={charset}"})
    assert (response.status_code, "UTF-8" in response.json()["detail"]) == (415, True)
    for known in ("UTF-8", "us-ascii"):
        response = client.post("/v1/jobs", content=body, headers={"Content-Type": f"{kind}; charset={known}"})
        assert response.json()["errors"][0]["where"] == "body/\\ud800"


@pytest.mark.parametrize(
    ("change", "key", "status"),
    [
        ({"masks": ["", ""]}, "", 422),
        ({"style": UNKNOWN}, "", 422),
        ({"further_styles": UNKNOWN}, "", 422),
        ({"hyperparameters": '{"start": "image"}'}, "", 422),
        ({"time_limit_seconds": "0"}, "", 422),
        ({}, "known", 422),
        ({}, "new", 429),
    ],
)
def test_what_is_refused_leaves_no_pictures_behind(
    ingest: Ingest, pair: Pair, change: dict[str, Any], key: str, status: int
) -> None:
    ingest.submit(*pair, FAST, idempotency_key="known")
    client = open_client(replace(ingest, max_queued=1 if key == "new" else 2))
    response = client.post(
        "/v1/jobs",
        data={"style": pair[1].sha256} | change,
        files={"content": png(1)},
        headers={"Idempotency-Key": key} if key else {},
    )
    assert response.status_code == status
    assert list(ingest.storage.list("assets/")) == []


@pytest.mark.parametrize("name", ["content", "further_styles", "masks", "start_image", "hyperparameters"])
def test_a_file_that_is_empty_is_a_mistake(client: TestClient, pair: Pair, name: str) -> None:
    data = {"content": pair[0].sha256, "style": pair[1].sha256}
    data.pop(name, None)
    response = client.post("/v1/jobs", data=data, files={name: ("a.png", b"")})
    assert response.status_code == 422
    assert response.json()["errors"] == [{"where": f"body/{name}", "detail": "The file is empty."}]


@pytest.mark.parametrize(
    "body", [b"", b"--x", b"--x\r\n\r\n", b"--x\r\nContent-Disposition: form-data\r\n\r\n1\r\n--x--"]
)
def test_a_form_that_is_none_is_refused(client: TestClient, body: bytes) -> None:
    response = client.post("/v1/jobs", content=body, headers={"Content-Type": "multipart/form-data; boundary=x"})
    assert response.status_code in {400, 422}
    assert response.headers["content-type"] == "application/problem+json"
    without = client.post("/v1/jobs", content=body, headers={"Content-Type": "multipart/form-data"})
    assert without.status_code == 400
