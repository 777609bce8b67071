import hashlib
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient
from PIL import Image

from ingest_http import wait_for_sync
from ingest_samples import SIZE, encoded, noise, png
from stylegram.common.records import Role
from stylegram.ingest.bootstrap import Ingest

UNKNOWN = "0" * 64


def only_asset(client: TestClient, role: str) -> str:
    (asset,) = client.get(f"/v1/assets?role={role}").json()["items"]
    return f"/v1/assets/{role}/{asset['sha256']}"


def test_assets_are_listed_newest_first(client: TestClient, synced: Ingest) -> None:
    items = client.get("/v1/assets").json()["items"]
    assert [(item["role"], item["name"], item["width"]) for item in items] == [
        ("style", "scream.png", SIZE[0]),
        ("content", "me.png", SIZE[0]),
    ]
    assert [item["name"] for item in client.get("/v1/assets?role=content").json()["items"]] == ["me.png"]


def test_assets_come_a_page_at_a_time(client: TestClient, synced: Ingest, tmp_path: Path) -> None:
    first = client.get("/v1/assets?limit=1")
    (tmp_path / "paintings" / "newer.png").write_bytes(encoded(noise(5), "PNG"))
    synced.sync_all()
    second = client.get(first.headers["link"].removeprefix("<").removesuffix('>; rel="next"'))
    assert [page.json()["items"][0]["name"] for page in (first, second)] == ["scream.png", "me.png"]
    assert second.json()["next"] is None
    assert "link" not in second.headers
    cursor = first.json()["next"]
    assert client.get(f"/v1/assets?role=style&cursor={cursor}").json()["items"] == []
    assert client.get("/v1/assets?cursor=MA==").status_code == 422


def test_what_left_its_source_is_not_listed_but_still_shown(client: TestClient, synced: Ingest, tmp_path: Path) -> None:
    path = only_asset(client, "content")
    (tmp_path / "photos" / "me.png").unlink()
    synced.sync_all()
    assert client.get("/v1/assets?role=content").json() == {"items": [], "next": None}
    assert client.get(path).status_code == 200


def test_the_picture_is_the_one_in_storage_for_good(client: TestClient, synced: Ingest) -> None:
    response = client.get(only_asset(client, "content"))
    (asset,) = synced.assets(Role.CONTENT, limit=2).items
    assert response.content == synced.storage.read(asset.object_name)
    assert response.headers["content-type"] == "image/png"
    assert response.headers["cache-control"] == "private, max-age=31536000, immutable"
    assert response.headers["etag"] == f'"{hashlib.sha256(response.content).hexdigest()}"'


@pytest.mark.parametrize(
    ("size", "width", "expected"),
    [((1600, 800), 320, (320, 160)), ((1600, 800), 1280, (1280, 640)), ((100, 800), 320, (80, 640))],
)
def test_a_thumbnail_is_a_small_jpeg(
    client: TestClient, ingest: Ingest, tmp_path: Path, size: tuple[int, int], width: int, expected: tuple[int, int]
) -> None:
    (tmp_path / "photos" / "wide.jpg").write_bytes(encoded(noise().resize(size), "JPEG"))
    ingest.sync_all()
    path = only_asset(client, "content")
    response = client.get(f"{path}?width={width}")
    image = Image.open(BytesIO(response.content))
    assert (image.format, image.size) == ("JPEG", expected)
    assert response.headers["content-type"] == "image/jpeg"
    assert response.headers["etag"] != client.get(path).headers["etag"]


def test_a_thumbnail_is_never_enlarged(client: TestClient, synced: Ingest) -> None:
    response = client.get(f"{only_asset(client, 'content')}?width=640")
    assert Image.open(BytesIO(response.content)).size == SIZE


@pytest.mark.parametrize("width", ["321", "0", "100000", "wide"])
def test_only_some_widths_are_made(client: TestClient, synced: Ingest, width: str) -> None:
    response = client.get(f"{only_asset(client, 'content')}?width={width}")
    assert response.status_code == 422
    assert response.json()["errors"][0]["where"] == "query/width"


def test_an_unknown_picture_is_not_found(client: TestClient) -> None:
    assert client.get(f"/v1/assets/content/{UNKNOWN}").status_code == 404
    assert client.get("/v1/assets/content/..%2f..%2fsecret").status_code == 404
    assert client.get("/v1/assets/content/ABC").status_code == 422
    assert client.get(f"/v1/assets/sculpture/{UNKNOWN}").status_code == 422


def test_pictures_are_put_into_the_library(client: TestClient, ingest: Ingest) -> None:
    files = [("file", (name, png(number))) for number, name in enumerate(["a.png", "../b.png"])]
    response = client.post("/v1/assets", data={"role": "style"}, files=files)
    assert response.status_code == 201
    items = response.json()["items"]
    assert [(item["name"], item["role"], item["sources"]) for item in items] == [
        ("a.png", "style", ["upload:"]),
        ("b.png", "style", ["upload:"]),
    ]
    ingest.sync_all(full=True)
    assert client.get("/v1/assets?role=style").json()["items"] == items[::-1]


