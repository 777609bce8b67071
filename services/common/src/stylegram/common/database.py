"""One database, each service's own tables: opening it, and bringing a service's tables up to date."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from importlib.resources import as_file, files
from pathlib import Path
from typing import Any

from alembic import command, context
from alembic.config import Config
from sqlalchemy import DateTime, Dialect, Engine, MetaData, TypeDecorator, create_engine, event
from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError, InterfaceError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from sqlalchemy.orm import Session

from stylegram.common.errors import ConfigurationError, Unavailable
from stylegram.common.sqlite_files import LOCK_TIMEOUT, use_write_ahead_log


def open_database(url: str) -> Engine:
    """The database at `url`, `sqlite:////absolute/path` or `postgresql+psycopg://…`.

    Raises:
        ConfigurationError: the URL cannot be understood, its driver is not installed, or its folder not made.
    """
    try:
        parsed = make_url(url)
        if parsed.get_backend_name() != "sqlite":
            return create_engine(parsed, pool_pre_ping=True)
        if parsed.database:
            Path(parsed.database).parent.mkdir(parents=True, exist_ok=True)
        engine = create_engine(parsed, connect_args={"timeout": LOCK_TIMEOUT})
    except ImportError as error:
        raise ConfigurationError(f"STYLEGRAM_DATABASE_URL needs a driver: {error}.") from None
    except OSError as error:
        raise ConfigurationError(f"The database's folder cannot be made: {error}.") from error
    except (ArgumentError, ValueError):
        # The URL may hold a password: do not repeat it, nor what was made of it.
        raise ConfigurationError(
            "STYLEGRAM_DATABASE_URL is not a database URL.", advice="Write sqlite:////absolute/path."
        ) from None

    @event.listens_for(engine, "connect")
    def _configure(connection: Any, _: Any) -> None:  # noqa: ANN401  (the driver's own connection)
        # We begin transactions ourselves (below): the driver would begin none before the first write.
        connection.isolation_level = None
        use_write_ahead_log(connection)
        connection.execute("PRAGMA foreign_keys=ON")

    @event.listens_for(engine, "begin")
    def _begin(connection: Any) -> None:  # noqa: ANN401
        # IMMEDIATE: a transaction that reads first and writes later cannot wait for the lock, it fails.
        connection.exec_driver_sql("BEGIN IMMEDIATE")

    return engine


@contextmanager
def transaction(engine: Engine) -> Iterator[Session]:
    """A session whose work is committed at the end, or not at all; what it loaded stays readable.

    Raises:
        Unavailable: the database did not answer, or no connection to it became free.
    """
    try:
        with Session(engine, expire_on_commit=False) as session, session.begin():
            yield session
    except (OperationalError, InterfaceError) as error:
        raise Unavailable(f"The database did not answer: {error.orig}.") from error
    except PoolTimeout as error:
        raise Unavailable("The database did not answer: all connections to it stayed in use.") from error


class UtcDateTime(TypeDecorator[datetime]):
    """An aware time. SQLite keeps no time zones, so that all are stored as UTC and come back as such."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:  # noqa: ARG002
        """To UTC; refuses a time that does not know its zone."""
        if value is not None and value.tzinfo is None:
            raise ValueError("a time without a time zone")
        return value and value.astimezone(UTC)

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:  # noqa: ARG002
        """Aware again."""
        return value and (value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC))


def migrate(engine: Engine, service: str) -> None:
    """Bring the tables of `service` up to date; its migrations lie in `stylegram.<service>.migrations`.

    Every service keeps its own version table, so that services that share a database upgrade on their own.
    """
    with as_file(files(f"stylegram.{service}") / "migrations") as scripts, engine.begin() as connection:
        config = Config()
        config.set_main_option("script_location", str(scripts).replace("%", "%%"))
        config.attributes.update(connection=connection, version_table=f"{service}_schema_version")
        command.upgrade(config, "head")


def run_migrations(metadata: MetaData) -> None:
    """What each service's `migrations/env.py` calls, on the connection that `migrate` opened."""
    attributes = context.config.attributes
    context.configure(
        connection=attributes["connection"], target_metadata=metadata, version_table=attributes["version_table"]
    )
    with context.begin_transaction():
        context.run_migrations()
