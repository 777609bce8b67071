"""The session file: a phone as Instagram knows it, and the login made on it. A secret.

It is the client's own form of settings, less what says how the client behaves: that is ours to say.
"""

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from stylegram.common.files import write_atomically

Session = dict[str, Any]

# The phone, which outlasts logins.
_DEVICE = (
    *("uuids", "mid", "device_settings", "user_agent", "country", "country_code", "locale"),
    *("timezone_offset", "timezone_name", "push_disabled", "usdid"),
)
_LOGIN = ("authorization_data", "cookies", "last_login", "ig_u_rur", "ig_www_claim")
_OBJECTS = ("authorization_data", "cookies", "device_settings", "usdid")


def read(file: Path) -> Session:
    """The session in the file.

    Raises:
        OSError: it cannot be read.
        ValueError: it is none.
    """
    session = json.loads(file.read_bytes())
    if not isinstance(session, dict) or not isinstance(session.get("uuids"), dict):
        raise ValueError("no uuids in it")
    if any(not isinstance(session.get(name) or {}, dict) for name in _OBJECTS):
        raise ValueError("not of the client's form")
    return essence(session)


def write(file: Path, session: Mapping[str, Any]) -> None:
    """Replace the file, which nobody else may read at any time.

    Raises:
        OSError: it cannot be written.
    """
    write_atomically(file, json.dumps(essence(session), indent=1).encode(), private=True)


def essence(session: Mapping[str, Any]) -> Session:
    """The phone and the login of the client's settings."""
    return {name: session[name] for name in (*_DEVICE, *_LOGIN) if name in session}


def phone(session: Mapping[str, Any]) -> Session:
    """The phone alone, on which nobody is logged in."""
    return {name: session[name] for name in _DEVICE if name in session}


def digest(session: Mapping[str, Any]) -> str:
    """Of the login, which tells one login from another and nothing else; empty where there is none."""
    login = session.get("authorization_data") or (session.get("cookies") or {}).get("sessionid")
    return hashlib.sha256(json.dumps(login, sort_keys=True).encode()).hexdigest() if login else ""
