"""What the tests of ingest's HTTP face share."""

from typing import Any

from fastapi.testclient import TestClient

from ingest_samples import FAST
from stylegram.common.hyperparameters import Hyperparameters
from stylegram.common.records import AssetReference
from stylegram.ingest.bootstrap import Ingest
from stylegram.ingest.http.app import create_app

NOBODY = "00000000-0000-4000-8000-000000000000"


def open_client(ingest: Ingest, daily: Hyperparameters = FAST) -> TestClient:
    """A program on the same machine; it is told of defects as everybody is, and follows no redirects."""
    return TestClient(
        create_app(ingest, daily=daily),
        base_url="http://127.0.0.1:8000",
        raise_server_exceptions=False,
        follow_redirects=False,
    )


def submission(pair: tuple[AssetReference, AssetReference], **changes: Any) -> dict[str, Any]:
    """What `POST /v1/jobs` takes."""
    content, style = pair
    return {"content": content.sha256, "style": style.sha256, "hyperparameters": FAST.model_dump(mode="json")} | changes
