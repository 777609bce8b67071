"""Syncs of a source that can tell what has changed, and what happens to them when something breaks in between."""

import hashlib
import threading
import time
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import update

from ingest_samples import candidates, open_ingest, png, sync_photos
from stylegram.common.clock import utcnow
from stylegram.common.database import transaction
from stylegram.common.errors import ChangesLost, Interrupted, NotFound, Unavailable
from stylegram.common.ports import SourceFile, SourcePage
from stylegram.common.records import Role
from stylegram.ingest.bootstrap import Ingest
from stylegram.ingest.source_repository import SourceRepository
from stylegram.ingest.sync import SyncReport, SyncRunning
from stylegram.ingest.syncs import SyncStatus
from stylegram.ingest.tables import SourceStateRow

from .test_sync import counts

pytestmark = pytest.mark.every_database


class Feed:
    """A source that remembers each change, and what it was asked."""

    url = "feed://somewhere"

    def __init__(self) -> None:
        self.contents: dict[str, bytes] = {}
        self.pages: list[SourcePage] = []
        self.listings = 0
        self.asked: list[str] = []
        self.reads: list[str] = []
        self.per_page = 1000
        self.forgetful = False
        self.trouble: Callable[[str], None] = lambda _what: None

    def put(self, key: str, data: bytes) -> None:
        self.contents[key] = data
        self._tell(SourcePage([self._file(key)], state=str(len(self.pages) + 1)))

    def remove(self, key: str) -> None:
        del self.contents[key]
        self._tell(SourcePage(gone=[key], state=str(len(self.pages) + 1)))

    def _tell(self, page: SourcePage) -> None:
        self.pages.append(page)

    def _file(self, key: str) -> SourceFile:
        data = self.contents[key]
        return SourceFile(key, f"{key}.png", str(hash(data)), len(data))

    def describe(self) -> str:
        return "a feed"

    def listing(self) -> Iterator[SourcePage]:
        self.listings += 1
        files = [self._file(key) for key in self.contents]
        for start in range(0, len(files), self.per_page):
            self.trouble("listing")
            yield SourcePage(files[start : start + self.per_page])
        yield SourcePage(state=None if self.forgetful else str(len(self.pages)))

    def changes(self, since: str) -> Iterator[SourcePage]:
        self.asked.append(since)
        for page in self.pages[int(since) :] or [SourcePage(state=since)]:
            self.trouble("changes")
            yield page

    def read(self, file: SourceFile) -> bytes:
        self.reads.append(file.key)
        self.trouble(file.key)
        if file.key not in self.contents:
            raise NotFound(f"'{file.key}' is gone.")
        return self.contents[file.key]


@pytest.fixture
def ingest(tmp_path: Path, database_url: str) -> Iterator[Ingest]:
    ingest = open_ingest(tmp_path, database_url)
    yield ingest
    ingest.close()


@pytest.fixture
def feed(ingest: Ingest) -> Feed:
    """Three pictures that were synced."""
    feed = Feed()
    for number in range(3):
        feed.put(f"{number}", png(number))
    assert counts(sync_photos(ingest, feed)) == {"added": 3}
    feed.reads.clear()
    return feed


def keys(ingest: Ingest) -> list[str]:
    return sorted(asset.name.removesuffix(".png") for asset in candidates(ingest))


def fail(what: str, error: Exception) -> Callable[[str], None]:
    def trouble(happening: str) -> None:
        if happening == what:
            raise error

    return trouble


def test_where_nothing_changed_one_question_is_asked(ingest: Ingest, feed: Feed) -> None:
    for _ in range(2):
        report = sync_photos(ingest, feed)
        assert counts(report) == {"unchanged": 3}
        assert not report.listed
    assert (feed.listings, feed.asked, feed.reads) == (1, ["3", "3"], [])


