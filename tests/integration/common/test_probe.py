"""The probe as an image's HEALTHCHECK runs it, on a process that answers."""

import subprocess
import sys
import threading
from collections.abc import Iterator

import pytest

from service_processes import environment_of, free_port
from stylegram.common.errors import Unavailable
from stylegram.common.health import Health, answering

SLOW = ("pydantic", "sqlalchemy", "structlog", "prometheus_client", "asyncio")
PROBE = [sys.executable, "-m", "stylegram.common.probe"]


@pytest.fixture
def health() -> Health:
    return Health(threading.Event())


@pytest.fixture
def port(health: Health) -> Iterator[int]:
    with answering(0, health) as port:
        assert port
        yield port


def probe(port: object, *arguments: str) -> tuple[int, str]:
    """The exit status, and what it said."""
    environment = environment_of({} if port is None else {"METRICS_PORT": str(port)})
    # A proxy has no business between a container and itself.
    environment["http_proxy"] = "http://127.0.0.1:9"
    ended = subprocess.run([*PROBE, *arguments], env=environment, capture_output=True, text=True, timeout=60)
    assert "Traceback" not in ended.stderr
    return ended.returncode, ended.stderr


def test_a_service_that_is_well_says_nothing(health: Health, port: int) -> None:
    health.depend_on({})
    assert probe(port) == (0, "")
    assert probe(port, "--ready") == (0, "")


def test_a_service_that_waits_lives_and_is_not_ready(health: Health, port: int) -> None:
    def away() -> None:
        raise Unavailable("The broker is away.")

    health.depend_on({"broker": away})
    assert probe(port) == (0, "")
    code, said = probe(port, "--ready")
    assert code == 1
    assert "The broker is away." in said


def test_a_service_that_has_lost_a_part_is_not_well(health: Health, port: int) -> None:
    health.watch([], [Unavailable("The relay ended.")])
    code, said = probe(port)
    assert code == 1
    assert "The relay ended." in said


@pytest.mark.parametrize("port", [None, "", "9100 ", "-1", "70000", "http://elsewhere"])
def test_without_a_port_it_is_not_well(port: object) -> None:
    assert probe(port)[0] == 1


def test_where_nobody_answers_it_is_not_well() -> None:
    port = free_port()
    code, said = probe(port)
    assert code == 1
    assert f"Nobody answers at port {port}" in said


def test_it_takes_no_other_words(port: int) -> None:
    assert probe(port, "--alive")[0] == 1


def test_it_loads_nothing_that_is_slow() -> None:
    program = f"import sys, stylegram.common.probe; print([name for name in {SLOW!r} if name in sys.modules])"
    loaded = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60, check=True)
    assert loaded.stdout == "[]\n"
