"""`python -m stylegram.ingest` as a process, on files below a folder."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from ingest_samples import folder_url


def settings_of(root: Path) -> dict[str, str]:
    """Of a process that has everything where `open_ingest` has it."""
    return {
        "DATABASE_URL": f"sqlite:///{root}/stylegram.sqlite",
        "BROKER_URL": f"sqlite://{root}/state/broker.sqlite",
        "STORAGE_URL": folder_url(root / "storage"),
        "CONTENT_SOURCE_URL": folder_url(root / "photos"),
        "STYLE_SOURCE_URL": folder_url(root / "paintings"),
        "HTTP_PORT": "0",
    }


def environment(root: Path, **settings: str) -> dict[str, str]:
    """That process's, but for the settings."""
    for name in ("photos", "paintings"):
        (root / name).mkdir(exist_ok=True)
    given = settings_of(root) | {"LOG_FORMAT": "json"} | settings
    return {**os.environ, **{f"STYLEGRAM_{name}": value for name, value in given.items()}}


@contextmanager
def service(root: Path, **settings: str) -> Iterator[tuple["subprocess.Popen[str]", str]]:
    """The process and the address of its API."""
    with subprocess.Popen(
        [sys.executable, "-m", "stylegram.ingest"], env=environment(root, **settings), stderr=subprocess.PIPE, text=True
    ) as process:
        try:
            assert process.stderr
            for line in process.stderr:
                if (said := json.loads(line))["event"] == "api_listens":
                    yield process, said["url"]
                    break
            else:
                pytest.fail("It ended before its API was up.")
        finally:
            process.kill()
