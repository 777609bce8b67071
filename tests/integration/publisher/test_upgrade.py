"""What an older version left in its tables, in whatever state, is posted once, or waits for a person."""

from collections.abc import Iterator
from importlib.resources import as_file, files
from pathlib import Path

import pytest
from alembic import command
from alembic.config import Config
from sqlalchemy import MetaData, Table, insert

from publisher_fakes import House, ScriptedOutlet
from stylegram.common import artifacts
from stylegram.common.adapters.folder_storage import FolderStorage
from stylegram.common.adapters.sqlite_broker import SqliteBroker
from stylegram.common.clock import utcnow
from stylegram.common.database import migrate, open_database
from stylegram.common.topology import QUEUES
from stylegram.publisher.ledger import key_of, marker_of
from stylegram.publisher.tables import PostState

pytestmark = pytest.mark.every_database
ACCOUNT = "@painter"


@pytest.fixture
def old_house(tmp_path: Path, database_url: str) -> Iterator[House]:
    """With a post in each state, as the first tables had them."""
    broker = SqliteBroker(tmp_path / "queue.sqlite")
    broker.declare(QUEUES)
    engine = open_database(database_url)
    with as_file(files("stylegram.publisher") / "migrations") as scripts, engine.begin() as connection:
        config = Config()
        config.set_main_option("script_location", str(scripts))
        config.attributes.update(connection=connection, version_table="publisher_schema_version")
        command.upgrade(config, "0001")
        posts = Table("posts", MetaData(), autoload_with=connection)
        for state in PostState:
            artifact, out = artifacts.result(state), state is PostState.PUBLISHED
            row = {
                "key": key_of(ACCOUNT, artifact, "photo"),
                "account": ACCOUNT,
                "artifact": artifact,
                "kind": "photo",
                "job_id": state,
                "state": state,
                "caption": None if state is PostState.PREPARED else "words without a number",
                "media_id": "media-0" if out else None,
                "url": "https://example.org/p/0" if out else None,
                "holder": "who died" if state in (PostState.UPLOADING, PostState.COMMITTING) else None,
                "held_until": utcnow() if state in (PostState.UPLOADING, PostState.COMMITTING) else None,
                "created_at": utcnow(),
                "updated_at": utcnow(),
            }
            connection.execute(insert(posts).values(row))
    migrate(engine, "publisher")
    house = House(tmp_path, broker, FolderStorage(tmp_path / "storage"), engine)
    for state in PostState:
        house.finish(state)
    yield house
    broker.close()
    engine.dispose()


def test_posts_of_an_older_version_go_on_when_they_are_asked_for_again(old_house: House) -> None:
    house = old_house
    outlet = ScriptedOutlet()
    desk = house.desk(outlet)
    house.work_off(desk)
    assert outlet.posts == []
    # As their messages do, of which none was settled before its post had ended.
    house.ask(desk, *map(house.request, PostState))
    house.work_off(desk)
    states = {row.job_id: row.state for row in house.ledger().posts()}
    assert states == {
        PostState.PREPARED: PostState.PUBLISHED,
        PostState.UPLOADING: PostState.PUBLISHED,
        PostState.COMMITTING: PostState.NEEDS_REVIEW,
        PostState.NEEDS_REVIEW: PostState.NEEDS_REVIEW,
        PostState.FAILED: PostState.FAILED,
        PostState.PUBLISHED: PostState.PUBLISHED,
    }
    for row in house.ledger().posts((PostState.NEEDS_REVIEW,)):
        house.decisions.settle(row.key, None)
    for row in house.ledger().posts((PostState.FAILED,)):
        house.decisions.retry(row.key)
    house.work_off(desk)
    assert {row.state for row in house.ledger().posts()} == {PostState.PUBLISHED}
    assert len(outlet.posts) == len(PostState) - 1
    assert all(post.caption.endswith(marker_of(post.key)) for post in outlet.posts)
