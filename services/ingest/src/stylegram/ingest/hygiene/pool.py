"""The processes that clean pictures, for any number of threads.

Each has a pipe of its own, and one picture at a time goes through it: a process that dies, wherever it is killed,
takes with it one picture and no lock, queue or half-written message that others need. Its caller waits on the pipe,
and sees its end.
"""

import hashlib
import json
import multiprocessing
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType

import structlog

from stylegram.common.child_processes import no_main_module
from stylegram.common.errors import ConfigurationError, InvalidImage, StylegramError, Unavailable
from stylegram.ingest.hygiene.cleaning import Cleaned, clean
from stylegram.ingest.hygiene.worker import JUDGE, PLAIN, Limits, Task, work
from stylegram.ingest.metrics import DECODER_CRASHES

_log = structlog.get_logger(__name__)

# A fork of this process, with all its threads, may hang in a lock that one of them held.
_PROCESSES = multiprocessing.get_context("forkserver")
# What `multiprocessing` keeps of its children is not made for several threads: each start looks how the others are,
# and of an exit code, which comes once, one of two that ask gets none.
_children = threading.Lock()

_ERRORS = {kind.code: kind for kind in (InvalidImage, ConfigurationError)}

# It takes a tenth of one; a machine that swaps takes its time.
_START_SECONDS = 60

_PICTURES_PER_PROCESS = 100
"""Decoders leak, and leave memory in pieces."""


class Hygiene:
    """Cleans pictures in processes of its own, which are started when they are needed first.

    Args:
        processes: pictures that are worked on at once.
        seconds: that one may take. A hundred megapixels of 16 bits took 60 on a busy machine.
        megabytes: of memory (2²⁰ bytes) that a process may have. A picture of 100 megapixels takes 1,600 of them,
            and one in 16-bit grey 2,400.
        orientation: the file of the model that judges how a photograph was held; None judges nothing.
        task: cleans a picture, in the processes; importable from them.
    """

    def __init__(
        self,
        processes: int = 2,
        seconds: float = 120,
        megabytes: int = 4096,
        *,
        orientation: Path | None = None,
        task: Task = clean,
    ) -> None:
        self._processes = processes
        self._limits = Limits(seconds, megabytes)
        self._orientation = orientation
        self._task = task
        self._slots = threading.Semaphore(processes)
        self._lock = threading.Lock()
        self._closing = threading.Lock()
        self._idle: list[_Worker] = []
        self._busy: set[_Worker] = set()
        self._closed = False

    def clean(self, data: bytes, *, judge_orientation: bool = False) -> Cleaned:
        """The picture in `data`, fit for storage; waits until a process is free and done with it.

        Args:
            data: the file's bytes.
            judge_orientation: turn the picture upright by our own judgement, where its file does not say how it is
                held and there is a model to judge by.

        Raises:
            InvalidImage: see `images.decode_image`; or it takes too long, too much memory, or crashes the decoder.
            Unavailable: there is no process to be had, or `close` was called.
        """
        with self._slots:
            try:
                with self._worker(fresh=False) as worker:
                    return worker.clean(data, judge_orientation)
            except _Died as death:
                self._note_death(death, data)
            # Where memory is short, the kernel kills whom it likes: it may have been somebody else's picture.
            try:
                with self._worker(fresh=True) as worker:
                    return worker.clean(data, judge_orientation)
            except _Died as death:
                self._note_death(death, data)
                raise InvalidImage(
                    f"The picture crashes the decoder ({death}).", advice="Save it anew with another program."
                ) from None

    def close(self) -> None:
        """End the processes at once; who waits for a picture gets `Unavailable`."""
        with self._lock:
            self._closed = True
            idle, self._idle = self._idle, []
            for worker in self._busy:
                worker.kill()
        for worker in idle:
            worker.end()
        # Who had a slot has lost its process, and lets go of it.
        with self._closing:
            for _ in range(self._processes):
                self._slots.acquire()
            self._slots.release(self._processes)

    def __enter__(self) -> "Hygiene":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    @contextmanager
    def _worker(self, *, fresh: bool) -> Iterator["_Worker"]:
        worker = None if fresh else self._take_idle()
        worker = worker or _Worker(self._task, self._limits, self._orientation)
        try:
            with self._lock:
                self._check_open()
                self._busy.add(worker)
            yield worker
        finally:
            with self._lock:
                self._busy.discard(worker)
                if keep := worker.fit and not self._closed:
                    self._idle.append(worker)
            if not keep:
                worker.end()

    def _take_idle(self) -> "_Worker | None":
        while True:
            with self._lock:
                self._check_open()
                if not self._idle:
                    return None
                worker = self._idle.pop()
            if worker.alive:
                return worker
            worker.end()

    def _check_open(self) -> None:
        if self._closed:
            raise Unavailable("Pictures are not cleaned any more: the service ends.")

    def _note_death(self, death: "_Died", data: bytes) -> None:
        """Returns where the picture deserves another try."""
        with self._lock:
            self._check_open()
        DECODER_CRASHES.labels(str(death)).inc()
        _log.warning("decoder_died", end=str(death), bytes=len(data), sha256=hashlib.sha256(data).hexdigest())
        if death.exit_code == -signal.SIGALRM:
            raise InvalidImage(
                f"Decoding the picture took longer than {self._limits.seconds:g} s.", advice="Scale it down."
            ) from None


