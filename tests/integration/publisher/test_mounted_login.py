"""A login that is mounted as a secret, and the session that the publisher makes of it."""

import json
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import create_engine

from instagrapi_posts import USERNAME, World, post, world
from stylegram.common.adapters.folder_storage import FolderStorage
from stylegram.common.database import migrate
from stylegram.common.errors import ConfigurationError, LoginNeeded
from stylegram.publisher.accounts import Accounts
from stylegram.publisher.outlets import open_outlet
from stylegram.publisher.outlets.instagrapi_api import session, take_over_login
from stylegram.publisher.settings import PublisherSettings
from stylegram.publisher.tables import AccountState

PLANTED = "49000000000%3Aplanted-session%3A7"


@pytest.fixture
def instagram(tmp_path: Path) -> Iterator[World]:
    """A login in `mounted`, and no session yet."""
    with world(tmp_path) as instagram:
        instagram.file.rename(tmp_path / "mounted")
        yield instagram


def permissions(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_what_is_mounted_becomes_the_session_which_nobody_else_may_read(instagram: World, tmp_path: Path) -> None:
    mounted = tmp_path / "mounted"
    mounted.chmod(0o440)
    before = mounted.read_bytes(), mounted.stat().st_mtime_ns, permissions(mounted)
    instagram.file = tmp_path / "volume" / "session.json"
    take_over_login(mounted, instagram.file)
    assert instagram.open().login == session.digest(session.read(mounted))
    assert {path.name: permissions(path) for path in instagram.file.parent.iterdir()} == {
        "session.json": 0o600,
        "session.json.login": 0o600,
    }
    assert permissions(instagram.file.parent) == 0o700
    secret = instagram.secret.encode()
    assert secret in instagram.file.read_bytes()
    assert secret not in instagram.file.with_name("session.json.login").read_bytes()
    assert (mounted.read_bytes(), mounted.stat().st_mtime_ns, permissions(mounted)) == before
    instagram.open().upload(post())
    assert instagram.fake.calls["current-user"] == 1


def test_a_session_that_the_publisher_keeps_up_to_date_survives_restarts(instagram: World, tmp_path: Path) -> None:
    take_over_login(tmp_path / "mounted", instagram.file)
    # Instagram gives another authorisation in the course of time.
    kept = json.loads(instagram.file.read_text())
    kept["authorization_data"] = {"sessionid": "49000000000%3Arenewed%3A7", "ds_user_id": "49000000000"}
    instagram.file.write_text(json.dumps(kept))
    take_over_login(tmp_path / "mounted", instagram.file)
    assert json.loads(instagram.file.read_text()) == kept


@pytest.mark.parametrize("content", [None, b"", b"{", b'{"uuids": {"uuid": "1"}}'])
def test_a_session_that_is_gone_or_damaged_is_made_again(
    instagram: World, tmp_path: Path, content: bytes | None
) -> None:
    take_over_login(tmp_path / "mounted", instagram.file)
    instagram.file.unlink() if content is None else instagram.file.write_bytes(content)
    take_over_login(tmp_path / "mounted", instagram.file)
    assert instagram.open().login == session.digest(session.read(tmp_path / "mounted"))


def test_a_copy_that_was_interrupted_is_made_again(instagram: World, tmp_path: Path) -> None:
    take_over_login(tmp_path / "mounted", instagram.file)
    mark = instagram.file.with_name("session.json.login")
    before = mark.read_bytes()
    for left in (None, b"", before[:10]):
        mark.unlink() if left is None else mark.write_bytes(left)
        take_over_login(tmp_path / "mounted", instagram.file)
        assert mark.read_bytes() == before


def test_an_account_that_waits_for_a_login_goes_on_with_the_one_that_is_mounted_next(
    instagram: World, tmp_path: Path
) -> None:
    settings = PublisherSettings(
        publish_url=f"instagrapi://{USERNAME}",
        instagram_login_file=tmp_path / "mounted",
        instagram_session_file=instagram.file,
        instagram_transport="requests",
        instagram_endpoint=instagram.fake.url,
        instagram_pause_seconds=0,
    )
    engine = create_engine(f"sqlite:///{tmp_path}/ledger.sqlite")
    migrate(engine, "publisher")
    accounts, storage = Accounts(engine), FolderStorage(tmp_path / "storage")
    outlet = open_outlet(settings, storage)
    accounts.enter(outlet.account, approval=False)
    accounts.need_login(outlet.account, "It was not taken.", outlet.login)
    # Started again with the same one, it still waits.
    outlet = open_outlet(settings, storage)
    assert not accounts.reopen(outlet.account, outlet.login)
    instagram.fake.log_in(instagram.account, tmp_path / "mounted")
    outlet = open_outlet(settings, storage)
    assert accounts.reopen(outlet.account, outlet.login)
    assert accounts.get(outlet.account).state is AccountState.ACTIVE
    outlet.upload(post())
    assert instagram.fake.calls["current-user"] == 1
    engine.dispose()


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (None, "cannot be read: No such file"),
        ("", "is no session file"),
        (PLANTED, "is no session file"),
        (f'{{"authorization_data": {{"sessionid": "{PLANTED}"}}}}', "is no session file"),
        (f'{{"uuids": {{}}, "authorization_data": "{PLANTED}"}}', "is no session file"),
        (f'{{"uuids": {{"phone_id": "{PLANTED}"}}}}', "Nobody is logged in"),
    ],
)
def test_what_is_no_login_is_a_wrong_setting_and_is_not_shown(tmp_path: Path, content: str | None, why: str) -> None:
    mounted, kept = tmp_path / "mounted", tmp_path / "session.json"
    if content is not None:
        mounted.write_text(content)
    kept.write_text("as it was")
    with pytest.raises(ConfigurationError, match=why) as caught:
        take_over_login(mounted, kept)
    assert str(mounted) in str(caught.value)
    assert "STYLEGRAM_INSTAGRAM_LOGIN_FILE" in str(caught.value)
    assert "planted" not in f"{caught.value}{caught.value.__cause__}"
    assert kept.read_text() == "as it was"
    assert not kept.with_name("session.json.login").exists()


def test_a_folder_that_cannot_be_written_is_told(instagram: World, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(ConfigurationError, match=r"cannot be kept in .*STYLEGRAM_INSTAGRAM_SESSION_FILE"):
        take_over_login(tmp_path / "mounted", tmp_path / "file" / "session.json")


def test_a_session_of_unknown_origin_gives_way(instagram: World, tmp_path: Path) -> None:
    instagram.fake.log_in(instagram.account, instagram.file)
    take_over_login(tmp_path / "mounted", instagram.file)
    assert instagram.open().login == session.digest(session.read(tmp_path / "mounted"))


def test_another_account_s_login_is_told_when_it_is_used(instagram: World, tmp_path: Path) -> None:
    take_over_login(tmp_path / "mounted", instagram.file)
    with pytest.raises(LoginNeeded, match="is of @stylegram"):
        instagram.open("somebody").upload(post())


def test_without_the_setting_the_session_is_nobody_s_copy(tmp_path: Path) -> None:
    settings = PublisherSettings(
        publish_url="instagrapi://painter", instagram_login_file="", instagram_session_file=tmp_path / "none.json"
    )
    open_outlet(settings, FolderStorage(tmp_path / "storage"))
    assert not (tmp_path / "none.json").exists()