def test_only_what_changed_is_read(ingest: Ingest, feed: Feed) -> None:
    feed.put("1", png(11))
    feed.put("new", png(12))
    feed.put("2", png(2))
    feed.remove("0")
    report = sync_photos(ingest, feed)
    assert counts(report) == {"added": 1, "changed": 1, "unchanged": 1, "removed": 1}
    assert sorted((file.key, file.outcome) for file in report.files) == [
        ("0", "removed"),
        ("1", "changed"),
        ("new", "added"),
    ]
    assert feed.reads == ["1", "new"], "what turned up unchanged was read again"
    assert feed.listings == 1
    assert {file.name for file in candidates(ingest)} == {"1.png", "2.png", "new.png"}


def test_a_file_that_changed_twice_is_read_once(ingest: Ingest, feed: Feed) -> None:
    feed.put("1", png(11))
    feed.put("1", png(12))
    assert counts(sync_photos(ingest, feed)) == {"changed": 1, "unchanged": 2}
    assert feed.reads == ["1"]


def test_a_file_that_came_and_went_is_not_read(ingest: Ingest, feed: Feed) -> None:
    feed.put("new", png(11))
    feed.remove("new")
    assert counts(sync_photos(ingest, feed)) == {"unchanged": 3}
    assert feed.reads == []


def test_a_file_that_changed_back_is_not_read(ingest: Ingest, feed: Feed) -> None:
    feed.put("1", png(11))
    feed.put("1", png(1))
    assert counts(sync_photos(ingest, feed)) == {"unchanged": 3}
    assert feed.reads == []


def test_a_file_that_comes_back_is_a_candidate_again_unread(ingest: Ingest, feed: Feed) -> None:
    feed.remove("1")
    sync_photos(ingest, feed)
    assert keys(ingest) == ["0", "2"]
    feed.put("1", png(1))
    assert counts(sync_photos(ingest, feed)) == {"unchanged": 3}
    assert keys(ingest) == ["0", "1", "2"]
    assert feed.reads == []


def test_where_changes_are_lost_everything_is_listed(ingest: Ingest, feed: Feed) -> None:
    feed.remove("0")
    feed.put("new", png(11))
    feed.trouble = fail("changes", ChangesLost("The token is too old."))
    report = sync_photos(ingest, feed)
    assert report.listed
    assert counts(report) == {"added": 1, "unchanged": 2, "removed": 1}
    assert feed.reads == ["new"]
    feed.trouble = lambda _: None
    sync_photos(ingest, feed)
    assert feed.asked[-1] == "5", "the listing does not lead to the changes after it"


def test_a_source_that_cannot_tell_any_more_is_listed_each_time(ingest: Ingest, feed: Feed) -> None:
    feed.forgetful = True
    sync_photos(ingest, feed, full=True)
    assert sync_photos(ingest, feed).listed
    assert feed.asked == []


def test_everything_is_listed_now_and_then_and_on_demand(ingest: Ingest, feed: Feed) -> None:
    del feed.contents["0"]  # a deletion that the feed never tells of
    assert counts(sync_photos(ingest, feed)) == {"unchanged": 3}
    assert counts(sync_photos(ingest, feed, full=True)) == {"unchanged": 2, "removed": 1}
    del feed.contents["1"]
    assert counts(sync_photos(ingest, feed, full_after=timedelta(0))) == {"unchanged": 1, "removed": 1}
    assert feed.listings == 3


def test_a_page_and_the_way_on_are_kept_together(ingest: Ingest, feed: Feed) -> None:
    for number in (10, 11, 12):
        feed.put(f"{number}", png(number))
    told = []

    def breaks_off(happening: str) -> None:
        told.append(happening)
        if len(told) == 3:
            raise Unavailable("The connection is lost.")

    feed.trouble = breaks_off
    with pytest.raises(Unavailable):
        sync_photos(ingest, feed)
    feed.trouble = lambda _: None
    assert counts(sync_photos(ingest, feed)) == {"added": 3, "unchanged": 3}
    assert feed.asked == ["3", "5"], "pages that were kept were asked for again, or one was passed over"
    assert feed.reads == ["10", "11", "12"]


