"""Two transactions that enter the same thing at once."""

import threading
from collections.abc import Iterator

import pytest
from sqlalchemy import Engine, func, select
from sqlalchemy.orm import Session

from stylegram.common.clock import utcnow
from stylegram.common.database import migrate, open_database, transaction
from stylegram.common.records import Role
from stylegram.ingest.tables import AssetRow, insert_new

pytestmark = pytest.mark.every_database


@pytest.fixture
def engine(database_url: str) -> Iterator[Engine]:
    engine = open_database(database_url)
    migrate(engine, "ingest")
    yield engine
    engine.dispose()


def asset(name: str, sha256: str = "a") -> AssetRow:
    row = {"object_name": name, "name": name, "width": 1, "height": 1, "format": "PNG", "created_at": utcnow()}
    return AssetRow(role=Role.STYLE, sha256=sha256, **row)


class Second(threading.Thread):
    """Enters the same row, and one more, in a transaction of its own."""

    def __init__(self, engine: Engine) -> None:
        super().__init__()
        self._engine = engine
        self.entered: list[bool] = []

    def run(self) -> None:
        with transaction(self._engine) as session:
            for row in (asset("second"), asset("another", "b")):
                self.entered.append(insert_new(session, row))


def names(session: Session) -> set[str]:
    return set(session.scalars(select(AssetRow.name)))


def test_who_comes_second_waits_and_goes_on_with_what_is_there(engine: Engine) -> None:
    second = Second(engine)
    with transaction(engine) as session:
        assert insert_new(session, asset("first"))
        second.start()
        second.join(0.2)
        assert second.is_alive(), "it cannot know yet"
    second.join(60)
    assert second.entered == [False, True]
    with transaction(engine) as session:
        assert names(session) == {"first", "another"}


def test_who_comes_second_is_first_where_the_first_gives_up(engine: Engine) -> None:
    second = Second(engine)
    with pytest.raises(ZeroDivisionError), transaction(engine) as session:
        assert insert_new(session, asset("first"))
        second.start()
        second.join(0.2)
        raise ZeroDivisionError
    second.join(60)
    assert second.entered == [True, True]
    with transaction(engine) as session:
        assert names(session) == {"second", "another"}


def test_a_row_that_is_refused_costs_the_transaction_nothing_else(engine: Engine) -> None:
    with transaction(engine) as session:
        assert [insert_new(session, asset(name, name[0])) for name in ("before", "b", "after")] == [True, False, True]
        assert session.scalar(select(func.count()).select_from(AssetRow)) == 2
    with transaction(engine) as session:
        assert names(session) == {"before", "after"}
