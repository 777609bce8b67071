"""What the tests of the publisher's HTTP face share."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient
from pydantic import SecretStr
from sqlalchemy import update

from publisher_fakes import picture, record
from stylegram.common import artifacts
from stylegram.common.database import transaction
from stylegram.common.hyperparameters import Hyperparameters
from stylegram.common.messages import PostRequest
from stylegram.publisher.bootstrap import PublisherService, bootstrap
from stylegram.publisher.http.app import create_app
from stylegram.publisher.ledger import NewPost, key_of
from stylegram.publisher.settings import PublisherSettings
from stylegram.publisher.tables import PostRow

ACCOUNT = "instagrapi://painter"


@pytest.fixture
def publisher(tmp_path: Path) -> Iterator[PublisherService]:
    """A publisher on files below `tmp_path`, with nothing in its ledger."""
    service = open_publisher(tmp_path)
    yield service
    service.close()


def open_publisher(root: Path, **settings: Any) -> PublisherService:
    """A publisher with a queue in memory.

    Args:
        root: a folder.
        settings: as `PublisherSettings` takes them.
    """
    usual: dict[str, Any] = {
        "broker_url": SecretStr("memory://"),
        "database_url": SecretStr(f"sqlite:///{root}/publisher.sqlite"),
        "storage_url": (root / "storage").as_uri(),
        "publish_url": (root / "outbox").as_uri().replace("file:", "folder:", 1),
    }
    return bootstrap(PublisherSettings(**usual | settings))


def open_client(publisher: PublisherService, **options: Any) -> TestClient:
    """A program on the same machine; it is told of defects as everybody is.

    Args:
        publisher: the service.
        options: as `create_app` takes them.
    """
    return TestClient(
        create_app(publisher, **options),
        base_url="http://127.0.0.1:8003",
        raise_server_exceptions=False,
        follow_redirects=False,
    )


def add_post(
    publisher: PublisherService,
    job_id: str = "42",
    *,
    kind: str = "photo",
    account: str = ACCOUNT,
    approved: bool = False,
    caption: str | None = "The Scream",
    **facts: Any,
) -> str:
    """Have a post be in the ledger, its picture in storage; returns its key.

    Args:
        publisher: whose.
        job_id: the job that painted it.
        kind: see `PostRow.kind`.
        account: where it goes out.
        approved: whether somebody has said yes.
        caption: its words.
        facts: other columns of `PostRow`.
    """
    assets = {role: f"assets/{role}-{job_id}.png" for role in ("content", "style")}
    objects = dict.fromkeys((artifacts.result(job_id), *assets.values()), picture("L"))
    for name, data in {**objects, artifacts.record(job_id): record(job_id, assets)}.items():
        # Of one picture there may be several posts.
        if publisher.storage.stat(name) is None:
            publisher.storage.write(name, data, content_type="image/png")
    request = PostRequest(
        job_id=job_id,
        artifact=artifacts.result(job_id),
        record=artifacts.record(job_id),
        content_name="me.jpg",
        style_name="the_scream.jpg",
        hyperparameters=Hyperparameters(),
    ).model_dump_json()
    publisher.accounts.enter(account, approval=True)
    artifact = artifacts.result(job_id)
    key = key_of(account, artifact, kind)
    publisher.ledger.enter(NewPost(account, artifact, kind, job_id, request, approved, caption, "A face."))
    if facts:
        with transaction(publisher.ledger.engine) as session:
            session.execute(update(PostRow).where(PostRow.key == key).values(**facts))
    return key