class _Died(Exception):
    """The process ended over a picture.

    Args:
        exit_code: as `multiprocessing` has it: a signal's number, negated, or an exit status.
    """

    def __init__(self, exit_code: int) -> None:
        super().__init__(exit_code)
        self.exit_code = exit_code

    def __str__(self) -> str:
        if self.exit_code >= 0:
            return f"exit status {self.exit_code}"
        return f"signal {signal.Signals(-self.exit_code).name}"


class _Worker:
    def __init__(self, task: Task, limits: Limits, orientation: Path | None) -> None:
        self._pictures = 0
        self._dead = False
        self._pipe, theirs = _PROCESSES.Pipe()
        self._process = _PROCESSES.Process(
            target=work, args=(theirs, task, limits, orientation), name="hygiene", daemon=True
        )
        try:
            with theirs, _children, no_main_module():
                _PROCESSES.set_forkserver_preload([work.__module__])
                self._process.start()
            if not self._pipe.poll(_START_SECONDS):
                raise TimeoutError(f"it was not ready within {_START_SECONDS} s")
            self._pipe.recv_bytes()
        except (OSError, EOFError) as error:
            self.end()
            raise Unavailable(
                f"No process to clean pictures in can be started: {str(error) or type(error).__name__}.",
                advice="The machine may be short of memory or of processes.",
            ) from error

    @property
    def fit(self) -> bool:
        """Whether it is to have another picture."""
        return not self._dead and self._pictures < _PICTURES_PER_PROCESS

    @property
    def alive(self) -> bool:
        """Whether a worker that has nothing to do still runs: it has nothing to say then, but its end can be heard."""
        return not self._pipe.poll()

    def clean(self, data: bytes, judge_orientation: bool) -> Cleaned:
        """The cleaned picture.

        Raises:
            _Died: the process ended over it.
            StylegramError: what the task raised.
        """
        self._pictures += 1
        # Whatever interrupts this leaves half a message in the pipe.
        self._dead = True
        try:
            self._pipe.send_bytes(JUDGE if judge_orientation else PLAIN)
            self._pipe.send_bytes(data)
            outcome = json.loads(self._pipe.recv_bytes())
            cleaned = outcome.get("cleaned")
            pixels = b"" if cleaned is None else self._pipe.recv_bytes()
        except (OSError, EOFError):
            with _children:
                self._process.join()
                exit_code = self._process.exitcode or 0
            raise _Died(exit_code) from None
        self._dead = False
        if cleaned is not None:
            return Cleaned(pixels, **cleaned)
        told = outcome["error"]
        raise _ERRORS.get(told["code"], StylegramError)(told["message"], advice=told["advice"])

    def kill(self) -> None:
        """End the process, whatever it does; who waits for it is told so."""
        self._process.kill()

    def end(self) -> None:
        """End the process and let go of all that belongs to it."""
        self._pipe.close()
        with _children:
            if self._process.pid is not None:
                self._process.kill()
                self._process.join()
            self._process.close()
