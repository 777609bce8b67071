"""A PostgreSQL server that goes away and comes back."""

from collections.abc import Callable, Iterator

import pytest
from sqlalchemy import Engine, text

from postgres_server import PostgresServer
from stylegram.common.database import migrate, open_database, transaction
from stylegram.common.errors import Unavailable
from stylegram.publisher.ledger import Ledger


@pytest.fixture
def engine(postgresql: PostgresServer) -> Iterator[Engine]:
    with postgresql.database() as url:
        engine = open_database(url)
        migrate(engine, "publisher")
        yield engine
        engine.dispose()


def test_a_server_that_is_away_is_waited_for_and_found_again(postgresql: PostgresServer, engine: Engine) -> None:
    ledger = Ledger(engine)
    key = ledger.enter("a", "x", "photo", "1")
    with postgresql.away():
        calls: list[Callable[[], object]] = [
            ledger.check,
            lambda: ledger.hold(key),
            lambda: migrate(engine, "publisher"),
        ]
        for ask in calls:
            with pytest.raises(Unavailable, match="database did not answer") as caught:
                ask()
            assert caught.value.retryable
            assert str(engine.url.password) not in str(caught.value)
    assert ledger.hold(key)


def test_connections_that_the_server_forgot_meanwhile_are_not_used(postgresql: PostgresServer, engine: Engine) -> None:
    with engine.connect(), engine.connect():
        pass  # both stay in the pool
    with postgresql.away():
        pass
    for _ in range(2):
        with transaction(engine) as session:
            assert session.scalar(text("SELECT 1")) == 1


def test_a_transaction_that_the_server_does_not_live_to_commit_is_undone(
    postgresql: PostgresServer, engine: Engine
) -> None:
    with pytest.raises(Unavailable), transaction(engine) as session:
        session.execute(text("CREATE TABLE half (done INTEGER)"))
        with postgresql.away():
            pass
    with transaction(engine) as session:
        assert session.scalar(text("SELECT to_regclass('half')")) is None
