import sqlite3
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from sqlalchemy import QueuePool, create_engine, text

from stylegram.common.database import open_database, transaction
from stylegram.common.errors import ConfigurationError, Unavailable

SECRET = "hunter2"


@pytest.mark.parametrize("folder", ["plain", "two words", "Zürich 🌉", "100%", "a+b&c=d"])
def test_a_database_is_made_with_its_folder(tmp_path: Path, folder: str) -> None:
    path = tmp_path / folder / "deeper" / "stylegram.sqlite"
    engine = open_database(f"sqlite:///{path}")
    with engine.begin() as connection:
        connection.execute(text("CREATE TABLE t (a INTEGER)"))
    engine.dispose()
    assert path.is_file()


def test_a_url_made_of_the_path_names_the_same_file(tmp_path: Path) -> None:
    path = tmp_path / "two words" / "stylegram.sqlite"
    engine = open_database(path.as_uri().replace("file:///", "sqlite:////"))
    engine.connect().close()
    engine.dispose()
    assert path.is_file()


@pytest.mark.parametrize(
    "url",
    [
        "",
        SECRET,
        f"user:{SECRET}@host",
        f"postgresql+psycopg://user:{SECRET}@host:port/name",
        f"postgresql+psycopg://user:p@ss:{SECRET}@host:{SECRET}/name",
        f"nosuch://user:{SECRET}@host/name",
        f"postgresql+nosuch://user:{SECRET}@host/name",
        f"sqlite:////tmp/{SECRET}\0/name",
    ],
)
def test_a_url_that_is_none_is_refused_without_repeating_it(url: str) -> None:
    with pytest.raises(ConfigurationError, match="STYLEGRAM_DATABASE_URL") as caught:
        open_database(url)
    assert SECRET not in str(caught.value)
    assert caught.value.__suppress_context__


def test_a_driver_that_is_not_installed_is_named() -> None:
    with pytest.raises(ConfigurationError, match=r"needs a driver: .*pg8000") as caught:
        open_database(f"postgresql+pg8000://user:{SECRET}@host/name")
    assert SECRET not in str(caught.value)


def test_a_folder_that_cannot_be_made_is_a_configuration_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(ConfigurationError, match="folder cannot be made"):
        open_database(f"sqlite:///{tmp_path}/file/below/stylegram.sqlite")


def test_readers_and_writers_work_side_by_side(tmp_path: Path) -> None:
    engine = open_database(f"sqlite:///{tmp_path}/stylegram.sqlite")
    with engine.begin() as connection:
        assert connection.execute(text("PRAGMA journal_mode")).scalar() == "wal"
        assert connection.execute(text("PRAGMA foreign_keys")).scalar() == 1
    engine.dispose()


def test_a_transaction_that_reads_first_may_write_later(tmp_path: Path) -> None:
    engine = open_database(f"sqlite:///{tmp_path}/stylegram.sqlite")
    with engine.begin() as connection:
        connection.execute(text("CREATE TABLE counter (n INTEGER)"))
        connection.execute(text("INSERT INTO counter VALUES (0)"))

    def count(_: int) -> None:
        for _ in range(10):
            with engine.begin() as connection:
                n = connection.execute(text("SELECT n FROM counter")).scalar_one()
                connection.execute(text("UPDATE counter SET n = :n"), {"n": n + 1})

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(count, range(4)))
    with engine.begin() as connection:
        assert connection.execute(text("SELECT n FROM counter")).scalar_one() == 40
    engine.dispose()


def test_a_transaction_that_fails_leaves_nothing(tmp_path: Path) -> None:
    path = tmp_path / "stylegram.sqlite"
    engine = open_database(f"sqlite:///{path}")
    with pytest.raises(ZeroDivisionError), engine.begin() as connection:
        connection.execute(text("CREATE TABLE t (a INTEGER)"))  # the driver of its own would commit this at once
        raise ZeroDivisionError
    engine.dispose()
    bare = sqlite3.connect(path)
    assert bare.execute("SELECT name FROM sqlite_master").fetchall() == []
    bare.close()


def test_a_pool_that_is_used_up_is_unavailable(tmp_path: Path) -> None:
    engine = create_engine(
        f"sqlite:///{tmp_path}/stylegram.sqlite", poolclass=QueuePool, pool_size=1, max_overflow=0, pool_timeout=0.01
    )
    with (
        engine.connect(),
        pytest.raises(Unavailable, match="all connections to it stayed in use"),
        transaction(engine) as session,
    ):
        session.execute(text("SELECT 1"))
    engine.dispose()


def test_opening_a_file_that_another_process_is_making_waits_for_it(tmp_path: Path) -> None:
    other = sqlite3.connect(tmp_path / "stylegram.sqlite", isolation_level=None, check_same_thread=False)
    other.execute("BEGIN IMMEDIATE")  # what SQLite does not wait for when it changes the journal's mode
    release = threading.Timer(0.2, other.execute, ["COMMIT"])
    release.start()
    engine = open_database(f"sqlite:///{tmp_path}/stylegram.sqlite")
    engine.connect().close()
    engine.dispose()
    release.join()
    other.close()
