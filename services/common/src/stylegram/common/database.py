"""One database, each service's own tables: opening it, and bringing a service's tables up to date."""

from importlib.resources import as_file, files
from pathlib import Path
from typing import Any

from alembic import command, context
from alembic.config import Config
from sqlalchemy import Engine, MetaData, create_engine, event
from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError

from stylegram.common.errors import ConfigurationError

# Another process's commit takes milliseconds; half a minute means that it hangs.
_LOCK_TIMEOUT = 30.0


def open_database(url: str) -> Engine:
    """The database at `url`, `sqlite:////absolute/path` or `postgresql+psycopg://…`.

    Raises:
        ConfigurationError: the URL cannot be understood.
    """
    try:
        parsed = make_url(url)
    except ArgumentError:
        # The URL may hold a password: do not repeat it.
        raise ConfigurationError(
            "STYLEGRAM_DATABASE_URL is not a database URL.", advice="Write sqlite:////absolute/path."
        ) from None
    if parsed.get_backend_name() != "sqlite":
        return create_engine(parsed, pool_pre_ping=True)
    if parsed.database:
        Path(parsed.database).parent.mkdir(parents=True, exist_ok=True)
    engine = create_engine(parsed, connect_args={"timeout": _LOCK_TIMEOUT})

    @event.listens_for(engine, "connect")
    def _configure(connection: Any, _: Any) -> None:  # noqa: ANN401  (the driver's own connection)
        # We begin transactions ourselves (below): the driver would begin none before the first write.
        connection.isolation_level = None
        connection.execute("PRAGMA journal_mode=WAL")
        connection.execute("PRAGMA foreign_keys=ON")

    @event.listens_for(engine, "begin")
    def _begin(connection: Any) -> None:  # noqa: ANN401
        # IMMEDIATE: a transaction that reads first and writes later cannot wait for the lock, it fails.
        connection.exec_driver_sql("BEGIN IMMEDIATE")

    return engine


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
