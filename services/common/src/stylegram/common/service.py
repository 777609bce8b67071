"""How a service runs as a process: from its settings until somebody asks it to stop; and a command, to its end."""

import math
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from types import FrameType
from typing import Any, TypeVar

import structlog
from pydantic import ValidationError
from pydantic_settings import SettingsError

from stylegram.common.certificates import watch_certificates
from stylegram.common.errors import ConfigurationError, StylegramError
from stylegram.common.health import Check, Health, answering
from stylegram.common.logs import configure_logs
from stylegram.common.settings import PREFIX, Settings

_log = structlog.get_logger(__name__)
_S = TypeVar("_S", bound=Settings)
_T = TypeVar("_T")
# A dependency that is away at the start is asked again after a second, then two, then four …
_FIRST_PAUSE = 1.0
_LONGEST_PAUSE = 30.0
# A signal that arrives in the very moment before a wait is handled after it.
_LONGEST_JOIN = 0.5

Target = Callable[[], None]
"""Works until it is told to stop."""


@dataclass(frozen=True)
class Service:
    """What a process runs, put together.

    Args:
        targets: each runs in a thread of its own, until it is told to stop.
        checks: of what it depends on, by name; see `health.Check`.
        measure: brings those gauges up to date that nothing else does; see `Health.measure_by`.
    """

    targets: Iterable[Target]
    checks: Mapping[str, Check] = field(default_factory=dict)
    measure: Check | None = None


def serve(
    settings_type: type[_S],
    build: Callable[[_S, Health], Service],
    **overrides: Any,  # noqa: ANN401  (pydantic judges the types)
) -> int:
    """Run a service until SIGTERM or SIGINT; what its `__main__` calls.

    Args:
        settings_type: read from the environment.
        build: puts the service together from the settings and what is known of the process, the event that ends it
            above all; while a dependency is away, it is called again and again.
        overrides: settings that do not come from the environment.

    Returns:
        The process's exit status: 1 where an error of ours, which is logged, kept it from running.
    """
    stop = threading.Event()
    health = Health(stop)
    configure_logs()
    try:
        settings = read_settings(settings_type, **overrides)
        configure_logs(json=settings.json_logs, level=settings.log_level)
        watch_certificates(settings.broker_ca_file, settings.broker_cert_file)
        with answering(settings.metrics_port, health):
            with _terminable():
                service = _built(lambda: build(settings, health), health)
            run_until_signalled(*service.targets, stop=stop, health=health)
    except _Terminated:
        _log.info("stopped_before_start")
    except StylegramError as error:
        _log.error("service_failed", reason=str(error))
        return 1
    return 0


def run_to_end(work: Callable[[], int]) -> int:
    """Do what comes to an end by itself, as a cluster's Job does; what a command's `__main__` calls.

    Returns:
        The process's exit status: that of `work`; 1 where an error of ours, which is printed, kept it from being done;
        143 as soon as SIGTERM ends it.
    """
    try:
        with _terminable():
            return work()
    except _Terminated:
        return 128 + signal.SIGTERM
    except StylegramError as error:
        sys.stderr.write(f"{error}\n")
        return 1


def until_it_answers(
    work: Callable[[], _T], *, within: float = math.inf, on_away: Callable[[StylegramError, float], None]
) -> _T:
    """What `work` returns, as soon as all that it needs answers.

    Args:
        work: is done again and again while that helps.
        within: seconds after which it is not tried again.
        on_away: told of what kept it from being done, and of the seconds until the next try.

    Raises:
        StylegramError: no waiting mends it, or it has been waited for long enough.
    """
    pause, deadline = _FIRST_PAUSE, time.monotonic() + within
    while True:
        try:
            return work()
        except StylegramError as error:
            left = deadline - time.monotonic()
            if not error.retryable or error.ends_process or left <= 0:
                raise
            pause = min(pause, left)
            on_away(error, pause)
            time.sleep(pause)
            pause = min(2 * pause, _LONGEST_PAUSE)


