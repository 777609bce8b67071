"""The session file, logins that are not taken, and secrets that stay where they are."""

import io
import json
import logging
import stat
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import structlog
from pydantic import SecretStr

import instagrapi_fake_faults as wrong
from instagram_fake import DROPPED_AFTER, NOT_JSON, Fault
from instagrapi_posts import KINDS, World, post, sought, world
from stylegram.common.errors import ConfigurationError, LoginNeeded, StylegramError, Unavailable
from stylegram.common.logs import configure_logs
from stylegram.common.messages import PostKind
from stylegram.publisher.outlets.instagrapi_api import InstagrapiOutlet

PROXY = "http://user:proxy-password@127.0.0.1:8080"


@pytest.fixture
def instagram(tmp_path: Path) -> Iterator[World]:
    with world(tmp_path) as instagram:
        yield instagram


def rewrite(file: Path, **changes: object) -> None:
    """Somebody else writes the file."""
    file.write_text(json.dumps(json.loads(file.read_text()) | changes))


def test_an_outlet_opens_without_file_and_without_network(tmp_path: Path) -> None:
    outlet = InstagrapiOutlet("Ada", session_file=tmp_path / "none.json")
    assert (outlet.account, outlet.login, outlet.is_public, outlet.find_is_certain) == (
        "instagrapi://ada",
        "",
        True,
        False,
    )
    assert set(outlet.kinds) == set(KINDS)


@pytest.mark.parametrize(
    "content",
    [
        *(None, b"", b"{", b"[]", b"{}", b'{"uuids": {}}', b"\xff\xfe", b'{"uuids": {"uuid": "1"}}'),
        b'{"uuids": {}, "cookies": ["sessionid"]}',
        b'{"uuids": {}, "authorization_data": "Bearer"}',
        b'{"uuids": {}, "authorization_data": {"sessionid": "1"}, "cookies": "x"}',
        b'{"uuids": {}, "authorization_data": {"sessionid": "1"}, "device_settings": ["x"]}',
        b'{"uuids": {}, "authorization_data": {"sessionid": "1"}, "usdid": "x"}',
    ],
)
def test_without_a_usable_file_a_login_is_needed(instagram: World, content: bytes | None) -> None:
    instagram.file.unlink() if content is None else instagram.file.write_bytes(content)
    assert instagram.outlet.login == ""
    with pytest.raises(LoginNeeded, match="stylegram auth instagram --username stylegram"):
        instagram.outlet.upload(post())
    assert instagram.fake.calls.total() == 0


def test_a_file_that_may_not_be_read_needs_a_login(instagram: World) -> None:
    instagram.file.unlink()
    instagram.file.mkdir()
    with pytest.raises(LoginNeeded):
        instagram.outlet.upload(post())


def test_the_account_is_looked_at_once_and_must_be_the_one(instagram: World) -> None:
    for _ in range(2):
        instagram.outlet.upload(post())
    assert instagram.fake.calls["current-user"] == 1
    instagram.fake.instagram.add_account("ada")
    with pytest.raises(LoginNeeded, match="is of @stylegram, and not of @ada"):
        instagram.open("ada").upload(post())
    assert instagram.open("StyleGram").upload(post())


def test_nobody_ever_logs_in_by_itself(instagram: World) -> None:
    upload = instagram.outlet.upload(post())
    instagram.fake.log_out(instagram.account)
    for _ in range(2):
        with pytest.raises(LoginNeeded):
            instagram.outlet.commit(post(), upload)
        with pytest.raises(LoginNeeded):
            instagram.open().find(sought(post(), upload))
    assert not [call for call in instagram.fake.calls if call.startswith("login")]
    assert instagram.account.posts == []


def test_a_new_login_is_noticed_and_another_digest(instagram: World) -> None:
    upload = instagram.outlet.upload(post())
    before = instagram.outlet.login
    instagram.fake.log_out(instagram.account)
    with pytest.raises(LoginNeeded):
        instagram.outlet.commit(post(), upload)
    assert instagram.outlet.login == before
    instagram.fake.log_in(instagram.account, instagram.file)
    assert instagram.outlet.login not in ("", before)
    assert instagram.outlet.commit(post(), instagram.outlet.upload(post()))
    assert len(instagram.account.posts) == 1


def test_a_login_that_was_refused_is_read_again_before_it_is_used_again(instagram: World) -> None:
    upload = instagram.outlet.upload(post())
    instagram.faults.add(wrong.LOGGED_OUT, call="configure")
    with pytest.raises(LoginNeeded):
        instagram.outlet.commit(post(), upload)
    # Nobody has logged in, but somebody has said to go on.
    assert instagram.outlet.commit(post(), upload)
    assert instagram.fake.calls["current-user"] == 2


def test_a_login_that_was_replaced_while_it_was_still_good_is_used_from_then_on(instagram: World) -> None:
    instagram.outlet.upload(post())
    instagram.fake.log_in(instagram.account, instagram.file)
    instagram.account.tokens.discard(instagram.secret)
    assert instagram.outlet.upload(post())


def test_the_digest_is_of_the_login_alone(instagram: World) -> None:
    before = instagram.outlet.login
    rewrite(instagram.file, mid="another", user_agent="x", last_login=5.0)
    assert instagram.outlet.login == before
    assert instagram.secret not in before and len(before) == 64


def test_what_instagram_changes_is_kept_and_nobody_else_may_read_it(instagram: World) -> None:
    instagram.fake.answers_changed_session = "a-new-mid"
    instagram.outlet.upload(post())
    instagram.outlet.find(sought(post(), "[]"))
    kept = json.loads(instagram.file.read_text())
    assert kept["mid"] == "a-new-mid"
    assert stat.S_IMODE(instagram.file.stat().st_mode) == 0o600
    assert [path.name for path in instagram.file.parent.iterdir()] == ["session.json"]
    assert kept["authorization_data"]["sessionid"] == instagram.secret