def test_a_sync_that_ends_early_goes_on_where_it_was(ingest: Ingest, feed: Feed) -> None:
    for number in range(10, 15):
        feed.put(f"{number}", png(number))

    def enough(done: int, _total: int, _report: SyncReport) -> None:
        if done == 2:
            raise Interrupted("Enough.")

    with pytest.raises(Interrupted):
        sync_photos(ingest, feed, on_file=enough)
    done = set(feed.reads)
    feed.reads.clear()
    report = sync_photos(ingest, feed)
    assert counts(report)["added"] + len(done) == 5
    assert not done & set(feed.reads), "a finished file was read again"
    assert feed.listings == 1


def test_what_could_not_be_read_is_tried_again_though_nobody_tells_of_it(ingest: Ingest, feed: Feed) -> None:
    feed.put("1", png(11))
    feed.put("new", png(12))
    for _ in range(2):
        feed.trouble = fail("1", Unavailable("It is being moved."))
        report = sync_photos(ingest, feed)
        assert report.unreadable == 1
        assert [file.reason for file in report.files if file.key == "1"] == ["It is being moved."]
        assert "1" in keys(ingest), "what it was before is no candidate any more"
    feed.trouble = lambda _: None
    assert counts(sync_photos(ingest, feed)) == {"changed": 1, "unchanged": 3}
    assert feed.reads == ["1", "new", "1", "1"]


def test_a_source_that_is_down_is_not_asked_for_every_file(ingest: Ingest) -> None:
    feed = Feed()
    for number in range(50):
        feed.put(f"{number:02}", png(number))

    def down(happening: str) -> None:
        if happening not in ("listing", "changes"):
            raise Unavailable("Drive does not answer.")

    feed.trouble = down
    with pytest.raises(Unavailable, match=r"20 files in a row .* Drive does not answer"):
        sync_photos(ingest, feed)
    assert len(feed.reads) < 25
    feed.trouble = lambda _: None
    assert counts(sync_photos(ingest, feed)) == {"added": 50}


def test_many_files_that_can_never_be_read_keep_nobody_from_the_others(ingest: Ingest) -> None:
    feed = Feed()
    for number in range(50):
        feed.put(f"{number:02}", png(number))

    def refuse(happening: str) -> None:
        if happening.isdigit() and int(happening) < 45:
            raise Unavailable("Permission denied.")

    feed.trouble = refuse
    for _ in range(3):
        with pytest.raises(Unavailable, match="20 files in a row"):
            sync_photos(ingest, feed)
    assert keys(ingest) == ["45", "46", "47", "48", "49"]
    feed.put("50", png(50))
    with pytest.raises(Unavailable, match="20 files in a row"):
        sync_photos(ingest, feed)
    assert keys(ingest)[-1] == "50", "what is new waits for what is hopeless"


def test_files_here_and_there_that_cannot_be_read_do_not_end_the_sync(ingest: Ingest, feed: Feed) -> None:
    for number in range(10, 60):
        feed.put(f"{number}", png(number))
    feed.put("1", png(9))

    def refuse(happening: str) -> None:
        if happening.isdigit() and int(happening) % 2:
            raise Unavailable("Permission denied.")

    feed.trouble = refuse
    assert counts(sync_photos(ingest, feed)) == {"added": 25, "unreadable": 26, "unchanged": 2}


def test_a_source_that_comes_back_is_listed(ingest: Ingest, feed: Feed) -> None:
    other = Feed()
    other.url = "feed://elsewhere"
    other.put("x", png(20))
    assert counts(sync_photos(ingest, other)) == {"added": 1, "removed": 3}
    report = sync_photos(ingest, feed)
    assert report.listed
    assert counts(report) == {"unchanged": 3, "removed": 1}


