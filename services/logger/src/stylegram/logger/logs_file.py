"""The file `logs.csv`, kept up to date behind what happens: nobody waits for it, and a burst is written once."""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import structlog
from sqlalchemy import Engine

from stylegram.common.errors import StylegramError
from stylegram.logger.exchange.logs_csv import write_logs_csv
from stylegram.logger.exchange.repository import ExchangeRepository

_log = structlog.get_logger(__name__)
# Between two writings; soon enough for who looks, and after a failure.
_PAUSE_SECONDS = 2.0
# Of a million runs the file takes minutes: the machine is there for other things too.
_MOST_OF_THE_TIME = 0.1


class LogsFile:
    """Every run in a file that follows the database.

    Args:
        engine: where the runs are.
        path: the file; it is replaced whole.
    """

    def __init__(self, engine: Engine, path: Path) -> None:
        self._engine = engine
        self._path = path
        # What changed while nobody wrote it is not known.
        self._stale = threading.Event()
        self._stale.set()
        self._ended = threading.Event()

    def changed(self) -> None:
        """Say that the runs are not what they were."""
        self._stale.set()

    @contextmanager
    def following(self) -> Iterator[None]:
        """Keep the file up to date during the block, which it may be some seconds behind; at its end it is complete."""
        self._ended.clear()
        writer = threading.Thread(target=self._follow, name="logs-csv", daemon=True)
        writer.start()
        try:
            yield
        finally:
            self._ended.set()
            writer.join()
            self.write()

    def write(self) -> None:
        """Bring the file up to date; where that fails, it is as it was, and the next time mends it."""
        if not self._stale.is_set():
            return
        # Before, not after: what changes meanwhile may not be in it.
        self._stale.clear()
        try:
            write_logs_csv(ExchangeRepository(self._engine).rows(), self._path)
        except (OSError, StylegramError) as error:
            self._stale.set()
            _log.error("logs_csv_not_written", path=str(self._path), reason=str(error))

    def _follow(self) -> None:
        pause = 0.0
        while not self._ended.wait(pause):
            began = time.monotonic()
            self.write()
            pause = max(_PAUSE_SECONDS, (time.monotonic() - began) / _MOST_OF_THE_TIME)
