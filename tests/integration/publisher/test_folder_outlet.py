import re
from pathlib import Path

import pytest

from stylegram.common.errors import ConfigurationError, InvalidInput, NotFound, Unavailable
from stylegram.common.ports import Post
from stylegram.publisher.outlets import folder, open_outlet
from stylegram.publisher.outlets.folder import FolderOutlet

POST = Post(key="0a1b", image=b"\xff\xd8", caption="Größe", record=b'{"job_id": "1"}')


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return tmp_path / "outbox"


@pytest.fixture
def outlet(root: Path) -> FolderOutlet:
    return FolderOutlet(root)


def visible(root: Path) -> list[str]:
    return sorted(path.name for path in root.iterdir() if not path.name.startswith("."))


def test_a_post_is_three_files(outlet: FolderOutlet, root: Path) -> None:
    upload = outlet.upload(POST)
    assert visible(root) == []
    published = outlet.commit(POST, upload)

    assert re.fullmatch(r"\d{4}-\d\d-\d\d-0a1b", published.media_id)
    assert visible(root) == [f"{published.media_id}{suffix}" for suffix in (".jpg", ".json", ".txt")]
    assert (root / f"{published.media_id}.jpg").read_bytes() == POST.image
    assert (root / f"{published.media_id}.txt").read_text(encoding="utf-8") == "Größe"
    assert (root / f"{published.media_id}.json").read_bytes() == POST.record
    assert published.url == (root / f"{published.media_id}.jpg").as_uri()
    assert list((root / ".staging").iterdir()) == []


@pytest.mark.parametrize("moved", [0, 1, 2, 3])
def test_a_commit_that_was_killed_anywhere_can_be_repeated(
    outlet: FolderOutlet, root: Path, monkeypatch: pytest.MonkeyPatch, moved: int
) -> None:
    upload = outlet.upload(POST)
    replaced: list[str] = []

    def replace(source: Path, target: Path) -> None:
        if len(replaced) == moved:
            raise KeyboardInterrupt
        replaced.append(target.name)
        source.rename(target)

    with monkeypatch.context() as patch:
        patch.setattr(folder, "os", type("os", (), {"replace": staticmethod(replace)}))
        if moved < 3:
            with pytest.raises(KeyboardInterrupt):
                outlet.commit(POST, upload)
        else:
            outlet.commit(POST, upload)
    # The picture comes last: without it, the post is not out.
    assert (outlet.find(POST.key) is not None) == (moved == 3)

    # Tomorrow it still has yesterday's name, so that nothing is there twice.
    for path in [*root.glob("*-0a1b.*"), *(root / ".staging").iterdir()]:
        path.rename(path.with_name("2001-02-03-0a1b" + path.suffix))
    assert outlet.commit(POST, outlet.upload(POST)).media_id == "2001-02-03-0a1b"
    assert len(visible(root)) == 3


def test_other_files_in_the_folder_are_no_posts(outlet: FolderOutlet, root: Path) -> None:
    for name in ("0a1b.jpg", "2026-01-01-x-0a1b.jpg", "2026-01-01-0a1b.png", "2026-01-01-0a1b.jpg.part"):
        (root / name).touch()
    assert outlet.find("0a1b") is None


def test_an_upload_that_is_gone_is_said(outlet: FolderOutlet, root: Path) -> None:
    upload = outlet.upload(POST)
    for path in (root / ".staging").iterdir():
        path.unlink()
    with pytest.raises(NotFound, match="taken away"):
        outlet.commit(POST, upload)


@pytest.mark.parametrize("key", ["", "../escape", "a/b", ".*", "a b", "x" * 101])
def test_a_key_that_is_no_name_is_refused(outlet: FolderOutlet, key: str) -> None:
    with pytest.raises(InvalidInput):
        outlet.upload(Post(key=key, image=b"", caption="", record=b""))
    with pytest.raises(InvalidInput):
        outlet.find(key)


def test_a_folder_that_vanished_may_come_back(outlet: FolderOutlet, root: Path) -> None:
    root.rename(root.with_name("elsewhere"))
    root.write_text("in the way")
    with pytest.raises(Unavailable, match="outbox"):
        outlet.upload(POST)


def test_a_folder_that_cannot_be_is_a_wrong_setting(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(ConfigurationError, match="STYLEGRAM_PUBLISH_URL"):
        open_outlet(f"folder://{tmp_path}/file/outbox")


@pytest.mark.parametrize("url", ["instagram://me", "folder://relative", "", "folder:///"])
def test_other_urls_are_wrong_settings(url: str) -> None:
    with pytest.raises(ConfigurationError):
        open_outlet(url)
