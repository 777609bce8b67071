"""Work on pictures, a few at a time, in threads of its own: however much of it waits, all else is answered."""

from collections.abc import Callable
from functools import partial
from typing import ParamSpec, TypeVar

from anyio import CapacityLimiter
from anyio.lowlevel import RunVar
from anyio.to_thread import run_sync

from stylegram.common.errors import Unavailable

_P = ParamSpec("_P")
_T = TypeVar("_T")


class Turns:
    """Threads beside those that plain endpoints run in.

    Args:
        at_once: pieces of work at a time; more wait, without a thread.
        most_waiting: how many more do; None for any number.
    """

    def __init__(self, at_once: int, most_waiting: int | None = None) -> None:
        self._at_once = at_once
        self._most_waiting = most_waiting
        # A limiter belongs to an event loop, and an app may be asked from several.
        self._limiter: RunVar[CapacityLimiter] = RunVar("turns")

    async def run(self, work: Callable[_P, _T], *args: _P.args, **options: _P.kwargs) -> _T:
        """What the work returns, when it has had its turn.

        Raises:
            Unavailable: too many wait already.
        """
        limiter = self._limiter.get(None)
        if limiter is None:
            self._limiter.set(limiter := CapacityLimiter(self._at_once))
        if self._most_waiting is not None and limiter.statistics().tasks_waiting >= self._most_waiting:
            raise Unavailable("Too many ask for this at once.", advice="Ask again in a moment.")
        return await run_sync(partial(work, *args, **options), limiter=limiter)
