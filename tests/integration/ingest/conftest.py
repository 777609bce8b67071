from collections.abc import Iterator
from pathlib import Path

import pytest

from ingest_samples import open_ingest
from stylegram.ingest.bootstrap import Ingest


@pytest.fixture
def ingest(tmp_path: Path, database_url: str) -> Iterator[Ingest]:
    """Ingest on files below `tmp_path` and the test's database, its sources empty."""
    service = open_ingest(tmp_path, database_url)
    yield service
    service.close()


@pytest.fixture
def photos(ingest: Ingest, tmp_path: Path) -> Path:
    """The folder that is the source of content images."""
    return tmp_path / "photos"
