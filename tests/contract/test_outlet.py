"""What every outlet does, the tests' own included."""

import hashlib
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

import graph_bench
from instagrapi_posts import world
from publisher_fakes import ScriptedOutlet
from stylegram.common.clock import utcnow
from stylegram.common.messages import PostKind
from stylegram.common.ports import Outlet, Post, PublishedPost, SoughtPost
from stylegram.publisher.outlets.folder import FolderOutlet

KINDS = tuple(kind for kind in PostKind if kind is not PostKind.GRID)
"""What one post can be; a grid is nine photos."""


@contextmanager
def instagrapi(folder: Path) -> Iterator[Outlet]:
    with world(folder) as instagram:
        yield instagram.outlet
        assert instagram.fake.complaints == []


@contextmanager
def graph(_: Path) -> Iterator[Outlet]:
    with graph_bench.graph_bench() as bench:
        yield bench.outlet


OUTLETS: dict[str, Callable[[Path], AbstractContextManager[Outlet]]] = {
    "folder": lambda path: nullcontext(FolderOutlet(path / "out box")),
    "scripted": lambda _: nullcontext(ScriptedOutlet()),
    "instagrapi": instagrapi,
    "graph": graph,
}


@pytest.fixture(params=OUTLETS)
def outlet(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Outlet]:
    with OUTLETS[request.param](tmp_path) as outlet:
        yield outlet


def marker(key: str) -> str:
    return f"№ {hashlib.sha256(key.encode()).hexdigest()[:10]}"


def post(key: str = "0a1b2c", kind: PostKind = PostKind.PHOTO) -> Post:
    return replace(
        graph_bench.post(kind, key=key, caption=f"Größe\n\n#art\n{marker(key)}"),
        marker=marker(key),
    )


def find(
    outlet: Outlet, upload: str = "", key: str = "0a1b2c", kind: PostKind = PostKind.PHOTO
) -> PublishedPost | None:
    since = utcnow() - timedelta(minutes=1)
    return outlet.find(SoughtPost(key, kind, marker(key), upload, since))


def test_it_says_whose_posts_they_are_and_what_it_takes(outlet: Outlet) -> None:
    assert outlet.account
    assert set(KINDS) <= set(outlet.kinds)
    assert isinstance(outlet.is_public, bool)
    assert isinstance(outlet.find_is_certain, bool)
    assert isinstance(outlet.login, str)


@pytest.mark.parametrize("upload", ["", "what another version left", "{}", "[]", "null"])
def test_what_was_never_posted_is_not_found(outlet: Outlet, upload: str) -> None:
    assert find(outlet, upload) is None


@pytest.mark.parametrize("kind", KINDS)
def test_an_upload_shows_nothing(outlet: Outlet, kind: PostKind) -> None:
    assert find(outlet, outlet.upload(post(kind=kind)), kind=kind) is None


@pytest.mark.parametrize("kind", KINDS)
def test_a_commit_is_found_as_what_it_returned(outlet: Outlet, kind: PostKind) -> None:
    upload = outlet.upload(post(kind=kind))
    published = outlet.commit(post(kind=kind), upload)
    assert published.media_id
    found = find(outlet, upload, kind=kind)
    assert found
    assert found.media_id == published.media_id
    assert "://" in (outlet.permalink(published.media_id) or "")


def test_a_post_is_found_though_it_is_not_known_what_its_upload_returned(outlet: Outlet) -> None:
    published = outlet.commit(post(), outlet.upload(post()))
    found = find(outlet, "")
    assert found
    assert found.media_id == published.media_id


def test_it_may_be_uploaded_again_before_it_is_committed(outlet: Outlet) -> None:
    outlet.upload(post())
    upload = outlet.upload(post())
    published = outlet.commit(post(), upload)
    found = find(outlet, upload)
    assert found
    assert found.media_id == published.media_id


def test_posts_are_kept_apart(outlet: Outlet) -> None:
    keys = ["b", "a-b", "a", "B"]
    uploads = {key: outlet.upload(post(key)) for key in keys}
    published = {key: outlet.commit(post(key), uploads[key]).media_id for key in keys}
    assert len(set(published.values())) == len(keys)
    found = {key: find(outlet, uploads[key], key) for key in keys}
    assert {key: post and post.media_id for key, post in found.items()} == published


@pytest.mark.parametrize("kind", KINDS)
def test_how_a_post_is_taken_can_be_asked(outlet: Outlet, kind: PostKind) -> None:
    published = outlet.commit(post(kind=kind), outlet.upload(post(kind=kind)))
    assert outlet.feedback(published.media_id, kind).likes in (None, 0)


def test_where_it_counts_what_more_it_takes_each_post_is_one_less(outlet: Outlet) -> None:
    before = outlet.remaining()
    outlet.commit(post(), outlet.upload(post()))
    assert outlet.remaining() == (None if before is None else before - 1)
