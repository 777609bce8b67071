"""The logger put together: the one place that chooses its adapters."""

import threading
from dataclasses import dataclass

from sqlalchemy import Engine

from stylegram.common.adapters import broker_of
from stylegram.common.consumer import Consumer
from stylegram.common.database import migrate, open_database
from stylegram.common.health import Check
from stylegram.common.ports import Broker
from stylegram.common.topology import LOGGER_EVENTS, QUEUES
from stylegram.logger.events import RunLogger
from stylegram.logger.repository import RunRepository
from stylegram.logger.settings import LoggerSettings


@dataclass(frozen=True)
class LoggerService:
    """The logger, ready to run."""

    settings: LoggerSettings
    broker: Broker
    runs: RunRepository
    logger: RunLogger

    def consumer(self, stop: threading.Event) -> Consumer:
        """What works through the queue of events, until `stop` is set."""
        return Consumer(
            self.broker,
            LOGGER_EVENTS,
            self.logger.handle,
            stop=stop,
        )

    def checks(self) -> dict[str, Check]:
        """What the logger cannot do without."""
        return {
            "broker": lambda: self.broker.depth(LOGGER_EVENTS.name),
            "database": lambda: self.runs.newest(1),
        }


def bootstrap(settings: LoggerSettings, *, broker: Broker | None = None, engine: Engine | None = None) -> LoggerService:
    """Open what the settings name, bring the tables up to date, and `logs.csv` too.

    Args:
        settings: the logger's settings.
        broker: used in place of the one that the settings name, as is the engine.
        engine: where the runs are.

    Raises:
        ConfigurationError: a setting is wrong.
    """
    engine = engine or open_database(settings.database_url.get_secret_value())
    migrate(engine, "logger")
    broker = broker or broker_of(settings)
    broker.declare(QUEUES)
    repository = RunRepository(engine)
    logger = RunLogger(repository, settings.logs_csv)
    logger.write_csv()
    return LoggerService(settings, broker, repository, logger)
