"""`POST /v1/preview`: what goes in, what comes out, and what is said where that cannot be."""

from dataclasses import dataclass, field, replace
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient
from PIL import Image

from ingest_http import open_client
from ingest_samples import QUARTERS, centres, encoded, png, quarters
from stylegram.common.errors import Unavailable
from stylegram.common.records import Role
from stylegram.ingest.bootstrap import Ingest

UNKNOWN = "f" * 64


@dataclass
class Tracing:
    """A previewer that gives back what it was given to paint, and remembers both pictures."""

    asked: list[tuple[Image.Image, Image.Image]] = field(default_factory=list)
    error: Exception | None = None

    def preview(self, content: bytes, style: bytes) -> bytes:
        if self.error:
            raise self.error
        self.asked.append((Image.open(BytesIO(content)), Image.open(BytesIO(style))))
        return content


@pytest.fixture
def tracing() -> Tracing:
    return Tracing()


@pytest.fixture
def client(ingest: Ingest, tracing: Tracing) -> TestClient:
    return open_client(replace(ingest, previewer=tracing))


def asked(client: TestClient, data: dict[str, Any], files: dict[str, Any] | None = None) -> Any:
    """The answer to a form; a part without a name makes it one with parts whatever else there is."""
    parts = {name: (None, value) for name, value in data.items()} | (files or {})
    return client.post("/v1/preview", files=parts)


def pair(ingest: Ingest, root: Path, size: tuple[int, int]) -> dict[str, str]:
    """A photograph of that size and a painting, as a form names them."""
    (root / "photos" / "a.png").write_bytes(encoded(quarters().resize(size), "PNG"))
    (root / "paintings" / "b.png").write_bytes(encoded(quarters().resize((500, 900)), "PNG"))
    ingest.sync_all()
    return {role: ingest.assets(role, limit=2).items[0].sha256 for role in Role}


@pytest.mark.parametrize(
    ("size", "wanted", "expected"),
    [
        ((1600, 1200), {}, (512, 384)),
        ((1200, 1600), {}, (384, 512)),
        ((1600, 1200), {"size": "768"}, (768, 576)),
        ((1600, 1200), {"size": "64"}, (64, 48)),
        ((2000, 20), {}, (512, 5)),
        ((96, 64), {"size": "768"}, (96, 64)),
    ],
)
def test_two_assets_are_painted_small(
    client: TestClient,
    ingest: Ingest,
    tracing: Tracing,
    tmp_path: Path,
    size: tuple[int, int],
    wanted: dict[str, str],
    expected: tuple[int, int],
) -> None:
    response = asked(client, pair(ingest, tmp_path, size) | wanted)
    assert (response.status_code, response.headers["content-type"]) == (200, "image/jpeg"), response.text
    assert Image.open(BytesIO(response.content)).size == expected
    ((content, style),) = tracing.asked
    assert (content.size, content.mode, style.mode) == (expected, "RGB", "RGB")
    assert max(style.size) == 320
    assert response.headers["cache-control"] == "no-cache"


def test_files_are_cleaned_and_not_kept(client: TestClient, ingest: Ingest, tracing: Tracing) -> None:
    exif = Image.Exif()
    exif[0x0112] = 3  # held upside down
    photo = encoded(quarters().rotate(180), "JPEG", quality=95, exif=exif)
    response = asked(client, {}, {"content": ("a.jpg", photo), "style": ("b.png", png(2))})
    assert response.status_code == 200, response.text
    ((content, _),) = tracing.asked
    for seen, expected in zip(centres(content), QUARTERS, strict=True):
        assert max(abs(a - b) for a, b in zip(seen, expected, strict=True)) < 20
    assert not content.getexif()
    assert list(ingest.storage.list()) == []
    assert ingest.newest_jobs(limit=1) == []


def test_a_file_and_an_asset_go_together(client: TestClient, ingest: Ingest, tracing: Tracing, tmp_path: Path) -> None:
    style = pair(ingest, tmp_path, (640, 480))["style"]
    assert asked(client, {"style": style}, {"content": ("a.png", png(1))}).status_code == 200
    assert tracing.asked[0][0].size == (96, 64)


def test_an_unknown_asset_is_not_found(client: TestClient, ingest: Ingest, tmp_path: Path) -> None:
    known = pair(ingest, tmp_path, (640, 480))
    response = asked(client, known | {"content": UNKNOWN})
    assert response.status_code == 404
    assert "There is no content image ffffffffffff…" in response.json()["detail"]
    # A photograph is no painting.
    assert asked(client, known | {"style": known["content"]}).status_code == 404


@pytest.mark.parametrize(
    ("data", "files", "where", "words"),
    [
        ({"style": UNKNOWN}, {"content": ("a.jpg", b"no picture")}, "body/content", "The file 'a.jpg' is refused"),
        ({"style": UNKNOWN}, {"content": ("a.jpg", b"")}, "body/content", "The file is empty."),
        ({"style": UNKNOWN}, {}, "body/content", "Field required"),
        ({"content": "@a.jpg", "style": UNKNOWN}, {}, "body/content", "write content=@photo.jpg"),
        ({"content": UNKNOWN, "style": UNKNOWN, "size": "63"}, {}, "body/size", "greater than or equal to 64"),
        ({"content": UNKNOWN, "style": UNKNOWN, "size": "769"}, {}, "body/size", "less than or equal to 768"),
        ({"content": UNKNOWN, "style": UNKNOWN, "size": "big"}, {}, "body/size", "valid integer"),
        ({"content": UNKNOWN, "style": UNKNOWN}, {"size": ("a.txt", b"512")}, "body/size", "This is no file."),
        ({"content": UNKNOWN, "style": UNKNOWN, "seed": "1"}, {}, "body/seed", "known: content, style, size"),
    ],
)
def test_what_is_wrong_is_named(
    client: TestClient, ingest: Ingest, tmp_path: Path, data: dict[str, str], files: Any, where: str, words: str
) -> None:
    known = pair(ingest, tmp_path, (640, 480))
    response = asked(
        client, {name: known.get(name, value) if name == "style" else value for name, value in data.items()}, files
    )
    assert response.status_code == 422, response.text
    errors = {error["where"]: error["detail"] for error in response.json()["errors"]}
    assert words in errors[where]


@pytest.mark.parametrize(
    ("options", "status"),
    [
        ({"json": {"content": UNKNOWN, "style": UNKNOWN}}, 415),
        ({"data": {"content": UNKNOWN, "style": UNKNOWN}}, 415),
        ({}, 415),
        ({"content": b"--x\r\n", "headers": {"Content-Type": "multipart/form-data; boundary=x"}}, 400),
        ({"files": [("content", ("a", b"a"))] * 3}, 400),
    ],
)
def test_what_is_no_such_form_is_refused(client: TestClient, options: dict[str, Any], status: int) -> None:
    assert client.post("/v1/preview", **options).status_code == status


def test_where_nobody_makes_any_that_is_said(ingest: Ingest, tmp_path: Path) -> None:
    response = asked(open_client(ingest), pair(ingest, tmp_path, (640, 480)))
    assert response.status_code == 503
    assert response.json()["detail"].startswith("Nobody makes previews here: STYLEGRAM_PREVIEW_URL is not set.")


def test_a_previewer_that_is_away_is_no_defect(
    client: TestClient, ingest: Ingest, tracing: Tracing, tmp_path: Path
) -> None:
    tracing.error = Unavailable("The preview service did not answer: ConnectError.")
    response = asked(client, pair(ingest, tmp_path, (640, 480)))
    assert (response.status_code, response.json()["detail"]) == (503, str(tracing.error))
