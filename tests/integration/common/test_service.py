import json
import os
import signal
import socket
import threading
import time
from collections.abc import Callable
from contextlib import closing
from http.client import HTTPConnection

import pytest

from stylegram.common import service
from stylegram.common.errors import ConfigurationError, Unavailable
from stylegram.common.health import Health
from stylegram.common.service import (
    Service,
    noted_signals,
    read_settings,
    run_to_end,
    run_until_signalled,
    serve,
    until_it_answers,
)
from stylegram.common.settings import Settings


@pytest.fixture
def stop() -> threading.Event:
    return threading.Event()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_all_targets(stop: threading.Event, number: signal.Signals) -> None:
    before = signal.getsignal(number)
    ended = []

    def work() -> None:
        stop.wait(10)
        ended.append(stop.is_set())

    def signal_us() -> None:
        os.kill(os.getpid(), number)

    run_until_signalled(work, work, signal_us, stop=stop)
    assert ended == [True, True]
    assert signal.getsignal(number) == before


def test_a_second_signal_does_what_it_always_did(stop: threading.Event) -> None:
    release = threading.Event()

    def hang() -> None:
        os.kill(os.getpid(), signal.SIGINT)
        stop.wait(10)
        os.kill(os.getpid(), signal.SIGINT)
        release.wait(10)

    with pytest.raises(KeyboardInterrupt):
        run_until_signalled(hang, stop=stop)
    release.set()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_noted_signal_breaks_into_nothing(number: signal.Signals) -> None:
    before = signal.getsignal(number)
    done = []

    with noted_signals() as heed:
        heed()
        os.kill(os.getpid(), number)
        done.append("what was begun")
        with pytest.raises(KeyboardInterrupt):
            heed()

    assert done
    assert signal.getsignal(number) == before


def test_the_second_signal_breaks_in() -> None:
    with noted_signals():
        os.kill(os.getpid(), signal.SIGINT)
        with pytest.raises(KeyboardInterrupt):
            os.kill(os.getpid(), signal.SIGINT)


def test_the_first_failure_stops_the_others_and_is_raised(stop: threading.Event) -> None:
    ended = []

    def work() -> None:
        ended.append(stop.wait(10))
        raise ValueError("second")

    def fail() -> None:
        raise Unavailable("first")

    with pytest.raises(Unavailable, match="first"):
        run_until_signalled(work, fail, stop=stop)
    assert ended == [True]


def test_it_ends_when_all_targets_have(stop: threading.Event) -> None:
    run_until_signalled(lambda: None, lambda: None, stop=stop)
    assert not stop.is_set()


