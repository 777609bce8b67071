"""What every replica tells of a sync, and that there is one at a time."""

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import update

from ingest_samples import open_ingest, png
from stylegram.common.clock import utcnow
from stylegram.common.database import transaction
from stylegram.common.errors import NotFound, Unavailable
from stylegram.common.records import Role
from stylegram.ingest import sync_record, syncs
from stylegram.ingest.bootstrap import Ingest
from stylegram.ingest.sync import SyncReport, SyncRunning
from stylegram.ingest.sync_record import SILENCE, SyncRecord, SyncStatus
from stylegram.ingest.tables import SyncRow

pytestmark = pytest.mark.every_database


@pytest.fixture
def replica(ingest: Ingest, tmp_path: Path, database_url: str) -> Iterator[Ingest]:
    """Another ingest on the same database."""
    other = open_ingest(tmp_path, database_url)
    yield other
    other.close()


def alter(ingest: Ingest, **columns: object) -> None:
    """Change the row behind the service's back, as time or an accident does."""
    with transaction(ingest.engine) as session:
        session.execute(update(SyncRow).values(**columns))


def until(true: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 20
    while not true():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def test_before_the_first_there_is_nothing_to_tell(replica: Ingest) -> None:
    assert replica.sync_status == SyncStatus()
    assert not replica.syncing


def test_another_replica_tells_the_same(
    ingest: Ingest, replica: Ingest, photos: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(syncs, "_TELL_SECONDS", 0.02)
    for number in range(3):
        (photos / f"{number}.png").write_bytes(png(number))
    (photos / "3.png").write_bytes(b"no picture")
    go_on, waits = threading.Event(), threading.Event()

    def wait(done: int, _total: int, _report: SyncReport) -> None:
        if done == 2:
            waits.set()
            assert go_on.wait(20)

    thread = threading.Thread(target=ingest.sync_all, args=(wait,))
    thread.start()
    assert waits.wait(20)
    until(lambda: replica.sync_status.done == 2)
    status = replica.sync_status
    assert (status.running, status.role, status.done, status.total) == (True, Role.CONTENT, 2, 4)
    assert status.started_at == ingest.sync_status.started_at
    assert status.reports == ingest.sync_status.reports
    assert replica.syncing
    for begin in (replica.sync_all, replica.start_sync):
        with pytest.raises(SyncRunning):
            begin()
    go_on.set()
    thread.join()
    assert replica.sync_status == ingest.sync_status
    status = replica.sync_status
    assert (status.running, status.problem, [report.added for report in status.reports]) == (False, None, [3, 0])
    assert [file.outcome for file in status.reports[0].files] == ["added", "added", "added", "quarantined"]
    assert replica.sync_all()[Role.CONTENT].unchanged == 4
    assert ingest.sync_status == replica.sync_status


def test_a_problem_is_told_everywhere(ingest: Ingest, replica: Ingest, photos: Path) -> None:
    photos.rmdir()
    with pytest.raises(NotFound):
        ingest.sync_all()
    assert "There is no folder" in (replica.sync_status.problem or "")


@pytest.mark.parametrize(
    ("error", "words"), [(RuntimeError("password=hunter2"), "This is a defect"), (KeyboardInterrupt(), "asked to stop")]
)
def test_what_is_no_word_for_people_is_for_the_log(
    ingest: Ingest, replica: Ingest, photos: Path, error: BaseException, words: str
) -> None:
    (photos / "a.png").write_bytes(png(1))

    def fail(*_: object) -> None:
        raise error

    with pytest.raises(type(error)):
        ingest.sync_all(fail)
    problem = replica.sync_status.problem or ""
    assert words in problem
    assert "hunter2" not in problem


def test_a_long_file_is_no_silence(
    ingest: Ingest, replica: Ingest, photos: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(syncs, "_TELL_SECONDS", 0.02)
    (photos / "a.png").write_bytes(png(1))
    go_on, waits = threading.Event(), threading.Event()

    def wait(*_: object) -> None:
        waits.set()
        assert go_on.wait(20)

    thread = threading.Thread(target=ingest.sync_all, args=(wait,))
    thread.start()
    assert waits.wait(20)
    alter(ingest, heard_at=utcnow() - SILENCE)
    until(lambda: replica.sync_status.running)
    go_on.set()
    thread.join()


def test_a_sync_of_which_nothing_is_heard_has_ended(ingest: Ingest) -> None:
    begun = SyncRecord(ingest.engine).begin()
    heard = utcnow() - SILENCE + timedelta(seconds=5)
    alter(ingest, process="elsewhere/1/x", heard_at=heard)
    assert ingest.syncing
    with pytest.raises(SyncRunning):
        ingest.sync_all()
    heard = utcnow() - SILENCE
    alter(ingest, heard_at=heard)
    status = ingest.sync_status
    assert (status.running, status.started_at, status.finished_at) == (False, begun.started_at, heard)
    assert "Its process ended before it was done" in (status.problem or "")
    ingest.sync_all()
    assert ingest.sync_status.problem is None


def test_who_was_taken_for_dead_says_nothing_any_more(ingest: Ingest) -> None:
    record = SyncRecord(ingest.engine)
    late = record.begin()
    alter(ingest, heard_at=utcnow() - SILENCE)
    begun = record.begin()
    record.write(SyncStatus(started_at=late.started_at, finished_at=utcnow(), problem="Late."))
    assert record.read() == begun


def test_of_many_that_begin_at_once_one_does(ingest: Ingest, replica: Ingest) -> None:
    for _ in range(5):
        start, begun = threading.Barrier(8), list[SyncStatus]()

        def begin(record: SyncRecord, start: threading.Barrier = start, begun: list[SyncStatus] = begun) -> None:
            start.wait()
            with suppress(SyncRunning):
                begun.append(record.begin())

        threads = [
            threading.Thread(target=begin, args=(SyncRecord((ingest, replica)[number % 2].engine),))
            for number in range(8)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert len(begun) == 1
        alter(ingest, finished_at=utcnow())


_BEGIN = """
import sys, time
from stylegram.common.database import open_database
from stylegram.ingest.sync_record import SyncRecord
SyncRecord(open_database(sys.argv[1])).begin()
print("begun", flush=True)
time.sleep(60)
"""


def test_whoever_killed_a_sync_on_this_machine_need_not_wait(ingest: Ingest, database_url: str) -> None:
    with subprocess.Popen([sys.executable, "-c", _BEGIN, database_url], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout
        assert process.stdout.readline() == "begun\n"
        assert ingest.syncing
        with pytest.raises(SyncRunning):
            ingest.sync_all()
        process.send_signal(signal.SIGKILL)
    assert not ingest.syncing
    ingest.sync_all()


def test_a_container_that_starts_anew_has_the_number_of_the_one_before(ingest: Ingest) -> None:
    SyncRecord(ingest.engine).begin()
    machine, number, _ = sync_record._this_process().rsplit("/", 2)
    assert number == str(os.getpid())
    alter(ingest, process=f"{machine}/{number}/before")
    assert not ingest.syncing
    ingest.sync_all()


def test_a_database_that_is_away_for_a_moment_ends_no_sync(
    ingest: Ingest, photos: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(syncs, "_TELL_SECONDS", 0.01)
    (photos / "a.png").write_bytes(png(1))
    asked = threading.Event()

    def refuse(*_: object) -> None:
        asked.set()
        raise Unavailable("The database did not answer.")

    monkeypatch.setattr(SyncRecord, "write", refuse)
    assert ingest.sync_all(lambda *_: assert_waited(asked))[Role.CONTENT].added == 1


def assert_waited(event: threading.Event) -> None:
    assert event.wait(20)


def test_one_that_syncs_periodically_looks_again_soon_after_a_killed_one(
    ingest: Ingest, photos: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(syncs, "SILENCE", timedelta(seconds=0.05))
    (photos / "a.png").write_bytes(png(1))
    SyncRecord(ingest.engine).begin()
    stop = threading.Event()
    thread = threading.Thread(target=ingest.sync_periodically, args=(stop, 3600))
    thread.start()
    alter(ingest, heard_at=utcnow() - SILENCE)
    until(lambda: len(ingest.assets(limit=2).items) == 1)
    stop.set()
    thread.join()
