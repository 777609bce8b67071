import json
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from importlib.resources import as_file, files

import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from sqlalchemy import Engine, MetaData, event, inspect, text
from sqlalchemy.engine.interfaces import ReflectedColumn

from stylegram.common.database import await_migration, migrate, open_database
from stylegram.common.errors import Unavailable
from stylegram.common.logs import configure_logs
from stylegram.ingest.tables import Base as IngestBase
from stylegram.logger.tables import metadata as logger_metadata
from stylegram.publisher.tables import Base as PublisherBase

pytestmark = pytest.mark.every_database
TABLES = {"ingest": IngestBase.metadata, "logger": logger_metadata, "publisher": PublisherBase.metadata}
every_service = pytest.mark.parametrize("service", TABLES)
MIGRATE = (
    "import sys; from stylegram.common.database import migrate, open_database\n"
    "engine = open_database(sys.argv[1]); print('now', flush=True); migrate(engine, 'ingest')"
)


@pytest.fixture
def engine(database_url: str) -> Iterator[Engine]:
    engine = open_database(database_url)
    yield engine
    engine.dispose()


def differences(engine: Engine, service: str, metadata: MetaData) -> list[object]:
    """Between the tables of the service and what its code takes them for."""

    def its_own(_: object, name: str | None, kind: str, *__: object) -> bool:
        return kind != "table" or name in metadata.tables

    options = {"compare_type": True, "compare_server_default": True, "include_object": its_own}
    with engine.connect() as connection:
        return list(compare_metadata(MigrationContext.configure(connection, opts=options), metadata))


def columns(engine: Engine) -> dict[tuple[str, str], ReflectedColumn]:
    """Of each table that there is, by its name and theirs."""
    inspected = inspect(engine)
    return {
        (table, column["name"]): column
        for table in inspected.get_table_names()
        for column in inspected.get_columns(table)
    }


def go_to(revision: str, engine: Engine, service: str, way: Callable[[Config, str], None]) -> None:
    """Do the migrations up to that one, or undo those since."""
    with as_file(files(f"stylegram.{service}") / "migrations") as scripts, engine.begin() as connection:
        config = Config()
        config.set_main_option("script_location", str(scripts))
        config.attributes.update(connection=connection, version_table=f"{service}_schema_version")
        way(config, revision)


@every_service
def test_the_migrated_tables_are_those_that_the_code_expects(service: str, engine: Engine) -> None:
    migrate(engine, service)
    assert differences(engine, service, TABLES[service]) == []
    migrate(engine, service)  # nothing is left to do
    assert differences(engine, service, TABLES[service]) == []


def test_services_that_share_a_database_leave_each_other_alone(engine: Engine) -> None:
    for service in TABLES:
        migrate(engine, service)
    for service, metadata in TABLES.items():
        assert differences(engine, service, metadata) == []


@every_service
def test_what_was_upgraded_is_downgraded_and_upgraded_again(service: str, engine: Engine) -> None:
    migrate(engine, service)
    go_to("base", engine, service, command.downgrade)
    assert inspect(engine).get_table_names() == [f"{service}_schema_version"]
    migrate(engine, service)
    assert differences(engine, service, TABLES[service]) == []


@every_service
def test_the_version_before_finds_what_it_knows_and_need_not_know_more(service: str, engine: Engine) -> None:
    go_to("head-1", engine, service, command.upgrade)
    before = columns(engine)
    migrate(engine, service)
    after = columns(engine)
    assert before != after
    for name, column in before.items():
        assert name in after
        assert str(after[name]["type"]) == str(column["type"]), name
        assert after[name]["nullable"] >= column["nullable"], name
    tables = {table for table, _ in before}
    for name in after.keys() - before.keys():
        added = after[name]
        assert name[0] not in tables or added["nullable"] or added["default"] is not None, name


def test_threads_that_start_at_once_migrate_once(engine: Engine, database_url: str) -> None:
    start = threading.Barrier(4)

    def begin(number: int) -> None:
        mine = open_database(database_url)
        start.wait()
        migrate(mine, list(TABLES)[number % 2])
        mine.dispose()

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(begin, range(4)))
    assert differences(engine, "ingest", TABLES["ingest"]) == []


def test_a_replica_that_starts_during_a_migration_waits_for_it(engine: Engine, database_url: str) -> None:
    done, go_on = threading.Event(), threading.Event()

    @event.listens_for(engine, "commit")
    def _hold(_: object) -> None:
        done.set()
        assert go_on.wait(60)

    first = threading.Thread(target=migrate, args=(engine, "ingest"))
    first.start()
    assert done.wait(60)
    second = subprocess.Popen(
        [sys.executable, "-c", MIGRATE, database_url], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    try:
        assert second.stdout
        assert second.stdout.readline() == "now\n"
        _until(lambda: second.poll() is not None or _somebody_waits(database_url))
        assert second.poll() is None
    finally:
        go_on.set()
        first.join()
        _, said = second.communicate(timeout=60)
    assert second.returncode == 0, said
    assert differences(engine, "ingest", TABLES["ingest"]) == []


@every_service
def test_tables_of_a_newer_version_stay_as_they_are(
    service: str, engine: Engine, capsys: pytest.CaptureFixture[str]
) -> None:
    configure_logs(json=True)
    migrate(engine, service)
    with engine.begin() as connection:
        # As the version after this one would leave them: another table, and a revision that only that knows.
        connection.execute(text("CREATE TABLE of_the_next_version (id INTEGER)"))
        connection.execute(text(f"UPDATE {service}_schema_version SET version_num = '9999'"))
    before = sorted(inspect(engine).get_table_names())
    capsys.readouterr()
    for prepare in (migrate, await_migration):
        prepare(engine, service)
        warning = json.loads(capsys.readouterr().err)
        assert (warning["event"], warning["service"], warning["version"]) == ("database_is_newer", service, "9999")
        assert warning["level"] == "warning"
    assert sorted(inspect(engine).get_table_names()) == before
    with engine.connect() as connection:
        assert connection.scalar(text(f"SELECT version_num FROM {service}_schema_version")) == "9999"


@every_service
def test_tables_that_somebody_else_migrates_are_only_looked_at(service: str, engine: Engine) -> None:
    for _ in range(2):
        with pytest.raises(Unavailable, match=rf"tables of {service} are not up to date.*stylegram.{service} migrate"):
            await_migration(engine, service)
    assert inspect(engine).get_table_names() == []
    migrate(engine, service)
    await_migration(engine, service)
    with engine.begin() as connection:
        connection.execute(text(f"UPDATE {service}_schema_version SET version_num = '0001'"))
    with pytest.raises(Unavailable, match="not up to date"):
        await_migration(engine, service)


def _somebody_waits(database_url: str) -> bool:
    """For a lock; SQLite does not tell."""
    engine = open_database(database_url)
    if engine.dialect.name == "sqlite":
        return True
    with engine.connect() as connection:
        waiting = connection.scalar(text("SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock'"))
    engine.dispose()
    return bool(waiting)


def _until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.02)
