"""What every object storage promises. The suite speaks to the port only, so that any adapter can stand here."""

import hashlib
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from gcs_fake import GcsFake
from stylegram.common.adapters import open_storage
from stylegram.common.errors import AlreadyExists, InvalidObjectName, NotFound, StylegramError
from stylegram.common.ports import Storage, StoredObject

HOSTILE_NAMES = (
    "",
    ".",
    "..",
    "/",
    "/abs",
    "../x",
    "a/../b",
    "a/..",
    "a/./b",
    "a//b",
    "a/",
    ".hidden",
    "a/.hidden",
    ".objects/a~.json",
    "a/.objects/b",
    ".lock",
    "a\0b",
    "a\nb",
    "a\n",
    "a\\b",
    "..\\x",
    "C:\\x",
    "C:x",
    "a b",
    " a",
    "a*",
    "a?b",
    "a#b",
    "%2e%2e/x",
    "~root",
    "a~.json",
    "-rf",
    "$HOME",
    "a;b",
    "gs://bucket/a",
    "x" * 201,
    "x" * 10_000,
    "a/" * 5_000 + "a",
    "ä",
    "\uff0e\uff0e/x",  # full-width dots
    "a\u2215b",  # a slash that is none
    "a\u202eb",  # turns the reading direction
    "a\u200bb",  # takes no room
    "\u0661",  # a digit elsewhere
    "\udc80",  # half a character
)


@dataclass
class Bench:
    """A storage, and a hand that damages what lies in it."""

    storage: Storage
    damage: Callable[[str, bytes], object]


@pytest.fixture(params=["file", "gs"])
def bench(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Bench]:
    if request.param == "file":
        root = tmp_path / "stored objects"
        yield Bench(open_storage(root.as_uri()), lambda name, data: (root / name).write_bytes(data))
        return
    with GcsFake() as fake:
        monkeypatch.setenv("STORAGE_EMULATOR_HOST", fake.url)
        storage = open_storage(f"gs://{fake.bucket}/some/prefix")
        yield Bench(storage, lambda name, data: fake.overwrite(f"some/prefix/{name}", data))


@pytest.fixture
def storage(bench: Bench) -> Storage:
    return bench.storage


def put(storage: Storage, name: str, data: bytes = b"data") -> StoredObject:
    return storage.write(name, data, content_type="application/octet-stream")


def names(storage: Storage, prefix: str = "") -> list[str]:
    return [stored.name for stored in storage.list(prefix)]


@pytest.mark.parametrize(
    "data", [b"", b"\x00\xff\r\n", bytes(range(256)) * 4096], ids=["empty", "binary", "a megabyte"]
)
def test_what_was_written_is_read(storage: Storage, data: bytes) -> None:
    put(storage, "runs/42/result.png", data)
    assert storage.read("runs/42/result.png") == data


def test_the_facts_about_an_object_are_kept(storage: Storage) -> None:
    metadata = {"title": "Zürich, «Limmat» 🌉", "empty": "", "lines": "a\r\nb\tc", "quote": "\"'\\"}
    written = storage.write("a/b.png", b"data", content_type="image/png", metadata=metadata)
    assert (written.name, written.size, written.content_type) == ("a/b.png", 4, "image/png")
    assert written.sha256 == hashlib.sha256(b"data").hexdigest()
    assert written.metadata == metadata
    assert written.created_at.tzinfo is not None
    assert abs(written.created_at - datetime.now(UTC)) < timedelta(minutes=5)
    assert storage.stat("a/b.png") == written
    assert list(storage.list()) == [written]


def test_an_object_never_changes(storage: Storage) -> None:
    first = put(storage, "a", b"first")
    with pytest.raises(AlreadyExists, match="'a'"):
        storage.write("a", b"second", content_type="text/plain", metadata={"second": "yes"})
    assert storage.read("a") == b"first"
    assert storage.stat("a") == first


@pytest.mark.parametrize("name", [f"round/{number}" for number in range(8)])
def test_of_concurrent_writers_exactly_one_wins(storage: Storage, name: str) -> None:
    start = threading.Barrier(6)

    def write(number: int) -> StoredObject | StylegramError:
        data = bytes([number]) * (50_000 + number)
        start.wait()
        try:
            return storage.write(name, data, content_type=f"test/{number}", metadata={"by": str(number)})
        except StylegramError as error:
            return error

    with ThreadPoolExecutor(6) as pool:
        results = list(pool.map(write, range(6)))
    (winner,) = (result for result in results if isinstance(result, StoredObject))
    assert sum(isinstance(result, AlreadyExists) for result in results) == 5
    assert storage.stat(name) == winner
    # Bytes of one writer beside facts of another would not pass the digest check.
    assert storage.read(name) == bytes([int(winner.metadata["by"])]) * winner.size


