"""What every source does."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Protocol

import pytest

from drive_fake import DriveFake
from stylegram.common.errors import ChangesLost, NotFound, Unavailable
from stylegram.common.ports import Source, SourceFile
from stylegram.ingest.sources import open_source


class Place(Protocol):
    """A folder at a source, and somebody who puts things into it. Names are paths, as in sub/a.jpg."""

    source: Source

    def write(self, name: str, data: bytes) -> None: ...
    def remove(self, name: str) -> None: ...
    def vanish(self) -> None: ...


class FolderPlace:
    def __init__(self, path: Path) -> None:
        self._path = path / "my photos"
        self._path.mkdir()
        self.source = open_source(self._path.as_uri())

    def write(self, name: str, data: bytes) -> None:
        (self._path / name).parent.mkdir(exist_ok=True)
        (self._path / name).write_bytes(data)

    def remove(self, name: str) -> None:
        (self._path / name).unlink()

    def vanish(self) -> None:
        self._path.rename(self._path.with_name("elsewhere"))


class DrivePlace:
    def __init__(self, drive: DriveFake) -> None:
        self._drive = drive
        self._ids = {"": drive.add_folder("my photos")}
        self.source = open_source(f"gdrive://{self._ids['']}", endpoint=drive.url)

    def write(self, name: str, data: bytes) -> None:
        folder, _, own = name.rpartition("/")
        if name in self._ids:
            self._drive.replace(self._ids[name], data)
            return
        if folder not in self._ids:
            self._ids[folder] = self._drive.add_folder(folder, self._ids[""])
        self._ids[name] = self._drive.add_file(own, data, self._ids[folder])

    def remove(self, name: str) -> None:
        self._drive.trash(self._ids[name])
        # Also for who knows its id: a file in the trash can still be fetched.
        self._drive.delete(self._ids.pop(name))

    def vanish(self) -> None:
        self._drive.trash(self._ids[""])


@pytest.fixture(params=["folder", "gdrive"])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Place]:
    if request.param == "folder":
        yield FolderPlace(tmp_path)
        return
    with DriveFake() as drive:
        yield DrivePlace(drive)


def listed(place: Place) -> dict[str, SourceFile]:
    return {file.name: file for page in place.source.listing() for file in page.files}


def test_it_says_what_it_is_known_by(place: Place) -> None:
    assert "://" in place.source.url


def test_it_says_what_it_is_and_whether_it_is_there(place: Place) -> None:
    assert "my photos" in place.source.describe()
    place.vanish()
    with pytest.raises(NotFound):
        place.source.describe()


def test_every_file_is_listed_once_whatever_folder_it_is_in(place: Place) -> None:
    for name in ("a.jpg", "b.jpg", "sub/c.jpg", "sub/d's 100%.jpg"):
        place.write(name, name.encode())
    files = [file for page in place.source.listing() for file in page.files]
    assert sorted(file.name for file in files) == ["a.jpg", "b.jpg", "c.jpg", "d's 100%.jpg"]
    assert len({file.key for file in files}) == 4
    assert all(file.size == len(place.source.read(file)) for file in files)


def test_an_empty_folder_has_no_files(place: Place) -> None:
    assert listed(place) == {}


def test_hidden_files_and_sidecars_are_no_pictures(place: Place) -> None:
    for name in (".DS_Store", ".hidden/x.jpg", "style_names.json", "a.jpg.JSON", "a.jpg"):
        place.write(name, b"1")
    assert listed(place).keys() == {"a.jpg"}


def test_files_of_the_same_name_are_kept_apart(place: Place) -> None:
    place.write("sub/a.jpg", b"first")
    place.write("other/a.jpg", b"second")
    files = [file for page in place.source.listing() for file in page.files]
    assert {place.source.read(file) for file in files} == {b"first", b"second"}


def test_a_fingerprint_stays_until_the_bytes_change(place: Place) -> None:
    place.write("a.jpg", b"first")
    before = listed(place)["a.jpg"]
    assert listed(place)["a.jpg"] == before
    place.write("a.jpg", b"the second")
    after = listed(place)["a.jpg"]
    assert after.key == before.key
    assert after.fingerprint != before.fingerprint
    assert place.source.read(after) == b"the second"


def test_an_empty_file_has_no_bytes(place: Place) -> None:
    place.write("empty.jpg", b"")
    file = listed(place)["empty.jpg"]
    assert (file.size, place.source.read(file)) == (0, b"")


def test_a_file_that_is_gone_is_not_found(place: Place) -> None:
    place.write("a.jpg", b"1")
    file = listed(place)["a.jpg"]
    place.remove("a.jpg")
    assert listed(place) == {}
    with pytest.raises(NotFound, match=r"a\.jpg"):
        place.source.read(file)


def test_a_folder_that_is_not_there_is_not_an_empty_one(place: Place) -> None:
    place.write("a.jpg", b"1")
    place.vanish()
    with pytest.raises(NotFound):
        listed(place)


def test_many_threads_read_at_the_same_time(place: Place) -> None:
    for number in range(40):
        place.write(f"{number}.jpg", b"%d" % number * 1000)
    files = listed(place)
    with ThreadPoolExecutor(8) as pool:
        read = dict(zip(files, pool.map(place.source.read, files.values()), strict=True))
    assert read == {f"{number}.jpg": b"%d" % number * 1000 for number in range(40)}


def test_only_the_last_page_of_a_listing_has_a_state_if_any(place: Place) -> None:
    for number in range(3):
        place.write(f"sub{number}/a.jpg", b"1")
    states = [page.state for page in place.source.listing()]
    assert states
    assert not any(states[:-1])
    assert states[-1] != ""


def test_changes_since_a_listing_are_told_or_said_to_be_lost(place: Place) -> None:
    place.write("stays.jpg", b"1")
    place.write("goes.jpg", b"2")
    files: dict[str, SourceFile] = {}
    state = None
    for page in place.source.listing():
        files |= {file.key: file for file in page.files}
        state = page.state
    place.write("sub/comes.jpg", b"3")
    place.remove("goes.jpg")
    try:
        for page in place.source.changes(state or ""):
            assert page.state
            files |= {file.key: file for file in page.files}
            for key in page.gone:
                files.pop(key, None)
    except ChangesLost:
        assert state is None
    else:
        assert files == {file.key: file for file in listed(place).values()}


def test_changes_since_a_state_that_nobody_gave_are_lost(place: Place) -> None:
    for state in ("", "{}", "[1]", "null", "no JSON", '{"version": 0}'):
        with pytest.raises(ChangesLost):
            list(place.source.changes(state))


def test_what_a_listing_says_of_a_file_is_enough_to_read_it_in_another_process(place: Place) -> None:
    place.write("a.jpg", b"1")
    file = listed(place)["a.jpg"]
    assert place.source.read(replace(file)) == b"1"


def test_a_file_that_cannot_be_read_any_more_as_it_was_listed_gives_no_other_bytes(place: Place) -> None:
    place.write("a.jpg", b"as listed")
    file = listed(place)["a.jpg"]
    place.write("a.jpg", b"another!!")
    try:
        # A folder cannot tell; it must not give half of each.
        assert place.source.read(file) in (b"as listed", b"another!!")
    except Unavailable as error:
        assert "another by now" in str(error)
