"""The whole service as a process: it syncs, relays, follows events, and ends when asked."""

import random
import signal
from contextlib import closing
from http.client import HTTPConnection
from pathlib import Path

import pytest

from ingest_process import settings_of
from ingest_samples import FAST, candidates, completed, png
from service_processes import PATIENCE, free_port, process_of, wait_until, wait_until_ready
from stylegram.common.records import Role
from stylegram.common.topology import PUBLISHER_POSTS
from stylegram.ingest.bootstrap import Ingest


def test_from_a_picture_to_the_request_of_its_post(ingest: Ingest, photos: Path, tmp_path: Path) -> None:
    (photos / "a.png").write_bytes(png(1))
    (tmp_path / "paintings" / "b.png").write_bytes(png(2))
    with process_of("stylegram.ingest", settings_of(tmp_path) | {"SYNC_SECONDS": "0.2"}) as process:
        wait_until(lambda: bool(candidates(ingest, Role.STYLE)))
        job = ingest.submit(*ingest.choose_pair(random.Random(0)), FAST)
        wait_until(lambda: ingest.job(job.id).published_at is not None)
        ingest.broker.publish(completed(job))
        wait_until(lambda: ingest.broker.depth(PUBLISHER_POSTS.name) > 0)
        process.send_signal(signal.SIGTERM)
        assert process.wait(PATIENCE) == 0


def test_a_sync_that_was_started_over_http_ends_with_the_service(
    ingest: Ingest, photos: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    for number in range(400):
        (photos / f"{number}.png").write_bytes(png(number))
    port = free_port()
    with process_of("stylegram.ingest", settings_of(tmp_path) | {"HTTP_PORT": str(port)}) as process:
        wait_until_ready(port, process)
        with closing(HTTPConnection("127.0.0.1", port, timeout=PATIENCE)) as connection:
            connection.request("POST", "/v1/sync/start")
            assert connection.getresponse().status == 202
        wait_until(lambda: bool(candidates(ingest)))
        process.send_signal(signal.SIGTERM)
        assert process.wait(PATIENCE) == 0
    assert len(candidates(ingest)) < 400
    assert "Traceback" not in capfd.readouterr().err
