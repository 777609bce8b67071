import json
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import closing, suppress
from pathlib import Path
from subprocess import PIPE

import pytest
from rich.console import Console

from drive_fake import DriveFake
from ingest_samples import candidates, open_ingest, png
from local_commands import Command, served
from stylegram.common.errors import Interrupted
from stylegram.common.records import Role
from stylegram.ingest.bootstrap import Ingest
from stylegram.ingest.sync import SyncedFile, SyncReport
from stylegram.local.sync_display import print_reports

Place = tuple[str, ...]


@pytest.fixture
def folders(tmp_path: Path) -> Path:
    for folder in ("photos", "paintings"):
        (tmp_path / folder).mkdir()
    return tmp_path


@pytest.fixture(params=["--url", "--state"])
def place(request: pytest.FixtureRequest, folders: Path) -> Iterator[Place]:
    """Where to sync: at a server, or into a state folder."""
    if request.param == "--state":
        sources = "--photos", str(folders / "photos"), "--styles", str(folders / "paintings")
        yield *sources, "--state", str(folders / "state")
        return
    with closing(open_ingest(folders)) as ingest, served(ingest) as url:
        yield "--url", url


def test_a_sync_tells_what_was_new_changed_gone_and_refused_and_why(
    stylegram: Command, place: Place, folders: Path
) -> None:
    photos = folders / "photos"
    (photos / "a.png").write_bytes(png(1))
    (photos / "b.png").write_bytes(png(2))
    (folders / "paintings" / "c.png").write_bytes(png(3))
    first = stylegram("sync", *place)
    assert first.code == 0
    assert [line.split() for line in first.out.splitlines()[1:]] == [
        ["new", "photographs", "a.png"],
        ["new", "photographs", "b.png"],
        ["new", "paintings", "c.png"],
    ]
    assert "2 new" in first.err
    (photos / "a.png").write_bytes(png(4))
    (photos / "b.png").unlink()
    (photos / "bad.jpg").write_bytes(b"no picture")
    second = stylegram("sync", *place)
    refused, gone, changed = second.out.splitlines()[1:]
    assert refused.split()[:3] == ["refused", "photographs", "bad.jpg"]
    assert "Not a picture of a known type" in refused
    assert (gone.split()[0], changed.split()[0]) == ("gone", "changed")
    third = stylegram("sync", *place)
    assert (third.code, third.out) == (0, "")
    assert "2 known" in third.err


def test_a_dry_run_only_tells(stylegram: Command, place: Place, folders: Path) -> None:
    (folders / "photos" / "a.png").write_bytes(png(1))
    for _ in range(2):
        told = stylegram("sync", "--dry-run", *place)
        assert told.code == 0
        assert told.out.splitlines()[1].split() == ["new", "photographs", "a.png"]
    assert "a.png" in stylegram("sync", *place).out


def test_programs_get_everything(stylegram: Command, place: Place, folders: Path) -> None:
    for number in range(50):
        (folders / "photos" / f"{number:02}.txt").write_bytes(b"%d" % number)
    told = stylegram("sync", "--json", *place)
    content, style = map(json.loads, told.out.splitlines())
    assert (content["role"], content["quarantined"], len(content["files"])) == ("content", 50, 50)
    assert (style["role"], style["files"]) == ("style", [])
    (folders / "photos" / "x").mkdir()
    for number in range(50):
        (folders / "photos" / "x" / f"{number:02}.txt").write_bytes(b"x%d" % number)
    people = stylegram("sync", *place)
    assert len(people.out.splitlines()) == 41
    assert "… and 10 more" in people.err


def test_of_thousands_all_are_counted(capsys: pytest.CaptureFixture[str]) -> None:
    report = SyncReport(Role.CONTENT)
    for number in range(3000):
        report.note(SyncedFile(f"{number}", f"{number}.png", "added"))
    print_reports(Console(), [report], json=False)
    assert "… and 2960 more" in capsys.readouterr().err


def test_a_source_that_is_gone_is_said(stylegram: Command, place: Place, folders: Path) -> None:
    (folders / "photos").rename(folders / "unmounted")
    told = stylegram("sync", *place)
    if "--url" in place:
        assert (told.code, told.out) == (1, ""), told.err
        assert "There is no folder" in told.err
    else:
        assert told.code == 2, "a folder on this machine is looked for before anything else"
        assert "no folder" in told.err


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (("--photos", "."), "Give its --state as well"),
        (("--state", ".", "--url", "http://127.0.0.1:1"), "two places to sync"),
        (("--state", "s", "--photos", "ftp://somewhere", "--styles", "gdrive://a"), "No source adapter for 'ftp:'"),
        (("--state", "s", "--photos", "."), "Nobody says where the pictures come from: --styles missing"),
        (("--state", "s", "--photos", "gdrive://a", "--styles", "nowhere"), "There is no folder 'nowhere'"),
        (("--state", "s", "--photos", "drive.google.com/drive/recent", "--styles", "gdrive://a"), "names no folder"),
        (("--url", "http://127.0.0.1:1"), "No Stylegram answers"),
    ],
)
def test_what_cannot_be_is_said(
    stylegram: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, options: Place, words: str
) -> None:
    monkeypatch.chdir(tmp_path)
    told = stylegram("sync", *options)
    assert told.code in (1, 2)
    assert words in told.err


