"""What only a storage in a folder must stand: links, other files, killed writers, old leftovers."""

import os
import signal
import stat
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from stylegram.common.adapters.folder_storage import FolderStorage
from stylegram.common.errors import (
    AlreadyExists,
    ConfigurationError,
    InvalidObjectName,
    NotFound,
    StylegramError,
    Unavailable,
)

TEXT = "text/plain"


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return tmp_path / "storage"


@pytest.fixture
def storage(root: Path) -> FolderStorage:
    return FolderStorage(root)


def test_objects_are_files_under_their_names_that_people_may_open(storage: FolderStorage, root: Path) -> None:
    previous = os.umask(0o022)
    try:
        storage.write("runs/42/result.png", b"data", content_type="image/png")
    finally:
        os.umask(previous)
    file = root / "runs/42/result.png"
    assert file.read_bytes() == b"data"
    assert stat.S_IMODE(file.stat().st_mode) == 0o644


def test_another_process_opens_what_was_written(storage: FolderStorage, root: Path) -> None:
    written = storage.write("a/b", b"data", content_type=TEXT, metadata={"name": "Zürich"})
    assert FolderStorage(root).stat("a/b") == written


@pytest.mark.parametrize("target", ["outside", "."], ids=["beside the storage", "the storage's parent"])
def test_a_link_in_the_root_that_leads_out_is_refused(storage: FolderStorage, root: Path, target: str) -> None:
    outside = root.parent / "outside"
    outside.mkdir()
    (outside / "secret").write_text("secret")
    (root / "link").symlink_to(root.parent / target)
    name = "link/secret" if target == "outside" else "link/outside/secret"
    for call in (storage.read, storage.stat, storage.delete):
        with pytest.raises(InvalidObjectName, match="leads out"):
            call(name)
    with pytest.raises(InvalidObjectName, match="leads out"):
        storage.write("link/new", b"data", content_type=TEXT)
    assert [path.name for path in outside.iterdir()] == ["secret"]
    assert list(storage.list("link")) == []


def test_a_linked_file_that_leads_out_is_neither_read_nor_deleted(storage: FolderStorage, root: Path) -> None:
    (root.parent / "secret").write_text("secret")
    (root / "link").symlink_to(root.parent / "secret")
    for call in (storage.read, storage.stat, storage.delete):
        with pytest.raises(InvalidObjectName):
            call("link")
    assert (root.parent / "secret").read_text() == "secret"


def test_a_link_to_itself_is_no_object(storage: FolderStorage, root: Path) -> None:
    (root / "loop").symlink_to(root / "loop")
    assert storage.stat("loop") is None
    assert storage.delete("loop") is False
    with pytest.raises(StylegramError):
        storage.write("loop/x", b"data", content_type=TEXT)


def test_a_file_that_somebody_put_there_is_no_object_and_is_left_alone(storage: FolderStorage, root: Path) -> None:
    (root / "notes.txt").write_text("mine")
    assert storage.stat("notes.txt") is None
    assert storage.delete("notes.txt") is False
    with pytest.raises(AlreadyExists):
        storage.write("notes.txt", b"data", content_type=TEXT)
    assert (root / "notes.txt").read_text() == "mine"
    assert list(storage.list()) == []


def test_a_name_below_an_object_is_taken(storage: FolderStorage) -> None:
    storage.write("x", b"data", content_type=TEXT)
    for name in ("x/y", "x/y/z"):
        with pytest.raises(AlreadyExists, match=f"Object 'x' exists, so '{name}' cannot lie below it"):
            storage.write(name, b"data", content_type=TEXT)
    assert [stored.name for stored in storage.list()] == ["x"]
    assert storage.read("x") == b"data"


def test_the_name_of_a_folder_of_objects_is_taken(storage: FolderStorage) -> None:
    storage.write("x/y", b"data", content_type=TEXT)
    with pytest.raises(AlreadyExists, match="'x' is a folder of objects"):
        storage.write("x", b"data", content_type=TEXT)
    assert storage.read("x/y") == b"data"


def test_damaged_facts_are_an_error_that_names_the_object(storage: FolderStorage, root: Path) -> None:
    storage.write("a", b"data", content_type=TEXT)
    (facts,) = (path for path in (root / ".objects").iterdir())
    for damaged in ("", "{", "[]", '{"name": "a"}'):
        facts.write_text(damaged)
        with pytest.raises(StylegramError, match="'a' is damaged") as caught:
            storage.read("a")
        assert not caught.value.retryable, "no waiting mends it"


