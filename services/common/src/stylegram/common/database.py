"""One database, each service's own tables: opening it, and bringing a service's tables up to date."""

import math
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from importlib.resources import as_file, files
from pathlib import Path
from typing import Any

import structlog
from alembic import command, context
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import (
    Connection,
    DateTime,
    Dialect,
    Double,
    Engine,
    Enum,
    MetaData,
    TypeDecorator,
    create_engine,
    event,
    func,
    select,
)
from sqlalchemy.engine import ExceptionContext, make_url
from sqlalchemy.exc import ArgumentError, DBAPIError, InterfaceError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from sqlalchemy.orm import Session

from stylegram.common.errors import ConfigurationError, Unavailable
from stylegram.common.sqlite_files import LOCK_TIMEOUT, use_write_ahead_log

_log = structlog.get_logger(__name__)
# Alembic keeps what it is doing in globals: a process can migrate one database at a time.
_ALEMBIC = threading.Lock()
# A host that swallows packets ends no connection: without these, libpq and the kernel wait for it for hours.
_PATIENCE = {
    "connect_timeout": 10,  # seconds
    "keepalives_idle": 10,
    "keepalives_interval": 5,
    "keepalives_count": 3,
    "tcp_user_timeout": 30_000,  # milliseconds
}
# SQLSTATE of what a server says that takes no changes, and the class of what it says of its own defects.
_READ_ONLY, _INTERNAL = "25006", "XX"


def open_database(url: str) -> Engine:
    """The database at `url`, `sqlite:////absolute/path` or `postgresql+psycopg://…`.

    Raises:
        ConfigurationError: the URL cannot be understood, its driver is not installed, or its folder not made.
    """
    try:
        parsed = make_url(url)
        if parsed.get_backend_name() != "sqlite":
            if parsed.get_driver_name() != "psycopg":
                return create_engine(parsed, pool_pre_ping=True)
            # What the URL says itself counts.
            patience = {name: value for name, value in _PATIENCE.items() if name not in parsed.query}
            engine = create_engine(parsed, pool_pre_ping=True, connect_args=patience)
            event.listen(engine, "connect", _take_any_text)
            event.listen(engine, "handle_error", _leave_a_server_that_cannot_serve)
            return engine
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
            "STYLEGRAM_DATABASE_URL is not a database URL.",
            advice="Write sqlite:////absolute/path or postgresql+psycopg://user:password@host/name.",
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


def _take_any_text(connection: Any, _: Any) -> None:  # noqa: ANN401  (the driver's own connection)
    """Have NUL, which SQLite takes and PostgreSQL does not, kept as the sign for what cannot be shown.

    File names and decoders put anything into a reason, and an event that cannot be kept would be lost.
    """
    from psycopg.types.string import StrDumperUnknown

    class AnyText(StrDumperUnknown):
        def dump(self, obj: str) -> Any:  # noqa: ANN401  (any kind of buffer)
            return super().dump(obj.replace("\0", "\N{REPLACEMENT CHARACTER}"))

    connection.adapters.register_dumper(str, AnyText)


def _leave_a_server_that_cannot_serve(context: ExceptionContext) -> None:
    """After a failover connections lead to a server that only reads, and would for ever: none of them is kept."""
    sqlstate = getattr(context.original_exception, "sqlstate", None) or ""
    if sqlstate == _READ_ONLY or sqlstate.startswith(_INTERNAL):
        context.is_disconnect = True


@contextmanager
def transaction(engine: Engine) -> Iterator[Session]:
    """A session whose work is committed at the end, or not at all; what it loaded stays readable.

    Raises:
        Unavailable: the database did not answer or takes no changes, or no connection to it became free.
    """
    with _unless_unavailable(), Session(engine, expire_on_commit=False) as session, session.begin():
        yield session


@contextmanager
def _unless_unavailable() -> Iterator[None]:
    try:
        yield
    except DBAPIError as error:
        if not (isinstance(error, OperationalError | InterfaceError) or error.connection_invalidated):
            raise
        # The driver's words come in several lines.
        words = " ".join(str(error.orig).split()).rstrip(".?")
        raise Unavailable(f"The database did not answer: {words}.") from error
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


