"""Who the fake Drive is shown to be asking, and what is said when it does not like that."""

import json
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from google.auth import compute_engine
from google.auth.credentials import AnonymousCredentials, Credentials

from drive_fake import DriveFake
from drive_source import Waits, drive_source, listed
from google_oauth_fake import ADA, CLIENT, ROBOT
from stylegram.common.errors import ConfigurationError, NotFound, Unavailable
from stylegram.ingest.sources import open_source
from stylegram.ingest.sources.drive import login
from stylegram.ingest.sources.drive.link import Link
from stylegram.ingest.sources.drive.source import DriveSource

SECRETS = ("the-client-secret", "refresh-1", "access-", "BEGIN PRIVATE KEY")


@pytest.fixture
def drive() -> Iterator[DriveFake]:
    with DriveFake(checks_tokens=True) as drive:
        yield drive


@pytest.fixture
def photos(drive: DriveFake) -> str:
    photos = drive.add_folder("Photos")
    drive.add_file("a.jpg", b"1", photos)
    return photos


def users_token(drive: DriveFake, file: Path) -> Path:
    drive.oauth.refresh_tokens["refresh-1"] = ADA
    file.write_text(json.dumps({"type": "authorized_user", "refresh_token": "refresh-1", **CLIENT}))
    return file


def seen_by(source: DriveSource) -> str:
    return source.describe().rpartition(" ")[2]


def test_a_service_account_logs_in_by_its_key(drive: DriveFake, photos: str, tmp_path: Path) -> None:
    source = drive_source(drive, photos, credentials_file=drive.oauth.service_account(tmp_path / "key.json"))
    assert seen_by(source) == ROBOT
    assert len(listed(source)[0]) == 1
    assert drive.calls["token"] == 1


def test_a_service_account_may_act_in_a_users_name(drive: DriveFake, photos: str, tmp_path: Path) -> None:
    key = drive.oauth.service_account(tmp_path / "key.json")
    assert seen_by(drive_source(drive, photos, credentials_file=key, subject=ADA)) == ADA


def test_a_user_logs_in_by_a_refresh_token(drive: DriveFake, photos: str, tmp_path: Path) -> None:
    source = drive_source(drive, photos, credentials_file=users_token(drive, tmp_path / "drive.json"))
    assert seen_by(source) == ADA
    assert drive.oauth.grants[0]["scope"] == "https://www.googleapis.com/auth/drive.readonly"


def test_a_token_that_ran_out_is_replaced_and_nobody_notices(drive: DriveFake, photos: str, tmp_path: Path) -> None:
    source = drive_source(drive, photos, credentials_file=drive.oauth.service_account(tmp_path / "key.json"))
    listed(source)
    drive.oauth.tokens.clear()
    assert len(listed(source)[0]) == 1


def test_many_threads_log_in_at_once(drive: DriveFake, photos: str, tmp_path: Path) -> None:
    source = drive_source(drive, photos, credentials_file=drive.oauth.service_account(tmp_path / "key.json"))
    meeting = threading.Barrier(4)

    def ask(_: int) -> str:
        meeting.wait(timeout=5)
        return seen_by(source)

    with ThreadPoolExecutor(4) as pool:
        assert set(pool.map(ask, range(4))) == {ROBOT}


def test_a_token_server_that_stumbles_is_asked_again(drive: DriveFake, photos: str, tmp_path: Path) -> None:
    waits = Waits()
    key = drive.oauth.service_account(tmp_path / "key.json")
    source = drive_source(drive, photos, credentials_file=key, waits=waits)
    drive.fail("token", cut=5)
    assert len(listed(source)[0]) == 1
    assert waits.seconds


def test_a_login_that_was_revoked_is_said_with_what_to_do_and_without_secrets(
    drive: DriveFake, photos: str, tmp_path: Path
) -> None:
    source = drive_source(drive, photos, credentials_file=users_token(drive, tmp_path / "drive.json"))
    drive.oauth.revoked = True
    with pytest.raises(Unavailable, match=r"\(invalid_grant\)") as refused:
        listed(source)
    assert "stylegram auth drive" in refused.value.advice
    assert "seven days" in refused.value.advice
    assert not any(secret in str(refused.value) for secret in SECRETS)
    # It may be mended while the service runs.
    drive.oauth.revoked = False
    assert len(listed(source)[0]) == 1


@pytest.mark.parametrize(
    ("code", "advice"),
    [("unauthorized_client", "domain-wide delegation"), ("invalid_scope", r"scope drive\.readonly")],
)
def test_a_login_that_is_not_enough_says_what_is_missing(
    drive: DriveFake, photos: str, tmp_path: Path, code: str, advice: str
) -> None:
    key = drive.oauth.service_account(tmp_path / "key.json")
    drive.oauth.refuses = code
    with pytest.raises(Unavailable, match=advice):
        listed(drive_source(drive, photos, credentials_file=key, subject=ADA))