def test_a_killed_writer_leaves_no_half_object_and_blocks_nobody(storage: FolderStorage, root: Path) -> None:
    script = """
import itertools, sys
from pathlib import Path
from stylegram.common.adapters.folder_storage import FolderStorage
storage = FolderStorage(Path(sys.argv[1]))
for number in itertools.count():
    storage.write(f"{sys.argv[2]}/{number}", bytes([number % 256]) * 300_000, content_type="text/plain")
    print(number, flush=True)
"""
    for round_ in range(6):
        writer = subprocess.Popen(
            [sys.executable, "-c", script, str(root), f"round{round_}"], stdout=subprocess.PIPE, text=True
        )
        with writer:
            assert writer.stdout is not None
            writer.stdout.readline()
            time.sleep(0.003 * round_)  # so that each is killed somewhere else
            writer.send_signal(signal.SIGKILL)
            confirmed = [0, *map(int, writer.stdout.read().split())][-1]
        found = {stored.name for stored in storage.list(f"round{round_}/")}
        assert {f"round{round_}/{number}" for number in range(confirmed + 1)} <= found
        assert len(found) <= confirmed + 2
        for name in found:  # a half object would not pass the digest check
            assert len(storage.read(name)) == 300_000
        storage.write(f"round{round_}/{confirmed + 2}", b"next", content_type=TEXT)


def test_a_writer_killed_in_the_middle_of_the_bytes_leaves_no_object(storage: FolderStorage, root: Path) -> None:
    script = """
import resource, signal, sys
from pathlib import Path
from stylegram.common.adapters.folder_storage import FolderStorage
storage = FolderStorage(Path(sys.argv[1]))
signal.signal(signal.SIGXFSZ, signal.SIG_DFL)
resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))
storage.write("a/b", bytes(300_000), content_type="text/plain")
"""
    result = subprocess.run([sys.executable, "-c", script, str(root)], check=False)
    assert result.returncode == -signal.SIGXFSZ
    assert [path.stat().st_size for path in (root / ".incoming").iterdir()] == [100_000]
    assert storage.stat("a/b") is None
    assert list(storage.list()) == []
    storage.write("a/b", b"second", content_type=TEXT)
    assert storage.read("a/b") == b"second"


def test_a_writer_killed_between_facts_and_bytes_leaves_the_name_free(storage: FolderStorage, root: Path) -> None:
    storage.write("a", b"first", content_type=TEXT)
    (root / "a").unlink()  # as if it had been killed in between
    assert storage.stat("a") is None
    assert list(storage.list()) == []
    storage.write("a", b"second", content_type=TEXT)
    assert storage.read("a") == b"second"


def test_what_killed_writers_left_is_swept_after_a_day(storage: FolderStorage, root: Path) -> None:
    old, new = root / ".incoming/old", root / ".incoming/new"
    for path in (old, new):
        path.write_bytes(b"half")
    two_days_ago = time.time() - 2 * 86_400
    os.utime(old, (two_days_ago, two_days_ago))
    FolderStorage(root)
    assert not old.exists()
    assert new.exists(), "somebody may be writing it"


def test_a_failed_write_leaves_nothing_behind(storage: FolderStorage, root: Path) -> None:
    storage.write("a", b"data", content_type=TEXT)
    with pytest.raises(AlreadyExists):
        storage.write("a", b"data", content_type=TEXT)
    assert list((root / ".incoming").iterdir()) == []


def test_a_full_disk_is_unavailable_and_the_next_writer_succeeds(storage: FolderStorage, root: Path) -> None:
    script = """
import resource, sys
from pathlib import Path
from stylegram.common.adapters.folder_storage import FolderStorage
from stylegram.common.errors import Unavailable
storage = FolderStorage(Path(sys.argv[1]))
resource.setrlimit(resource.RLIMIT_FSIZE, (10_000, resource.RLIM_INFINITY))
try:
    storage.write("big", bytes(100_000), content_type="text/plain")
except Unavailable as error:
    assert "did not answer" in str(error)
    print("refused")
"""
    result = subprocess.run([sys.executable, "-c", script, str(root)], capture_output=True, text=True, check=True)
    assert result.stdout.strip() == "refused"
    assert storage.stat("big") is None
    assert list((root / ".incoming").iterdir()) == []
    storage.write("big", bytes(100_000), content_type=TEXT)


def test_a_root_that_cannot_be_a_folder_is_a_configuration_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    for root in (tmp_path / "file", tmp_path / "file/below"):
        with pytest.raises(ConfigurationError, match="STYLEGRAM_STORAGE_URL"):
            FolderStorage(root)


CALLS: dict[str, Callable[[FolderStorage], object]] = {
    "stat": lambda storage: storage.stat("a/b"),
    "read": lambda storage: storage.read("a/b"),
    "write": lambda storage: storage.write("new", b"data", content_type=TEXT),
    "list": lambda storage: list(storage.list()),
    "delete": lambda storage: storage.delete("a/b"),
}


@pytest.mark.parametrize("leaves_its_place", [False, True], ids=["gone", "unmounted"])
@pytest.mark.parametrize("call", CALLS.values(), ids=CALLS.keys())
def test_a_root_that_is_gone_is_no_empty_storage(
    storage: FolderStorage, root: Path, call: Callable[[FolderStorage], object], leaves_its_place: bool
) -> None:
    storage.write("a/b", b"data", content_type=TEXT)
    elsewhere = root.rename(root.parent / "elsewhere")
    if leaves_its_place:
        root.mkdir()
    with pytest.raises(Unavailable, match=f"'{root}' is gone"):
        call(storage)
    if leaves_its_place:
        assert list(root.iterdir()) == []
        root.rmdir()
    elsewhere.rename(root)
    assert storage.read("a/b") == b"data"
    with pytest.raises(NotFound):
        storage.read("c")