def test_how_the_client_behaves_is_not_for_the_file_to_say(instagram: World) -> None:
    rewrite(instagram.file, tls_verify=False, session_retry_total=9, request_timeout=60, private_transport="curl")
    outlet = instagram.open()
    outlet.upload(post())
    client: Any = outlet._client
    assert (client.tls_verify, client.session_retry_total, client.request_timeout) == (True, 0, 0)
    assert "tls_verify" not in json.loads(instagram.file.read_text())


def test_the_file_is_written_only_when_something_changed(instagram: World) -> None:
    instagram.outlet.find(sought(post(), "[]"))
    before = instagram.file.stat().st_ino
    for _ in range(3):
        instagram.outlet.find(sought(post(), "[]"))
    assert instagram.file.stat().st_ino == before


def test_a_login_made_meanwhile_is_not_written_over(instagram: World, monkeypatch: pytest.MonkeyPatch) -> None:
    instagram.outlet.find(sought(post(), "[]"))
    instagram.fake.answers_changed_session = "a-new-mid"
    newer: list[str] = []
    real = instagram.fake.answer

    def answer(request: object) -> object:
        # Between the outlet's look at the file and its writing of it.
        newer.append(instagram.fake.log_in(instagram.account, instagram.file))
        return real(request)  # type: ignore[arg-type]

    monkeypatch.setattr(instagram.fake, "answer", answer)
    instagram.outlet.find(sought(post(), "[]"))
    assert json.loads(instagram.file.read_text())["authorization_data"]["sessionid"] == newer[-1]


def test_a_file_that_cannot_be_written_stops_nothing_and_is_said_once(
    instagram: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise OSError(30, "Read-only file system")

    monkeypatch.setattr("stylegram.publisher.outlets.instagrapi_api.session.write_atomically", refuse)
    with structlog.testing.capture_logs() as logs:
        for mid in ("one", "two", "three"):
            instagram.fake.answers_changed_session = mid
            published = instagram.outlet.commit(post(), instagram.outlet.upload(post()))
            assert published.url
    assert [entry["event"] for entry in logs] == ["instagram_session_not_kept"]


@pytest.mark.parametrize(
    "proxy", ["user:proxy-password@host", "http://user:proxy-password@host:port", "ftp://h:1", "x"]
)
def test_a_proxy_that_is_none_is_a_wrong_setting(tmp_path: Path, proxy: str) -> None:
    with pytest.raises(ConfigurationError, match="STYLEGRAM_INSTAGRAM_PROXY") as error:
        InstagrapiOutlet("ada", session_file=tmp_path / "s.json", proxy=SecretStr(proxy))
    assert "proxy-password" not in str(error.value)


def everything_goes_wrong(secret: str) -> list[Fault]:
    """Answers that have the secret in all places where text could come from."""
    text = f"for {secret} only"
    body = {"message": text, "error_type": text, "error_title": text, "feedback_message": text, "status": "fail"}
    headers = {"Location": f"https://i.instagram.com/challenge/?token={secret}", "Retry-After": secret}
    faults = [Fault(f"{status}", status=status, body=body) for status in (200, 400, 401, 403, 404, 429, 500)]
    faults += [Fault(f"{status} page", status=status, body=f"<p>{secret}") for status in (200, 400, 403, 404, 429, 503)]
    return [*faults, Fault("302", status=302, body=secret, headers=headers), wrong.CHALLENGE, NOT_JSON, DROPPED_AFTER]


@pytest.mark.parametrize("json_logs", [True, False])
def test_no_secret_is_logged_or_said_or_remembered(
    instagram: World, logs_as_they_were: None, json_logs: bool, capsys: pytest.CaptureFixture[str]
) -> None:
    said = io.StringIO()
    configure_logs(json=json_logs, level="debug", stream=said)
    outlet = instagram.open()
    uuid = json.loads(instagram.file.read_text())["uuids"]["uuid"]
    planted = "planted0secret1planted2secret3"
    for fault in (None, *everything_goes_wrong(planted)):
        for call, kind in (("upload", PostKind.REEL), ("configure", PostKind.PHOTO), ("feed", None), ("info", None)):
            try:
                upload = outlet.upload(post(kind or PostKind.PHOTO)) if call != "upload" else ""
                if fault:
                    instagram.faults.add(fault, call=call)
                match call:
                    case "upload":
                        outlet.upload(post(PostKind.REEL))
                    case "configure":
                        outlet.commit(post(PostKind.PHOTO), upload)
                    case "feed":
                        outlet.find(sought(post(), upload))
                    case "info":
                        outlet.permalink("3500000000000000001")
            except StylegramError as error:
                structlog.get_logger().exception("it_failed", error=error, what=repr(error))
            instagram.faults.calm()
    logging.getLogger("instagrapi").warning("what others say is still heard")
    text = said.getvalue() + repr(outlet) + repr(outlet.__dict__.get("_transport")) + "".join(capsys.readouterr())
    assert "it_failed" in text and "still heard" in text
    assert "instagram.com" not in text
    for secret in (planted, instagram.secret, instagram.secret.split("%3A")[1], uuid):
        assert secret not in text


def test_instagram_is_not_reached_at_its_own_addresses_when_another_is_set(
    instagram: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HTTPS_PROXY", "http://127.0.0.1:9")
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    assert instagram.open().upload(post())
    with pytest.raises(Unavailable):
        instagram.open(endpoint="http://127.0.0.1:9").upload(post())


def test_the_client_is_imported_only_by_who_opens_such_an_outlet() -> None:
    program = "import sys, stylegram.publisher.outlets; print('instagrapi' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"
