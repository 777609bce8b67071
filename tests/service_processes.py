"""A service as a process of its own, and what it answers to whoever keeps it running."""

import json
import os
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, contextmanager
from http.client import HTTPConnection
from typing import Any

PATIENCE = 60.0
"""Seconds; far more than anything here takes on a busy machine."""


def free_port() -> int:
    """One that nobody listens on."""
    with closing(socket.create_server(("127.0.0.1", 0))) as server:
        port: int = server.getsockname()[1]
        return port


def ask(port: int, page: str) -> tuple[int, bytes]:
    """The status and the body of that page."""
    with closing(HTTPConnection("127.0.0.1", port, timeout=PATIENCE)) as connection:
        connection.request("GET", page)
        response = connection.getresponse()
        return response.status, response.read()


def problems(port: int, page: str) -> tuple[int, Any]:
    """The status of a health page, and what it names."""
    status, body = ask(port, page)
    return status, json.loads(body).get("problems")


def wait_until_ready(port: int, process: "subprocess.Popen[bytes]") -> None:
    """Returns when the process can work."""

    def is_ready() -> bool:
        try:
            return ask(port, "/readyz")[0] == 200
        except ConnectionRefusedError:
            assert process.poll() is None, f"it ended with {process.returncode}"
            return False

    wait_until(is_ready)


def wait_until(condition: Callable[[], bool], patience: float = PATIENCE) -> None:
    """Returns when it is true; within so many seconds it has to be."""
    deadline = time.monotonic() + patience
    while not condition():
        assert time.monotonic() < deadline, f"not so in {patience} seconds"
        time.sleep(0.05)


def environment_of(settings: Mapping[str, str]) -> dict[str, str]:
    """Ours, with these settings and no others."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("STYLEGRAM_")}
    return environment | {f"STYLEGRAM_{name}": value for name, value in settings.items()}


@contextmanager
def process_of(module: str, settings: Mapping[str, str], *arguments: str) -> Iterator["subprocess.Popen[bytes]"]:
    """`python -m module` with these arguments and settings and no others, killed at the end if it still runs."""
    with subprocess.Popen([sys.executable, "-m", module, *arguments], env=environment_of(settings)) as process:
        try:
            yield process
        finally:
            process.kill()
