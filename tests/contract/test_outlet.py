"""What every outlet does, the tests' own included."""

from collections.abc import Callable
from pathlib import Path

import pytest

from publisher_fakes import ScriptedOutlet
from stylegram.common.ports import Outlet, Post
from stylegram.publisher.outlets import open_outlet

OUTLETS: dict[str, Callable[[Path], Outlet]] = {
    "folder": lambda path: open_outlet((path / "out box").as_uri().replace("file:", "folder:")),
    "scripted": lambda _: ScriptedOutlet(),
}


@pytest.fixture(params=OUTLETS)
def outlet(request: pytest.FixtureRequest, tmp_path: Path) -> Outlet:
    return OUTLETS[request.param](tmp_path)


def post(key: str = "0a1b2c") -> Post:
    return Post(key=key, image=b"\xff\xd8 picture", caption="Größe\n\n#art", record=b"{}")


def test_it_says_whose_posts_they_are(outlet: Outlet) -> None:
    assert outlet.account
    assert isinstance(outlet.find_is_certain, bool)


def test_what_was_never_posted_is_not_found(outlet: Outlet) -> None:
    assert outlet.find("0a1b2c") is None


def test_an_upload_shows_nothing(outlet: Outlet) -> None:
    outlet.upload(post())
    assert outlet.find("0a1b2c") is None


def test_a_commit_is_found_as_what_it_returned(outlet: Outlet) -> None:
    published = outlet.commit(post(), outlet.upload(post()))
    assert published.media_id
    assert "://" in published.url
    assert outlet.find("0a1b2c") == published


def test_it_may_be_uploaded_again_before_it_is_committed(outlet: Outlet) -> None:
    outlet.upload(post())
    published = outlet.commit(post(), outlet.upload(post()))
    assert outlet.find("0a1b2c") == published


def test_posts_are_kept_apart(outlet: Outlet) -> None:
    keys = ["b", "a-b", "a", "B"]
    published = {key: outlet.commit(post(key), outlet.upload(post(key))) for key in keys}
    assert len(set(published.values())) == len(keys)
    assert {key: outlet.find(key) for key in keys} == published
