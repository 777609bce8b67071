"""The whole service as a process: it syncs, relays, follows events, and ends when asked."""

import random
import signal
from pathlib import Path

from ingest_samples import FAST, candidates, completed, folder_url, png
from service_processes import PATIENCE, process_of, wait_until
from stylegram.common.records import Role
from stylegram.common.topology import PUBLISHER_POSTS
from stylegram.ingest.bootstrap import Ingest


def test_from_a_picture_to_the_request_of_its_post(ingest: Ingest, photos: Path, tmp_path: Path) -> None:
    (photos / "a.png").write_bytes(png(1))
    (tmp_path / "paintings" / "b.png").write_bytes(png(2))
    settings = {
        "DATABASE_URL": f"sqlite:///{tmp_path}/stylegram.sqlite",
        "BROKER_URL": f"sqlite://{tmp_path}/state/broker.sqlite",
        "STORAGE_URL": folder_url(tmp_path / "storage"),
        "CONTENT_SOURCE_URL": folder_url(photos),
        "STYLE_SOURCE_URL": folder_url(tmp_path / "paintings"),
        "SYNC_SECONDS": "0.2",
        "HTTP_PORT": "0",
    }
    with process_of("stylegram.ingest", settings) as process:
        wait_until(lambda: bool(candidates(ingest, Role.STYLE)))
        job = ingest.submit(*ingest.choose_pair(random.Random(0)), FAST)
        wait_until(lambda: ingest.job(job.id).published_at is not None)
        ingest.broker.publish(completed(job))
        wait_until(lambda: ingest.broker.depth(PUBLISHER_POSTS.name) > 0)
        process.send_signal(signal.SIGTERM)
        assert process.wait(PATIENCE) == 0
