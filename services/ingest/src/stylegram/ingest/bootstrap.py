"""The composition root: from settings to a working ingest.

>>> ingest = bootstrap(IngestSettings())  # doctest: +SKIP
>>> ingest.sync_all()  # doctest: +SKIP
>>> job = ingest.submit(*ingest.choose_pair(random.Random()), Hyperparameters())  # doctest: +SKIP
>>> ingest.relay().relay_once()  # doctest: +SKIP
1
"""

import threading
from collections.abc import Mapping
from dataclasses import dataclass, field

import structlog
from sqlalchemy import text

from stylegram.common import topology
from stylegram.common.adapters import broker_of, open_storage
from stylegram.common.consumer import Consumer
from stylegram.common.database import migrate, open_database, transaction
from stylegram.common.errors import Interrupted, StylegramError
from stylegram.common.ports import Broker, Storage
from stylegram.common.records import Role
from stylegram.ingest.assets import Assets
from stylegram.ingest.events import EventHandler
from stylegram.ingest.jobs import Jobs
from stylegram.ingest.queues import Queues
from stylegram.ingest.reconcile import Reconciler
from stylegram.ingest.relay import Relay
from stylegram.ingest.schemas import ReconcileReport
from stylegram.ingest.settings import IngestSettings, timezone_of
from stylegram.ingest.sources import open_source
from stylegram.ingest.sync import OnFile, SyncReport, SyncRunning, sync

_log = structlog.get_logger(__name__)


@dataclass(frozen=True, kw_only=True)
class Ingest(Jobs, Assets, Queues):
    """The service, composed: its jobs, its pictures, its queues, and what runs in its threads.

    Args:
        engine: the database, its tables up to date.
        broker: all queues declared.
        storage: where assets and artifacts lie.
        sources: each role's source, by URL.
        lost_after: seconds of silence after which a job is looked after.
    """

    sources: Mapping[Role, str]
    lost_after: float = 120.0
    _sync_lock: threading.Lock = field(default_factory=threading.Lock, repr=False, compare=False)

    def sync_all(self, on_file: OnFile | None = None) -> dict[Role, SyncReport]:
        """Sync the photographs, then the paintings; see `sync.sync`.

        Raises:
            SyncRunning: the one before has not ended.
        """
        if not self._sync_lock.acquire(blocking=False):
            raise SyncRunning("A sync is running.", advice="Wait until it is done.")
        try:
            return {
                role: sync(
                    open_source(url), role, source_url=url, engine=self.engine, storage=self.storage, on_file=on_file
                )
                for role, url in self.sources.items()
            }
        finally:
            self._sync_lock.release()

    def sync_periodically(self, stop: threading.Event, pause: float) -> None:
        """Sync, wait, and again; a source that is away is asked again next time.

        Args:
            stop: set it to end, between two files too.
            pause: seconds between two syncs.
        """

        def stop_between_files(_done: int, _total: int, _report: SyncReport) -> None:
            if stop.is_set():
                raise Interrupted("The sync was asked to stop; the next one goes on.")

        while not stop.is_set():
            try:
                self.sync_all(stop_between_files)
            except StylegramError as error:
                _log.warning("sync_failed", reason=str(error))
            stop.wait(pause)

    @property
    def syncing(self) -> bool:
        """Whether a sync is under way."""
        return self._sync_lock.locked()

    def relay(self) -> Relay:
        """Publishes what was submitted, and requests the posts of what succeeded."""
        return Relay(self.engine, self.broker, self.storage, news=self.news)

    def consumer(self, stop: threading.Event) -> Consumer:
        """Keeps the job table in line with what the other services say, until `stop` is set."""
        handler = EventHandler(self.engine)
        return Consumer(self.broker, topology.INGEST_EVENTS, handler.handle, stop=stop)

    def reconcile(self) -> ReconcileReport:
        """Put jobs right of which nothing is heard; see `Reconciler.reconcile`."""
        return Reconciler(self.engine, self.broker, self.storage, self.lost_after).reconcile()

    def reconcile_periodically(self, stop: threading.Event, pause: float) -> None:
        """Wait, reconcile, and again; a dependency that is away is asked again next time.

        Args:
            stop: set it to end.
            pause: seconds between two looks, and before the first: in them, what was said meanwhile is heard.
        """
        while not stop.wait(pause):
            try:
                self.reconcile()
            except StylegramError as error:
                _log.warning("reconcile_failed", reason=str(error))

    def check(self) -> None:
        """Ask the database, the broker and the storage for something small.

        Raises:
            Unavailable: one of them did not answer; says which.
        """
        with transaction(self.engine) as session:
            session.execute(text("SELECT 1"))
        self.broker.depth(topology.INGEST_EVENTS.name)
        self.storage.stat("ready")

    def close(self) -> None:
        """Let go of the database and the broker."""
        self.engine.dispose()
        self.broker.close()


def bootstrap(settings: IngestSettings, *, broker: Broker | None = None, storage: Storage | None = None) -> Ingest:
    """Open what the settings name, bring the tables up to date, declare the queues.

    Args:
        settings: where everything is.
        broker: one that is open already, instead of the one that the settings name.
        storage: likewise.

    Raises:
        ConfigurationError: a URL has no adapter.
    """
    engine = open_database(settings.database_url.get_secret_value())
    migrate(engine, "ingest")
    broker = broker or broker_of(settings)
    broker.declare(topology.QUEUES)
    return Ingest(
        engine=engine,
        broker=broker,
        storage=storage or open_storage(settings.storage_url),
        sources={Role.CONTENT: settings.content_source_url, Role.STYLE: settings.style_source_url},
        max_queued=settings.max_queued,
        timezone=timezone_of(settings.timezone),
        lost_after=settings.lost_after_seconds,
    )
