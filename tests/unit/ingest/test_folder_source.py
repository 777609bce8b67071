import os
from pathlib import Path

import pytest

from ingest_samples import folder_url
from stylegram.common.errors import ChangesLost, ConfigurationError, NotFound, Unavailable
from stylegram.common.ports import SourceFile
from stylegram.ingest.sources import open_source
from stylegram.ingest.sources.folder import FolderSource


def write(path: Path, data: bytes = b"picture") -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)
    return path


def files(root: Path) -> list[SourceFile]:
    return [file for page in FolderSource(root).listing() for file in page.files]


def keys(root: Path) -> list[str]:
    return [file.key for file in files(root)]


def test_every_level_is_listed_in_the_same_order(tmp_path: Path) -> None:
    for name in ("b.jpg", "a.jpg", "z/2.jpg", "m/deep/1.jpg", "m/0.jpg"):
        write(tmp_path / name)
    assert keys(tmp_path) == ["a.jpg", "b.jpg", "m/0.jpg", "m/deep/1.jpg", "z/2.jpg"]


def test_hidden_files_and_sidecars_are_passed_over(tmp_path: Path) -> None:
    for name in (".DS_Store", ".git/x.jpg", "style_names.json", "a.jpg.JSON", "lost+found/x.jpg", "a.jpg"):
        write(tmp_path / name)
    assert keys(tmp_path) == ["a.jpg"]


def test_a_listing_says_what_the_file_is(tmp_path: Path) -> None:
    write(tmp_path / "my trip" / "Österreich 100%.jpg", b"12345")
    (file,) = files(tmp_path)
    assert (file.key, file.name, file.size) == ("my trip/Österreich 100%25.jpg", "Österreich 100%.jpg", 5)
    assert FolderSource(tmp_path).read(file) == b"12345"


def test_a_name_that_is_not_utf_8_can_be_written_down_and_read(tmp_path: Path) -> None:
    write(tmp_path / os.fsdecode(b"caf\xe9.jpg"), b"coffee")
    (file,) = files(tmp_path)
    assert (file.key, file.name) == ("caf%E9.jpg", "caf�.jpg")
    assert FolderSource(tmp_path).read(file) == b"coffee"


def test_the_fingerprint_changes_with_size_and_with_time(tmp_path: Path) -> None:
    path = write(tmp_path / "a.jpg")
    prints = []
    for size, time in ((1, 10), (2, 10), (2, 11)):
        path.write_bytes(bytes(size))
        os.utime(path, ns=(0, time))
        prints += [file.fingerprint for file in files(tmp_path)]
    assert len(set(prints)) == 3


def test_a_link_is_followed_within_the_folder_only(tmp_path: Path) -> None:
    root = tmp_path / "root"
    # A mounted ConfigMap looks like this: links to files in a hidden folder.
    write(root / "..data" / "inside.jpg", b"inside")
    (root / "inside.jpg").symlink_to("..data/inside.jpg")
    (root / "outside.jpg").symlink_to(write(tmp_path / "outside.jpg"))
    (root / "up").symlink_to(tmp_path)
    (root / "loop.jpg").symlink_to("loop.jpg")
    assert keys(root) == ["inside.jpg"]


def test_the_folder_itself_may_be_a_link(tmp_path: Path) -> None:
    write(tmp_path / "real" / "a.jpg", b"real")
    (tmp_path / "link").symlink_to("real")
    source = FolderSource(tmp_path / "link")
    assert [source.read(file) for file in files(tmp_path / "link")] == [b"real"]


def test_a_folder_of_thousands_comes_in_pages(tmp_path: Path) -> None:
    for number in range(1001):
        write(tmp_path / f"{number}.jpg", b"")
    assert [(len(page.files), page.state) for page in FolderSource(tmp_path).listing()] == [(1000, None), (1, None)]


def test_what_changed_in_a_folder_only_a_listing_tells(tmp_path: Path) -> None:
    with pytest.raises(ChangesLost):
        next(iter(FolderSource(tmp_path).changes("{}")))


def test_a_missing_folder_is_not_an_empty_one(tmp_path: Path) -> None:
    with pytest.raises(NotFound, match="no folder"):
        files(tmp_path / "away")
    with pytest.raises(NotFound, match="is a file, not a folder"):
        files(write(tmp_path / "file"))


def test_a_file_that_is_gone_since(tmp_path: Path) -> None:
    path = write(tmp_path / "a.jpg")
    (file,) = files(tmp_path)
    path.unlink()
    with pytest.raises(NotFound, match=r"'a\.jpg' is gone"):
        FolderSource(tmp_path).read(file)
    path.mkdir()
    with pytest.raises(Unavailable, match=r"'a\.jpg' .* could not be read: Is a directory"):
        FolderSource(tmp_path).read(file)


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_what_may_not_be_read_is_unavailable(tmp_path: Path) -> None:
    path = write(tmp_path / "closed" / "a.jpg")
    (file,) = files(tmp_path)
    path.chmod(0)
    with pytest.raises(Unavailable, match="Permission denied"):
        FolderSource(tmp_path).read(file)
    path.parent.chmod(0)
    with pytest.raises(Unavailable, match="could not be listed"):
        keys(tmp_path)


def test_sources_open_by_url(tmp_path: Path) -> None:
    write(tmp_path / "with space" / "a.jpg")
    source = open_source(folder_url(tmp_path / "with space"))
    assert [file.key for page in source.listing() for file in page.files] == ["a.jpg"]
    assert source.url == (tmp_path / "with space").as_uri()
    with pytest.raises(ConfigurationError, match="No source adapter for 'ftp:'"):
        open_source("ftp://folder")
    with pytest.raises(ConfigurationError, match="names no path"):
        open_source("file://photos")
