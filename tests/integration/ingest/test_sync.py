import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import get_args

import pytest

from ingest_samples import RecordingSource, candidates, encoded, noise, open_ingest, png, sync_photos
from stylegram.common import images
from stylegram.common.errors import Interrupted, NotFound, Unavailable
from stylegram.common.ports import SourceFile, SourcePage
from stylegram.common.records import Role
from stylegram.ingest.bootstrap import Ingest
from stylegram.ingest.sources.folder import FolderSource
from stylegram.ingest.sync import SyncReport
from stylegram.ingest.sync.report import Outcome


@pytest.fixture
def source(photos: Path) -> RecordingSource:
    return RecordingSource(FolderSource(photos))


def names(ingest: Ingest) -> list[str]:
    return sorted(asset.name for asset in candidates(ingest))


def counts(report: SyncReport) -> dict[str, int]:
    """How many files had which outcome, without those that no file had."""
    return {outcome: count for outcome in get_args(Outcome) if (count := getattr(report, outcome))}


def test_only_what_is_new_is_read(ingest: Ingest, photos: Path, source: RecordingSource) -> None:
    (photos / "a.png").write_bytes(png(1))
    assert counts(sync_photos(ingest, source)) == {"added": 1}
    (photos / "b.jpg").write_bytes(encoded(noise(2), "JPEG"))
    assert counts(sync_photos(ingest, source)) == {"added": 1, "unchanged": 1}
    assert source.reads == ["a.png", "b.jpg"]
    assert names(ingest) == ["a.png", "b.jpg"]


def test_a_touched_file_is_read_but_stored_once(ingest: Ingest, photos: Path, source: RecordingSource) -> None:
    (photos / "a.png").write_bytes(png(1))
    sync_photos(ingest, source)
    before = list(ingest.storage.list())
    os.utime(photos / "a.png", ns=(0, 0))
    assert counts(sync_photos(ingest, source)) == {"unchanged": 1}
    assert counts(sync_photos(ingest, source)) == {"unchanged": 1}
    assert source.reads == ["a.png"] * 2
    assert list(ingest.storage.list()) == before


def test_a_changed_file_gives_way_to_its_new_content(ingest: Ingest, photos: Path, source: RecordingSource) -> None:
    (photos / "a.png").write_bytes(png(1))
    sync_photos(ingest, source)
    (old,) = candidates(ingest)
    (photos / "a.png").write_bytes(png(2))
    assert counts(sync_photos(ingest, source)) == {"changed": 1}
    (new,) = candidates(ingest)
    assert new.sha256 != old.sha256
    assert ingest.storage.stat(old.object_name)  # jobs refer to it


def test_the_same_content_is_stored_once(ingest: Ingest, photos: Path, source: RecordingSource) -> None:
    for name in ("a.png", "copy.png", "sub/copy.png"):
        (photos / name).parent.mkdir(exist_ok=True)
        (photos / name).write_bytes(png(1))
    assert counts(sync_photos(ingest, source)) == {"added": 1, "duplicates": 2}
    assert counts(sync_photos(ingest, source)) == {"unchanged": 3}
    assert names(ingest) == ["a.png"]
    assert len(list(ingest.storage.list())) == 1


def test_a_file_may_become_the_copy_of_another(ingest: Ingest, photos: Path, source: RecordingSource) -> None:
    for name in ("a.png", "b.png"):
        (photos / name).write_bytes(png(ord(name[0])))
    sync_photos(ingest, source)
    (photos / "b.png").write_bytes((photos / "a.png").read_bytes())
    os.utime(photos / "b.png", ns=(0, 0))
    assert counts(sync_photos(ingest, source)) == {"unchanged": 1, "changed": 1}
    assert names(ingest) == ["a.png"]


def test_one_file_of_a_content_is_enough(ingest: Ingest, photos: Path, source: RecordingSource) -> None:
    for name in ("a.png", "copy.png"):
        (photos / name).write_bytes(png(1))
    sync_photos(ingest, source)
    (photos / "a.png").unlink()
    assert counts(sync_photos(ingest, source)) == {"unchanged": 1, "removed": 1}
    assert names(ingest) == ["a.png"]
    (photos / "copy.png").unlink()
    assert counts(sync_photos(ingest, source)) == {"removed": 1}
    assert names(ingest) == []
    assert counts(sync_photos(ingest, source)) == {}


