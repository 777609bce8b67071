"""`python -m stylegram.ingest` as a process: its API is up, it asks for tokens, and it ends when it is told to."""

import json
import signal
import subprocess
import sys
from pathlib import Path

import httpx2
import pytest

from ingest_http import TOKEN
from ingest_process import environment, service
from ingest_samples import folder_url, png
from service_processes import ask, free_port, process_of, wait_until_ready

OTHER = "another-token-for-somebody"


def test_it_serves_the_api_until_it_is_told_to_stop(tmp_path: Path) -> None:
    daily = json.dumps({"size": 64, "evaluations": [3]})
    with service(tmp_path, API_TOKENS=f"{TOKEN}, {OTHER}\n", DAILY_HYPERPARAMETERS=daily) as (process, url):
        with httpx2.Client(base_url=url, timeout=20, trust_env=False) as client:
            for probe in ("/healthz", "/readyz", "/metrics"):
                assert client.get(probe).status_code == 200
            assert client.get("/v1/jobs").status_code == 401
            for token in (TOKEN, OTHER):
                client.headers["Authorization"] = f"Bearer {token}"
                assert client.get("/v1/jobs").status_code == 200
            (tmp_path / "photos" / "a.png").write_bytes(png(1))
            (tmp_path / "paintings" / "b.png").write_bytes(png(2))
            assert client.post("/v1/sync").status_code == 200
            job = client.post("/v1/daily").json()
            assert job["hyperparameters"]["evaluations"] == [3]
            # A page that follows the job does not keep the process from ending.
            with client.stream("GET", f"/v1/jobs/{job['id']}/events") as response:
                lines = response.iter_lines()
                assert next(lines) == "event: snapshot"
                process.send_signal(signal.SIGTERM)
                assert "event: end" not in list(lines)
        assert process.wait(20) == 0


def test_with_a_port_for_metrics_they_are_there_and_nowhere_else(tmp_path: Path) -> None:
    port = free_port()
    with (
        service(tmp_path, METRICS_PORT=str(port)) as (_, url),
        httpx2.Client(base_url=url, timeout=20, trust_env=False) as client,
    ):
        client.post("/v1/queues/stylizer.batch/pause").raise_for_status()
        status, metrics = ask(port, "/metrics")
        assert status == 200
        assert b'stylegram_queue_paused{queue="stylizer.batch"} 1.0' in metrics
        assert b'stylegram_queue_messages{queue="stylizer.jobs",state="waiting"} 0.0' in metrics
        assert client.get("/metrics").status_code == 404
        assert "/metrics" not in client.get("/openapi.json").json()["paths"]
        assert "/metrics" not in client.get("/queue", headers={"Accept": "text/html"}).text
        assert client.get("/healthz").status_code == 200, "which faces nobody, and is wanted in front of it too"


def test_what_is_asked_about_the_record_goes_to_the_logger(tmp_path: Path) -> None:
    port, of_the_logger = free_port(), "a-token-that-only-ingest-knows"
    loggers = {
        "DATABASE_URL": f"sqlite:///{tmp_path}/logger.sqlite",
        "BROKER_URL": f"sqlite://{tmp_path}/state/broker.sqlite",
        "HTTP_PORT": str(port),
        "API_TOKENS": of_the_logger,
    }
    with process_of("stylegram.logger", loggers) as logger:
        wait_until_ready(port, logger)
        known = {"LOGGER_URL": f"http://127.0.0.1:{port}", "LOGGER_TOKEN": of_the_logger, "API_TOKENS": TOKEN}
        with service(tmp_path, **known) as (_, url), httpx2.Client(base_url=url, timeout=20, trust_env=False) as client:
            client.headers["Authorization"] = f"Bearer {TOKEN}"
            assert client.get("/v1/runs").json()["items"] == []
            assert client.get("/v1/runs/nobody").status_code == 404
            logger.kill()
            logger.wait()
            assert client.get("/v1/runs").status_code == 503
            assert client.get("/readyz").status_code == 200


def test_what_is_asked_about_posts_goes_to_the_publisher(tmp_path: Path) -> None:
    port, of_the_publisher = free_port(), "a-token-that-only-ingest-knows"
    publishers = {
        "DATABASE_URL": f"sqlite:///{tmp_path}/publisher.sqlite",
        "BROKER_URL": f"sqlite://{tmp_path}/state/broker.sqlite",
        "STORAGE_URL": folder_url(tmp_path / "storage"),
        "PUBLISH_URL": f"folder://{tmp_path}/outbox",
        "HTTP_PORT": str(port),
        "API_TOKENS": of_the_publisher,
    }
    with process_of("stylegram.publisher", publishers) as publisher:
        wait_until_ready(port, publisher)
        known = {"PUBLISHER_URL": f"http://127.0.0.1:{port}", "PUBLISHER_TOKEN": of_the_publisher, "API_TOKENS": TOKEN}
        with service(tmp_path, **known) as (_, url), httpx2.Client(base_url=url, timeout=20, trust_env=False) as client:
            client.headers["Authorization"] = f"Bearer {TOKEN}"
            assert client.get("/v1/posts").json() == {"items": [], "next": None}
            assert client.get("/v1/posts/0123456789abcdef").status_code == 404
            assert client.get("/posts").status_code == 200
            # What is posted of a job is asked of ingest itself.
            assert "job" in client.post("/v1/jobs/00000000-0000-4000-8000-000000000000/posts").json()["detail"]
            publisher.send_signal(signal.SIGTERM)
            assert publisher.wait(20) == 0
            assert client.get("/v1/accounts").status_code == 503
            assert client.get("/readyz").status_code == 200


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"HTTP_HOST": "0.0.0.0"}, "Stylegram cannot listen on '0.0.0.0' without tokens"),
        ({"API_TOKENS": "hunter2"}, "too short"),
        ({"BROKER_URL": "carrier-pigeon://"}, "No broker adapter for 'carrier-pigeon:'"),
        ({"LOGGER_URL": "http://me:hunter2@logger"}, "STYLEGRAM_LOGGER_URL: it is no address of an API"),
        ({"LOGGER_URL": "http://logger:8001/?all"}, "STYLEGRAM_LOGGER_URL: it ends before any ?"),
        ({"PUBLISHER_URL": "publisher:8003"}, "STYLEGRAM_PUBLISHER_URL: it is no address of an API"),
        ({"PREVIEW_URL": "preview:8002"}, "STYLEGRAM_PREVIEW_URL: it is no address of an API"),
        ({"EXPLORATION_RATE": "20"}, "STYLEGRAM_EXPLORATION_RATE"),
    ],
)
def test_a_setting_that_is_wrong_ends_it_at_once(tmp_path: Path, settings: dict[str, str], words: str) -> None:
    ended = subprocess.run(
        [sys.executable, "-m", "stylegram.ingest"],
        env=environment(tmp_path, **settings),
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert ended.returncode == 1
    assert words in ended.stderr
    assert "hunter2" not in ended.stderr
