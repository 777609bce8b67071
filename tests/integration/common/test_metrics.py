"""What is counted of the bytes that go into a storage and come out of it."""

from pathlib import Path

import pytest
from prometheus_client import REGISTRY

from stylegram.common.adapters.folder_storage import FolderStorage
from stylegram.common.errors import AlreadyExists, NotFound


def counted() -> list[float | None]:
    """Bytes read and written, and how many objects."""
    return [
        REGISTRY.get_sample_value(name, {"operation": operation})
        for name in ("stylegram_storage_bytes_total", "stylegram_storage_seconds_count")
        for operation in ("read", "written")
    ]


def test_a_storage_counts_what_it_reads_and_writes(tmp_path: Path) -> None:
    storage = FolderStorage(tmp_path)
    before = [each or 0 for each in counted()]
    storage.write("a.bin", b"12345", content_type="text/plain")
    for _ in range(2):
        storage.read("a.bin")
    with pytest.raises(AlreadyExists):
        storage.write("a.bin", b"123", content_type="text/plain")
    with pytest.raises(NotFound):
        storage.read("b.bin")
    assert [(now or 0) - then for now, then in zip(counted(), before, strict=True)] == [10, 5, 3, 2]
