"""Waiting for what takes its time."""

import time
from collections.abc import Callable
from typing import TypeVar

PATIENCE = 180.0
"""Seconds; far more than anything here takes on a busy machine."""

_T = TypeVar("_T")


def eventually(look: Callable[[], _T | None], what: str, *, seconds: float = PATIENCE) -> _T:
    """The first answer that is true; fails, naming `what`, where there is none in time."""
    deadline = time.monotonic() + seconds
    while not (answer := look()):
        assert time.monotonic() < deadline, f"Not so in {seconds:.0f} seconds: {what}."
        time.sleep(0.5)
    return answer
