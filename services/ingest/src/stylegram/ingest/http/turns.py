"""Work on pictures, a few at a time, in threads of its own: however much of it waits, all else is answered."""

from collections.abc import Callable
from functools import partial
from typing import ParamSpec, TypeVar

from anyio import CapacityLimiter
from anyio.lowlevel import RunVar
from anyio.to_thread import run_sync

_P = ParamSpec("_P")
_T = TypeVar("_T")


class Turns:
    """Threads beside those that plain endpoints run in.

    Args:
        at_once: pieces of work at a time; more wait, without a thread.
    """

    def __init__(self, at_once: int) -> None:
        self._at_once = at_once
        # A limiter belongs to an event loop, and an app may be asked from several.
        self._limiter: RunVar[CapacityLimiter] = RunVar("turns")

    async def run(self, work: Callable[_P, _T], *args: _P.args, **options: _P.kwargs) -> _T:
        """What the work returns, when it has had its turn."""
        limiter = self._limiter.get(None)
        if limiter is None:
            self._limiter.set(limiter := CapacityLimiter(self._at_once))
        return await run_sync(partial(work, *args, **options), limiter=limiter)


CLEANING = Turns(2)
"""For pictures that come along with requests: one of 100 megapixels takes some 300 MB while it is cleaned."""
