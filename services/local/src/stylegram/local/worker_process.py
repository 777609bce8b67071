"""The stylizer's process beside the house: kept alive, and ended with it.

It imports this module and what it paints with, and nothing else of the house: that would take it twice as long.
"""

import multiprocessing
import signal
import sys
import threading
import time
from multiprocessing.connection import Connection, wait
from pathlib import Path

import structlog

from stylegram.common.child_processes import no_main_module
from stylegram.common.errors import StylegramError
from stylegram.common.logs import configure_logs
from stylegram.common.service import run_until_signalled
from stylegram.stylizer.settings import StylizerSettings

_log = structlog.get_logger(__name__)
# A worker that lives shorter than this has hardly begun to paint: what kills it is no job.
_SHORT_LIFE_SECONDS = 5.0
_MOST_SHORT_LIVES = 8
# One evaluation of 4096 pixels on a slow machine, after which the worker sees that it should stop.
_STOP_SECONDS = 60.0


def keep_worker(settings: StylizerSettings, log: Path, stop: threading.Event) -> None:
    """Have a worker process until `stop` is set; one that dies is replaced, one that cannot start is not.

    Args:
        settings: the worker's.
        log: the file that its log is added to.
        stop: upon it the worker puts back the job that it is at.

    Raises:
        StylegramError: it cannot start, or died too often.
    """
    context = multiprocessing.get_context("spawn")
    short_lives = 0
    while short_lives <= _MOST_SHORT_LIVES:
        reason, tell = context.Pipe(duplex=False)
        worker = context.Process(target=_work, args=(settings, log, tell), name="stylizer")
        with no_main_module():
            worker.start()
        born = time.monotonic()
        while not stop.is_set() and worker.is_alive():
            worker.join(0.2)
        if stop.is_set():
            worker.terminate()
            worker.join(_STOP_SECONDS)
            worker.kill()
            worker.join()
            return
        if reason.poll():
            raise reason.recv()
        # The job that killed it is given up by itself, after as many attempts as its queue has; the others go on.
        _log.error("worker_died", exitcode=worker.exitcode)
        short_lives = short_lives + 1 if time.monotonic() - born < _SHORT_LIFE_SECONDS else 0
    raise StylegramError(f"The worker died {short_lives} times in a row.", advice=f"{log} tells what it said last.")


def _work(settings: StylizerSettings, log: Path, tell: Connection) -> None:
    """The worker process: jobs until somebody asks it to stop, or its parent is gone.

    Args:
        settings: the worker's.
        log: the file that its log is added to.
        tell: takes the error for which it cannot start.
    """
    # Ctrl-C reaches this process too, but it is the parent that says when to stop.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    # Loads torch, which nobody but this process needs.
    from stylegram.stylizer.bootstrap import bootstrap as bootstrap_stylizer

    with log.open("a", encoding="utf-8") as stream:
        configure_logs(json=True, level=settings.log_level, stream=stream)
        stop = threading.Event()
        parent = multiprocessing.parent_process()

        def follow_parent() -> None:
            if parent:
                wait([parent.sentinel])
                stop.set()

        threading.Thread(target=follow_parent, daemon=True).start()
        try:
            consumer = bootstrap_stylizer(settings, stop)
        except StylegramError as error:
            _log.error("worker_cannot_start", reason=str(error))
            tell.send(error)
            return
        try:
            run_until_signalled(consumer.run, stop=stop)
        except StylegramError as error:  # as where the GPU failed: the next worker may have one that works
            _log.error("worker_failed", reason=str(error))
            sys.exit(1)
