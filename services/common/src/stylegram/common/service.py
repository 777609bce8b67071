"""How a service runs as a process: from its settings until somebody asks it to stop."""

import signal
import threading
from collections.abc import Callable, Iterable
from types import FrameType
from typing import Any, TypeVar

import structlog
from pydantic import ValidationError
from pydantic_settings import SettingsError

from stylegram.common.errors import ConfigurationError, StylegramError
from stylegram.common.logs import configure_logs
from stylegram.common.metrics import serve_metrics
from stylegram.common.settings import PREFIX, Settings

_log = structlog.get_logger(__name__)
_S = TypeVar("_S", bound=Settings)


def serve(settings_type: type[_S], targets: Callable[[_S, threading.Event], Iterable[Callable[[], None]]]) -> int:
    """Run a service until SIGTERM or SIGINT; what its `__main__` calls.

    Args:
        settings_type: read from the environment.
        targets: builds what is to run from the settings and the event that ends it.

    Returns:
        The process's exit status: 1 where an error of ours, which is logged, kept it from running.
    """
    stop = threading.Event()
    configure_logs()
    try:
        settings = read_settings(settings_type)
        configure_logs(json=settings.json_logs, level=settings.log_level)
        serve_metrics(settings.metrics_port)
        run_until_signalled(*targets(settings, stop), stop=stop)
    except StylegramError as error:
        _log.error("service_failed", reason=str(error))
        return 1
    return 0


def read_settings(settings_type: type[_S], **overrides: Any) -> _S:  # noqa: ANN401  (pydantic judges the types)
    """The settings from the environment, except for `overrides`, which win.

    Raises:
        ConfigurationError: names every variable that is wrong, but not its value, which may be a secret.
    """
    try:
        return settings_type(**overrides)
    except ValidationError as error:
        problems = [
            f"{PREFIX}{'.'.join(map(str, issue['loc'])).upper()}: {issue['msg']}"
            for issue in error.errors(include_url=False, include_input=False)
        ]
        raise ConfigurationError(f"These settings are wrong: {'; '.join(problems)}.") from None
    except SettingsError as error:
        # A list or a table that is not JSON; the error names the field, and shows no value.
        raise ConfigurationError(f"The settings cannot be read: {error}.") from None


def run_until_signalled(*targets: Callable[[], None], stop: threading.Event) -> None:
    """Run each target in a thread of its own until all have returned; call it on the main thread.

    SIGTERM, SIGINT and a target that raises set `stop`, upon which every target should return soon. A second
    signal does what it would have done without us, so that who is in a hurry can end the process.

    Args:
        targets: what to run; each watches `stop`.
        stop: set when it is time to finish.

    Raises:
        BaseException: the first that a target raised, after all have returned.
    """
    failures: list[BaseException] = []

    def run(target: Callable[[], None]) -> None:
        try:
            target()
        except BaseException as error:
            failures.append(error)
            stop.set()

    previous = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)}

    def request_stop(number: int, _frame: FrameType | None) -> None:
        stop.set()
        signal.signal(number, previous[signal.Signals(number)])

    for number in previous:
        signal.signal(number, request_stop)
    threads = [threading.Thread(target=run, args=(target,), daemon=True) for target in targets]
    try:
        for thread in threads:
            thread.start()
        # Joined, never waited for through `stop`: a handler that sets an event its own thread waits on may deadlock.
        for thread in threads:
            thread.join()
    finally:
        for number, handler in previous.items():
            signal.signal(number, handler)
    if failures:
        raise failures[0]