def test_a_file_that_comes_back_is_not_read_again(ingest: Ingest, photos: Path, source: RecordingSource) -> None:
    (photos / "a.png").write_bytes(png(1))
    sync_photos(ingest, source)
    (photos / "a.png").rename(photos.parent / "a.png")
    sync_photos(ingest, source)
    (photos.parent / "a.png").rename(photos / "a.png")
    assert counts(sync_photos(ingest, source)) == {"unchanged": 1}
    assert names(ingest) == ["a.png"]
    assert source.reads == ["a.png"]


def test_both_roles_may_have_the_same_picture(ingest: Ingest, photos: Path) -> None:
    for folder in (photos, photos.parent / "paintings"):
        (folder / "a.png").write_bytes(png(1))
    assert {role: done.added for role, done in ingest.sync_all().items()} == {Role.CONTENT: 1, Role.STYLE: 1}
    assert len(candidates(ingest, Role.STYLE)) == len(candidates(ingest, Role.CONTENT)) == 1


def test_a_quarantined_file_recovers(ingest: Ingest, photos: Path, source: RecordingSource) -> None:
    (photos / "a.png").write_bytes(png(1)[:500])
    assert counts(sync_photos(ingest, source)) == {"quarantined": 1}
    (entry,) = ingest.quarantine()
    assert (entry.key, entry.role) == ("a.png", Role.CONTENT)
    assert "truncated" in entry.reason
    (photos / "a.png").write_bytes(png(1))
    assert counts(sync_photos(ingest, source)) == {"changed": 1}
    assert ingest.quarantine() == []
    (photos / "a.png").write_bytes(b"spoilt")
    assert counts(sync_photos(ingest, source)) == {"quarantined": 1}
    assert names(ingest) == []


def test_a_quarantined_file_that_is_gone_is_forgiven(ingest: Ingest, photos: Path, source: RecordingSource) -> None:
    (photos / "a.png").write_bytes(b"no picture")
    sync_photos(ingest, source)
    (photos / "a.png").unlink()
    assert counts(sync_photos(ingest, source)) == {"removed": 1}
    assert ingest.quarantine() == []


def test_what_cannot_be_read_now_is_tried_again(ingest: Ingest, photos: Path, source: RecordingSource) -> None:
    for name in ("a.png", "b.png"):
        (photos / name).write_bytes(png(ord(name[0])))
    source.errors = {"a.png": Unavailable("'a.png' could not be read: Input/output error.")}
    done = sync_photos(ingest, source)
    assert (done.added, done.unreadable, done.quarantined) == (1, 1, 0)
    assert [file.reason for file in done.files if file.outcome == "unreadable"] == [
        "'a.png' could not be read: Input/output error."
    ]
    source.errors.clear()
    assert counts(sync_photos(ingest, source)) == {"added": 1, "unchanged": 1}
    # One that was known stays a candidate with the bytes that it had.
    (photos / "a.png").write_bytes(png(3))
    source.errors = {"a.png": Unavailable("gone fishing")}
    assert sync_photos(ingest, source).unreadable == 1
    assert names(ingest) == ["a.png", "b.png"]


def test_a_file_that_vanishes_during_the_sync_is_removed(ingest: Ingest, photos: Path, source: RecordingSource) -> None:
    (photos / "a.png").write_bytes(png(1))
    source.errors = {"a.png": NotFound("'a.png' is gone.")}
    assert counts(sync_photos(ingest, source)) == {}
    source.errors.clear()
    sync_photos(ingest, source)
    os.utime(photos / "a.png", ns=(0, 0))
    source.errors = {"a.png": NotFound("'a.png' is gone.")}
    assert counts(sync_photos(ingest, source)) == {"removed": 1}


def test_a_huge_file_is_not_even_read(ingest: Ingest, photos: Path, source: RecordingSource) -> None:
    with (photos / "huge.tif").open("wb") as file:
        file.truncate(images.MAX_BYTES + 1)  # sparse: it takes no room
    assert counts(sync_photos(ingest, source)) == {"quarantined": 1}
    assert source.reads == []
    assert "the limit is 200 MB" in ingest.quarantine()[0].reason
    assert counts(sync_photos(ingest, source)) == {"unchanged": 1}


