"""Who reads Drive: the credentials that are named, that `stylegram auth drive` left, or that the machine has."""

import os
from pathlib import Path

from google.auth.credentials import AnonymousCredentials, Credentials

from stylegram.common.google_credentials import load_credentials

SCOPES = ("https://www.googleapis.com/auth/drive.readonly",)
"""What we ask to be allowed: to read, and nothing else."""


_ADVICE = "Name a service account's key file in STYLEGRAM_DRIVE_CREDENTIALS_FILE, or run `stylegram auth drive`."


def default_token_file() -> Path:
    """Where `stylegram auth drive` leaves a login, and where it is looked for."""
    configuration = os.environ.get("XDG_CONFIG_HOME") or Path.home() / ".config"
    return Path(configuration) / "stylegram" / "drive.json"


def load(file: Path | None, subject: str | None, *, emulated: bool) -> Credentials:
    """The credentials in `file`, else those that `stylegram auth drive` left, else the machine's.

    Args:
        file: see `load_credentials`.
        subject: e-mail address of the user in whose name a service account reads.
        emulated: whether it is an emulator that asks; it learns of nothing that is not in `file`.

    Raises:
        ConfigurationError: there are none, or they cannot be used.
    """
    if file is None and emulated:
        return AnonymousCredentials()
    if file is None and (left := default_token_file()).exists():
        file = left
    return load_credentials(file, scopes=SCOPES, subject=subject, advice=_ADVICE)
