"""The whole service as a process: it syncs, relays, follows events, and ends when asked."""

import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

from ingest_samples import FAST, candidates, completed, folder_url, png
from stylegram.common.records import Role
from stylegram.common.topology import PUBLISHER_POSTS
from stylegram.ingest.bootstrap import Ingest


def wait_for(condition: Callable[[], object]) -> None:
    deadline = time.monotonic() + 20
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def test_from_a_picture_to_the_request_of_its_post(ingest: Ingest, photos: Path, tmp_path: Path) -> None:
    (photos / "a.png").write_bytes(png(1))
    (tmp_path / "paintings" / "b.png").write_bytes(png(2))
    settings = {
        "DATABASE_URL": f"sqlite:///{tmp_path}/state/ingest.sqlite",
        "BROKER_URL": f"sqlite://{tmp_path}/state/broker.sqlite",
        "STORAGE_URL": folder_url(tmp_path / "storage"),
        "CONTENT_SOURCE_URL": folder_url(photos),
        "STYLE_SOURCE_URL": folder_url(tmp_path / "paintings"),
        "SYNC_SECONDS": "0.2",
    }
    environment = {**os.environ, **{f"STYLEGRAM_{name}": value for name, value in settings.items()}}
    with subprocess.Popen([sys.executable, "-m", "stylegram.ingest"], env=environment) as process:
        try:
            wait_for(lambda: candidates(ingest, Role.STYLE))
            job = ingest.submit(*ingest.choose_pair(random.Random(0)), FAST)
            wait_for(lambda: ingest.job(job.id).published_at)
            ingest.broker.publish(completed(job))
            wait_for(lambda: ingest.broker.depth(PUBLISHER_POSTS.name))
            process.send_signal(signal.SIGTERM)
            assert process.wait(10) == 0
        finally:
            process.kill()


def test_a_setting_that_is_wrong_ends_it_at_once() -> None:
    environment = {**os.environ, "STYLEGRAM_BROKER_URL": "carrier-pigeon://"} | {"STYLEGRAM_DATABASE_URL": "sqlite://"}
    process = subprocess.run(
        [sys.executable, "-m", "stylegram.ingest"], env=environment, capture_output=True, text=True, timeout=30
    )
    assert process.returncode == 1
    assert "No broker adapter for 'carrier-pigeon:'" in process.stderr
