"""Previews made by a process of their own, which ingest asks over HTTP."""

from collections.abc import Iterator
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, HTTPServer
from io import BytesIO
from pathlib import Path
from threading import Event, Thread
from typing import Any

import pytest
from PIL import Image
from pydantic import SecretStr

from ingest_http import open_client
from ingest_samples import encoded, png, quarters
from service_processes import free_port, process_of, wait_until_ready
from stylegram.common.errors import InvalidImage, Unavailable
from stylegram.common.records import Role
from stylegram.ingest.bootstrap import Ingest, previewer_of
from stylegram.ingest.preview import PreviewService
from stylegram.ingest.settings import IngestSettings

TOKEN = SecretStr("a-token-that-only-ingest-knows")
PHOTO, PAINTING = encoded(quarters(), "JPEG"), png(2)


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    """Where a preview process answers that wants a token."""
    port = free_port()
    settings = {"HTTP_PORT": str(port), "API_TOKENS": TOKEN.get_secret_value()}
    with process_of("stylegram.stylizer", settings, "preview") as process:
        wait_until_ready(port, process)
        yield f"http://127.0.0.1:{port}"


def test_ingest_has_it_made(ingest: Ingest, tmp_path: Path, url: str) -> None:
    (tmp_path / "photos" / "a.png").write_bytes(encoded(quarters().resize((1200, 900)), "PNG"))
    ingest.sync_all()
    (photo,) = ingest.assets(Role.CONTENT, limit=2).items
    previewer = previewer_of(IngestSettings(preview_url=url, preview_token=TOKEN))
    client = open_client(replace(ingest, previewer=previewer))
    parts: dict[str, Any] = {"content": (None, photo.sha256), "style": ("b.png", PAINTING), "size": (None, "256")}
    response = client.post("/v1/preview", files=parts)
    assert response.status_code == 200, response.text
    preview = Image.open(BytesIO(response.content))
    assert (preview.format, preview.size) == ("JPEG", (256, 192))


def test_nobody_is_asked_where_nobody_is_named(ingest: Ingest) -> None:
    assert previewer_of(IngestSettings()) is None
    assert ingest.previewer is None


def test_what_it_refuses_is_refused(url: str) -> None:
    service = PreviewService(url, TOKEN)
    assert Image.open(BytesIO(service.preview(PHOTO, PAINTING))).size == quarters().size
    with pytest.raises(InvalidImage, match="The content image cannot be read"):
        service.preview(b"no picture", PAINTING)
    large = encoded(Image.new("RGB", (2100, 2000)), "JPEG")
    with pytest.raises(InvalidImage, match="4 megapixels at most"):
        service.preview(large, PAINTING)


@pytest.mark.parametrize("token", [None, SecretStr("another-token-of-somebody")])
def test_a_token_that_it_does_not_take_is_said(url: str, token: SecretStr | None) -> None:
    with pytest.raises(Unavailable, match="it says 401"):
        PreviewService(url, token).preview(PHOTO, PAINTING)


def test_one_that_is_not_there_is_said() -> None:
    with pytest.raises(Unavailable, match="The preview service did not answer: ConnectError"):
        PreviewService(f"http://127.0.0.1:{free_port()}", None).preview(PHOTO, PAINTING)


class Mute(BaseHTTPRequestHandler):
    """Says something else than a preview, or nothing in time."""

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["Content-Length"]))
        if self.path.startswith("/slow"):
            self.server.asked.wait()  # type: ignore[attr-defined]
        self.send_response(200)
        self.send_header("Content-Type", "text/html")
        if self.path.startswith("/damaged"):
            self.send_header("Content-Encoding", "gzip")
        self.end_headers()
        self.wfile.write(b"something else")

    def log_message(self, *_: object) -> None:
        """Says nothing."""


@pytest.mark.parametrize(
    ("path", "words"), [("/slow", "ReadTimeout"), ("/damaged", "DecodingError"), ("", "it says 200")]
)
def test_what_is_no_preview_service_is_found_out(path: str, words: str) -> None:
    with HTTPServer(("127.0.0.1", 0), Mute) as server:
        server.asked = Event()  # type: ignore[attr-defined]
        thread = Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        try:
            service = PreviewService(f"http://127.0.0.1:{server.server_port}{path}", None, patience=0.5)
            with pytest.raises(Unavailable, match=words):
                service.preview(PHOTO, PAINTING)
        finally:
            server.asked.set()  # type: ignore[attr-defined]
            server.shutdown()
            thread.join()
