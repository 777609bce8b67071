import re
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from stylegram.common.clock import utcnow
from stylegram.common.errors import ConfigurationError, InvalidInput, NotFound, Unavailable
from stylegram.common.messages import PostKind
from stylegram.common.ports import Feedback, Medium, Post, SoughtPost
from stylegram.publisher.outlets import folder
from stylegram.publisher.outlets.folder import FolderOutlet


def jpeg(data: bytes = b"\xff\xd8") -> Medium:
    return Medium(data, "image/jpeg", 1080, 1080)


def post(*media: Medium, key: str = "0a1b", kind: PostKind = PostKind.PHOTO) -> Post:
    return Post(key, kind, media or (jpeg(),), caption="Größe", marker="№ 0a1b", record=b'{"job_id": "1"}')


def sought(key: str = "0a1b") -> SoughtPost:
    return SoughtPost(key, PostKind.PHOTO, f"№ {key}", "", utcnow() - timedelta(minutes=1))


POST = post()
CAROUSEL = post(jpeg(b"1"), jpeg(b"2"), jpeg(b"3"), kind=PostKind.CAROUSEL)
REEL = post(Medium(b"film", "video/mp4", 1080, 1920, seconds=5, cover=b"cover"), kind=PostKind.REEL)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return tmp_path / "outbox"


@pytest.fixture
def outlet(root: Path) -> FolderOutlet:
    return FolderOutlet(root)


def visible(root: Path) -> list[str]:
    return sorted(path.name for path in root.iterdir() if not path.name.startswith("."))


@pytest.mark.parametrize(
    ("post", "files"),
    [
        (POST, {".jpg": b"\xff\xd8"}),
        (CAROUSEL, {".1.jpg": b"1", ".2.jpg": b"2", ".3.jpg": b"3"}),
        (REEL, {".mp4": b"film", ".cover.jpg": b"cover"}),
    ],
    ids=["photo", "carousel", "reel"],
)
def test_a_post_is_a_few_files(outlet: FolderOutlet, root: Path, post: Post, files: dict[str, bytes]) -> None:
    upload = outlet.upload(post)
    assert visible(root) == []
    published = outlet.commit(post, upload)

    assert re.fullmatch(rf"\d{{4}}-\d\d-\d\d-{post.kind}-0a1b", published.media_id)
    files |= {".txt": "Größe\n".encode(), ".json": post.record}
    assert visible(root) == sorted(f"{published.media_id}{ending}" for ending in files)
    for ending, data in files.items():
        assert (root / f"{published.media_id}{ending}").read_bytes() == data
    first = next(iter(files))
    assert published.url == outlet.permalink(published.media_id) == (root / f"{published.media_id}{first}").as_uri()
    assert list((root / ".staging").iterdir()) == []


@pytest.mark.parametrize("name", ["2001-02-03-carousel-0a1b", "2001-02-03-0a1b"], ids=["name", "older name"])
@pytest.mark.parametrize("moved", range(6))
def test_a_commit_that_was_killed_anywhere_can_be_repeated(
    outlet: FolderOutlet, root: Path, monkeypatch: pytest.MonkeyPatch, moved: int, name: str
) -> None:
    upload = outlet.upload(CAROUSEL)
    replaced: list[str] = []

    def replace(source: Path, target: Path) -> None:
        if len(replaced) == moved:
            raise KeyboardInterrupt
        replaced.append(target.name)
        source.rename(target)

    with monkeypatch.context() as patch:
        patch.setattr(folder, "os", type("os", (), {"replace": staticmethod(replace)}))
        if moved < 5:
            with pytest.raises(KeyboardInterrupt):
                outlet.commit(CAROUSEL, upload)
        else:
            outlet.commit(CAROUSEL, upload)
    # The first picture comes last: without it, the post is not out.
    assert (outlet.find(sought()) is not None) == (moved == 5)

    # Tomorrow it still has yesterday's name, so that nothing is there twice.
    for path in [*root.glob("*-0a1b.*"), *(root / ".staging").iterdir()]:
        path.rename(path.with_name(f"{name}." + path.name.partition(".")[2]))
    assert outlet.commit(CAROUSEL, outlet.upload(CAROUSEL)).media_id == name
    assert len(visible(root)) == 5


def test_other_files_in_the_folder_are_no_posts(outlet: FolderOutlet, root: Path) -> None:
    for name in (
        "0a1b.jpg",
        "2026-01-01-x-0a1b.jpg",
        "2026-01-01-0a1b.png",
        "2026-01-01-0a1b.2.jpg",
        "2026-01-01-0a1b.cover.jpg",
        "2026-01-01-0a1b.jpg.part",
    ):
        (root / name).touch()
    assert outlet.find(sought()) is None
    assert outlet.permalink("2026-01-01-0a1b") is outlet.permalink("no name") is None


def test_nobody_says_anything_of_a_file(outlet: FolderOutlet) -> None:
    assert outlet.feedback(outlet.commit(POST, outlet.upload(POST)).media_id, PostKind.PHOTO) == Feedback()
    assert outlet.remaining() is None
    assert not outlet.is_public


def test_an_upload_that_is_gone_is_said(outlet: FolderOutlet, root: Path) -> None:
    upload = outlet.upload(POST)
    for path in (root / ".staging").iterdir():
        path.unlink()
    with pytest.raises(NotFound, match="taken away"):
        outlet.commit(POST, upload)


@pytest.mark.parametrize("key", ["", "../escape", "a/b", ".*", "a b", "x" * 101])
def test_a_key_that_is_no_name_is_refused(outlet: FolderOutlet, key: str) -> None:
    with pytest.raises(InvalidInput):
        outlet.upload(post(key=key))
    with pytest.raises(InvalidInput):
        outlet.find(sought(key))


def test_a_folder_that_vanished_may_come_back(outlet: FolderOutlet, root: Path) -> None:
    root.rename(root.with_name("elsewhere"))
    root.write_text("in the way")
    with pytest.raises(Unavailable, match="outbox"):
        outlet.upload(POST)


def test_a_folder_that_cannot_be_is_a_wrong_setting(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(ConfigurationError, match="STYLEGRAM_PUBLISH_URL"):
        FolderOutlet(tmp_path / "file" / "outbox")


def test_a_tile_s_name_says_which_it_is(outlet: FolderOutlet) -> None:
    tile = replace(POST, tile=5)
    published = outlet.commit(tile, outlet.upload(tile))
    assert published.media_id.endswith("-grid-5-0a1b")
    assert outlet.find(sought()) == published
