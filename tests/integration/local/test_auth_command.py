"""`stylegram auth drive`, with Google's own library, a browser of ours and Google's login in a fake."""

import json
import re
import socket
import sys
import threading
import urllib.request
import webbrowser
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any
from urllib.error import URLError

import pytest

from drive_fake import DriveFake
from google_oauth_fake import ADA, CLIENT
from local_commands import Command, Outcome
from stylegram.ingest.sources.drive.login import default_token_file

SECRETS = (CLIENT["client_secret"], "refresh-", "access-", "code-")


@pytest.fixture
def drive(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[DriveFake]:
    with DriveFake(checks_tokens=True) as drive:
        monkeypatch.setenv("STYLEGRAM_DRIVE_ENDPOINT", drive.url)
        monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
        # The fake speaks HTTP; oauthlib wants to be told that this is no mistake.
        monkeypatch.setenv("OAUTHLIB_INSECURE_TRANSPORT", "1")
        yield drive


@pytest.fixture
def secrets(drive: DriveFake, tmp_path: Path) -> str:
    return str(drive.oauth.client_secrets(tmp_path / "client.json"))


def visit(url: str) -> None:
    """Go to a page, and where it leads; while the command waits for that."""

    def go() -> None:
        with suppress(URLError):
            urllib.request.urlopen(url, timeout=5).close()

    threading.Thread(target=go, daemon=True).start()


class Reader:
    """Standard error with somebody before it who follows the links."""

    def __init__(self, stream: Any) -> None:
        self._stream = stream

    def write(self, text: str) -> int:
        if found := re.search(r"http://\S+", text):
            visit(found[0])
        return int(self._stream.write(text))

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)


@pytest.fixture
def log_in(stylegram: Command, monkeypatch: pytest.MonkeyPatch, secrets: str) -> Callable[..., Outcome]:
    """The command, and a user who does what it asks for."""

    def run(*words: str) -> Outcome:
        with monkeypatch.context() as patch:
            patch.setattr("sys.stderr", Reader(sys.stderr))
            return stylegram("auth", "drive", "--client-secrets", secrets, "--no-browser", *words)

    return run


