import os
import signal
import threading

import pytest

from stylegram.common.errors import ConfigurationError, Unavailable
from stylegram.common.service import read_settings, run_until_signalled, serve
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
    assert serve(Settings, lambda settings, stop: []) == 1


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

    assert serve(Settings, lambda settings, stop: [fail]) == 1
    assert serve(Settings, lambda settings, stop: [stop.set]) == 0
