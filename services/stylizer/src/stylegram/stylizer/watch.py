"""An eye on a job beside its work: somebody may not want it any more, others want to know of it, and it may hang."""

import faulthandler
import os
import threading
import time
from collections.abc import Callable
from contextvars import copy_context
from types import TracebackType
from typing import Self

import structlog

from stylegram.common.errors import Cancelled, DeadlineExceeded

_log = structlog.get_logger(__name__)
# How soon somebody who cancels a job sees that it has ended, beside the evaluation at hand.
_LOOK_SECONDS = 2.0
# Several fit into the time after which a job of which nothing is heard is taken for lost.
_ALIVE_SECONDS = 15.0
# From a job's time limit until its process ends: an evaluation of the largest picture on a slow machine, and the film.
_GRACE_SECONDS = 60.0
# For what a dependency that hangs may still be about to do when the work has ended.
_PATIENCE_SECONDS = 1.0


def end_process() -> None:
    """End this process at once, and say where each of its threads was."""
    faulthandler.dump_traceback()
    os._exit(1)


class Watch:
    """Watches over one job while its block runs.

    >>> with Watch(lambda: False, lambda: None, limit_seconds=60) as watch:
    ...     watch.check()

    Storage and broker have a thread each, and so has the clock: where one of them hangs, the others go on.

    Args:
        is_cancelled: looks whether somebody cancelled the job.
        say_alive: tells others that somebody is at it.
        limit_seconds: what the block may take.
        end_process: called where the block has not ended for a minute longer, as it hangs.
    """

    def __init__(
        self,
        is_cancelled: Callable[[], bool],
        say_alive: Callable[[], None],
        *,
        limit_seconds: float,
        end_process: Callable[[], None] = end_process,
    ) -> None:
        self._is_cancelled = is_cancelled
        self._limit = limit_seconds
        self._end_process = end_process
        self._deadline = time.monotonic() + limit_seconds
        self._cancelled = threading.Event()
        self._done = threading.Event()
        routines = ((_LOOK_SECONDS, self._look), (_ALIVE_SECONDS, say_alive))
        # In our context, so that their log lines carry the job too.
        self._threads = [
            threading.Thread(target=copy_context().run, args=(self._repeat, *routine), name="watch", daemon=True)
            for routine in routines
        ]
        latest = min(limit_seconds + _GRACE_SECONDS, threading.TIMEOUT_MAX)
        self._timer = threading.Timer(latest, copy_context().run, args=(self._end_hanging,))
        self._timer.daemon = True

    def check(self) -> None:
        """See whether the work should go on.

        Raises:
            Cancelled: somebody cancelled the job.
            DeadlineExceeded: it has taken longer than it may.
        """
        if self._cancelled.is_set():
            raise Cancelled("The job was cancelled.")
        if time.monotonic() >= self._deadline:
            raise DeadlineExceeded(
                f"The job took longer than the {self._limit:g} seconds that it may.",
                advice="Choose a smaller size or fewer evaluations, or let it take longer.",
            )

    def __enter__(self) -> Self:
        for thread in (*self._threads, self._timer):
            thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._timer.cancel()
        self._done.set()
        for thread in self._threads:
            thread.join(_PATIENCE_SECONDS)

    def _repeat(self, every_seconds: float, do: Callable[[], None]) -> None:
        while not self._done.wait(every_seconds):
            try:
                do()
            except Exception as error:  # a dependency is away; the work does without, and it is asked again
                _log.warning("watch_impaired", reason=str(error) or type(error).__name__)

    def _look(self) -> None:
        if self._is_cancelled():
            self._cancelled.set()

    def _end_hanging(self) -> None:
        _log.error("job_hangs", limit_seconds=self._limit, grace_seconds=_GRACE_SECONDS)
        self._end_process()