def test_a_listing_that_breaks_off_concludes_nothing(ingest: Ingest, feed: Feed) -> None:
    feed.per_page = 1
    feed.put("new", png(11))
    pages = []

    def breaks_off(happening: str) -> None:
        pages.append(happening)
        if len(pages) == 2:
            raise Unavailable("The connection is lost.")

    feed.trouble = breaks_off
    with pytest.raises(Unavailable):
        sync_photos(ingest, feed, full=True)
    assert keys(ingest) == ["0", "1", "2"]
    feed.trouble = lambda _: None
    assert counts(sync_photos(ingest, feed)) == {"added": 1, "unchanged": 3}


def test_a_dry_run_tells_all_and_does_nothing(ingest: Ingest, feed: Feed) -> None:
    feed.put("1", png(11))
    feed.put("new", png(12))
    feed.remove("0")
    objects = list(ingest.storage.list())
    for full in (False, True, False):
        report = sync_photos(ingest, feed, dry_run=True, full=full)
        assert counts(report) == {"added": 1, "changed": 1, "unchanged": 1, "removed": 1}
        assert {(file.key, file.outcome) for file in report.files} == {
            ("0", "removed"),
            ("1", "changed"),
            ("new", "added"),
        }
    assert (list(ingest.storage.list()), feed.reads, keys(ingest)) == (objects, [], ["0", "1", "2"])
    assert counts(sync_photos(ingest, feed)) == {"added": 1, "changed": 1, "unchanged": 1, "removed": 1}


@pytest.mark.parametrize("dry_run", [True, False])
def test_a_file_that_went_and_came_back_is_known(ingest: Ingest, feed: Feed, dry_run: bool) -> None:
    feed.remove("1")
    feed.put("1", png(1))
    assert counts(sync_photos(ingest, feed, dry_run=dry_run)) == {"unchanged": 3}


def test_a_dry_run_knows_files_that_come_back(ingest: Ingest, feed: Feed) -> None:
    feed.remove("1")
    sync_photos(ingest, feed)
    feed.put("1", png(1))
    assert counts(sync_photos(ingest, feed, dry_run=True)) == {"unchanged": 3}


def test_a_dry_run_tells_of_no_file_that_came_and_went(ingest: Ingest, feed: Feed) -> None:
    feed.put("new", png(11))
    feed.remove("new")
    assert counts(sync_photos(ingest, feed, dry_run=True)) == {"unchanged": 3}


@pytest.mark.parametrize("full", [True, False])
def test_a_dry_run_tells_of_no_file_that_went_before_it_was_read(ingest: Ingest, feed: Feed, full: bool) -> None:
    feed.put("new", png(11))
    feed.trouble = fail("new", Unavailable("Not now."))
    sync_photos(ingest, feed)
    feed.remove("new")
    assert counts(sync_photos(ingest, feed, dry_run=True, full=full)) == {"unchanged": 3}


def test_a_dry_run_tells_of_what_an_earlier_sync_did_not_get_to(ingest: Ingest, feed: Feed) -> None:
    feed.put("new", png(11))
    feed.trouble = fail("new", Unavailable("Not now."))
    sync_photos(ingest, feed)
    assert counts(sync_photos(ingest, feed, dry_run=True)) == {"added": 1, "unchanged": 3}


def test_of_two_processes_that_follow_one_source_the_second_stops(ingest: Ingest, feed: Feed) -> None:
    feed.put("1", png(11))
    feed.put("2", png(12))
    overtaken: list[SyncReport] = []

    def overtake(happening: str) -> None:
        if happening == "changes" and not overtaken:
            feed.trouble = lambda _: None
            overtaken.append(sync_photos(ingest, feed))

    feed.trouble = overtake
    with pytest.raises(SyncRunning):
        sync_photos(ingest, feed)
    assert counts(overtaken[0]) == {"changed": 2, "unchanged": 1}
    assert counts(sync_photos(ingest, feed)) == {"unchanged": 3}


def while_it_is_read(feed: Feed, key: str, happens: Callable[[], object]) -> None:
    """The next time that the file is read, this happens before whoever reads it has its bytes."""
    read = feed.read

    def read_slowly(file: SourceFile) -> bytes:
        data = read(file)
        if file.key == key:
            feed.read = read  # type: ignore[method-assign]
            happens()
        return data

    feed.read = read_slowly  # type: ignore[method-assign]


