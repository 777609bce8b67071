"""The process in which foreign bytes meet a decoder: bounded in time and memory, and gone when its parent is."""

import json
import os
import resource
import signal
import threading
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, fields
from functools import cache, partial
from multiprocessing import parent_process
from multiprocessing.connection import Connection
from pathlib import Path
from typing import TYPE_CHECKING

from PIL import Image

from stylegram.common.errors import InvalidImage, StylegramError
from stylegram.ingest.hygiene.cleaning import Cleaned, Judge

if TYPE_CHECKING:
    from stylegram.ingest.orientation import Orientation

Task = Callable[[bytes, Judge | None], Cleaned]

READY, JUDGE, PLAIN = b"ready", b"judge", b"plain"

_NICENESS = 10
"""So that the API, which people wait for, goes first."""


@dataclass(frozen=True)
class Limits:
    """What a picture may take.

    Args:
        seconds: of time, for one picture.
        megabytes: of memory (2²⁰ bytes), for the process.
    """

    seconds: float
    megabytes: int


def work(pipe: Connection, task: Task, limits: Limits, orientation: Path | None) -> None:
    """Clean one picture after the other until the pipe's other end is closed; what a worker's process runs.

    Args:
        pipe: says `READY` once; then takes `JUDGE` or `PLAIN`, and the file's bytes, and gives what came of it as JSON,
            with the cleaned bytes behind it where there are any. Nothing that comes out of here is a pickle: a decoder
            that was taken over by a picture could have the other end run anything.
        task: cleans a picture.
        limits: of each.
        orientation: the file of the model that judges; needed only where somebody asks for that.
    """
    _confine(limits)
    pipe.send_bytes(READY)
    # A parent that is gone, or that has no more for us, is no error.
    with suppress(EOFError, ConnectionError):
        while True:
            judge = partial(_judge, orientation) if pipe.recv_bytes() == JUDGE and orientation else None
            outcome = _outcome(pipe.recv_bytes(), judge, task, limits)
            if isinstance(outcome, Cleaned):
                facts = {field.name: getattr(outcome, field.name) for field in fields(outcome) if field.name != "data"}
                pipe.send_bytes(json.dumps({"cleaned": facts}).encode())
                pipe.send_bytes(outcome.data)
            else:
                told = {"code": outcome.code, "message": outcome.message, "advice": outcome.advice}
                pipe.send_bytes(json.dumps({"error": told}).encode())
            del outcome


def _outcome(data: bytes, judge: Judge | None, task: Task, limits: Limits) -> Cleaned | StylegramError:
    # The kernel keeps the time, and ends this process by SIGALRM: a decoder that hangs with the interpreter's lock in
    # its hand, or after the parent was killed, is ended too.
    signal.setitimer(signal.ITIMER_REAL, limits.seconds)
    try:
        return task(data, judge)
    except StylegramError as error:
        return error
    except MemoryError:
        return InvalidImage(f"The picture needs more memory than {limits.megabytes} MB.", advice="Scale it down.")
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)


def _confine(limits: Limits) -> None:
    # Ctrl-C in a terminal goes to every process there; what becomes of us is the parent's decision.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    os.nice(_NICENESS)
    # Before memory gets short: a thread that has none to begin with is waited for, for ever.
    threading.Thread(target=_end_with_parent, daemon=True).start()
    _lower(resource.RLIMIT_CORE, 0)
    # Not RLIMIT_AS: that counts what is only reserved, and each thread of a decoder reserves 136 MB, a thread a core.
    _lower(resource.RLIMIT_DATA, limits.megabytes * 2**20)


def _lower(kind: int, limit: int) -> None:
    """Set the limit, unless a lower one is set already, which nobody may raise."""
    _, ceiling = resource.getrlimit(kind)
    limit = limit if ceiling == resource.RLIM_INFINITY else min(limit, ceiling)
    resource.setrlimit(kind, (limit, limit))


def _end_with_parent() -> None:
    parent = parent_process()
    assert parent is not None
    parent.join()
    os._exit(1)


def _judge(model: Path, pixels: Image.Image) -> int:
    return _orientation(model).upright(pixels)


@cache
def _orientation(model: Path) -> "Orientation":
    # Most processes need neither the network nor what reads it.
    from stylegram.ingest.orientation import Orientation

    return Orientation.load(model)
