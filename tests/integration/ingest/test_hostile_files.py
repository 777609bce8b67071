"""A whole folder of hostile files in one sync: each gives the right pixels or is refused for the right reason."""

import hashlib
import os
import socket
from collections.abc import Iterator
from io import BytesIO
from pathlib import Path

import pytest
from PIL import Image

from ingest_hostile import Bad, Good, bad_files, doubtful_files, good_files
from ingest_samples import RecordingSource, centres, encoded, open_ingest, quarters, sync_photos
from stylegram.common.images import decode_image
from stylegram.common.records import Role
from stylegram.ingest.bootstrap import Ingest
from stylegram.ingest.sources.folder import FolderSource
from stylegram.ingest.sync import SyncReport

# Pillow's remarks on what is wrong with the files.
pytestmark = pytest.mark.filterwarnings("ignore::UserWarning")

GOOD = good_files()
BAD = bad_files()
DOUBTFUL = doubtful_files()


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("hostile")


@pytest.fixture(scope="module")
def ingest(root: Path) -> Iterator[Ingest]:
    service = open_ingest(root)
    yield service
    service.close()


@pytest.fixture(scope="module")
def report(root: Path, ingest: Ingest) -> SyncReport:
    """The one sync that all these tests look at."""
    photos = root / "photos"
    files = {file.name: file.data for file in GOOD} | {file.name: file.data for file in BAD} | DOUBTFUL
    for name, data in files.items():
        (photos / name).write_bytes(data)
    _set_traps(root)
    return sync_photos(ingest, FolderSource(photos))


def _set_traps(root: Path) -> None:
    """What is no file, or must not be followed."""
    photos = root / "photos"
    outside = root / "outside"
    outside.mkdir()
    (outside / "secret.png").write_bytes(encoded(Image.new("RGB", (20, 20)), "PNG"))
    (photos / "leads out.png").symlink_to(outside / "secret.png")
    (photos / "leads out").symlink_to(outside)
    (photos / "folder.jpg").mkdir()
    (photos / "folder.jpg" / "round").symlink_to(photos)
    (photos / "itself.jpg").symlink_to("itself.jpg")
    (photos / "nowhere.jpg").symlink_to("nowhere else.jpg")
    os.mkfifo(photos / "pipe.jpg")
    with socket.socket(socket.AF_UNIX) as endpoint:
        here = os.open(photos, os.O_RDONLY)
        endpoint.bind(f"/proc/self/fd/{here}/socket.jpg")  # the path itself may be longer than a socket's may be
        os.close(here)
    for hidden in ("..jpg", ".hidden.png", "style_names.json", "Other.JSON"):
        (photos / hidden).write_bytes(b"{}")


def test_every_file_is_accounted_for(report: SyncReport) -> None:
    dealt_with = report.added + report.duplicates + report.quarantined
    assert dealt_with == len(GOOD) + len(BAD) + len(DOUBTFUL)
    assert (report.unchanged, report.unreadable, report.removed) == (0, 0, 0)


@pytest.mark.parametrize("file", GOOD, ids=lambda file: ascii(file.name))
def test_a_good_picture_is_stored_as_it_should_look(file: Good, report: SyncReport, ingest: Ingest) -> None:
    object_name = f"assets/{Role.CONTENT}/{hashlib.sha256(file.data).hexdigest()}.png"
    with Image.open(BytesIO(ingest.storage.read(object_name))) as image:
        assert (image.mode, image.size, image.format) == ("RGB", file.size, "PNG")
        assert not image.getexif()
        # Nothing is lost on the way, so that a run can be repeated from the source's file.
        assert image.tobytes() == decode_image(file.data).pixels.tobytes()
        found = centres(image)
    for color, wanted in zip(found, file.colors or (), strict=file.colors is not None):
        assert max(abs(a - b) for a, b in zip(color, wanted, strict=True)) <= file.tolerance, (found, file.colors)


@pytest.mark.parametrize("file", BAD, ids=lambda file: ascii(file.name))
def test_a_bad_file_is_in_quarantine_with_its_reason(file: Bad, report: SyncReport, ingest: Ingest) -> None:
    (reason,) = [entry.reason for entry in ingest.quarantine() if entry.name == file.name]
    assert any(words in reason for words in file.reason), reason


def test_a_doubtful_file_is_a_picture_or_in_quarantine(report: SyncReport, ingest: Ingest) -> None:
    refused = {entry.name: entry.reason for entry in ingest.quarantine()}
    stored = {Path(entry.name).stem for entry in ingest.storage.list("assets/")}
    for name, data in DOUBTFUL.items():
        assert (name in refused) != (hashlib.sha256(data).hexdigest() in stored), name
        assert refused.get(name, "accepted")


def test_names_survive(report: SyncReport, ingest: Ingest) -> None:
    names = {entry.metadata["name"] for entry in ingest.storage.list("assets/")}
    assert {"übung 写真 🌄.png", "two\nlines.png", "100%25.png", "not utf-8 �.png"} <= names


def test_nothing_is_half_written(report: SyncReport, ingest: Ingest, root: Path) -> None:
    objects = list(ingest.storage.list())
    assert len(objects) == report.added
    for entry in objects:
        with Image.open(BytesIO(ingest.storage.read(entry.name))) as image:
            image.load()
    assert not list((root / "storage" / ".incoming").iterdir())


def test_a_second_sync_changes_nothing_and_reads_nothing(report: SyncReport, ingest: Ingest, root: Path) -> None:
    before = [entry.model_dump(exclude={"seen_at"}) for entry in ingest.quarantine()], list(ingest.storage.list())
    source = RecordingSource(FolderSource(root / "photos"))
    again = sync_photos(ingest, source)
    assert source.reads == []
    assert again == SyncReport(Role.CONTENT, listed=True, unchanged=len(GOOD) + len(BAD) + len(DOUBTFUL))
    after = [entry.model_dump(exclude={"seen_at"}) for entry in ingest.quarantine()], list(ingest.storage.list())
    assert after == before


def test_quarters_tell_every_turn() -> None:
    turns = {centres(quarters().transpose(turn)) for turn in Image.Transpose}
    assert len(turns) == 7
