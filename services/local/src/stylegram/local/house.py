"""All services on one machine, over embedded adapters in one folder: the composition of a laptop.

Ingest, publisher and logger are threads; the stylizer is a process of its own, so that its arithmetic keeps
nobody waiting, and a crash in it costs one attempt at one picture.
"""

import fcntl
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import replace
from pathlib import Path

import structlog

from stylegram.common.adapters import url_path
from stylegram.common.errors import ConfigurationError, StylegramError
from stylegram.common.service import noted_signals, read_settings
from stylegram.common.topology import INGEST_EVENTS
from stylegram.ingest.bootstrap import bootstrap as bootstrap_ingest
from stylegram.local.record_advisor import advised_by_record
from stylegram.local.state_folder import (
    check_apart,
    embedded_settings,
    ingest_settings,
    log_file,
    logger_settings,
    outbox_of,
    publisher_settings,
)
from stylegram.local.worker_process import keep_worker
from stylegram.logger.bootstrap import bootstrap as bootstrap_logger
from stylegram.publisher.bootstrap import bootstrap as bootstrap_publisher
from stylegram.stylizer.preview_service.painter import FastPainter
from stylegram.stylizer.settings import StylizerSettings

_log = structlog.get_logger(__name__)
# A handful of rows; who asked us to end waits.
_LAST_WORDS_SECONDS = 5.0
_LOOK_SECONDS = 0.05


class House:
    """The services, composed on the state that a folder holds.

    Args:
        state: the folder: `storage/`, `outbox/`, `logs.csv`, `stylegram.log` and the databases; made when absent.
        photos: URL of the source of photographs; see `sources.open_source`.
        styles: URL of the source of paintings. A folder of this machine may have their titles in `style_names.json`.
        study: whose trials daily pictures are; the environment's where None, or what is known to be best.
        exploration: how often they try something new, 0 … 1; the environment's where None.

    Raises:
        ConfigurationError: the state folder is in use by another process, or cannot be used.
    """

    def __init__(
        self, state: Path, photos: str, styles: str, *, study: str | None = None, exploration: float | None = None
    ) -> None:
        self.state = state.absolute()
        self.outbox = outbox_of(self.state)
        self.logs_csv = self.state / "logs.csv"
        self.log = log_file(self.state)
        check_apart(self.state, photos, styles)
        self._resources = ExitStack()
        try:
            self.state.mkdir(parents=True, exist_ok=True)
            self._claim()
        except OSError as error:
            raise ConfigurationError(
                f"The state folder {state} cannot be used: {error.strerror}.", advice="Choose another --state."
            ) from error
        try:
            self._compose(photos, styles, study, exploration)
        except BaseException:
            self.close()
            raise
        self._failure: BaseException | None = None
        self._heed: Callable[[], None] = lambda: None

    def _compose(self, photos: str, styles: str, study: str | None, exploration: float | None) -> None:
        shared = embedded_settings(self.state)
        self.storage = url_path(shared["storage_url"])
        self._ingest_settings = ingest_settings(self.state, photos, styles, study=study, exploration=exploration)
        # On a laptop nobody has to be asked over HTTP, for advice or for previews.
        self.painter = FastPainter(self._ingest_settings.weights_dir)
        ingest = replace(bootstrap_ingest(self._ingest_settings), previewer=self.painter)
        self.ingest = advised_by_record(ingest, self._ingest_settings)
        self._resources.callback(self.ingest.close)
        # One broker, one storage, one database for all that live in this process.
        broker, storage, engine = self.ingest.broker, self.ingest.storage, self.ingest.engine
        publisher = publisher_settings(self.state, styles)
        self.publisher = bootstrap_publisher(publisher, broker=broker, storage=storage, engine=engine)
        logger = logger_settings(self.state, self.logs_csv)
        self.logger = bootstrap_logger(logger, broker=broker, engine=engine)
        self._stylizer_settings = read_settings(StylizerSettings, **shared)
        # Whoever looks through the posts finds the record beside them.
        with suppress(OSError):
            (self.outbox / self.logs_csv.name).symlink_to(Path("..") / self.logs_csv.name)

    @property
    def study(self) -> str | None:
        """Whose trials daily pictures are to be."""
        return self._ingest_settings.study

    @contextmanager
    def interruptible(self) -> Iterator[None]:
        """Have SIGTERM and SIGINT raise `KeyboardInterrupt` in `check` only; enter it on the main thread.

        Anywhere else it could leave a connection taken which the services wait for, and with them whoever ends them.
        """
        with noted_signals() as self._heed:
            yield

    @contextmanager
    def running(self) -> Iterator[None]:
        """Run the services; on the way out they finish or hand back what they are at."""
        stop, stop_worker = threading.Event(), threading.Event()
        services: list[Callable[[], None]] = [
            lambda: self.ingest.relay().run(stop),
            lambda: self.ingest.reconcile_periodically(stop, self._ingest_settings.reconcile_seconds),
            self.ingest.consumer(stop).run,
            *self.publisher.targets(stop),
            lambda: self.logger.run(stop),
        ]
        threads = [self._start(service) for service in services]
        worker = self._start(lambda: keep_worker(self._stylizer_settings, self.log, stop_worker))
        try:
            yield
        finally:
            # It first: what it says in the end, as that it puts its job back, is for the others to hear.
            stop_worker.set()
            worker.join()
            self._hear_out()
            stop.set()
            for thread in threads:
                thread.join()

    def check(self) -> None:
        """Raise what ended a service that should be running, and for a signal where it is `interruptible`."""
        self._heed()
        if self._failure:
            raise self._failure

    def close(self) -> None:
        """Let go of the databases and of the state folder."""
        self._resources.close()

    def _claim(self) -> None:
        lock = self._resources.enter_context((self.state / ".lock").open("a"))
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise ConfigurationError(
                f"Another stylegram works in {self.state}.", advice="Wait for it, end it, or choose another --state."
            ) from None

    def _start(self, service: Callable[[], None]) -> threading.Thread:
        thread = threading.Thread(target=self._guard, args=(service,), daemon=True)
        thread.start()
        return thread

    def _hear_out(self) -> None:
        """Wait until the job table knows what was said, so that it is right while nobody works."""
        deadline = time.monotonic() + _LAST_WORDS_SECONDS
        with suppress(StylegramError):  # then it is right when somebody works again
            while self.ingest.broker.depth(INGEST_EVENTS.name) and time.monotonic() < deadline:
                time.sleep(_LOOK_SECONDS)

    def _guard(self, service: Callable[[], None]) -> None:
        try:
            service()
        except BaseException as error:
            _log.exception("service_failed")
            self._failure = error
