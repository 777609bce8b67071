from collections.abc import Iterator
from pathlib import Path

import pytest

from publisher_fakes import House, ScriptedOutlet
from stylegram.common.adapters.folder_storage import FolderStorage
from stylegram.common.adapters.sqlite_broker import SqliteBroker
from stylegram.common.database import migrate, open_database
from stylegram.common.topology import QUEUES


@pytest.fixture
def house(tmp_path: Path, database_url: str) -> Iterator[House]:
    broker = SqliteBroker(tmp_path / "queue.sqlite")
    broker.declare(QUEUES)
    engine = open_database(database_url)
    migrate(engine, "publisher")
    house = House(tmp_path, broker, FolderStorage(tmp_path / "storage"), engine)
    house.finish()
    yield house
    broker.close()
    engine.dispose()


@pytest.fixture
def outlet() -> ScriptedOutlet:
    return ScriptedOutlet()
