"""`python -m stylegram.SERVICE migrate`, and services that leave their tables to it: processes on real databases."""

import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest
from sqlalchemy import inspect

from ingest_samples import folder_url
from postgres_server import PostgresServer
from service_processes import (
    PATIENCE,
    ask,
    environment_of,
    free_port,
    problems,
    process_of,
    wait_until,
    wait_until_ready,
)
from stylegram.common.database import open_database

SERVICES = ("ingest", "logger", "publisher")


def settings(root: Path, database_url: str) -> dict[str, str]:
    """Of each of the services, on files below `root`."""
    for name in ("photos", "paintings"):
        (root / name).mkdir(exist_ok=True)
    return {
        "DATABASE_URL": database_url,
        "BROKER_URL": f"sqlite://{root}/broker.sqlite",
        "STORAGE_URL": folder_url(root / "storage"),
        "CONTENT_SOURCE_URL": folder_url(root / "photos"),
        "STYLE_SOURCE_URL": folder_url(root / "paintings"),
        "PUBLISH_URL": f"folder://{root}/outbox",
        "HTTP_PORT": "0",
        "LOG_FORMAT": "json",
    }


@contextmanager
def migrating(service: str, told: Mapping[str, str], *words: str) -> Iterator["subprocess.Popen[str]"]:
    """The command's process."""
    with subprocess.Popen(
        [sys.executable, "-m", f"stylegram.{service}", "migrate", *words],
        env=environment_of(told),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        try:
            yield process
        finally:
            process.kill()


def migrate(service: str, told: Mapping[str, str], *words: str) -> tuple[int, str, str]:
    """How the command ended, what it said and what it logged."""
    with migrating(service, told, *words) as process:
        out, err = process.communicate(timeout=PATIENCE)
        return process.returncode, out, err


def tables(database_url: str) -> set[str]:
    engine = open_database(database_url)
    names = set(inspect(engine).get_table_names())
    engine.dispose()
    return names


@pytest.mark.parametrize("service", SERVICES)
def test_the_tables_are_made_and_then_are_up_to_date(service: str, tmp_path: Path, database_url: str) -> None:
    told = settings(tmp_path, database_url)
    for _ in range(2):
        code, out, err = migrate(service, told)
        assert (code, out) == (0, f"The tables of {service} are up to date.\n"), err
    assert f"{service}_schema_version" in tables(database_url)
    assert not (tmp_path / "broker.sqlite").exists(), "the database is all that it asks"


@pytest.mark.every_database
@pytest.mark.parametrize("service", SERVICES)
def test_a_service_that_may_change_nothing_waits_for_the_command(
    service: str, tmp_path: Path, database_url: str
) -> None:
    told, port = settings(tmp_path, database_url), free_port()
    with process_of(f"stylegram.{service}", told | {"MIGRATE_AT_START": "false", "METRICS_PORT": str(port)}) as process:
        wait_until(lambda: answers(port))
        wait_until(lambda: "not up to date" in str(problems(port, "/readyz")))
        status, what = problems(port, "/readyz")
        assert status == 503
        assert f"`python -m stylegram.{service} migrate`" in what["start"]
        assert ask(port, "/healthz")[0] == 200
        assert tables(database_url) == set()
        assert migrate(service, told)[0] == 0
        wait_until_ready(port, process)


def answers(port: int) -> bool:
    try:
        return bool(ask(port, "/healthz"))
    except ConnectionRefusedError:
        return False


def test_a_database_that_is_away_is_waited_for(tmp_path: Path, postgresql: PostgresServer) -> None:
    with postgresql.database() as url, ExitStack() as undo:
        with postgresql.away():
            process = undo.enter_context(migrating("logger", settings(tmp_path, url)))
            assert process.stderr
            assert "dependency_away" in process.stderr.readline()
        assert process.wait(PATIENCE) == 0
        assert "logger_schema_version" in tables(url)


def test_a_database_that_stays_away_is_given_up(tmp_path: Path) -> None:
    told = settings(tmp_path, f"postgresql+psycopg://user:hunter2@127.0.0.1:{free_port()}/name")
    code, out, err = migrate("publisher", told, "--wait", "1")
    assert (code, out) == (1, "")
    assert "dependency_away" in err
    assert err.splitlines()[-1].startswith("The database did not answer: ")
    assert "hunter2" not in err


def test_a_url_that_is_wrong_is_not_waited_for(tmp_path: Path) -> None:
    code, _, err = migrate("ingest", settings(tmp_path, "hunter2"))
    assert code == 1
    assert "STYLEGRAM_DATABASE_URL is not a database URL." in err
    assert "hunter2" not in err


def test_sigterm_ends_the_waiting(tmp_path: Path) -> None:
    told = settings(tmp_path, f"postgresql+psycopg://user:hunter2@127.0.0.1:{free_port()}/name")
    with migrating("ingest", told) as process:
        assert process.stderr
        assert "dependency_away" in process.stderr.readline()
        process.send_signal(signal.SIGTERM)
        assert process.wait(PATIENCE) == 128 + signal.SIGTERM
