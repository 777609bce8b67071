"""The composition root: from settings to a working ingest.

>>> ingest = bootstrap(IngestSettings())  # doctest: +SKIP
>>> ingest.sync_all()  # doctest: +SKIP
>>> job = ingest.submit(*ingest.choose_pair(random.Random()), Hyperparameters())  # doctest: +SKIP
>>> ingest.relay().relay_once()  # doctest: +SKIP
1
"""

import random
import threading
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field

import structlog
from sqlalchemy import Engine, text

from stylegram.common import topology
from stylegram.common.adapters import open_broker, open_storage
from stylegram.common.consumer import Consumer
from stylegram.common.database import migrate, open_database, transaction
from stylegram.common.errors import Interrupted, NotFound, StylegramError
from stylegram.common.hyperparameters import Hyperparameters
from stylegram.common.ports import Broker, Storage
from stylegram.common.records import AssetReference, Role
from stylegram.ingest.asset_repository import AssetRepository
from stylegram.ingest.choose import choose_pair
from stylegram.ingest.events import EventHandler
from stylegram.ingest.jobs import Jobs
from stylegram.ingest.relay import Relay
from stylegram.ingest.schemas import Asset, Job, QuarantinedFile
from stylegram.ingest.settings import IngestSettings
from stylegram.ingest.sources import open_source
from stylegram.ingest.sync import OnFile, SyncReport, SyncRunning, sync
from stylegram.ingest.tables import JobState

_log = structlog.get_logger(__name__)
# An event that is given up leaves its job unfinished for ever; so many half minutes a database may be away.
_EVENT_ATTEMPTS = 100


@dataclass(frozen=True)
class Ingest:
    """The service, composed.

    Args:
        engine: the database, its tables up to date.
        broker: all queues declared.
        storage: where assets and artifacts lie.
        sources: each role's source, by URL.
    """

    engine: Engine
    broker: Broker
    storage: Storage
    sources: Mapping[Role, str]
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

    def asset(self, role: Role, sha256: str) -> Asset:
        """The asset whose source bytes have that digest.

        Raises:
            NotFound: no such asset.
        """
        with transaction(self.engine) as session:
            asset = AssetRepository(session).get(role, sha256)
        if asset is None:
            raise NotFound(f"There is no {role} image {sha256[:12]}….", advice="Put the file into the source and sync.")
        return asset

    def newest_assets(self, role: Role | None = None, *, limit: int) -> list[Asset]:
        """Up to `limit` of the pictures that the sources have, of one role or of both, newest first."""
        with transaction(self.engine) as session:
            return AssetRepository(session).newest(role, limit)

    def quarantine(self) -> list[QuarantinedFile]:
        """The files that the sources have and Stylegram refuses, with the reasons."""
        with transaction(self.engine) as session:
            return AssetRepository(session).quarantine()

    def choose_pair(self, rng: random.Random) -> tuple[AssetReference, AssetReference]:
        """A content and a style image that were not used lately; see `choose.choose_pair`."""
        return choose_pair(self.engine, rng)

    def submit(
        self,
        content: AssetReference,
        style: AssetReference,
        hyperparameters: Hyperparameters,
        *,
        publish: bool = True,
        idempotency_key: str | None = None,
    ) -> Job:
        """Queue a job; see `Jobs.submit`."""
        return Jobs(self.engine).submit(
            content, style, hyperparameters, publish=publish, idempotency_key=idempotency_key
        )

    def cancel(self, job_id: str) -> bool:
        """End a job; see `Jobs.cancel`."""
        return Jobs(self.engine).cancel(job_id)

    def job(self, job_id: str) -> Job:
        """The job as it stands; see `Jobs.get`."""
        return Jobs(self.engine).get(job_id)

    def newest_jobs(self, states: Collection[JobState] = tuple(JobState), *, limit: int) -> list[Job]:
        """Up to `limit` jobs in one of the states, newest first."""
        return Jobs(self.engine).newest(states, limit)

    def unposted_jobs(self) -> list[Job]:
        """Those that are to be posted and whose post has not come to an end, oldest first."""
        return Jobs(self.engine).unposted()

    def unfinished_jobs(self) -> list[Job]:
        """The queued and the running, oldest first."""
        return Jobs(self.engine).unfinished()

    def relay(self) -> Relay:
        """Publishes what was submitted, and requests the posts of what succeeded."""
        return Relay(self.engine, self.broker)

    def consumer(self, stop: threading.Event) -> Consumer:
        """Keeps the job table in line with what the other services say, until `stop` is set."""
        handler = EventHandler(self.engine)
        return Consumer(self.broker, topology.INGEST_EVENTS, handler.handle, stop=stop, attempts=_EVENT_ATTEMPTS)

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
    broker = broker or open_broker(settings.broker_url.get_secret_value(), visibility=settings.visibility_seconds)
    broker.declare(topology.QUEUES)
    return Ingest(
        engine,
        broker,
        storage or open_storage(settings.storage_url),
        {Role.CONTENT: settings.content_source_url, Role.STYLE: settings.style_source_url},
    )
