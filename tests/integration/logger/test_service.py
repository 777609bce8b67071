"""The logger as a process."""

import signal
import sqlite3
from contextlib import closing
from pathlib import Path

import httpx2
import pytest

from service_processes import PATIENCE, ask, free_port, problems, process_of, wait_until, wait_until_ready


@pytest.fixture
def settings(tmp_path: Path) -> dict[str, str]:
    return {
        "BROKER_URL": f"sqlite://{tmp_path}/queue.sqlite",
        "DATABASE_URL": f"sqlite:///{tmp_path}/stylegram.sqlite",
        "METRICS_PORT": str(free_port()),
        "HTTP_PORT": "0",
    }


def test_it_tells_how_it_is_and_ends_when_asked(settings: dict[str, str], tmp_path: Path) -> None:
    port = int(settings["METRICS_PORT"])
    with process_of("stylegram.logger", settings) as process:
        wait_until_ready(port, process)
        assert b"stylegram_run_seconds" in ask(port, "/metrics")[1]
        with closing(sqlite3.connect(tmp_path / "stylegram.sqlite")) as database, database:
            database.execute("ALTER TABLE runs RENAME TO lost")
        wait_until(lambda: ask(port, "/readyz")[0] == 503)
        assert list(problems(port, "/readyz")[1]) == ["database"]
        assert ask(port, "/healthz")[0] == 200
        process.send_signal(signal.SIGTERM)
        assert process.wait(PATIENCE) == 0


def test_a_broker_that_is_away_is_waited_for_until_somebody_asks_it_to_end(settings: dict[str, str]) -> None:
    port = int(settings["METRICS_PORT"])
    settings["BROKER_URL"] = f"amqp://guest:guest@127.0.0.1:{free_port()}/"

    def waits() -> bool:
        try:
            return "broker" in problems(port, "/readyz")[1]["start"]
        except ConnectionRefusedError:
            return False

    with process_of("stylegram.logger", settings) as process:
        wait_until(waits)
        assert ask(port, "/healthz")[0] == 200
        process.send_signal(signal.SIGTERM)
        assert process.wait(PATIENCE) == 0


def test_it_serves_the_record_to_who_knows_a_token(settings: dict[str, str]) -> None:
    port, token = free_port(), "a-token-that-nobody-guesses"
    with process_of("stylegram.logger", settings | {"HTTP_PORT": str(port), "API_TOKENS": token}) as process:
        wait_until_ready(port, process)
        assert b"stylegram_runs_total" in ask(int(settings["METRICS_PORT"]), "/metrics")[1]
        assert ask(port, "/metrics")[0] == 404
        assert ask(port, "/openapi.json")[0] == 401
        answer = httpx2.get(
            f"http://127.0.0.1:{port}/v1/runs", headers={"Authorization": f"Bearer {token}"}, trust_env=False
        )
        assert answer.json()["items"] == []
        process.send_signal(signal.SIGTERM)
        assert process.wait(PATIENCE) == 0


def test_it_is_reached_from_elsewhere_only_with_tokens(settings: dict[str, str]) -> None:
    with process_of("stylegram.logger", settings | {"HTTP_HOST": "0.0.0.0"}) as process:
        assert process.wait(PATIENCE) == 1
