"""A PostgreSQL server that goes away, or takes no changes, and comes back."""

import os
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest
from sqlalchemy import Engine, create_engine, text
from sqlalchemy.exc import InternalError, ProgrammingError

from postgres_server import PostgresServer
from stylegram.common.database import migrate, open_database, transaction
from stylegram.common.errors import Unavailable
from stylegram.publisher.ledger import Ledger, NewPost

POST = NewPost("a", "x", "photo", "1", request="{}", approved=False)


@pytest.fixture
def engine(postgresql: PostgresServer) -> Iterator[Engine]:
    with postgresql.database() as url:
        engine = open_database(url)
        migrate(engine, "publisher")
        yield engine
        engine.dispose()


@contextmanager
def only_reading(engine: Engine) -> Iterator[None]:
    """Who connects meanwhile may change nothing, as on a server that a failover left behind."""
    outside = create_engine(engine.url, isolation_level="AUTOCOMMIT")
    setting = f"ALTER DATABASE {engine.url.database} SET default_transaction_read_only"

    def switch(value: str) -> None:
        with outside.connect() as connection:
            connection.exec_driver_sql("SET default_transaction_read_only = off")
            connection.exec_driver_sql(f"{setting} = {value}")

    switch("on")
    try:
        yield
    finally:
        switch("off")
        outside.dispose()


def test_a_server_that_is_away_is_waited_for_and_found_again(postgresql: PostgresServer, engine: Engine) -> None:
    ledger = Ledger(engine)
    key = ledger.enter(POST)
    with postgresql.away():
        calls: list[Callable[[], object]] = [
            ledger.check,
            lambda: ledger.enter(POST),
            lambda: migrate(engine, "publisher"),
        ]
        for ask in calls:
            with pytest.raises(Unavailable, match="database did not answer") as caught:
                ask()
            assert caught.value.retryable
            assert str(engine.url.password) not in str(caught.value)
    assert ledger.enter(POST) == key


def test_connections_that_the_server_forgot_meanwhile_are_not_used(postgresql: PostgresServer, engine: Engine) -> None:
    with engine.connect(), engine.connect():
        pass  # both stay in the pool
    with postgresql.away():
        pass
    for _ in range(2):
        with transaction(engine) as session:
            assert session.scalar(text("SELECT 1")) == 1


def test_a_server_that_takes_no_changes_is_waited_for_like_one_that_is_away(engine: Engine) -> None:
    ledger = Ledger(engine)
    key = ledger.enter(POST)
    with only_reading(engine):
        engine.dispose()
        calls: list[Callable[[], object]] = [lambda: ledger.enter(POST), lambda: migrate(engine, "logger")]
        for ask in calls:
            with pytest.raises(Unavailable, match="read-only transaction"):
                ask()
    # Whatever the pool had led to the server that only read.
    assert ledger.enter(POST) == key


def test_what_the_code_does_wrong_is_not_the_servers_fault(engine: Engine) -> None:
    def go_on_after_an_error() -> None:
        with transaction(engine) as session:
            connection = session.connection()
            with pytest.raises(ProgrammingError):
                connection.exec_driver_sql("SELECT nothing")
            connection.exec_driver_sql("SELECT 1")

    with pytest.raises(InternalError, match="transaction is aborted"):
        go_on_after_an_error()


@pytest.mark.parametrize(("query", "patience"), [("", 30_000), ("?tcp_user_timeout=5000", 5_000)])
def test_a_host_that_swallows_packets_is_noticed(engine: Engine, query: str, patience: int) -> None:
    url = engine.url.render_as_string(hide_password=False)
    asked = open_database(url + query)
    with asked.connect() as connection:
        driver = connection.connection.driver_connection
        assert driver
        assert driver.info.get_parameters()["connect_timeout"] == "10"
        with socket.socket(fileno=os.dup(driver.fileno())) as wire:
            assert wire.getsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT) == patience
            assert wire.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE)
            assert wire.getsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE) == 10
    asked.dispose()


def test_a_transaction_that_the_server_does_not_live_to_commit_is_undone(
    postgresql: PostgresServer, engine: Engine
) -> None:
    with pytest.raises(Unavailable), transaction(engine) as session:
        session.execute(text("CREATE TABLE half (done INTEGER)"))
        with postgresql.away():
            pass
    with transaction(engine) as session:
        assert session.scalar(text("SELECT to_regclass('half')")) is None
