"""`stylegram logs`, as a person runs it: at a server, and on a state folder without one."""

import io
import json
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from exchange_samples import SAMPLE, exported, run, table
from local_commands import Command
from stylegram.common.http.server import listen, serve, url_of
from stylegram.ingest.bootstrap import Ingest
from stylegram.ingest.http.app import create_app
from stylegram.local.state_folder import logger_settings
from stylegram.logger.bootstrap import LoggerService, bootstrap
from stylegram.logger.http.app import logger_part


@pytest.fixture
def logger(ingest: Ingest, state: Path) -> LoggerService:
    return bootstrap(logger_settings(state), broker=ingest.broker, engine=ingest.engine)


@pytest.fixture(params=["--url", "--state"])
def place(
    request: pytest.FixtureRequest, ingest: Ingest, logger: LoggerService, state: Path
) -> Iterator[tuple[str, str]]:
    if request.param == "--state":
        yield "--state", str(state)
        return
    listener, stop = listen("127.0.0.1", 0), threading.Event()
    server = threading.Thread(target=serve, args=(create_app(ingest, logger_part(logger)), listener, stop))
    server.start()
    yield "--url", url_of(listener)
    stop.set()
    server.join()


@pytest.fixture
def sample(tmp_path: Path) -> str:
    file = tmp_path / "logs of old.txt"
    file.write_bytes(SAMPLE)
    return str(file)


def test_in_and_out(
    stylegram: Command, logger: LoggerService, place: tuple[str, str], sample: str, tmp_path: Path
) -> None:
    done = stylegram("logs", "import", sample, *place)
    assert (done.code, done.out) == (0, f"{sample}: 60 added, 0 known, 0 different, 0 refused\n")
    written = str(tmp_path / "all.csv")
    assert stylegram("logs", "export", written, *place)[:2] == (0, written + "\n")
    assert Path(written).read_bytes() == exported(logger.engine)
    columns = str(tmp_path / "all.PARQUET")
    assert stylegram("logs", "export", columns, *place).code == 0
    assert Path(columns).read_bytes().startswith(b"PAR1")
    again = stylegram("logs", "import", "--json", written, columns, sample, *place)
    reports = [json.loads(line) for line in again.out.splitlines()]
    assert [(each["format"], each["known"]) for each in reports] == [
        ("csv", 60),
        ("parquet", 60),
        ("NST_instagram", 60),
    ]


def test_standard_input_and_output(
    stylegram: Command,
    place: tuple[str, str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(SAMPLE)))
    assert stylegram("logs", "import", "-", *place).out == "-: 60 added, 0 known, 0 different, 0 refused\n"
    done = stylegram("logs", "export", "-", *place)
    assert [cells[:13] for cells in table(done.out.encode())] == table(SAMPLE)


def test_what_is_refused_is_named_and_the_rest_comes_in(
    stylegram: Command, place: tuple[str, str], tmp_path: Path, sample: str
) -> None:
    bad, none = tmp_path / "bad.csv", tmp_path / "none.csv"
    bad.write_bytes(SAMPLE + b"x\n")
    none.write_bytes(b"hello\n")
    done = stylegram("logs", "import", str(none), str(tmp_path / "absent.csv"), str(bad), sample, *place)
    assert done.code == 1
    assert done.out.splitlines() == [
        f"{bad}: 60 added, 0 known, 0 different, 1 refused",
        f"{sample}: 0 added, 60 known, 0 different, 0 refused",
    ]
    first, second, third = (line for line in done.err.splitlines() if line.startswith(str(tmp_path)))
    assert first.startswith(f"{none}: The file is no record of runs")
    assert second == f"{tmp_path}/absent.csv: It cannot be read: No such file or directory."
    assert third == f"{bad}, line 62: it has 1 cells for 13 columns"


def test_sharing(stylegram: Command, logger: LoggerService, place: tuple[str, str], tmp_path: Path) -> None:
    logger.runs.save(run())
    shared = str(tmp_path / "shared.csv")
    assert stylegram("logs", "export", shared, "--share", "--origin", "my-studio", *place).code == 0
    data = Path(shared).read_bytes()
    assert b"my-studio" in data
    assert b"the_scream" not in data
    unnamed = str(tmp_path / "unnamed.csv")
    stylegram("logs", "export", unnamed, *place)
    refused = stylegram("logs", "import", unnamed, *place)
    assert refused.code == 1
    assert "does not say whose it is" in refused.err
    assert stylegram("logs", "import", unnamed, "--own", *place).code == 0
    assert stylegram("logs", "import", unnamed, "--origin", "a-friend", "--dry-run", *place).out.endswith(
        ": 0 would be added, 1 known, 0 different, 0 refused\n"
    )


def test_wrong_usage(stylegram: Command, state: Path, ingest: Ingest, tmp_path: Path) -> None:
    assert stylegram("logs", "export", "a.csv", "--format", "xls").code == 2
    assert stylegram("logs", "export", "a.csv", "--state", str(state), "--url", "http://127.0.0.1:1").code == 2
    assert stylegram("logs", "export", "a.csv", "--state", str(tmp_path)).code == 2
    nobody = stylegram("logs", "export", str(tmp_path / "a.csv"), "--url", "http://127.0.0.1:1")
    assert (nobody.code, "No Stylegram answers" in nobody.err) == (1, True)
    assert not (tmp_path / "a.csv").exists()
    unwritable = stylegram("logs", "export", "/proc/a.csv", "--state", str(state))
    assert (unwritable.code, unwritable.err.startswith("Error: '/proc/a.csv' cannot be written: ")) == (1, True)


def test_what_is_old_is_dropped_on_a_state_folder(stylegram: Command, logger: LoggerService, state: Path) -> None:
    record = run("1", outcome="failed", metrics=None, trial=None)
    logger.runs.save(record)
    nothing = stylegram("logs", "forget", "--state", str(state))
    assert (nothing.code, nothing.out) == (1, "")
    assert "Say how many days" in nothing.err
    words = "forget", "--failed-days", "0", "--curves-days", "0", "--state", str(state)
    assert stylegram("logs", *words, "--dry-run").out.startswith("Would be forgotten: curves of 0 runs, and 1 failed")
    assert stylegram("logs", *words).out.startswith("Forgotten: curves of 0 runs, and 1 failed runs;")
    assert logger.runs.get("1") is None
    assert "The record takes" in stylegram("logs", "vacuum", "--state", str(state)).out
    assert stylegram("logs", "vacuum").code == 2, "it is told where"
