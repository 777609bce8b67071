import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy.dialects import postgresql
from sqlalchemy.schema import CreateTable

from publisher_fakes import House
from stylegram.common.database import migrate
from stylegram.common.errors import NotFound
from stylegram.publisher.ledger import Ledger
from stylegram.publisher.tables import Base, PostState


def test_migrations_make_the_tables_that_the_code_expects(house: House) -> None:
    migrate(house.engine, "publisher")  # again: nothing is left to do
    with house.engine.connect() as connection:
        context = MigrationContext.configure(
            connection, opts={"compare_server_default": True, "version_table": "publisher_schema_version"}
        )
        assert compare_metadata(context, Base.metadata) == []


def test_tables_are_postgresql_too() -> None:
    ddl = str(CreateTable(Base.metadata.tables["posts"]).compile(dialect=postgresql.dialect()))  # type: ignore[no-untyped-call]
    assert "TIMESTAMP WITH TIME ZONE" in ddl
    assert "UNIQUE (account, artifact, kind)" in ddl


@pytest.fixture
def ledger(house: House) -> Ledger:
    return Ledger(house.engine, hold_seconds=60)


def test_a_post_is_one_per_account_artifact_and_kind(ledger: Ledger) -> None:
    key = ledger.enter("a", "runs/1/result.png", "photo", "1")
    assert ledger.enter("a", "runs/1/result.png", "photo", "other") == key
    assert ledger.get(key).job_id == "1"
    others = {
        ledger.enter("b", "runs/1/result.png", "photo", "1"),
        ledger.enter("a", "runs/2/result.png", "photo", "2"),
        ledger.enter("a", "runs/1/result.png", "reel", "1"),
    }
    assert len(others | {key}) == 4


def test_only_one_holds_a_post(ledger: Ledger) -> None:
    key = ledger.enter("a", "x", "photo", "1")
    hold = ledger.hold(key)
    assert hold
    assert ledger.hold(key) is None
    ledger.release(hold)
    assert ledger.hold(key)


@pytest.mark.parametrize("target", set(PostState) - {PostState.PREPARED})
def test_published_is_the_end(ledger: Ledger, target: PostState) -> None:
    key = ledger.enter("a", "x", "photo", "1")
    assert ledger.move(key, PostState.PUBLISHED, by=None, url="there")
    assert not ledger.move(key, target, by=None, url="elsewhere")
    assert ledger.get(key).url == "there"
    assert ledger.hold(key) is None


@pytest.mark.parametrize("target", [PostState.COMMITTING, PostState.NEEDS_REVIEW])
def test_nothing_is_committed_before_it_is_uploading(ledger: Ledger, target: PostState) -> None:
    key = ledger.enter("a", "x", "photo", "1")
    assert not ledger.move(key, target, by=ledger.hold(key))
    assert ledger.get(key).state is PostState.PREPARED


def test_who_lost_the_hold_moves_nothing(ledger: Ledger, house: House) -> None:
    key = ledger.enter("a", "x", "photo", "1")
    lost = Ledger(house.engine, hold_seconds=-1).hold(key)
    assert ledger.hold(key)
    assert not ledger.move(key, PostState.UPLOADING, by=lost)


def test_an_unknown_post_is_named(ledger: Ledger) -> None:
    with pytest.raises(NotFound, match="'nobody'"):
        ledger.get("nobody")