def test_wrong_settings_name_the_variable_but_not_its_value(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STYLEGRAM_METRICS_PORT", "s3cret")
    with pytest.raises(ConfigurationError, match="STYLEGRAM_METRICS_PORT") as refused:
        read_settings(Settings)
    assert "s3cret" not in str(refused.value)
    assert serve(Settings, lambda settings, health: Service([])) == 1


class Lists(Settings):
    """With a value that is JSON in the environment."""

    names: tuple[str, ...] = ()


def test_overrides_win_and_are_named_like_variables(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STYLEGRAM_METRICS_PORT", "9000")
    assert read_settings(Settings, metrics_port=9001).metrics_port == 9001
    with pytest.raises(ConfigurationError, match="STYLEGRAM_METRICS_PORT: ") as refused:
        read_settings(Settings, metrics_port="s3cret")
    assert "s3cret" not in str(refused.value)


def test_a_list_that_is_not_json_is_refused_without_its_value(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STYLEGRAM_NAMES", "[s3cret")
    with pytest.raises(ConfigurationError, match="names") as refused:
        read_settings(Lists)
    assert "s3cret" not in str(refused.value)


def test_serving_gives_the_exit_status() -> None:
    def fail() -> None:
        raise Unavailable("away")

    assert serve(Settings, lambda settings, health: Service([fail])) == 1
    assert serve(Settings, lambda settings, health: Service([health.stop.set])) == 0


@pytest.fixture
def _short_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(service, "_FIRST_PAUSE", 0.001)
    monkeypatch.setattr(service, "_LONGEST_PAUSE", 0.004)


@pytest.mark.usefixtures("_short_pauses")
def test_a_dependency_that_is_away_at_the_start_is_waited_for(capsys: pytest.CaptureFixture[str]) -> None:
    attempts = []

    def build(settings: Settings, health: Health) -> Service:
        attempts.append(settings)
        if len(attempts) < 6:
            raise Unavailable("The broker is away.")
        return Service([health.stop.set])

    assert serve(Settings, build) == 0
    assert len(attempts) == 6
    warnings = [line for line in capsys.readouterr().err.splitlines() if "dependency_away" in line]
    assert [json.loads(line)["pause"] for line in warnings] == [0.001, 0.002, 0.004, 0.004, 0.004]
    assert {json.loads(line)["reason"] for line in warnings} == {"The broker is away."}


@pytest.mark.usefixtures("_short_pauses")
def test_waiting_comes_to_an_end_where_somebody_has_said_when() -> None:
    pauses = []

    def work() -> None:
        raise Unavailable("The broker is away.")

    began = time.monotonic()
    with pytest.raises(Unavailable, match="The broker is away"):
        until_it_answers(work, within=0.05, on_away=lambda _, pause: pauses.append(pause))
    assert time.monotonic() - began >= 0.05
    assert len(pauses) >= 3
    assert max(pauses) <= 0.004


def test_no_pause_is_longer_than_the_waiting() -> None:
    pauses = []

    def work() -> None:
        raise Unavailable("The broker is away.")

    with pytest.raises(Unavailable):
        until_it_answers(work, within=0.05, on_away=lambda _, pause: pauses.append(pause))
    assert len(pauses) == 1
    assert 0 < pauses[0] <= 0.05


def test_a_command_gives_its_exit_status_and_prints_what_kept_it(capsys: pytest.CaptureFixture[str]) -> None:
    def fail() -> int:
        raise Unavailable("The broker is away.")

    def ended() -> int:
        os.kill(os.getpid(), signal.SIGTERM)
        time.sleep(20)
        return 0

    before = signal.getsignal(signal.SIGTERM)
    assert run_to_end(lambda: 3) == 3
    assert run_to_end(fail) == 1
    assert capsys.readouterr().err == "The broker is away.\n"
    assert run_to_end(ended) == 143
    assert signal.getsignal(signal.SIGTERM) == before


def test_what_no_waiting_mends_ends_it_at_once() -> None:
    attempts = []

    def build(settings: Settings, health: Health) -> Service:
        attempts.append(settings)
        raise ConfigurationError("No such folder.")

    assert serve(Settings, build) == 1
    assert len(attempts) == 1


def test_while_it_waits_sigterm_ends_it() -> None:
    before = signal.getsignal(signal.SIGTERM)

    def build(settings: Settings, health: Health) -> Service:
        threading.Timer(0.05, os.kill, (os.getpid(), signal.SIGTERM)).start()
        raise Unavailable("The broker is away.")

    assert serve(Settings, build) == 0
    assert signal.getsignal(signal.SIGTERM) == before


def test_while_it_is_put_together_a_signal_ends_it() -> None:
    def build(number: signal.Signals) -> Callable[[Settings, Health], Service]:
        def never_done(settings: Settings, health: Health) -> Service:
            threading.Timer(0.05, os.kill, (os.getpid(), number)).start()
            health.stop.wait(20)
            return Service([])

        return never_done

    assert serve(Settings, build(signal.SIGTERM)) == 0
    with pytest.raises(KeyboardInterrupt):
        serve(Settings, build(signal.SIGINT))


@pytest.mark.usefixtures("_short_pauses")
def test_it_answers_from_its_first_moment_to_its_last(monkeypatch: pytest.MonkeyPatch) -> None:
    with closing(socket.create_server(("127.0.0.1", 0))) as free:
        port = free.getsockname()[1]
    monkeypatch.setenv("STYLEGRAM_METRICS_PORT", str(port))
    answers = []

    def ask(page: str) -> None:
        connection = HTTPConnection("127.0.0.1", port, timeout=20)
        connection.request("GET", page)
        response = connection.getresponse()
        answers.append((response.status, json.loads(response.read()).get("problems")))
        connection.close()

    def build(settings: Settings, health: Health) -> Service:
        def work() -> None:
            ask("/readyz")
            health.stop.set()
            ask("/healthz")

        ask("/readyz")
        if len(answers) == 1:
            raise Unavailable("The broker is away.")
        return Service([work], {"broker": lambda: None})

    assert serve(Settings, build) == 0
    assert answers == [
        (503, {"start": "It has only just been started."}),
        (503, {"start": "The broker is away."}),
        (200, None),
        (200, None),
    ]
    assert serve(Settings, lambda settings, health: Service([health.stop.set]), metrics_port=None) == 0
    with pytest.raises(OSError, match="refused"):
        ask("/healthz")


def test_a_port_that_is_taken_keeps_it_from_running() -> None:
    with closing(socket.create_server(("", 0))) as taken:
        port = taken.getsockname()[1]
        assert serve(Settings, lambda settings, health: Service([health.stop.set]), metrics_port=port) == 1
