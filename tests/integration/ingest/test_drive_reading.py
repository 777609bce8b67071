"""Bytes out of the fake Drive by the real client, also when the way is bad."""

import random
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import Any

import pytest

from drive_fake import DriveFake
from drive_source import Waits, drive_source, listed
from drive_source import drive as drive
from drive_source import photos as photos
from stylegram.common.errors import NotFound, Unavailable
from stylegram.common.ports import SourceFile
from stylegram.ingest.sources.drive.source import DriveSource

RANGE = 4 * 1024 * 1024
BIG = random.Random(1).randbytes(2 * RANGE + 1000)


@pytest.fixture
def waits() -> Waits:
    return Waits()


@pytest.fixture
def source(drive: DriveFake, photos: str, waits: Waits) -> DriveSource:
    return drive_source(drive, photos, waits=waits, timeout=5.0)


def only(source: DriveSource) -> SourceFile:
    (file,) = listed(source)[0].values()
    return file


def test_a_large_file_comes_in_ranges(drive: DriveFake, photos: str, source: DriveSource) -> None:
    key = drive.add_file("big.tiff", BIG, photos)
    assert source.read(only(source)) == BIG
    assert drive.downloads[key] == 3
    ranges = [call.headers["Range"] for call in drive.log if call.kind == "files.media"]
    assert ranges[:2] == [f"bytes=0-{RANGE - 1}", f"bytes={RANGE}-{2 * RANGE - 1}"]


@pytest.mark.parametrize("how", [{"cut": 100}, {"cut": 0}, {"reset": True}, {"status": 503}, {"status": 429}])
def test_after_a_broken_connection_it_goes_on_where_it_was(
    drive: DriveFake, photos: str, source: DriveSource, waits: Waits, how: dict[str, int]
) -> None:
    key = drive.add_file("big.tiff", BIG, photos)
    file = only(source)
    # The first range comes, the second does not at first. A reset in the middle the client's library hides once.
    drive.fail("files.media", times=1)
    drive.fail("files.media", times=2, **how)
    assert source.read(file) == BIG
    assert 4 <= drive.downloads[key] + 2 * ("status" in how or "reset" in how) <= 6
    assert waits.seconds
    begins = [call.headers["Range"].partition("-")[0] for call in drive.log if call.kind == "files.media"]
    assert begins.count("bytes=0") == 1


def test_a_server_that_stays_silent_is_asked_again(drive: DriveFake, photos: str, waits: Waits) -> None:
    source = drive_source(drive, photos, waits=waits, timeout=2.0)
    drive.add_file("a.jpg", b"1", photos)
    file = only(source)
    drive.fail("files.media", seconds=4.0)
    assert source.read(file) == b"1"
    assert len(waits.seconds) == 1


def test_an_answer_that_comes_too_late_is_not_taken_for_that_to_the_next_question(
    drive: DriveFake, photos: str
) -> None:
    source = drive_source(drive, photos, waits=Waits(limit=0.0), timeout=2.0)
    drive.fail("about.get", seconds=2.5)
    with pytest.raises(Unavailable, match="could not be reached for who we are: TimeoutError"):
        source.describe()
    time.sleep(1.0)
    assert listed(source)[0] == {}


def test_a_connection_that_stays_broken_is_given_up_in_time(
    drive: DriveFake, photos: str, source: DriveSource, waits: Waits
) -> None:
    drive.add_file("a.jpg", b"1", photos)
    file = only(source)
    drive.fail("files.media", times=1000, reset=True)
    with pytest.raises(Unavailable, match=r"could not be reached for file 'a\.jpg'"):
        source.read(file)
    assert 60 < waits.time <= 120


def test_an_empty_file_has_no_bytes_to_ask_a_range_of(drive: DriveFake, photos: str, source: DriveSource) -> None:
    drive.add_file("empty.jpg", b"", photos)
    assert source.read(only(source)) == b""


def test_a_file_that_is_damaged_on_the_way_is_fetched_once_more(
    drive: DriveFake, photos: str, source: DriveSource
) -> None:
    key = drive.add_file("a.jpg", b"good", photos)
    file = only(source)
    node = drive.nodes[key]
    bytes_on_the_way = iter([b"evil", b"good"])
    node.content = lambda: next(bytes_on_the_way)
    assert source.read(file) == b"good"


@pytest.mark.parametrize("other", [b"evil", b"more than was listed", b"gon", b""])
def test_a_file_that_is_another_by_now_is_not_given_out(
    drive: DriveFake, photos: str, source: DriveSource, other: bytes
) -> None:
    key = drive.add_file("a.jpg", b"good", photos)
    file = only(source)
    drive.replace(key, other)
    with pytest.raises(Unavailable, match="is another by now than was listed"):
        source.read(file)
    assert drive.downloads[key] == 2


def test_no_more_than_a_range_is_fetched_of_what_is_larger_than_was_listed(
    drive: DriveFake, photos: str, source: DriveSource
) -> None:
    key = drive.add_file("a.jpg", b"small", photos)
    file = only(source)
    drive.replace(key, BIG)
    with pytest.raises(Unavailable):
        source.read(file)
    assert drive.downloads[key] == 2


