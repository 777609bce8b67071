"""The whole house as a process: its page is up, it paints what it is asked for, and it ends when it is told to."""

import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from io import BytesIO
from pathlib import Path
from typing import Any

import httpx2
import numpy as np
import pytest
from PIL import Image

from local_commands import Command

# Importing torch on a busy machine takes long; none of this is how fast it should be.
WAIT_SECONDS = 120


@pytest.fixture
def house(tmp_path: Path) -> list[str]:
    """The command, on one small photograph and one small painting."""
    for seed, folder in enumerate(("photos", "styles")):
        (tmp_path / folder).mkdir()
        pixels = np.random.default_rng(seed).integers(0, 256, (12, 16, 3), np.uint8)
        Image.fromarray(pixels).resize((160, 120)).save(tmp_path / folder / f"{folder}.png")
    command = [sys.executable, "-c", "from stylegram.local.cli import main; main()", "serve"]
    return [*command, *(word for name in ("photos", "styles", "state") for word in (f"--{name}", str(tmp_path / name)))]


@contextmanager
def serving(
    command: list[str], *options: str, **environment: str
) -> Iterator[tuple["subprocess.Popen[str]", httpx2.Client]]:
    command = [*command, "--port", "0", *options]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env={**os.environ, **environment}) as process:
        try:
            assert process.stdout
            port = re.search(r"http://[0-9.]+:(\d+)", process.stdout.readline())
            assert port
            with httpx2.Client(base_url=f"http://127.0.0.1:{port[1]}", timeout=30) as client:
                yield process, client
        finally:
            process.kill()


def wait_for(ask: Callable[[], Any]) -> Any:
    deadline = time.monotonic() + WAIT_SECONDS
    while not (answer := ask()):
        assert time.monotonic() < deadline
        time.sleep(0.1)
    return answer


def submit(client: httpx2.Client, evaluations: int) -> str:
    """Where a new job is to be asked for."""

    def pair() -> dict[str, str] | None:
        assets = client.get("/v1/assets").json()["items"]
        return {asset["role"]: asset["sha256"] for asset in assets} if len(assets) == 2 else None

    pictures = wait_for(pair)
    hyperparameters = {"size": 64, "evaluations": [evaluations], "start": "content"}
    response = client.post("/v1/jobs", json={**pictures, "hyperparameters": hyperparameters, "publish": False})
    assert response.status_code == 202, response.text
    return response.headers["location"]


@pytest.mark.timeout(2 * WAIT_SECONDS)
def test_from_a_request_to_its_picture(house: list[str]) -> None:
    with serving(house) as (process, client):
        assert "Stylegram" in client.get("/").text
        assert client.get("/readyz").status_code == 200

        place = submit(client, 2)

        def ended() -> dict[str, Any] | None:
            job: dict[str, Any] = client.get(place).json()
            return None if job["state"] in {"queued", "running"} else job

        job = wait_for(ended)
        assert (job["state"], job["evaluation"], job["reason"]) == ("succeeded", 2, None)
        result = client.get(f"/v1/jobs/{job['id']}/result")
        assert result.headers["content-type"] == "image/png"
        assert Image.open(BytesIO(result.content)).size == (64, 48)
        pair = {role: (None, job[role]["sha256"]) for role in ("content", "style")}
        preview = client.post("/v1/preview", files=pair)
        assert (preview.status_code, preview.headers["content-type"]) == (200, "image/jpeg")
        # The record is at the same address; it is written a moment later.
        wait_for(lambda: client.get(f"/v1/runs/{job['id']}").status_code == 200)
        assert job["id"] in client.get("/gallery").text
        assert client.get("/v1/posts").json() == {"items": [], "next": None}
        process.send_signal(signal.SIGTERM)
        assert process.wait(WAIT_SECONDS) == 0


@pytest.mark.timeout(2 * WAIT_SECONDS)
def test_it_says_where_its_log_is_and_interrupting_it_is_no_failure(house: list[str], tmp_path: Path) -> None:
    with serving(house) as (process, client):
        assert client.get("/healthz").status_code == 200
        assert process.stdout
        assert process.stdout.readline() == f"Its log is {tmp_path / 'state' / 'stylegram.log'}.\n"
        process.send_signal(signal.SIGINT)
        assert process.wait(WAIT_SECONDS) == 0


@pytest.mark.timeout(2 * WAIT_SECONDS)
def test_a_port_that_is_taken_is_said_before_anything_begins(house: list[str], tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        ended = subprocess.run([*house, "--port", port], capture_output=True, text=True, timeout=WAIT_SECONDS)
    assert ended.returncode == 1
    assert ended.stderr.startswith(f"Error: Port {port} of 127.0.0.1 cannot be used: another process has it.")
    environment = {**os.environ, "STYLEGRAM_HTTP_HOST": "localhost", "STYLEGRAM_HTTP_PORT": port}
    with socket.create_server(("127.0.0.1", int(port))):
        ended = subprocess.run(house, capture_output=True, text=True, timeout=WAIT_SECONDS, env=environment)
    assert ended.stderr.startswith(f"Error: Port {port} of localhost cannot be used"), "the environment says where"
    assert not (tmp_path / "state").exists()


@pytest.mark.timeout(3 * WAIT_SECONDS)
def test_a_job_that_an_end_interrupts_is_put_back_and_cancelled_when_its_work_has_stopped(
    house: list[str], tmp_path: Path, stylegram: Command
) -> None:
    state = ("--state", str(tmp_path / "state"))
    with serving(house) as (process, client):
        job_id = submit(client, 10_000).removeprefix("/v1/jobs/")
        wait_for(lambda: client.get(f"/v1/jobs/{job_id}").json()["evaluation"])
        process.send_signal(signal.SIGTERM)
        assert process.wait(WAIT_SECONDS) == 0
    assert json.loads(stylegram("jobs", "show", job_id, "--json", *state).out)["state"] == "queued"

    with serving(house) as (process, client):
        wait_for(lambda: client.get(f"/v1/jobs/{job_id}").json()["state"] == "running")
        cancelled = stylegram("jobs", "cancel", job_id[:8], "--wait", "--url", str(client.base_url))
        assert cancelled.code == 0, cancelled.err
        assert client.get(f"/v1/jobs/{job_id}").json()["state"] == "cancelled"
        assert "running" not in stylegram("jobs", "list", *state).out
        process.send_signal(signal.SIGTERM)
        assert process.wait(WAIT_SECONDS) == 0


@pytest.mark.timeout(2 * WAIT_SECONDS)
def test_other_machines_are_let_in_by_a_token_and_never_without(house: list[str], tmp_path: Path) -> None:
    refused = subprocess.run([*house, "--host", "0.0.0.0"], capture_output=True, text=True, timeout=WAIT_SECONDS)
    assert refused.returncode == 2
    assert "STYLEGRAM_API_TOKENS" in refused.stderr
    assert not (tmp_path / "state").exists()

    token = "correct-horse-battery-staple"
    with serving(house, "--host", "0.0.0.0", STYLEGRAM_API_TOKENS=token) as (process, client):
        assert client.get("/v1/jobs").status_code == 401
        assert client.get("/v1/jobs", headers={"Authorization": f"Bearer {token}"}).json()["items"] == []
        process.send_signal(signal.SIGTERM)
        assert process.wait(WAIT_SECONDS) == 0
