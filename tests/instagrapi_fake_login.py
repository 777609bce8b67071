"""How the app logs in, as a fake: the phone is registered, then a password goes over encrypted, then perhaps a code.

Instagram leads the app through it by programs of its own, in which the client finds what it needs. A wrong password
is answered as the real one answers it: go the old way, which says what is wrong.
"""

import base64
import functools
import hashlib
import hmac
import json
import struct
import time
from abc import abstractmethod
from collections.abc import Mapping
from email.message import Message
from typing import Any
from urllib.parse import unquote_plus
from uuid import uuid4

from Cryptodome.Cipher import AES, PKCS1_v1_5
from Cryptodome.PublicKey import RSA

from instagram_fake import FakeAccount, InstagramFake

_KEY_ID = 41
_ACTION = r"/api/v1/bloks/async_action/"
_APP = r"/api/v1/bloks/apps/"

Reply = tuple[dict[str, Any], dict[str, str]]


class Complaint(Exception):
    """Why a request is refused: an answer, and a word about it."""

    def __init__(self, why: str, status: int = 400, body: Mapping[str, object] | None = None) -> None:
        super().__init__(why)
        self.status = status
        self.body = body or {"message": why, "status": "fail"}


@functools.cache
def _key() -> RSA.RsaKey:
    return RSA.generate(2048)


class LoginFake:
    """The calls of a login.

    Args:
        instagram: whose accounts can be logged in to.
    """

    login_routes = (
        ("login-register-phone", "POST", r"/graphql_www"),
        ("login-open", "POST", _ACTION + r"com\.bloks\.www\.bloks\.caa\.login\.process_client_data_and_redirect/"),
        ("login-attest", "POST", r"/api/v1/attestation/create_android_keystore/"),
        ("login-token", "POST", _ACTION + r"com\.bloks\.www\.caa\.login\.oauth\.token\.fetch\.async/"),
        ("login-key", "GET", r"/api/v1/qe/sync/"),
        ("login-send", "POST", _ACTION + r"com\.bloks\.www\.bloks\.caa\.login\.async\.send_login_request/"),
        ("login-code", "POST", _ACTION + r"com\.bloks\.www\.two_step_verification\.verify_code\.async/"),
        ("login-step", "POST", f"(?:{_ACTION}|{_APP})com\\.bloks\\.www\\.two_step_verification\\..*"),
        ("login-mail-open", "POST", _ACTION + r"com\.bloks\.www\.ap\.two_step_verification\.entrypoint_async/"),
        ("login-mail-show", "POST", _APP + r"com\.bloks\.www\.ap\.two_step_verification\.code_entry/"),
        ("login-mail-code", "POST", _ACTION + r"com\.bloks\.www\.ap\.two_step_verification\.code_entry_async/"),
        ("login-launch", "POST", r"/api/v1/launcher/sync/"),
        ("login-old", "POST", r"/api/v1/accounts/login/"),
        ("tray", "POST", r"/api/v1/feed/reels_tray/"),
        ("timeline", "POST", r"/api/v1/feed/timeline/"),
    )

    def __init__(self, instagram: InstagramFake) -> None:
        self._accounts = instagram
        self._context = uuid4().hex
        self._nonce = uuid4().hex
        self._half_way: dict[str, FakeAccount] = {}
        self.phones: list[str] = []
        """From which somebody tried to log in."""

    @abstractmethod
    def admit(self, account: FakeAccount, device: str, android: str) -> str:
        """A new login of the account on that phone."""

    def answer_login(self, call: str, headers: Message, form: Mapping[str, str]) -> Reply:
        """Carry out a call of a login; each needs what the one before gave."""
        if call == "login-key":
            public = base64.b64encode(_key().public_key().export_key()).decode()
            return {"status": "ok"}, {
                "ig-set-password-encryption-key-id": str(_KEY_ID),
                "ig-set-password-encryption-pub-key": public,
            }
        match call:
            case "login-register-phone":
                return {"data": {"xdt_usdid_registration": {"success": True}}, "status": "ok"}, {}
            case "login-open":
                known = {"key": "CAA_ACCOUNT_ACCESS_CONTEXT:aac", "initial": self._context}
                return _program(data=[{"data": known}]), {}
            case "login-attest":
                return {"challenge_nonce": self._nonce, "key_nonce": "k", "status": "ok"}, {}
            case "login-send":
                return self._password(headers, json.loads(form["params"])["client_input_params"]), {}
            case "login-code":
                return self._code(headers, json.loads(form["params"])), {}
            case "login-mail-open" | "login-mail-show" | "login-mail-code":
                return self._mail(call, headers, json.loads(form["params"])), {}
            case "login-old":
                wrong = {"message": "The password you entered is incorrect.", "error_type": "bad_password"}
                raise Complaint("wrong password", body={**wrong, "status": "fail"})
        return _program(), {}

    def _password(self, headers: Message, sent: Mapping[str, Any]) -> dict[str, Any]:
        self.phones.append(str(headers["X-IG-Device-ID"]))
        attested = json.loads(headers.get("X-IG-Attest-Params", "{}")).get("attestation", [{}])
        account = self._accounts.accounts.get(sent["contact_point"])
        if sent["aac"] != self._context or attested[0].get("challenge_nonce") != self._nonce:
            return _program("CAA_LOGIN_FALLBACK:NO_CONTEXT")
        if not account or _decrypted(sent["password"]) != account.password:
            return _program("CAA_LOGIN_FALLBACK:WRONG_PASSWORD")
        if account.totp_seed:
            context = uuid4().hex
            self._half_way[context] = account
            return _program(data=[{"two_step_verification_context": context}])
        if account.mailed_code:
            self._half_way[context := uuid4().hex] = account
            return _program(_next_app("entrypoint_async", context))
        return self._let_in(account, headers)

    def _mail(self, call: str, headers: Message, sent: Mapping[str, Any]) -> dict[str, Any]:
        context = sent["server_params"]["context_data"]
        account = self._half_way[context]
        if call == "login-mail-open":
            return _program(_next_app("code_entry", context))
        if call == "login-mail-show":
            return _program(_next_app("code_entry_async", context))
        if sent["client_input_params"]["code"] != account.mailed_code:
            return _program("CAA_WRONG:CODE")
        return self._let_in(account, headers)

    def _code(self, headers: Message, sent: Mapping[str, Any]) -> dict[str, Any]:
        account = self._half_way[sent["server_params"]["two_step_verification_context"]]
        if sent["client_input_params"]["code"] not in _codes(account.totp_seed):
            return _program("CAA_WRONG:CODE")
        return self._let_in(account, headers)

    def _let_in(self, account: FakeAccount, headers: Message) -> dict[str, Any]:
        secret = self.admit(account, str(headers["X-IG-Device-ID"]), str(headers["X-IG-Android-ID"]))
        login = {"ds_user_id": account.user_id, "sessionid": secret, "should_use_header_over_cookies": True}
        bearer = "Bearer IGT:2:" + base64.b64encode(json.dumps(login).encode()).decode()
        user = {"logged_in_user": {"pk": account.user_id, "username": account.username}, "status": "ok"}
        given = {"login_response": json.dumps(user), "headers": json.dumps({"IG-Set-Authorization": bearer})}
        return _program(f"(bk.action.caa.HandleLoginResponse, {json.dumps(json.dumps(given))})")