@pytest.mark.parametrize("size", [BIG, BIG[: RANGE // 2]], ids=["same size", "shorter"])
def test_a_file_that_is_replaced_while_it_is_fetched_is_not_given_out_half_and_half(
    drive: DriveFake, photos: str, source: DriveSource, size: bytes
) -> None:
    key = drive.add_file("a.jpg", BIG, photos)
    file = only(source)
    drive.fail("files.media")
    drive.fail("files.media", do=lambda: drive.replace(key, bytes(len(size))))
    with pytest.raises(Unavailable, match="another by now"):
        source.read(file)


@pytest.mark.parametrize("how", [{"ignores_range": True}, {"text": b""}], ids=["whole", "nothing"])
def test_ranges_that_lead_nowhere_end(drive: DriveFake, photos: str, source: DriveSource, how: dict[str, Any]) -> None:
    key = drive.add_file("big.tiff", BIG, photos)
    file = only(source)
    # The first range comes as it should.
    drive.fail("files.media", do=lambda: drive.fail("files.media", times=20, **how))
    with suppress(Unavailable):
        assert source.read(file) == BIG
    assert drive.downloads[key] <= 4


def test_a_server_that_gives_everything_at_once_is_understood(
    drive: DriveFake, photos: str, source: DriveSource
) -> None:
    key = drive.add_file("big.tiff", BIG, photos)
    drive.fail("files.media", ignores_range=True)
    assert source.read(only(source)) == BIG
    assert drive.downloads[key] == 1


@pytest.mark.parametrize("other", [b"more than was listed", b"les", b""])
def test_also_without_a_checksum_it_has_the_size_that_was_listed(
    drive: DriveFake, photos: str, source: DriveSource, other: bytes
) -> None:
    key = drive.add_file("a.jpg", b"good", photos, md5=False)
    file = only(source)
    drive.nodes[key].content = other
    with pytest.raises(Unavailable, match="another by now"):
        source.read(file)


def test_a_file_without_a_checksum_is_read_too(drive: DriveFake, photos: str, source: DriveSource) -> None:
    drive.add_file("a.jpg", b"1", photos, md5=False)
    assert source.read(only(source)) == b"1"


def test_a_file_that_is_gone_is_not_found(drive: DriveFake, photos: str, source: DriveSource) -> None:
    key = drive.add_file("a.jpg", b"1", photos)
    file = only(source)
    drive.delete(key)
    with pytest.raises(NotFound, match=r"'a\.jpg' .* is gone from Google Drive"):
        source.read(file)


@pytest.mark.parametrize("reason", ["cannotDownloadFile", "cannotDownloadAbusiveFile", "downloadQuotaExceeded"])
def test_a_file_that_may_not_be_fetched_is_asked_for_once(
    drive: DriveFake, photos: str, source: DriveSource, waits: Waits, reason: str
) -> None:
    key = drive.add_file("a.jpg", b"1", photos)
    file = only(source)
    drive.nodes[key].refusal = reason
    with pytest.raises(Unavailable, match=reason) as refused:
        source.read(file)
    assert refused.value.advice
    assert drive.downloads[key] == 1
    assert not waits.seconds


def test_each_thread_has_a_connection_of_its_own(drive: DriveFake, photos: str, source: DriveSource) -> None:
    contents = {drive.add_file(f"{number}.jpg", b"%d" % number * 5000, photos): number for number in range(60)}
    files, _ = listed(source)
    meeting = threading.Barrier(6)

    def read(some: list[SourceFile]) -> dict[str, bytes]:
        meeting.wait(timeout=5)
        return {file.key: source.read(file) for file in some}

    with ThreadPoolExecutor(6) as pool:
        shares = [list(files.values())[share::6] for share in range(6)]
        read_by_all = {key: data for part in pool.map(read, shares) for key, data in part.items()}
    assert read_by_all == {key: b"%d" % number * 5000 for key, number in contents.items()}


def test_one_thread_that_is_too_fast_slows_the_others_down(
    drive: DriveFake, photos: str, source: DriveSource, waits: Waits
) -> None:
    drive.add_file("a.jpg", b"1", photos)
    file = only(source)
    drive.fail("files.media", times=2, status=403, reason="userRateLimitExceeded")
    assert source.read(file) == b"1"
    before = waits.time
    with ThreadPoolExecutor(1) as pool:
        for _ in range(3):
            pool.submit(source.read, file).result()
    assert waits.time - before > 0.3


def test_drive_may_be_as_bad_as_it_likes_for_a_while(drive: DriveFake, photos: str, waits: Waits) -> None:
    for number in range(20):
        drive.add_file(f"{number}.jpg", b"%d" % number * 100, photos)
    source = drive_source(drive, photos, waits=waits, timeout=5.0)
    chance = random.Random(3)
    bad: list[dict[str, Any]] = [
        {"status": 500},
        {"status": 403, "reason": "rateLimitExceeded"},
        {"reset": True},
        {"cut": 3},
    ]
    for kind in ("files.list", "files.get", "changes.start", "files.media") * 5:
        drive.fail(kind, **chance.choice(bad))
    files, _ = listed(source)
    with ThreadPoolExecutor(4) as pool:
        read = dict(zip(files, pool.map(source.read, files.values()), strict=True))
    assert {files[key].name: data for key, data in read.items()} == {
        f"{number}.jpg": b"%d" % number * 100 for number in range(20)
    }
