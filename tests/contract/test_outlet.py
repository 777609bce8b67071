"""What every outlet does, the tests' own included."""

from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest

from publisher_fakes import ScriptedOutlet
from stylegram.common.clock import utcnow
from stylegram.common.messages import PostKind
from stylegram.common.ports import Medium, Outlet, Post, PublishedPost, SoughtPost
from stylegram.publisher.outlets.folder import FolderOutlet

OUTLETS: dict[str, Callable[[Path], Outlet]] = {
    "folder": lambda path: FolderOutlet(path / "out box"),
    "scripted": lambda _: ScriptedOutlet(),
}


@pytest.fixture(params=OUTLETS)
def outlet(request: pytest.FixtureRequest, tmp_path: Path) -> Outlet:
    return OUTLETS[request.param](tmp_path)


def post(key: str = "0a1b2c") -> Post:
    picture = Medium(b"\xff\xd8 picture", "image/jpeg", 1080, 1080, alt_text="A picture.")
    marker = f"№ {key}"
    return Post(key, PostKind.PHOTO, (picture,), caption=f"Größe\n\n#art\n{marker}", marker=marker, record=b"{}")


def find(outlet: Outlet, upload: str = "", key: str = "0a1b2c") -> PublishedPost | None:
    since = utcnow() - timedelta(minutes=1)
    return outlet.find(SoughtPost(key, PostKind.PHOTO, f"№ {key}", upload, since))


def test_it_says_whose_posts_they_are_and_what_it_takes(outlet: Outlet) -> None:
    assert outlet.account
    assert PostKind.PHOTO in outlet.kinds
    assert isinstance(outlet.find_is_certain, bool)
    assert isinstance(outlet.login, str)


def test_what_was_never_posted_is_not_found(outlet: Outlet) -> None:
    assert find(outlet) is None


def test_an_upload_shows_nothing(outlet: Outlet) -> None:
    assert find(outlet, outlet.upload(post())) is None


def test_a_commit_is_found_as_what_it_returned(outlet: Outlet) -> None:
    upload = outlet.upload(post())
    published = outlet.commit(post(), upload)
    assert published.media_id
    found = find(outlet, upload)
    assert found
    assert found.media_id == published.media_id
    assert "://" in (outlet.permalink(published.media_id) or "")


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


def test_how_a_post_is_taken_can_be_asked(outlet: Outlet) -> None:
    published = outlet.commit(post(), outlet.upload(post()))
    feedback = outlet.feedback(published.media_id, PostKind.PHOTO)
    assert feedback.likes in (None, 0)
