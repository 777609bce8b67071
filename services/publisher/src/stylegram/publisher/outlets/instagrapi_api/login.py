"""Logging in, which only a person has done: see `stylegram auth instagram`.

The client's `login` goes the way of today's app, and the old one where Instagram sends it there. It is asked for a new
login always: with an old one at hand it would look at that first, and say nothing of it.
"""

import base64
import contextlib
import io
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from instagrapi import Client
from instagrapi import exceptions as client_errors

from stylegram.common.errors import AccountStopped, ConfigurationError, LoginNeeded, StylegramError
from stylegram.publisher.outlets.instagrapi_api import session
from stylegram.publisher.outlets.instagrapi_api.client import open_client
from stylegram.publisher.outlets.instagrapi_api.reading import current_user
from stylegram.publisher.outlets.instagrapi_api.transport import Transport
from stylegram.publisher.outlets.instagrapi_api.troubles import Doing, error_of, translated
from stylegram.publisher.outlets.instagrapi_api.verdicts import Verdict, verdict_of

_AGAIN = "Then run this again: it comes from the same phone, as Instagram sees it."


@dataclass(frozen=True)
class Credentials:
    """What a person knows; none of it is kept.

    Args:
        username: the account's.
        password: the account's.
        totp_seed: what codes of the second factor are made of; empty where a person reads them from an app.
        ask_code: asks for a code, given the words of what it is.
    """

    username: str
    password: str
    totp_seed: str
    ask_code: Callable[[str], str]

    def __repr__(self) -> str:
        return f"Credentials({self.username!r})"


def checked_seed(seed: str) -> str:
    """The seed of a second factor, without the blanks and dashes that people write.

    Raises:
        ConfigurationError: it is none; the text does not show it.
    """
    plain = seed.replace(" ", "").replace("-", "").upper()
    try:
        base64.b32decode(plain + "=" * (-len(plain) % 8))
    except ValueError:
        raise ConfigurationError(
            "STYLEGRAM_INSTAGRAM_TOTP_SEED is no seed of a second factor.",
            advice="It is the text of letters and digits that the app shows beside the square code.",
        ) from None
    return plain


def log_in(file: Path, credentials: Credentials, transport: Transport, *, pause_seconds: float) -> str:
    """Log in from the phone that the file has, or a new one, and keep the login there; returns the account's name.

    Where that fails, the file keeps the login that it has, and the phone that was used. That a file cannot be written
    is said before anybody logs in.

    Raises:
        StylegramError: what to do about it.
    """
    client = open_client(session.phone(_read(file)), transport, pause_seconds=pause_seconds)
    _keep_phone(file, client)
    try:
        _attempt(client, credentials, transport)
        with translated(Doing.READ, transport, credentials.username):
            username = str(current_user(client)["username"])
    except BaseException:
        _keep_phone(file, client)
        raise
    _write(file, client.get_settings())
    return username


def _keep_phone(file: Path, client: Client) -> None:
    _write(file, {**_read(file), **session.phone(client.get_settings())})


def _attempt(client: Client, credentials: Credentials, transport: Transport) -> None:
    client.challenge_code_handler = lambda *_: credentials.ask_code("code that Instagram sent by mail or message")
    code = client.totp_generate_code(credentials.totp_seed) if credentials.totp_seed else ""
    try:
        try:
            _ask(client, credentials, code)
        except client_errors.TwoFactorRequired:
            if code:
                raise
            _ask(client, credentials, credentials.ask_code("code of your second factor"))
    except StylegramError:
        raise
    except Exception as error:
        # It looks around after a login, which may fail while the login stands.
        if not session.digest(client.get_settings()):
            raise _refusal(error, credentials, transport) from None


def _ask(client: Client, credentials: Credentials, code: str) -> None:
    # It prints codes that it is given.
    with contextlib.redirect_stdout(io.StringIO()):
        client.login(credentials.username, credentials.password, verification_code=code)


def _refusal(error: Exception, credentials: Credentials, transport: Transport) -> StylegramError:
    """What to tell the person; nothing of what the client says, which may have what was typed in it."""
    account = f"@{credentials.username}"
    if isinstance(error, client_errors.BadPassword | client_errors.BadCredentials):
        return LoginNeeded(
            f"Instagram does not take this password for {account}.",
            advice="If it is right, Instagram distrusts this machine's address: log in from where you use the app.",
        )
    if isinstance(error, client_errors.TwoFactorRequired):
        return LoginNeeded(f"Instagram does not take this code for {account}.", advice="Run this again with a new one.")
    verdict = verdict_of(error, transport.answer)
    if verdict is Verdict.STOP:
        return AccountStopped(
            f"Instagram wants to know that it is you who logs in as {account}.",
            advice=f"Open the app on your phone or the website, confirm it, and wait some minutes. {_AGAIN}",
        )
    if verdict is Verdict.LOST and transport.answer and transport.answer.status == 200:
        return LoginNeeded(
            f"Instagram did not let {account} in, and does not say why.",
            advice=f"Look into the app whether it asks for something. {_AGAIN}",
        )
    return error_of(verdict, Doing.READ, credentials.username, error=error, answer=transport.answer)


def _read(file: Path) -> session.Session:
    try:
        return session.read(file)
    except FileNotFoundError:
        return {}
    except (OSError, ValueError) as error:
        why = error.strerror if isinstance(error, OSError) else "it is no session file"
        raise ConfigurationError(
            f"'{file}' cannot be used: {why}.", advice="Move it away, or name another file by --out."
        ) from None


def _write(file: Path, settings: Mapping[str, Any]) -> None:
    try:
        session.write(file, settings)
    except OSError as error:
        raise ConfigurationError(
            f"The login cannot be kept in '{file}': {error.strerror}.", advice="Name another file by --out."
        ) from None
