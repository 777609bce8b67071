import os
from pathlib import Path

import pytest

from stylegram.common.files import write_atomically


def test_it_makes_the_folder_and_replaces_the_file(tmp_path: Path) -> None:
    path = tmp_path / "new" / "logs.csv"
    for data in (b"one", b"two"):
        write_atomically(path, data)
        assert path.read_bytes() == data
    assert list(path.parent.iterdir()) == [path]


def test_a_failure_leaves_everything_as_it_was(tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    with pytest.raises(OSError, match="folder"):
        write_atomically(tmp_path / "folder", b"data")
    assert [path.name for path in tmp_path.iterdir()] == ["folder"]


@pytest.mark.parametrize(("private", "permissions"), [(True, 0o600), (False, 0o644)])
def test_a_private_file_is_its_owner_s_alone(tmp_path: Path, private: bool, permissions: int) -> None:
    before = os.umask(0o022)
    try:
        write_atomically(tmp_path / "file", b"data", private=private)
    finally:
        os.umask(before)
    assert (tmp_path / "file").stat().st_mode & 0o777 == permissions