class FiniteDouble(TypeDecorator[float]):
    """A number. SQLite keeps no NaN, so that what is not finite is null everywhere; in JSON it would be so anyhow."""

    impl = Double
    cache_ok = True

    def process_bind_param(self, value: float | None, dialect: Dialect) -> float | None:  # noqa: ARG002
        """None for what is not finite."""
        return value if value is not None and math.isfinite(value) else None


def words_of(kind: type[StrEnum]) -> Enum:
    """The type of a column that has one of the words, of 16 characters at most.

    Plain text with no constraint: a new word is then no migration.
    """
    return Enum(kind, native_enum=False, length=16, values_callable=lambda words: [word.value for word in words])


def migrate(engine: Engine, service: str) -> None:
    """Bring the tables of `service` up to date; its migrations lie in `stylegram.<service>.migrations`.

    Every service keeps its own version table, so that services that share a database upgrade on their own. Of replicas
    that start at once the first upgrades, and the others wait for it. Tables of a newer version, as they are after a
    rollback, stay as they are: a migration leaves what the version before it needs.

    Raises:
        Unavailable: the database did not answer, or takes no changes.
    """
    with _tables(engine, service) as tables:
        if tables.connection.dialect.name == "postgresql":
            # SQLite's transactions take turns by themselves.
            tables.connection.execute(select(func.pg_advisory_xact_lock(func.hashtext(tables.version_table))))
        if not tables.are_newer():
            command.upgrade(tables.config, "head")


def await_migration(engine: Engine, service: str) -> None:
    """Return if the tables of `service` are up to date, or newer; nothing is changed.

    Raises:
        Unavailable: they are not, or not there yet, or the database did not answer.
    """
    with _tables(engine, service) as tables:
        if not tables.are_newer() and not tables.are_up_to_date():
            raise Unavailable(
                f"The tables of {service} are not up to date.",
                advice=f"`python -m stylegram.{service} migrate` brings them up to date.",
            )


def prepare_tables(engine: Engine, service: str, *, migrate_at_start: bool) -> None:
    """Bring the tables of `service` up to date, or else be sure that somebody has; see `DatabaseSettings`.

    Raises:
        Unavailable: they are not up to date, or the database did not answer.
    """
    (migrate if migrate_at_start else await_migration)(engine, service)


@dataclass(frozen=True)
class _Tables:
    """One service's tables, within a transaction.

    Args:
        service: whose.
        connection: the transaction's.
        version_table: which tells the migration that was the last.
        config: Alembic's.
    """

    service: str
    connection: Connection
    version_table: str
    config: Config

    def are_newer(self) -> bool:
        """Whether a migration has been there that this program does not know; the log says so."""
        known = {script.revision for script in ScriptDirectory.from_config(self.config).walk_revisions()}
        if unknown := self._versions - known:
            _log.warning("database_is_newer", service=self.service, version=", ".join(sorted(unknown)))
        return bool(unknown)

    def are_up_to_date(self) -> bool:
        """Whether every migration that this program knows has been there."""
        return self._versions == set(ScriptDirectory.from_config(self.config).get_heads())

    @property
    def _versions(self) -> set[str]:
        migrations = MigrationContext.configure(self.connection, opts={"version_table": self.version_table})
        return set(migrations.get_current_heads())


@contextmanager
def _tables(engine: Engine, service: str) -> Iterator[_Tables]:
    version_table = f"{service}_schema_version"
    with (
        _ALEMBIC,
        as_file(files(f"stylegram.{service}") / "migrations") as scripts,
        _unless_unavailable(),
        engine.begin() as connection,
    ):
        config = Config()
        config.set_main_option("script_location", str(scripts).replace("%", "%%"))
        config.attributes.update(connection=connection, version_table=version_table)
        yield _Tables(service, connection, version_table, config)


def run_migrations(metadata: MetaData) -> None:
    """What each service's `migrations/env.py` calls, on the connection that `migrate` opened."""
    attributes = context.config.attributes
    context.configure(
        connection=attributes["connection"], target_metadata=metadata, version_table=attributes["version_table"]
    )
    with context.begin_transaction():
        context.run_migrations()