def test_how_long_a_call_is_repeated_may_be_said(drive: DriveFake, photos: str, tmp_path: Path) -> None:
    key = drive.oauth.service_account(tmp_path / "key.json")
    source = open_source(f"gdrive://{photos}", credentials_file=key, endpoint=drive.url, give_up_after=0.1)
    drive.fail("files.get", status=503)
    with pytest.raises(Unavailable, match="backendError"):
        source.describe()
    drive.fail("files.get", seconds=0.2)
    with pytest.raises(Unavailable, match="could not be reached for item"):
        source.describe()
    assert drive.calls["files.get"] == 2


def test_nothing_that_lets_anybody_in_is_logged_even_where_everything_is(
    drive: DriveFake, photos: str, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("DEBUG")
    source = drive_source(drive, photos, credentials_file=users_token(drive, tmp_path / "drive.json"))
    for file in listed(source)[0].values():
        source.read(file)
    assert caplog.messages
    assert not any(secret in message for secret in SECRETS for message in caplog.messages)
    # Which each thread would say.
    assert not any("file_cache" in message for message in caplog.messages)


def test_tokens_that_drive_does_not_take_are_said(drive: DriveFake, photos: str, tmp_path: Path) -> None:
    source = drive_source(drive, photos, credentials_file=drive.oauth.service_account(tmp_path / "key.json"))
    drive.fail("files.get", status=401, reason="authError", times=9)
    with pytest.raises(Unavailable, match=f"does not accept the credentials of {ROBOT}") as refused:
        listed(source)
    assert refused.value.advice


@pytest.mark.parametrize(
    ("reason", "advice"),
    [
        ("accessNotConfigured", "Enable the Google Drive API"),
        ("insufficientPermissions", r"drive\.readonly"),
        ("dailyLimitExceeded", "quota"),
    ],
)
def test_a_refusal_says_what_to_do_and_is_not_repeated(
    drive: DriveFake, photos: str, tmp_path: Path, reason: str, advice: str
) -> None:
    source = drive_source(drive, photos, credentials_file=drive.oauth.service_account(tmp_path / "key.json"))
    drive.fail("files.get", status=403, reason=reason)
    with pytest.raises(Unavailable, match=advice):
        listed(source)
    assert drive.calls["files.get"] == 1


def test_a_folder_that_is_not_shared_says_with_whom_to_share_it(drive: DriveFake, photos: str, tmp_path: Path) -> None:
    source = drive_source(drive, photos, credentials_file=drive.oauth.service_account(tmp_path / "key.json"))
    drive.show(photos, False)
    with pytest.raises(NotFound, match=f"Share the folder with {ROBOT}"):
        listed(source)
    acting = drive_source(drive, photos, credentials_file=tmp_path / "key.json", subject=ADA)
    with pytest.raises(NotFound, match=f"Share the folder with {ADA}"):
        listed(acting)


def test_credentials_are_read_when_they_are_first_needed_and_again_until_they_are_there(
    drive: DriveFake, photos: str, tmp_path: Path
) -> None:
    key = tmp_path / "key.json"
    source = open_source(f"gdrive://{photos}", credentials_file=key, endpoint=drive.url)
    with pytest.raises(ConfigurationError, match=r"key\.json' cannot be read"):
        listed(source)
    drive.oauth.service_account(key)
    assert len(listed(source)[0]) == 1


def test_what_the_login_command_left_is_used_where_no_file_is_named(
    drive: DriveFake, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    monkeypatch.delenv("GOOGLE_APPLICATION_CREDENTIALS", raising=False)
    file = login.default_token_file()
    assert file == tmp_path / "stylegram" / "drive.json"
    file.parent.mkdir()
    users_token(drive, file)
    found = login.load(None, None, emulated=False)
    assert getattr(found, "refresh_token", None) == "refresh-1"
    # A named one goes before it, and an emulator is not shown it.
    named = login.load(drive.oauth.service_account(tmp_path / "key.json"), None, emulated=False)
    assert getattr(named, "service_account_email", None) == ROBOT
    assert isinstance(login.load(None, None, emulated=True), AnonymousCredentials)


def test_the_login_lies_in_the_users_configuration(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("XDG_CONFIG_HOME", raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    assert login.default_token_file() == tmp_path / ".config" / "stylegram" / "drive.json"


def test_a_machines_own_account_has_no_name_before_it_has_logged_in() -> None:
    assert Link(compute_engine.Credentials).account == "the account that is logged in"


def test_threads_that_come_first_read_the_credentials_once() -> None:
    read: list[Credentials] = []

    def slowly() -> Credentials:
        time.sleep(0.02)
        read.append(AnonymousCredentials())
        return read[-1]

    link = Link(slowly)
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda _: link.account, range(4)))
    assert len(read) == 1


def test_a_user_cannot_act_in_anothers_name(drive: DriveFake, photos: str, tmp_path: Path) -> None:
    file = users_token(drive, tmp_path / "drive.json")
    with pytest.raises(ConfigurationError, match=r"cannot act in the name of bob@example\.org"):
        listed(drive_source(drive, photos, credentials_file=file, subject="bob@example.org"))
