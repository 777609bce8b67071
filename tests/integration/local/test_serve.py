"""The whole house as a process: its page is up, it paints what it is asked for, and it ends when it is told to."""

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
def serving(command: list[str]) -> Iterator[tuple["subprocess.Popen[str]", httpx2.Client]]:
    with subprocess.Popen([*command, "--port", "0"], stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout
            address = re.search(r"http://127\.0\.0\.1:\d+", process.stdout.readline())
            assert address
            with httpx2.Client(base_url=address[0], timeout=30) as client:
                yield process, client
        finally:
            process.kill()


def wait_for(ask: Callable[[], Any]) -> Any:
    deadline = time.monotonic() + WAIT_SECONDS
    while not (answer := ask()):
        assert time.monotonic() < deadline
        time.sleep(0.1)
    return answer


@pytest.mark.timeout(2 * WAIT_SECONDS)
def test_from_a_request_to_its_picture(house: list[str]) -> None:
    with serving(house) as (process, client):
        assert "Stylegram" in client.get("/").text
        assert client.get("/readyz").status_code == 200

        def pair() -> dict[str, str] | None:
            assets = client.get("/v1/assets").json()["items"]
            return {asset["role"]: asset["sha256"] for asset in assets} if len(assets) == 2 else None

        submission = wait_for(pair)
        hyperparameters = {"size": 64, "evaluations": [2], "start": "content"}
        response = client.post("/v1/jobs", json={**submission, "hyperparameters": hyperparameters, "publish": False})
        assert response.status_code == 202

        def ended() -> dict[str, Any] | None:
            job = client.get(response.headers["location"]).json()
            return None if job["state"] in {"queued", "running"} else job

        job = wait_for(ended)
        assert (job["state"], job["evaluation"], job["reason"]) == ("succeeded", 2, None)
        result = client.get(f"/v1/jobs/{job['id']}/result")
        assert result.headers["content-type"] == "image/png"
        assert Image.open(BytesIO(result.content)).size == (64, 48)
        assert job["id"] in client.get("/").text
        process.send_signal(signal.SIGTERM)
        assert process.wait(WAIT_SECONDS) == 0


@pytest.mark.timeout(2 * WAIT_SECONDS)
def test_interrupting_it_is_no_failure(house: list[str]) -> None:
    with serving(house) as (process, client):
        assert client.get("/healthz").status_code == 200
        process.send_signal(signal.SIGINT)
        assert process.wait(WAIT_SECONDS) == 0


@pytest.mark.timeout(2 * WAIT_SECONDS)
def test_a_port_that_is_taken_is_said_before_anything_begins(house: list[str], tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        ended = subprocess.run([*house, "--port", port], capture_output=True, text=True, timeout=WAIT_SECONDS)
    assert ended.returncode == 1
    assert ended.stderr.startswith(f"Error: Port {port} of 127.0.0.1 cannot be used: another process has it.")
    assert not (tmp_path / "state").exists()