@pytest.fixture
def browsers(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The browsers of this machine: none."""
    names: list[str] = []
    monkeypatch.setattr(webbrowser, "_browsers", {})
    monkeypatch.setattr(webbrowser, "_tryorder", names)
    return names


class Browser(webbrowser.BaseBrowser):
    def open(self, url: str, new: int = 0, autoraise: bool = True) -> bool:
        visit(url)
        return True


def test_a_login_is_kept_where_syncs_look_for_it_and_says_whose_it_is(
    log_in: Callable[..., Outcome], drive: DriveFake
) -> None:
    done = log_in()
    assert done.code == 0, done.err
    assert f"kept in {default_token_file()}" in done.out
    assert f"as {ADA}" in done.out
    assert "Consent on this page" in done.err
    (refresh_token,) = drive.oauth.refresh_tokens
    kept = {"type": "authorized_user", "refresh_token": refresh_token, **CLIENT}
    assert json.loads(default_token_file().read_text()) == kept
    assert not any(secret in done.out + done.err for secret in SECRETS)


def test_a_browser_is_opened_where_there_is_one(
    stylegram: Command, drive: DriveFake, secrets: str, browsers: list[str]
) -> None:
    webbrowser.register("ours", None, Browser("ours"), preferred=True)
    assert stylegram("auth", "drive", "--client-secrets", secrets).code == 0
    assert default_token_file().exists()


def test_without_a_browser_it_says_how_to_do_without(
    stylegram: Command, drive: DriveFake, secrets: str, browsers: list[str]
) -> None:
    refused = stylegram("auth", "drive", "--client-secrets", secrets)
    assert (refused.code, "--no-browser" in refused.err) == (2, True)


def test_no_more_is_asked_for_than_to_read(log_in: Callable[..., Outcome], drive: DriveFake) -> None:
    log_in()
    assert drive.oauth.consents[0]["scope"] == "https://www.googleapis.com/auth/drive.readonly"
    assert drive.oauth.consents[0]["access_type"] == "offline"
    assert drive.oauth.consents[0]["prompt"] == "consent"


def test_nobody_else_may_read_the_login_also_where_a_file_was_open_to_all(
    log_in: Callable[..., Outcome], drive: DriveFake, tmp_path: Path
) -> None:
    out = tmp_path / "elsewhere" / "drive.json"
    out.parent.mkdir()
    out.write_text("old")
    out.chmod(0o666)
    done = log_in("--out", str(out))
    assert done.code == 0, done.err
    assert out.stat().st_mode & 0o777 == 0o600
    assert [path.name for path in out.parent.iterdir()] == ["drive.json"]
    assert f"STYLEGRAM_DRIVE_CREDENTIALS_FILE={out}" in done.out


def test_a_login_that_would_not_last_is_refused(log_in: Callable[..., Outcome], drive: DriveFake) -> None:
    drive.oauth.gives_refresh_token = False
    refused = log_in()
    assert (refused.code, refused.out) == (1, "")
    assert "ends within the hour" in refused.err
    assert not default_token_file().exists()


def test_who_does_not_consent_is_not_logged_in(log_in: Callable[..., Outcome], drive: DriveFake) -> None:
    drive.oauth.declined = True
    refused = log_in()
    assert (refused.code, refused.out) == (1, "")
    assert "was told not to let Stylegram read Drive" in refused.err
    assert not default_token_file().exists()


def test_who_unticks_the_box_is_told(log_in: Callable[..., Outcome], drive: DriveFake) -> None:
    drive.oauth.grants_scope = "openid"
    refused = log_in()
    assert (refused.code, "tick that box" in refused.err) == (1, True)
    assert not default_token_file().exists()


def test_secrets_that_google_does_not_take_are_said(
    log_in: Callable[..., Outcome], drive: DriveFake, secrets: str, tmp_path: Path
) -> None:
    wrong = Path(secrets).read_text().replace(CLIENT["client_secret"], "an-old-secret")
    Path(secrets).write_text(wrong)
    refused = log_in()
    assert (refused.code, "Google does not log in: invalid_client" in refused.err) == (1, True)
    assert "an-old-secret" not in refused.err


def test_an_api_that_is_not_enabled_is_said_after_the_login_is_kept(
    log_in: Callable[..., Outcome], drive: DriveFake
) -> None:
    drive.fail("about.get", status=403, reason="accessNotConfigured")
    refused = log_in()
    assert (refused.code, "Enable the Google Drive API" in refused.err) == (1, True)
    assert default_token_file().exists()


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (None, "cannot be read: No such file"),
        ("no JSON", "is not the JSON file of an OAuth client"),
        ("[]", "is not the JSON file of an OAuth client"),
        ('{"installed": {"client_id": "x"}}', "is not the JSON file of an OAuth client"),
        ('{"type": "service_account"}', "is a service account's key, which needs no login"),
        ('{"web": {"client_id": "x"}}', "type web application"),
    ],
)
def test_a_file_of_no_use_is_refused_before_anybody_is_asked(
    stylegram: Command, drive: DriveFake, tmp_path: Path, content: str | None, says: str
) -> None:
    file = tmp_path / "client.json"
    if content is not None:
        file.write_text(content)
    refused = stylegram("auth", "drive", "--client-secrets", str(file), "--no-browser")
    assert refused.code == 2
    assert says in refused.err
    assert "desktop app" in refused.err or "DRIVE_CREDENTIALS_FILE" in refused.err


def test_its_help_says_where_the_client_comes_from(stylegram: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    assert "https://console.cloud.google.com/apis/credentials" in stylegram("auth", "drive", "--help").out


def test_a_port_that_is_taken_is_said(stylegram: Command, drive: DriveFake, secrets: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        refused = stylegram("auth", "drive", "--client-secrets", secrets, "--no-browser", "--port", port)
    assert (refused.code, f"Port {port} cannot be listened on" in refused.err) == (2, True)


def test_a_place_that_cannot_be_written_is_said(
    log_in: Callable[..., Outcome], drive: DriveFake, secrets: str, tmp_path: Path
) -> None:
    out = f"{secrets}/drive.json"
    refused = log_in("--out", out)
    assert (refused.code, "cannot be kept in" in refused.err) == (2, True)
