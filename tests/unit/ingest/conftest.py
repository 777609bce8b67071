from pathlib import Path

import pytest
from fastapi.testclient import TestClient

from ingest_http import ingest as ingest
from ingest_http import open_client
from ingest_http import pair as pair
from ingest_samples import FAST, completed, encoded, png, quarters
from stylegram.common import artifacts
from stylegram.common.records import AssetReference
from stylegram.ingest.bootstrap import Ingest
from stylegram.ingest.events import EventHandler
from stylegram.ingest.schemas import Job


@pytest.fixture
def client(ingest: Ingest) -> TestClient:
    """A program on the same machine."""
    return open_client(ingest)


@pytest.fixture
def finished(ingest: Ingest, pair: tuple[AssetReference, AssetReference]) -> Job:
    """A job that succeeded, with its picture of 96×64 and its record."""
    job = ingest.submit(*pair, FAST)
    event = completed(job)
    ingest.storage.write(event.result, encoded(quarters(), "PNG"), content_type="image/png")
    record = event.record.model_dump_json().encode()
    ingest.storage.write(artifacts.record(job.id), record, content_type="application/json")
    EventHandler(ingest.engine).handle(event, 1)
    return ingest.job(job.id)


@pytest.fixture
def synced(ingest: Ingest, tmp_path: Path) -> Ingest:
    """Ingest after a sync that brought a photograph, a painting and a file that is none."""
    (tmp_path / "photos" / "me.png").write_bytes(encoded(quarters(), "PNG"))
    (tmp_path / "photos" / "broken.jpg").write_bytes(b"no picture")
    (tmp_path / "paintings" / "scream.png").write_bytes(png(2))
    ingest.sync_all()
    return ingest
