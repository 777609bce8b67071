"""The fast network behind the preview's port, and its API."""

import threading
from io import BytesIO
from pathlib import Path

import pytest
from fastapi.testclient import TestClient
from PIL import Image

from stylegram.common.errors import InvalidImage, Unavailable
from stylegram.common.model_cache import default_cache
from stylegram.stylizer.preview_service import painter as painter_module
from stylegram.stylizer.preview_service.app import create_app
from stylegram.stylizer.preview_service.painter import FastPainter

TOKEN = "a-token-that-nobody-guesses"


def encoded(size: tuple[int, int], colour: str = "red", format_: str = "PNG") -> bytes:
    buffer = BytesIO()
    Image.new("RGB", size, colour).save(buffer, format_)
    return buffer.getvalue()


@pytest.fixture(scope="module")
def painter() -> FastPainter:
    return FastPainter(default_cache())


@pytest.fixture(scope="module")
def client(painter: FastPainter) -> TestClient:
    return TestClient(create_app(painter, max_upload_megabytes=1), base_url="http://127.0.0.1:8002")


@pytest.mark.parametrize("size", [(96, 64), (33, 97), (128, 5)])
@pytest.mark.parametrize("format_", ["PNG", "JPEG"])
def test_a_preview_is_as_large_as_the_photograph(painter: FastPainter, size: tuple[int, int], format_: str) -> None:
    preview = Image.open(BytesIO(painter.preview(encoded(size, format_=format_), encoded((500, 300), "blue"))))
    assert (preview.format, preview.size, preview.mode) == ("JPEG", size, "RGB")


def test_the_painting_is_seen_in_it(painter: FastPainter) -> None:
    photo = encoded((96, 96), "grey")
    warm, cold = (Image.open(BytesIO(painter.preview(photo, encoded((256, 256), of)))) for of in ("orange", "navy"))
    (red, _, blue), (other_red, _, other_blue) = (image.resize((1, 1)).getpixel((0, 0)) for image in (warm, cold))  # type: ignore[misc]
    assert red - blue > other_red - other_blue + 40


@pytest.mark.parametrize(
    ("content", "style", "words"),
    [
        (b"no picture", encoded((64, 64)), "The content image cannot be read"),
        (encoded((64, 64)), encoded((64, 64), format_="GIF"), "The style image cannot be read"),
        (encoded((64, 64))[:-40], b"", "The content image cannot be read"),
        (encoded((2001, 2000)), encoded((64, 64)), "The content image has 2001×2000 pixels"),
        (encoded((64, 64)), encoded((4, 1_000_001)), "The style image has 4×1000001 pixels"),
    ],
)
def test_what_is_no_small_picture_is_refused(painter: FastPainter, content: bytes, style: bytes, words: str) -> None:
    with pytest.raises(InvalidImage, match=words):
        painter.preview(content, style)


def test_damaged_models_make_none(tmp_path: Path) -> None:
    for name in ("arbitrary_predict.onnx", "arbitrary_transform_any_size.onnx"):
        (tmp_path / name).write_bytes(b"no model")
    painter = FastPainter(tmp_path)
    with pytest.raises(Unavailable, match="damaged or has been exchanged"):
        painter.load()
    client = TestClient(create_app(painter), base_url="http://127.0.0.1:8002", raise_server_exceptions=False)
    assert client.get("/readyz").status_code == 503
    assert client.get("/healthz").status_code == 200
    files = {"content": encoded((64, 64)), "style": encoded((64, 64))}
    assert client.post("/v1/preview", files=files).status_code == 503


def test_who_waits_long_for_the_models_is_told(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    begun, go_on = threading.Event(), threading.Event()

    def fetch(*_: object) -> Image.Image:
        begun.set()
        assert go_on.wait(20)
        return Image.new("RGB", (64, 64))

    monkeypatch.setattr(painter_module, "preview", fetch)
    monkeypatch.setattr(painter_module, "_PATIENCE_SECONDS", 0.05)
    painter = FastPainter(tmp_path)
    loading = threading.Thread(target=painter.load)
    loading.start()
    assert begun.wait(20)
    try:
        with pytest.raises(Unavailable, match="are being fetched"):
            painter.preview(encoded((64, 64)), encoded((64, 64)))
    finally:
        go_on.set()
        loading.join()
    painter.load()


def test_two_pictures_go_in_and_one_comes_out(client: TestClient) -> None:
    assert client.get("/readyz").status_code == 200
    response = client.post("/v1/preview", files={"content": encoded((96, 64)), "style": encoded((64, 64), "blue")})
    assert (response.status_code, response.headers["content-type"]) == (200, "image/jpeg")
    assert Image.open(BytesIO(response.content)).size == (96, 64)


@pytest.mark.parametrize(
    ("options", "status"),
    [
        ({"files": {"content": encoded((64, 64))}}, 422),
        ({"files": {"content": b"no picture", "style": encoded((64, 64))}}, 422),
        ({"files": {"content": encoded((64, 64)), "style": encoded((64, 64))}, "params": {"size": 64}}, 422),
        ({"files": {"content": bytes(1_100_000), "style": encoded((64, 64))}}, 413),
    ],
)
def test_anything_else_is_a_problem(client: TestClient, options: dict[str, object], status: int) -> None:
    response = client.post("/v1/preview", **options)  # type: ignore[arg-type]
    assert (response.status_code, response.headers["content-type"]) == (status, "application/problem+json")


def test_only_who_knows_a_token_is_answered(painter: FastPainter) -> None:
    client = TestClient(create_app(painter, tokens=[TOKEN]), base_url="http://preview:8002")
    files = {"content": encoded((64, 64)), "style": encoded((64, 64))}
    assert client.post("/v1/preview", files=files).status_code == 401
    known = {"Authorization": f"Bearer {TOKEN}"}
    assert client.post("/v1/preview", files=files, headers=known).status_code == 200


def test_its_api_is_described(client: TestClient) -> None:
    (operation,) = client.get("/openapi.json").json()["paths"]["/v1/preview"].values()
    assert list(operation["requestBody"]["content"]) == ["multipart/form-data"]
    assert set(operation["responses"]) == {"200", "400", "401", "403", "413", "422", "503", "default"}
