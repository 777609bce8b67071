from collections.abc import Iterator
from pathlib import Path

import pytest

from local_commands import Command, Worker, command, open_state, served
from stylegram.ingest.bootstrap import Ingest


@pytest.fixture
def stylegram(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Command:
    return command(monkeypatch, capsys)


@pytest.fixture
def state(tmp_path: Path) -> Path:
    return tmp_path / "state"


@pytest.fixture
def ingest(state: Path) -> Iterator[Ingest]:
    ingest = open_state(state)
    yield ingest
    ingest.close()


@pytest.fixture
def worker(ingest: Ingest) -> Worker:
    return Worker(ingest)


@pytest.fixture(params=["--url", "--state"])
def place(request: pytest.FixtureRequest, ingest: Ingest, state: Path) -> Iterator[tuple[str, str]]:
    """Where to ask: at a server, or on the folder."""
    if request.param == "--state":
        yield "--state", str(state)
        return
    with served(ingest) as url:
        yield "--url", url