def _built(build: Callable[[], Service], health: Health) -> Service:
    """The service, as soon as all that it needs for its start answers."""

    def tell(error: StylegramError, pause: float) -> None:
        health.start = str(error)
        log_away(error, pause)

    service = until_it_answers(build, on_away=tell)
    health.depend_on(service.checks)
    if service.measure:
        health.measure_by(service.measure)
    return service


def log_away(error: StylegramError, pause: float) -> None:
    """Have the log say what is waited for; see `until_it_answers`."""
    _log.warning("dependency_away", reason=str(error), pause=pause)


class _Terminated(BaseException):
    """SIGTERM, as `KeyboardInterrupt` is SIGINT: whatever the process waits for, it ends."""


@contextmanager
def _terminable() -> Iterator[None]:
    """Have SIGTERM raise `_Terminated`: the first process of a container would not even notice it by itself."""

    def terminate(_number: int, _frame: FrameType | None) -> None:
        raise _Terminated

    previous = signal.signal(signal.SIGTERM, terminate)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, previous)


def read_settings(settings_type: type[_S], **overrides: Any) -> _S:  # noqa: ANN401  (pydantic judges the types)
    """The settings from the environment, except for `overrides`, which win.

    Raises:
        ConfigurationError: names every variable that is wrong, but not its value, which may be a secret.
    """
    try:
        return settings_type(**overrides)
    except ValidationError as error:
        problems = [
            f"{PREFIX}{'.'.join(map(str, issue['loc'])).upper()}: {issue['msg'].removeprefix('Value error, ')}"
            for issue in error.errors(include_url=False, include_input=False)
        ]
        raise ConfigurationError(f"These settings are wrong: {'; '.join(problems)}.") from None
    except SettingsError as error:
        # A list or a table that is not JSON; the error names the field, and shows no value.
        raise ConfigurationError(f"The settings cannot be read: {error}.") from None


def run_until_signalled(*targets: Target, stop: threading.Event, health: Health | None = None) -> None:
    """Run each target in a thread of its own until all have returned; call it on the main thread.

    SIGTERM, SIGINT and a target that raises set `stop`, upon which every target should return soon. A second
    signal does what it would have done without us, so that who is in a hurry can end the process.

    Args:
        targets: what to run; each watches `stop`.
        stop: set when it is time to finish.
        health: is to know how the targets are.

    Raises:
        BaseException: the first that a target raised, after all have returned.
    """
    failures: list[BaseException] = []

    def run(target: Target) -> None:
        try:
            target()
        except BaseException as error:
            failures.append(error)
            stop.set()

    threads = [threading.Thread(target=run, args=(target,), name=_name(target), daemon=True) for target in targets]
    with _upon_signal(stop.set):
        for thread in threads:
            thread.start()
        if health:
            health.watch(threads, failures)
        # Joined, never waited for through `stop`: a handler that sets an event its own thread waits on may deadlock.
        for thread in threads:
            while thread.is_alive():
                thread.join(_LONGEST_JOIN)
    if failures:
        raise failures[0]


@contextmanager
def noted_signals() -> Iterator[Callable[[], None]]:
    """Note SIGTERM and SIGINT instead of having them break in; enter it on the main thread.

    What a signal raises may strike between a library's taking a connection and its giving it back, for which other
    threads then wait; and what it raises in a destructor is lost. A second signal does what it would have done
    without us.

    Yields:
        What raises `KeyboardInterrupt` once there was a signal, to be called where nothing is half-done.
    """
    noted = threading.Event()

    def heed() -> None:
        if noted.is_set():
            raise KeyboardInterrupt

    with _upon_signal(noted.set):
        yield heed


@contextmanager
def _upon_signal(do: Callable[[], None]) -> Iterator[None]:
    """Have the first SIGTERM and the first SIGINT do this, on the main thread, and what they did before after it."""
    previous = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)}

    def handle(number: int, _frame: FrameType | None) -> None:
        do()
        signal.signal(number, previous[signal.Signals(number)])

    for number in previous:
        signal.signal(number, handle)
    try:
        yield
    finally:
        for number, handler in previous.items():
            signal.signal(number, handler)


def _name(target: Target) -> str:
    return getattr(target, "__qualname__", type(target).__name__)