def test_a_missing_source_says_nothing_about_its_files(ingest: Ingest, photos: Path) -> None:
    (photos / "a.png").write_bytes(png(1))
    ingest.sync_all()
    photos.rename(photos.parent / "unmounted")
    with pytest.raises(NotFound, match="There is no folder"):
        ingest.sync_all()
    assert names(ingest) == ["a.png"]


def test_a_listing_that_breaks_off_says_nothing_either(ingest: Ingest, photos: Path) -> None:
    class Breaking(RecordingSource):
        def listing(self) -> Iterator[SourcePage]:
            yield SourcePage([SourceFile("new.png", "new.png", "1", 10)])
            raise Unavailable("The folder could not be listed.")

    (photos / "a.png").write_bytes(png(1))
    ingest.sync_all()
    with pytest.raises(Unavailable):
        sync_photos(ingest, Breaking(FolderSource(photos)))
    assert names(ingest) == ["a.png"]


def test_a_role_has_one_source(ingest: Ingest, photos: Path, tmp_path: Path) -> None:
    (photos / "old.png").write_bytes(png(1))
    ingest.sync_all()
    other = tmp_path / "elsewhere"
    other.mkdir()
    for number, name in enumerate(("old.png", "new.png"), 1):
        (other / name).write_bytes(png(number))
    assert counts(sync_photos(ingest, FolderSource(other))) == {"added": 1, "duplicates": 1, "removed": 1}
    assert names(ingest) == ["new.png", "old.png"]


def test_progress_is_told_after_each_page_and_file_and_may_end_the_sync(ingest: Ingest, photos: Path) -> None:
    for number in range(4):
        (photos / f"{number}.png").write_bytes(png(number))
    told = []

    def on_file(done: int, total: int, so_far: SyncReport) -> None:
        told.append((done, total, so_far.added))
        if len(told) == 3:
            raise Interrupted("Enough.")

    with pytest.raises(Interrupted):
        ingest.sync_all(on_file)
    assert told == [(0, 4, 0), (1, 4, 1), (2, 4, 2)]
    assert counts(ingest.sync_all()[Role.CONTENT]) == {"added": 2, "unchanged": 2}


def test_a_killed_sync_loses_nothing_and_doubles_nothing(ingest: Ingest, photos: Path, tmp_path: Path) -> None:
    for number in range(30):
        (photos / f"{number}.png").write_bytes(png(number))
    script = (
        "import sys; from pathlib import Path; from ingest_samples import open_ingest\n"
        "if __name__ == '__main__':\n"
        "    open_ingest(Path(sys.argv[1])).sync_all(lambda done, total, report: print(done, flush=True))"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", script, str(tmp_path)],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
    )
    with process:
        assert process.stdout
        for _ in range(8):  # the first is of the page
            assert process.stdout.readline()
        process.send_signal(signal.SIGKILL)
    done = ingest.sync_all()[Role.CONTENT]
    assert done.added + done.unchanged == 30
    assert done.unchanged >= 7
    assert len(candidates(ingest)) == len(list(ingest.storage.list())) == 30


def test_an_object_without_a_row_is_adopted(ingest: Ingest, photos: Path, tmp_path: Path) -> None:
    """What a sync leaves that is killed between storing the object and noting it."""
    (photos / "a.png").write_bytes(png(1))
    ingest.sync_all()
    before = list(ingest.storage.list())
    ingest.close()
    for file in tmp_path.glob("stylegram.sqlite*"):
        file.unlink()
    again = open_ingest(tmp_path)
    assert counts(again.sync_all()[Role.CONTENT]) == {"added": 1}
    assert list(again.storage.list()) == before
    again.close()


def test_two_syncs_side_by_side_agree(ingest: Ingest, photos: Path, source: RecordingSource) -> None:
    """A second sync runs in the middle of the first, between its listing and its first file."""
    for number in range(3):
        (photos / f"{number}.png").write_bytes(png(number))

    class Overtaken(RecordingSource):
        def read(self, file: SourceFile) -> bytes:
            if not self.reads:
                sync_photos(ingest, source)
            return super().read(file)

    overtaken = Overtaken(FolderSource(photos))
    assert counts(sync_photos(ingest, overtaken)) == {"unchanged": 3}
    assert overtaken.reads == ["0.png"]
    assert names(ingest) == ["0.png", "1.png", "2.png"]