def _program(action: str = "", data: list[Any] | None = None) -> dict[str, Any]:
    return {"layout": {"bloks_payload": {"action": action, "data": data or []}}, "status": "ok"}


def _next_app(name: str, context: str) -> str:
    """A program that leads to another one, with what that one needs."""
    app = f"com.bloks.www.ap.two_step_verification.{name}"
    return f'(bk.action.Open, {json.dumps(app)}, (f4i (dkc "context_data") (dkc {json.dumps(context)})))'


def _decrypted(password: str) -> str:
    """What the app encrypted for the key that it was given."""
    _, _, stamp, payload = password.split(":", 3)
    sealed = base64.b64decode(payload)
    (length,) = struct.unpack("<H", sealed[14:16])
    secret = PKCS1_v1_5.new(_key()).decrypt(sealed[16 : 16 + length], b"")
    tag, text = sealed[16 + length : 32 + length], sealed[32 + length :]
    cipher = AES.new(secret, AES.MODE_GCM, sealed[2:14])
    cipher.update(stamp.encode())
    return cipher.decrypt_and_verify(text, tag).decode()


def _codes(seed: str) -> set[str]:
    """The codes of now and of half a minute ago (RFC 6238)."""
    key, step = base64.b32decode(seed), int(time.time()) // 30
    codes = set()
    for moment in (step, step - 1):
        digest = hmac.new(key, struct.pack(">Q", moment), hashlib.sha1).digest()
        (number,) = struct.unpack_from(">I", digest, digest[-1] & 15)
        codes.add(f"{(number & 0x7FFFFFFF) % 1_000_000:06}")
    return codes


def unsigned(body: str) -> dict[str, Any]:
    """What is in a signed body."""
    start = "signed_body=SIGNATURE."
    if not body.startswith(start):
        raise Complaint("unsigned body")
    data: dict[str, Any] = json.loads(unquote_plus(body.removeprefix(start)))
    return data
