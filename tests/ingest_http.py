"""What the tests of ingest's HTTP face share."""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx2
import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient

from ingest_samples import FAST, add_asset, open_ingest
from stylegram.common.http.server import listen, serve, url_of
from stylegram.common.hyperparameters import Hyperparameters
from stylegram.common.records import AssetReference, Role
from stylegram.ingest.bootstrap import Ingest
from stylegram.ingest.http.app import create_app

NOBODY = "00000000-0000-4000-8000-000000000000"
TOKEN = "a-token-that-nobody-guesses"


@pytest.fixture
def ingest(tmp_path: Path) -> Iterator[Ingest]:
    """Ingest on files below `tmp_path`, its sources empty."""
    service = open_ingest(tmp_path)
    yield service
    service.close()


@pytest.fixture
def pair(ingest: Ingest) -> tuple[AssetReference, AssetReference]:
    """A content and a style asset with no pictures behind them."""
    return add_asset(ingest, Role.CONTENT, 1), add_asset(ingest, Role.STYLE, 2)


def open_client(ingest: Ingest, daily: Hyperparameters = FAST, **options: Any) -> TestClient:
    """A program on the same machine; it is told of defects as everybody is, and follows no redirects.

    Args:
        ingest: the service.
        daily: how the daily picture is painted.
        options: as `create_app` takes them.
    """
    return TestClient(
        create_app(ingest, daily=daily, **options),
        base_url="http://127.0.0.1:8000",
        raise_server_exceptions=False,
        follow_redirects=False,
    )


def submission(pair: tuple[AssetReference, AssetReference], **changes: Any) -> dict[str, Any]:
    """What `POST /v1/jobs` takes."""
    content, style = pair
    return {"content": content.sha256, "style": style.sha256, "hyperparameters": FAST.model_dump(mode="json")} | changes


def wait_for_sync(client: TestClient) -> dict[str, Any]:
    """How the sync that was started ended."""
    deadline = time.monotonic() + 20
    while (status := client.get("/v1/sync").json())["running"]:
        assert time.monotonic() < deadline
        time.sleep(0.02)
    ended: dict[str, Any] = status
    return ended


@contextmanager
def serving(app: FastAPI, stop: threading.Event | None = None, port: int = 0) -> Iterator[httpx2.Client]:
    """A client of the app behind a real server, which has ended when the context has.

    Args:
        app: from `create_app`.
        stop: ends the server earlier.
        port: a free one; any where 0.
    """
    stop = stop or threading.Event()
    listener = listen("127.0.0.1", port)
    url = url_of(listener)
    thread = threading.Thread(target=serve, args=(app, listener, stop))
    thread.start()
    try:
        with httpx2.Client(base_url=url, timeout=20, trust_env=False) as client:
            yield client
    finally:
        stop.set()
        thread.join(20)
        assert not thread.is_alive()