def test_files_that_are_no_pictures_are_named_and_the_others_kept(client: TestClient) -> None:
    bad = [("file", ("bad.png", b"no picture")), ("file", ("empty.png", b""))]
    response = client.post("/v1/assets", data={"role": "content"}, files=[*bad, ("file", ("good.png", png(1)))])
    problem = response.json()
    assert (response.status_code, problem["type"]) == (422, "urn:stylegram:problem:invalid-image")
    assert [(error["where"], error["detail"].partition(":")[0]) for error in problem["errors"]] == [
        ("body/file/0", "The file 'bad.png' is refused"),
        ("body/file/1", "The file 'empty.png' is refused"),
    ]
    assert problem["detail"] == " ".join(error["detail"] for error in problem["errors"])
    assert [item["name"] for item in client.get("/v1/assets").json()["items"]] == ["good.png"]


@pytest.mark.parametrize(
    ("data", "files", "where"),
    [
        ({}, [("file", ("a.png", png(1)))], "body/role"),
        ({"role": "sculpture"}, [("file", ("a.png", png(1)))], "body/role"),
        ({"role": ["style", "style"]}, [("file", ("a.png", png(1)))], "body/role"),
        ({"role": "style"}, [("files", ("a.png", png(1)))], "body/files"),
        ({"role": "style", "file": "a.png"}, [("file", ("a.png", png(1)))], "body/file"),
        ({"role": "style"}, [("file", ("", b""))], "body/file"),
    ],
)
def test_a_form_that_is_wrong_says_where(client: TestClient, data: Any, files: Any, where: str) -> None:
    response = client.post("/v1/assets", data=data, files=files)
    assert response.status_code == 422
    assert response.json()["errors"][0]["where"] == where
    assert client.get("/v1/assets").json()["items"] == []


def test_only_a_form_that_is_whole_is_taken(client: TestClient) -> None:
    assert client.post("/v1/assets", json={"role": "style"}).status_code == 415
    kind = {"Content-Type": "multipart/form-data; boundary=x"}
    cut = b'--x\r\nContent-Disposition: form-data; name="role"\r\n\r\nstyle\r\n--x\r\n'
    assert client.post("/v1/assets", content=cut, headers=kind).status_code == 400


def test_what_was_put_in_is_taken_out_again(client: TestClient, synced: Ingest) -> None:
    files = [("file", ("a.png", png(1)))]
    (item,) = client.post("/v1/assets", data={"role": "style"}, files=files).json()["items"]
    path = f"/v1/assets/style/{item['sha256']}"
    response = client.delete(path)
    assert (response.status_code, response.content) == (204, b"")
    assert client.get(path).status_code == 200, "jobs refer to it"
    assert client.delete(path).status_code == 404
    response = client.delete(only_asset(client, "style"))
    assert response.status_code == 409
    assert "scream.png" in response.json()["detail"]
    assert len(client.get("/v1/assets?role=style").json()["items"]) == 1


def test_quarantine_has_the_reasons(client: TestClient, synced: Ingest) -> None:
    (item,) = client.get("/v1/quarantine").json()["items"]
    assert (item["role"], item["name"]) == ("content", "broken.jpg")
    assert item["reason"].startswith("Not a picture of a known type.")


def test_a_sync_reports_what_it_did(client: TestClient, synced: Ingest, tmp_path: Path) -> None:
    (tmp_path / "paintings" / "new.png").write_bytes(encoded(noise(5), "PNG"))
    content, style = client.post("/v1/sync").json()["items"]
    assert (content["role"], content["unchanged"], content["added"]) == ("content", 2, 0)
    assert (style["role"], style["unchanged"], style["added"]) == ("style", 1, 1)


def test_one_sync_runs_at_a_time(client: TestClient, ingest: Ingest, tmp_path: Path) -> None:
    (tmp_path / "photos" / "me.png").write_bytes(encoded(noise(), "PNG"))
    seen = []

    def ask_for_another(*_: object) -> None:
        seen.append(client.post("/v1/sync"))
        seen.append(client.get("/library"))

    ingest.sync_all(ask_for_another)
    problem, page = seen[:2]
    assert (problem.status_code, problem.json()["type"]) == (409, "urn:stylegram:problem:sync-running")
    assert "Looking for new pictures: photographs" in page.text
    assert not ingest.syncing
    assert client.post("/v1/sync").status_code == 200


def test_a_sync_can_be_started_and_watched(client: TestClient, ingest: Ingest, tmp_path: Path) -> None:
    assert client.get("/v1/sync").json()["started_at"] is None
    (tmp_path / "photos" / "me.png").write_bytes(encoded(noise(), "PNG"))
    for dry_run in (True, False):
        started = client.post("/v1/sync/start", params={"dry_run": dry_run, "full": True})
        assert (started.status_code, started.json()["running"]) == (202, True)
        status = wait_for_sync(client)
        content, style = status["reports"]
        assert (content["added"], content["dry_run"], content["listed"]) == (1, dry_run, True)
        assert [file["key"] for file in content["files"]] == ["me.png"]
        assert (style["role"], style["files"], status["problem"]) == ("style", [], None)
    assert len(ingest.assets(limit=9).items) == 1


def test_a_started_sync_that_fails_says_why(client: TestClient, tmp_path: Path) -> None:
    (tmp_path / "photos").rmdir()
    assert client.post("/v1/sync/start").status_code == 202
    assert "There is no folder" in wait_for_sync(client)["problem"]
    assert "There is no folder" in client.get("/library").text


def test_a_source_that_is_gone_is_said(client: TestClient, tmp_path: Path) -> None:
    (tmp_path / "photos").rmdir()
    response = client.post("/v1/sync")
    assert response.status_code == 404
    assert "There is no folder" in response.json()["detail"]
    assert client.post("/v1/sync").status_code == 404  # and not 409: the one before has ended