def test_older_bytes_never_take_the_place_of_what_another_process_has_read(ingest: Ingest, feed: Feed) -> None:
    def is_overtaken() -> None:
        feed.put("1", png(12))
        sync_photos(ingest, feed)

    feed.put("1", png(11))
    while_it_is_read(feed, "1", is_overtaken)
    assert counts(sync_photos(ingest, feed)) == {"unchanged": 3}
    assert hashlib.sha256(png(12)).hexdigest() in {asset.sha256 for asset in candidates(ingest)}


@pytest.mark.parametrize("data", [png(11), b"no picture"])
def test_a_file_that_another_process_knows_to_be_gone_stays_so(ingest: Ingest, feed: Feed, data: bytes) -> None:
    def is_overtaken() -> None:
        feed.remove("new")
        sync_photos(ingest, feed)

    feed.put("new", data)
    while_it_is_read(feed, "new", is_overtaken)
    assert counts(sync_photos(ingest, feed)) == {"unchanged": 3}
    assert keys(ingest) == ["0", "1", "2"]
    assert ingest.quarantine() == []


def test_what_was_put_off_though_it_is_known_does_not_stay_so(ingest: Ingest, feed: Feed) -> None:
    """As where another process had read the file in the moment before."""
    with transaction(ingest.engine) as session:
        SourceRepository(session, feed.url, Role.CONTENT).put_off([feed._file("1")])
    for dry_run in (False, True):
        assert counts(sync_photos(ingest, feed, dry_run=dry_run)) == {"unchanged": 3}
    with transaction(ingest.engine) as session:
        assert SourceRepository(session, feed.url, Role.CONTENT).pending_keys() == []
    assert feed.reads == []


def test_a_clock_that_was_set_back_puts_no_listing_off(ingest: Ingest, feed: Feed) -> None:
    with transaction(ingest.engine) as session:
        session.execute(update(SourceStateRow).values(listed_at=utcnow() + timedelta(days=4000)))
    assert sync_photos(ingest, feed).listed
    assert not sync_photos(ingest, feed, full_after=timedelta.max).listed


def test_a_name_of_any_length_can_be_stored(ingest: Ingest, feed: Feed) -> None:
    feed.contents["new"] = png(11)
    feed._tell(SourcePage([SourceFile("new", "写" * 30_000, "1", 10)], state="4"))
    assert counts(sync_photos(ingest, feed)) == {"added": 1, "unchanged": 3}
    assert max(len(stored.metadata["name"]) for stored in ingest.storage.list()) == 255


