"""How calls to Drive are paced and repeated: one policy for all the threads of a source."""

import random
import threading
import time
from collections.abc import Callable
from itertools import count
from typing import TypeVar

from stylegram.ingest.sources.drive.troubles import TROUBLES, Trouble, trouble_of

_T = TypeVar("_T")

_FIRST_PAUSE, _LONGEST_PAUSE = 0.5, 32.0
_FIRST_INTERVAL, _LONGEST_INTERVAL = 0.1, 5.0
_RECOVERY = 0.9


class Patience:
    """Repeats what may pass by itself, and slows every thread down when Drive says that we are too fast.

    Args:
        limit: seconds after which a call is given up.
        sleep: waits so many seconds.
        clock: seconds since some time.
    """

    def __init__(
        self,
        limit: float = 120.0,
        *,
        sleep: Callable[[float], object] = time.sleep,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._limit = limit
        self._sleep = sleep
        self._clock = clock
        self._lock = threading.Lock()
        self._interval = 0.0
        self._next = 0.0
        self._slowed = float("-inf")

    def call(self, attempt: Callable[[], _T]) -> _T:
        """What the attempt gives, once it succeeds.

        Raises:
            TROUBLES: the last attempt's error, where it does not pass or has not passed in time.
        """
        give_up = self._clock() + self._limit
        for number in count():
            self._take_turn()
            try:
                result = attempt()
            except TROUBLES as error:
                trouble = trouble_of(error)
                if trouble is Trouble.TOO_FAST:
                    self._slow_down()
                pause = min(_LONGEST_PAUSE, _FIRST_PAUSE * 2.0**number) * random.uniform(0.5, 1.0)
                if trouble is Trouble.LASTING or self._clock() + pause > give_up:
                    raise
                self._sleep(pause)
            else:
                self._speed_up()
                return result
        raise AssertionError

    def _take_turn(self) -> None:
        with self._lock:
            now = self._clock()
            turn = max(now, self._next)
            self._next = turn + self._interval
        if turn > now:
            self._sleep(turn - now)

    def _slow_down(self) -> None:
        with self._lock:
            # Threads that were too fast together are told so one by one.
            if (now := self._clock()) - self._slowed > self._interval:
                self._slowed = now
                self._interval = min(_LONGEST_INTERVAL, max(_FIRST_INTERVAL, self._interval * 2))

    def _speed_up(self) -> None:
        with self._lock:
            self._interval = self._interval * _RECOVERY if self._interval > _FIRST_INTERVAL / 10 else 0.0