@pytest.mark.parametrize("damaged", [b"dat", b"DATA", b"data!", b""])
def test_damaged_bytes_are_never_handed_out(bench: Bench, damaged: bytes) -> None:
    put(bench.storage, "a/b", b"data")
    bench.damage("a/b", damaged)
    with pytest.raises(StylegramError, match="'a/b' is damaged") as caught:
        bench.storage.read("a/b")
    assert not caught.value.retryable, "no waiting mends it"


def test_a_prefix_is_the_start_of_a_name_and_no_folder(storage: Storage) -> None:
    for name in ("runs/2/a", "run", "runs/10/a", "runs/1/a", "runs.txt", "Runs/1", "other/runs/1"):
        put(storage, name)
    assert names(storage) == sorted(["runs/2/a", "run", "runs/10/a", "runs/1/a", "runs.txt", "Runs/1", "other/runs/1"])
    assert names(storage, "runs/1") == ["runs/1/a", "runs/10/a"]
    assert names(storage, "runs/1/") == ["runs/1/a"]
    assert names(storage, "ru") == ["run", "runs.txt", "runs/1/a", "runs/10/a", "runs/2/a"]
    assert names(storage, "runs/1/a") == ["runs/1/a"]
    assert names(storage, "runs/3") == []


@pytest.mark.parametrize("prefix", ["../", "/", "..", "a/../", ".objects", ".objects/", "a/.", "\0", "*", "~", "a\\"])
def test_a_prefix_that_looks_like_an_escape_lists_nothing(storage: Storage, prefix: str) -> None:
    put(storage, "a/b")
    assert names(storage, prefix) == []


def test_names_that_look_like_bookkeeping_are_names_as_any_other(storage: Storage) -> None:
    for name in ("a", "a.json", "b.json/c", "b", "objects/a.json", "_", "a=1+2@-._"):
        put(storage, name, name.encode())
    assert [storage.read(name).decode() for name in names(storage)] == names(storage)
    assert len(names(storage)) == 7


def test_long_names_within_the_limits_are_taken(storage: Storage) -> None:
    name = "/".join(["x" * 200] * 4)
    put(storage, name)
    assert storage.read(name) == b"data"
    assert names(storage, "x" * 200) == [name]


def test_what_is_not_there_is_not_found(storage: Storage) -> None:
    put(storage, "a/b")
    for name in ("nothing", "a", "a/b/c", "a/c"):
        assert storage.stat(name) is None
        assert storage.delete(name) is False
        with pytest.raises(NotFound, match=f"'{name}'"):
            storage.read(name)
    assert storage.read("a/b") == b"data"


def test_a_deleted_object_is_gone_and_its_name_is_free(storage: Storage) -> None:
    put(storage, "a/b", b"first")
    put(storage, "a/c")
    assert storage.delete("a/b") is True
    assert storage.delete("a/b") is False
    assert storage.stat("a/b") is None
    assert names(storage) == ["a/c"]
    second = put(storage, "a/b", b"second")
    assert storage.read("a/b") == b"second"
    assert storage.stat("a/b") == second


def test_the_name_of_an_emptied_folder_is_free(storage: Storage) -> None:
    put(storage, "a/b/c")
    storage.delete("a/b/c")
    put(storage, "a")
    assert names(storage) == ["a"]


@pytest.mark.parametrize("name", HOSTILE_NAMES, ids=lambda name: ascii(name)[:24])
def test_a_hostile_name_is_refused_by_every_call(storage: Storage, name: str) -> None:
    put(storage, "a/b")
    calls: list[Callable[[], object]] = [
        lambda: put(storage, name),
        lambda: storage.read(name),
        lambda: storage.stat(name),
        lambda: storage.delete(name),
        lambda: storage.signed_url(name, seconds=60),
    ]
    for call in calls:
        with pytest.raises(InvalidObjectName) as caught:
            call()
        assert len(str(caught.value)) < 400
        str(caught.value).encode()
    assert names(storage) == ["a/b"]


def test_where_nobody_signs_there_is_no_address_whether_the_object_is_there_or_not(storage: Storage) -> None:
    put(storage, "a/b")
    assert storage.signed_url("a/b", seconds=60) is None
    assert storage.signed_url("a/c", seconds=7 * 86_400) is None
