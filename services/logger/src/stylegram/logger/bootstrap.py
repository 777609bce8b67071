"""The logger put together: the one place that chooses its adapters."""

import threading
from contextlib import nullcontext
from dataclasses import dataclass
from functools import partial

from sqlalchemy import Engine

from stylegram.common.adapters import broker_of
from stylegram.common.batch_consumer import BatchConsumer
from stylegram.common.database import open_database, prepare_tables
from stylegram.common.health import Check
from stylegram.common.ports import Broker
from stylegram.common.records import RunRecord
from stylegram.common.topology import LOGGER_EVENTS, QUEUES
from stylegram.logger.events import RunLogger
from stylegram.logger.logs_file import LogsFile
from stylegram.logger.repository import RunRepository
from stylegram.logger.settings import LoggerSettings


@dataclass(frozen=True)
class LoggerService:
    """The logger, ready to run.

    Args:
        settings: what it was told.
        broker: all queues declared.
        engine: the database, its tables up to date.
        runs: what it has.
        logger: what it hears with.
        logs_file: `logs.csv`; None where nobody wants it.
    """

    settings: LoggerSettings
    broker: Broker
    engine: Engine
    runs: RunRepository
    logger: RunLogger
    logs_file: LogsFile | None

    def run(self, stop: threading.Event) -> None:
        """Work through the queue of events until `stop` is set; then `logs.csv` has all that was heard."""
        with self.logs_file.following() if self.logs_file else nullcontext():
            self.consumer(stop).run()

    def consumer(self, stop: threading.Event) -> BatchConsumer:
        """What works through the queue of events, until `stop` is set."""
        return BatchConsumer(self.broker, LOGGER_EVENTS, self.logger.handle_all, stop=stop)

    def checks(self) -> dict[str, Check]:
        """What the logger cannot do without."""
        return {
            "broker": lambda: self.broker.depth(LOGGER_EVENTS.name),
            "database": lambda: self.runs.newest(1),
        }

    def check(self) -> None:
        """Ask each of them for something small.

        Raises:
            Unavailable: one of them did not answer; says which.
        """
        for check in self.checks().values():
            check()

    def close(self) -> None:
        """Let go of the database and the broker."""
        self.engine.dispose()
        self.broker.close()


def bootstrap(settings: LoggerSettings, *, broker: Broker | None = None, engine: Engine | None = None) -> LoggerService:
    """Open what the settings name, and bring the tables up to date.

    Args:
        settings: the logger's settings.
        broker: used in place of the one that the settings name, as is the engine.
        engine: where the runs are.

    Raises:
        ConfigurationError: a setting is wrong.
        Unavailable: a dependency is away, or somebody else is to bring the tables up to date and has not yet.
    """
    engine = engine or open_database(settings.database_url.get_secret_value())
    prepare_tables(engine, "logger", migrate_at_start=settings.migrate_at_start)
    broker = broker or broker_of(settings)
    broker.declare(QUEUES)
    repository = RunRepository(engine)
    logs_file = LogsFile(engine, settings.logs_csv) if settings.logs_csv else None
    changed = logs_file.changed if logs_file else lambda: None
    logger = RunLogger(repository, partial(_tell_study, engine), changed)
    return LoggerService(settings, broker, engine, repository, logger, logs_file)


def _tell_study(engine: Engine, record: RunRecord) -> None:
    # Loads the library that studies are made with, which no run needs that is of none.
    from stylegram.logger.suggestions.studies import Studies

    Studies(engine).tell(record)