def test_what_one_source_gave_is_told_though_the_other_is_away(
    stylegram: Command, place: Place, folders: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (folders / "paintings" / "a.png").write_bytes(png(1))
    if "--state" in place:
        place = *place[:1], (folders / "away").as_uri(), *place[2:]
    else:
        (folders / "photos").rename(folders / "unmounted")
    told = stylegram("sync", *place)
    assert told.code == 1
    assert [line.split() for line in told.out.splitlines()[1:]] == [["new", "paintings", "a.png"]]
    assert "There is no folder" in told.err


def test_a_copy_says_of_what_and_a_name_stays_on_its_line(stylegram: Command, place: Place, folders: Path) -> None:
    for name in ("a.png", "b\nc.png"):
        (folders / "photos" / name).write_bytes(png(1))
    told = stylegram("sync", *place)
    assert "1 new, 1 copies" in told.err
    new, copy = told.out.splitlines()[1:]
    # Which of the two comes first is chance.
    assert (new.split()[0], copy.split()[0]) == ("new", "copy")
    assert "The same picture came as" in copy


def test_a_state_folder_in_a_source_is_refused(stylegram: Command, folders: Path) -> None:
    photos, styles = str(folders / "photos"), str(folders / "paintings")
    told = stylegram("sync", "--photos", photos, "--styles", styles, "--state", f"{photos}/state")
    assert told.code == 2
    assert "its own pictures would be taken for new ones" in told.err
    assert list((folders / "photos").iterdir()) == []


def test_watching_outlives_another_sync_and_ends_with_an_interrupt(folders: Path) -> None:
    (folders / "photos" / "a.png").write_bytes(png(1))
    begun, go_on = threading.Event(), threading.Event()

    def wait(_done: int, _total: int, _report: SyncReport) -> None:
        begun.set()
        assert go_on.wait(60)
        raise Interrupted("Enough.")

    def sync_slowly(ingest: Ingest) -> None:
        with suppress(Interrupted):
            ingest.sync_all(wait)

    with closing(open_ingest(folders)) as ingest, served(ingest) as url:
        other = threading.Thread(target=sync_slowly, args=(ingest,))
        other.start()
        assert begun.wait(20)
        command = [sys.executable, "-c", "from stylegram.local.cli import main; main()"]
        words = ["sync", "--url", url, "--watch", "--every", "1"]
        with subprocess.Popen([*command, *words], stdout=PIPE, stderr=PIPE, text=True) as watching:
            assert watching.stdout
            assert watching.stderr
            assert "A sync is running" in watching.stderr.readline()
            go_on.set()
            other.join()
            assert watching.stdout.readline().split() == ["what", "pictures", "file", "why"]
            assert watching.stdout.readline().split() == ["new", "photographs", "a.png"]
            watching.send_signal(signal.SIGINT)
            out, err = watching.communicate(timeout=20)
        assert (watching.returncode, out) == (130, "")
        assert "Interrupted" in err
        assert "Traceback" not in err


def test_what_a_sync_brings_can_be_painted(stylegram: Command, folders: Path) -> None:
    (folders / "photos" / "a.png").write_bytes(png(1))
    with closing(open_ingest(folders)) as ingest, served(ingest) as url:
        assert stylegram("sync", "--url", url, "--full").code == 0
        assert [asset.name for asset in candidates(ingest)] == ["a.png"]


def test_the_link_to_a_folder_in_drive_is_a_source(
    stylegram: Command, folders: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with DriveFake() as drive:
        monkeypatch.setenv("STYLEGRAM_DRIVE_ENDPOINT", drive.url)
        photos, styles = drive.add_folder("Photos"), drive.add_folder("Paintings")
        file = drive.add_file("cat.HEIC", png(1), photos)
        drive.add_file("scream.jpg", png(2), drive.add_folder("nested", styles))
        link = f"https://drive.google.com/drive/folders/{photos}?usp=sharing"
        place = "--photos", link, "--styles", f"gdrive://{styles}", "--state", str(folders / "state")
        first = stylegram("sync", *place)
        assert (first.code, len(first.out.splitlines())) == (0, 3), first.err
        assert "cat.HEIC" in first.out
        drive.calls.clear()
        assert "1 known" in stylegram("sync", *place).err
        assert drive.calls == {"changes.list": 2}
        drive.trash(file)
        assert stylegram("sync", *place).out.splitlines()[1].split() == ["gone", "photographs", "cat.HEIC"]
        doctor = stylegram("doctor", *place)
        assert "✓ credentials  Google Drive knows us as" in doctor.out
        assert "the folder 'Photos' in Google Drive" in doctor.out
        drive.delete(photos)
        told = stylegram("sync", *place)
        assert (told.code, told.out) == (1, "")
        assert photos in told.err
