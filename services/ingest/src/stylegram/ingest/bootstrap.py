"""The composition root: from settings to a working ingest.

>>> ingest = bootstrap(IngestSettings())  # doctest: +SKIP
>>> ingest.sync_all()  # doctest: +SKIP
>>> job = ingest.submit(*ingest.choose_pair(random.Random()), Hyperparameters())  # doctest: +SKIP
>>> ingest.relay().relay_once()  # doctest: +SKIP
1
"""

import threading
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta

import structlog
from sqlalchemy import text

from stylegram.common import topology
from stylegram.common.adapters import broker_of, storage_of
from stylegram.common.consumer import Consumer
from stylegram.common.database import open_database, prepare_tables, transaction
from stylegram.common.errors import StylegramError
from stylegram.common.ports import Advisor, Broker, Previewer, Source, Storage
from stylegram.common.records import Role
from stylegram.common.timezones import timezone_of
from stylegram.ingest.advice import LoggerAdvisor
from stylegram.ingest.assets import Assets
from stylegram.ingest.events import EventHandler
from stylegram.ingest.gauges import measure_work
from stylegram.ingest.hygiene import Hygiene
from stylegram.ingest.jobs import Jobs
from stylegram.ingest.post_requests import PostRequests
from stylegram.ingest.preview import PreviewService
from stylegram.ingest.queues import Queues
from stylegram.ingest.reconcile import Reconciler
from stylegram.ingest.relay import Relay
from stylegram.ingest.schemas import ReconcileReport
from stylegram.ingest.settings import IngestSettings
from stylegram.ingest.sources import open_source
from stylegram.ingest.syncs import Syncs

_log = structlog.get_logger(__name__)


@dataclass(frozen=True, kw_only=True)
class Ingest(Jobs, PostRequests, Assets, Queues, Syncs):
    """The service, composed: its jobs and their posts, its pictures, their sources, its queues, and what runs in its
    threads.

    Args:
        engine: the database, its tables up to date.
        broker: all queues declared.
        storage: where assets and artifacts lie.
        lost_after: seconds of silence after which a job is looked after.
        previewer: paints pairs at a glance; nobody does where None.
    """

    lost_after: float = 120.0
    previewer: Previewer | None = None

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

    def measure(self) -> None:
        """Bring those gauges up to date that nothing else does; while what they tell of does not answer, they have no
        values.
        """
        self.measure_queues()
        measure_work(self.engine)

    def close(self) -> None:
        """Let go of the database, the broker and the processes that decode pictures; a sync ends before."""
        self.end_sync()
        self.hygiene.close()
        self.engine.dispose()
        self.broker.close()


def sources_of(settings: IngestSettings, *, give_up_after: float = 120.0) -> Mapping[Role, Source]:
    """Each role's source.

    Args:
        settings: where they are.
        give_up_after: seconds after which a call to Drive is given up.

    Raises:
        ConfigurationError: a URL has no adapter, or is wrong.
    """
    urls = {Role.CONTENT: settings.content_source_url, Role.STYLE: settings.style_source_url}
    return {
        role: open_source(
            url,
            credentials_file=settings.drive_credentials_file,
            subject=settings.drive_subject,
            endpoint=settings.drive_endpoint,
            give_up_after=give_up_after,
        )
        for role, url in urls.items()
    }


def advisor_of(settings: IngestSettings) -> Advisor | None:
    """Who is asked for advice; nobody where nobody said where the logger is."""
    if settings.logger_url is None:
        return None
    return LoggerAdvisor(
        settings.logger_url,
        settings.logger_token,
        study=settings.study,
        exploration=settings.exploration_rate,
        patience=settings.logger_seconds,
    )


def previewer_of(settings: IngestSettings) -> Previewer | None:
    """Who makes previews; nobody where nobody said where."""
    return PreviewService(settings.preview_url, settings.preview_token) if settings.preview_url else None


def bootstrap(settings: IngestSettings, *, broker: Broker | None = None, storage: Storage | None = None) -> Ingest:
    """Open what the settings name, bring the tables up to date, declare the queues.

    Args:
        settings: where everything is.
        broker: one that is open already, instead of the one that the settings name.
        storage: likewise.

    Raises:
        ConfigurationError: a URL has no adapter, or is wrong.
        Unavailable: a dependency is away, or somebody else is to bring the tables up to date and has not yet.
    """
    engine = open_database(settings.database_url.get_secret_value())
    prepare_tables(engine, "ingest", migrate_at_start=settings.migrate_at_start)
    broker = broker or broker_of(settings)
    broker.declare(topology.QUEUES)
    return Ingest(
        engine=engine,
        broker=broker,
        storage=storage or storage_of(settings),
        hygiene=Hygiene(settings.hygiene_processes, orientation=settings.orientation_model),
        sources=sources_of(settings),
        parallel=settings.sync_parallel,
        full_after=timedelta(hours=settings.full_sync_hours),
        max_queued=settings.max_queued,
        timezone=timezone_of(settings.timezone),
        lost_after=settings.lost_after_seconds,
        advisor=advisor_of(settings),
        previewer=previewer_of(settings),
    )
