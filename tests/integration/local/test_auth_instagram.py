"""`stylegram auth instagram`, with the real client, against Instagram's login in a fake."""

import json
import os
import pty
import re
import select
import stat
import subprocess
import sys
import termios
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

import instagrapi_fake_faults as wrong
from instagram_fake import DROPPED_BEFORE, TOO_MANY, FakeAccount, Fault
from instagrapi_fake_http import InstagrapiFake
from local_commands import Command
from stylegram.common.messages import PostKind
from stylegram.publisher.outlets.instagrapi_api import InstagrapiOutlet

PASSWORD = "correct horse battery"
SEED = "JBSWY3DPEHPK3PXP"


@pytest.fixture
def instagram(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[InstagrapiFake]:
    with InstagrapiFake() as fake:
        monkeypatch.setenv("STYLEGRAM_INSTAGRAM_ENDPOINT", fake.url)
        monkeypatch.setenv("STYLEGRAM_INSTAGRAM_TRANSPORT", "requests")
        monkeypatch.setenv("STYLEGRAM_INSTAGRAM_PAUSE_SECONDS", "0")
        monkeypatch.setenv("STYLEGRAM_INSTAGRAM_PASSWORD", PASSWORD)
        monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
        yield fake


@pytest.fixture
def ada(instagram: InstagrapiFake) -> FakeAccount:
    return instagram.instagram.add_account("ada", PASSWORD)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "config" / "stylegram" / "instagram-ada.json"


def kept(file: Path) -> dict[str, dict[str, str]]:
    """The session file."""
    content: dict[str, dict[str, str]] = json.loads(file.read_text())
    return content


def test_a_login_is_kept_and_the_publisher_goes_by_it(
    stylegram: Command, instagram: InstagrapiFake, ada: FakeAccount, file: Path
) -> None:
    done = stylegram("auth", "instagram", "--username", "@ada")
    assert done.code == 0, done.err
    assert "Logged in as @ada" in done.out
    assert "STYLEGRAM_PUBLISH_URL=instagrapi://ada" in done.out
    assert f"STYLEGRAM_INSTAGRAM_SESSION_FILE={file}" in done.out
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert stat.S_IMODE(file.parent.stat().st_mode) == 0o700
    outlet = InstagrapiOutlet("ada", session_file=file, pause_seconds=0, transport="requests", endpoint=instagram.url)
    out = ada.publish("photo", "", [b""])
    out.likes = 7
    assert outlet.feedback(out.media_id, PostKind.PHOTO).likes == 7
    assert instagram.complaints == []
    assert instagram.calls["login-send"] == 1
    text = done.out + done.err
    assert PASSWORD not in text + file.read_text()
    assert not [token for token in ada.tokens if token in text]


def test_it_is_kept_where_the_setting_or_the_option_says(
    stylegram: Command, ada: FakeAccount, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("STYLEGRAM_INSTAGRAM_SESSION_FILE", str(tmp_path / "set.json"))
    assert stylegram("auth", "instagram", "--username", "ada").code == 0
    assert (tmp_path / "set.json").exists()
    assert stylegram("auth", "instagram", "--username", "ada", "--out", str(tmp_path / "out.json")).code == 0
    assert (tmp_path / "out.json").exists()


def test_a_renewed_login_comes_from_the_same_phone(
    stylegram: Command, instagram: InstagrapiFake, ada: FakeAccount, file: Path
) -> None:
    stylegram("auth", "instagram", "--username", "ada")
    first = kept(file)
    instagram.log_out(ada)
    assert stylegram("auth", "instagram", "--username", "ada").code == 0
    second = kept(file)
    assert first["uuids"] == second["uuids"]
    assert first["usdid"] == second["usdid"]
    assert first["authorization_data"] != second["authorization_data"]
    assert instagram.phones == [first["uuids"]["uuid"]] * 2
    assert instagram.calls["login-register-phone"] == 1


def test_a_login_is_made_anew_though_the_old_one_is_still_good(
    stylegram: Command, ada: FakeAccount, instagram: InstagrapiFake, monkeypatch: pytest.MonkeyPatch
) -> None:
    stylegram("auth", "instagram", "--username", "ada")
    monkeypatch.setenv("STYLEGRAM_INSTAGRAM_PASSWORD", "another")
    assert stylegram("auth", "instagram", "--username", "ada").code == 1
    assert instagram.calls["login-send"] >= 2


def test_a_wrong_password_is_said_and_costs_nothing_that_was_there(
    stylegram: Command, instagram: InstagrapiFake, ada: FakeAccount, file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    stylegram("auth", "instagram", "--username", "ada")
    before = kept(file)
    monkeypatch.setenv("STYLEGRAM_INSTAGRAM_PASSWORD", "battery staple")
    done = stylegram("auth", "instagram", "--username", "ada")
    assert done.code == 1
    assert "Instagram does not take this password for @ada." in done.err
    assert "battery" not in done.out + done.err
    assert kept(file) == before


def test_a_file_that_cannot_be_written_is_said_before_anybody_logs_in(
    stylegram: Command, instagram: InstagrapiFake, ada: FakeAccount, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise OSError(30, "Read-only file system")

    monkeypatch.setattr("stylegram.publisher.outlets.instagrapi_api.session.write_atomically", refuse)
    done = stylegram("auth", "instagram", "--username", "ada")
    assert done.code == 2
    assert "cannot be kept" in done.err and "Read-only file system" in done.err
    assert instagram.calls.total() == 0


@pytest.mark.parametrize(
    ("fault", "words"),
    [
        (wrong.CHALLENGE, "Open the app on your phone or the website, confirm it"),
        (wrong.CHECKPOINT, "Open the app on your phone or the website, confirm it"),
        (wrong.SENTRY_BLOCK, "Open the app on your phone or the website, confirm it"),
        (wrong.FEEDBACK, "Open the app on your phone or the website, confirm it"),
        (wrong.WAIT, "wants to be left alone"),
        (TOO_MANY, "wants to be left alone"),
        (DROPPED_BEFORE, "did not answer"),
        (Fault("nothing", status=200, body={"layout": {}, "status": "ok"}), "does not say why"),
    ],
)
def test_what_failed_is_explained_and_tried_again_from_the_same_phone(
    stylegram: Command, instagram: InstagrapiFake, ada: FakeAccount, file: Path, fault: Fault, words: str
) -> None:
    instagram.instagram.faults.add(fault, call="login-send")
    failed = stylegram("auth", "instagram", "--username", "ada")
    assert failed.code == 1
    assert words in " ".join(failed.err.split())
    assert not kept(file).get("authorization_data")
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    phone = kept(file)["uuids"]["uuid"]
    assert stylegram("auth", "instagram", "--username", "ada").code == 0
    assert set(instagram.phones) == {phone}


def test_a_look_around_that_fails_after_the_login_does_not_cost_it(
    stylegram: Command, instagram: InstagrapiFake, ada: FakeAccount, file: Path
) -> None:
    instagram.instagram.faults.add(DROPPED_BEFORE, call="timeline")
    assert stylegram("auth", "instagram", "--username", "ada").code == 0
    assert kept(file)["authorization_data"]["sessionid"] in ada.tokens


@pytest.mark.parametrize("seed", [SEED, "jbsw y3dp-ehpk 3pxp"])
def test_a_second_factor_is_made_of_its_seed(
    stylegram: Command,
    instagram: InstagrapiFake,
    ada: FakeAccount,
    tmp_path: Path,
    seed: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    ada.totp_seed = SEED
    (tmp_path / "seed").write_text(seed + "\n")
    monkeypatch.setenv("STYLEGRAM_INSTAGRAM_TOTP_SEED_FILE", str(tmp_path / "seed"))
    done = stylegram("auth", "instagram", "--username", "ada")
    assert done.code == 0, done.err
    assert instagram.calls["login-send"] == 1
    assert not re.search(r"\b\d{6}\b", done.out)


def test_a_seed_that_is_none_or_not_the_accounts_is_said(
    stylegram: Command, ada: FakeAccount, instagram: InstagrapiFake, monkeypatch: pytest.MonkeyPatch
) -> None:
    ada.totp_seed = SEED
    for wrong_seed in ("not1a0seed!", "JBSWY3DPEHPK3PXPñ"):
        monkeypatch.setenv("STYLEGRAM_INSTAGRAM_TOTP_SEED", wrong_seed)
        done = stylegram("auth", "instagram", "--username", "ada")
        assert done.code == 2 and "STYLEGRAM_INSTAGRAM_TOTP_SEED" in done.err and wrong_seed[:10] not in done.err
    assert instagram.calls.total() == 0
    monkeypatch.setenv("STYLEGRAM_INSTAGRAM_TOTP_SEED", "GEZDGNBVGY3TQOJQ")
    done = stylegram("auth", "instagram", "--username", "ada")
    assert done.code == 1 and "does not take this code" in done.err and "GEZDGNBV" not in done.err


def test_without_terminal_and_password_it_says_what_to_set(
    stylegram: Command, ada: FakeAccount, instagram: InstagrapiFake, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("STYLEGRAM_INSTAGRAM_PASSWORD")
    done = stylegram("auth", "instagram", "--username", "ada")
    assert done.code != 0 and "STYLEGRAM_INSTAGRAM_PASSWORD_FILE" in done.err
    assert instagram.calls.total() == 0


def test_a_file_that_is_something_else_is_left_alone(
    stylegram: Command, ada: FakeAccount, instagram: InstagrapiFake, file: Path
) -> None:
    file.parent.mkdir(parents=True)
    file.write_text("my notes")
    done = stylegram("auth", "instagram", "--username", "ada")
    assert done.code != 0 and "is no session file" in done.err
    assert file.read_text() == "my notes"
    assert instagram.calls.total() == 0


def test_the_account_may_be_named_by_its_address(
    stylegram: Command, instagram: InstagrapiFake, ada: FakeAccount
) -> None:
    instagram.instagram.accounts["ada@example.org"] = ada
    done = stylegram("auth", "instagram", "--username", "ada@example.org")
    assert "STYLEGRAM_PUBLISH_URL=instagrapi://ada\n" in done.out


@pytest.mark.parametrize("wanted", ["second factor", "mail or message"])
def test_what_is_typed_is_not_shown(instagram: InstagrapiFake, ada: FakeAccount, file: Path, wanted: str) -> None:
    if wanted == "second factor":
        ada.totp_seed = SEED
    else:
        ada.mailed_code = "123456"
    environment = {name: value for name, value in os.environ.items() if name != "STYLEGRAM_INSTAGRAM_PASSWORD"}
    terminal, end = pty.openpty()
    program = "from stylegram.local.cli import main; main()"
    command = [sys.executable, "-c", program, "auth", "instagram", "--username", "ada"]
    process = subprocess.Popen(command, stdin=end, stdout=end, stderr=end, env=environment, start_new_session=True)
    os.close(end)
    shown = _until(terminal, "Password of @ada")
    _type(terminal, PASSWORD)
    shown += _until(terminal, wanted)
    _type(terminal, ada.mailed_code or _code())
    shown += _until(terminal, "notices by itself")
    assert process.wait(60) == 0
    os.close(terminal)
    assert PASSWORD not in shown
    assert not re.search(r"\b\d{6}\b", shown)
    assert kept(file)["authorization_data"]["sessionid"] in ada.tokens


def test_a_mailed_code_that_nobody_can_be_asked_for_is_said(
    stylegram: Command, instagram: InstagrapiFake, ada: FakeAccount, file: Path
) -> None:
    ada.mailed_code = "123456"
    done = stylegram("auth", "instagram", "--username", "ada")
    assert done.code != 0 and "Run this at a terminal" in done.err
    assert kept(file)["uuids"]["uuid"] == instagram.phones[0]


def _until(terminal: int, words: str) -> str:
    """What is shown until these words."""
    shown = ""
    while words not in shown:
        ready, _, _ = select.select([terminal], [], [], 60)
        assert ready, shown
        shown += os.read(terminal, 4096).decode(errors="replace")
    return shown


def _type(terminal: int, words: str) -> None:
    """Type where nothing is shown; what was typed before that would be thrown away."""
    while termios.tcgetattr(terminal)[3] & termios.ECHO:
        time.sleep(0.01)
    os.write(terminal, words.encode() + b"\n")


def _code() -> str:
    from instagrapi.mixins.totp import TOTPMixin

    code: str = TOTPMixin.totp_generate_code(SEED)
    return code


@pytest.mark.parametrize("name", ["bad name!", "", "x" * 31, "a/b"])
def test_a_name_that_is_none_is_refused_before_anybody_is_asked(stylegram: Command, name: str) -> None:
    refused = stylegram("auth", "instagram", "--username", name)
    assert (refused.code, "is no account's name" in refused.err) == (2, True)