def test_many_files_at_once_end_as_one_by_one(ingest: Ingest) -> None:
    feed = Feed()
    for number in range(40):
        feed.put(f"{number:02}", png(number // 2))
    feed.put("bad", b"no picture")
    at_once, most = 0, 0
    lock = threading.Lock()

    def slow(happening: str) -> None:
        nonlocal at_once, most
        if happening == "listing":
            return
        with lock:
            at_once += 1
            most = max(most, at_once)
        time.sleep(0.01)
        with lock:
            at_once -= 1

    feed.trouble = slow
    report = sync_photos(ingest, feed, parallel=6)
    assert counts(report) == {"added": 20, "duplicates": 20, "quarantined": 1}
    assert 2 <= most <= 6
    assert len(candidates(ingest)) == len(list(ingest.storage.list())) == 20
    assert sorted(feed.reads) == sorted(feed.contents)


def test_a_sync_in_the_background_tells_how_it_goes(tmp_path: Path, database_url: str) -> None:
    feed, style = Feed(), Feed()
    style.url = "feed://paintings"
    for number in range(3):
        feed.put(f"{number}", png(number))
    go_on, waits = threading.Event(), threading.Event()

    def wait(happening: str) -> None:
        if happening == "1":
            waits.set()
            assert go_on.wait(20)

    feed.trouble = wait
    opened = open_ingest(tmp_path, database_url)
    opened.sources.update({Role.CONTENT: feed, Role.STYLE: style})  # type: ignore[attr-defined]
    assert opened.sync_status == SyncStatus()
    assert opened.start_sync().running
    assert waits.wait(20)
    status = opened.sync_status
    assert (status.role, status.done, status.total, status.reports[0].added) == (Role.CONTENT, 1, 3, 1)
    with pytest.raises(SyncRunning):
        opened.start_sync()
    go_on.set()
    _until(lambda: not opened.sync_status.running)
    status = opened.sync_status
    assert ([counts(report) for report in status.reports], status.problem) == ([{"added": 3}, {}], None)
    opened.close()


def test_a_source_that_is_away_keeps_the_other_from_nothing(tmp_path: Path, database_url: str) -> None:
    away, style = Feed(), Feed()
    style.url = "feed://paintings"
    away.put("a", png(1))
    style.put("b", png(2))
    away.trouble = fail("listing", NotFound("There is no such folder."))
    opened = open_ingest(tmp_path, database_url)
    opened.sources.update({Role.CONTENT: away, Role.STYLE: style})  # type: ignore[attr-defined]
    with pytest.raises(NotFound):
        opened.sync_all()
    assert [asset.name for asset in candidates(opened, Role.STYLE)] == ["b.png"]
    assert "no such folder" in (opened.sync_status.problem or "")
    opened.close()


def test_of_two_listings_at_once_the_slower_concludes_nothing(ingest: Ingest, feed: Feed) -> None:
    feed.per_page = 1
    feed.trouble = lambda _: None
    overtaken: list[SyncReport] = []

    def overtake(happening: str) -> None:
        if happening == "listing" and not overtaken:
            feed.trouble = lambda _: None
            feed.put("1", png(11))
            overtaken.append(sync_photos(ingest, feed, full=True))

    feed.trouble = overtake
    with pytest.raises(SyncRunning):
        sync_photos(ingest, feed, full=True)
    assert counts(overtaken[0]) == {"changed": 1, "unchanged": 2}
    assert counts(sync_photos(ingest, feed)) == {"unchanged": 3}


def test_a_sync_in_the_background_ends_with_the_service(tmp_path: Path, database_url: str) -> None:
    feed = Feed()
    for number in range(200):
        feed.put(f"{number:03}", png(number % 3))
    waits = threading.Event()
    feed.trouble = lambda happening: waits.set() if happening == "005" else None
    opened = open_ingest(tmp_path, database_url)
    opened.sources.update({Role.CONTENT: feed})  # type: ignore[attr-defined]
    opened.start_sync()
    assert waits.wait(20)
    opened.close()
    status = opened.sync_status
    assert not status.running
    assert "asked to stop" in (status.problem or "")
    assert len(feed.reads) < 200


def test_closing_waits_for_whatever_sync_there_is_and_lets_none_begin(tmp_path: Path, database_url: str) -> None:
    feed = Feed()
    for number in range(200):
        feed.put(f"{number:03}", png(number % 3))
    waits, stop = threading.Event(), threading.Event()

    def take_long(happening: str) -> None:
        if happening == "005":
            waits.set()
            time.sleep(0.2)

    feed.trouble = take_long
    opened = open_ingest(tmp_path, database_url)
    opened.sources.update({Role.CONTENT: feed})  # type: ignore[attr-defined]
    thread = threading.Thread(target=opened.sync_periodically, args=(stop, 0.01), daemon=True)
    thread.start()
    assert waits.wait(20)
    opened.close()
    assert not opened.syncing
    with pytest.raises(Interrupted, match="asked to stop"):
        opened.start_sync()
    reads = len(feed.reads)
    stop.set()
    thread.join()
    assert len(feed.reads) == reads < 200


def _until(true: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 20
    while not true():
        assert time.monotonic() < deadline
        time.sleep(0.02)
