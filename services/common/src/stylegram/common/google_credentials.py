"""Who we are to Google: credentials for Drive and Cloud Storage, whatever kind they are of.

>>> load_credentials(Path("key.json"), scopes=[DRIVE], advice="Name another with --key.")  # doctest: +SKIP
"""

import json
from collections.abc import Sequence
from pathlib import Path

import google.auth
from google.auth import identity_pool
from google.auth.credentials import Credentials
from google.auth.exceptions import GoogleAuthError
from google.oauth2 import credentials as user
from google.oauth2 import service_account

from stylegram.common.errors import ConfigurationError


def load_credentials(
    file: Path | None, *, scopes: Sequence[str], advice: str, subject: str | None = None
) -> Credentials:
    """The credentials in `file`, or the application default credentials; nobody is asked whether they are good.

    Args:
        file: JSON of any kind that Google's own tools write: a service account's key, an authorised user, a workload
            identity federation. None for the application default credentials: what GOOGLE_APPLICATION_CREDENTIALS
            names, what `gcloud auth application-default login` left, or the machine's own account.
        scopes: what they are to be good for.
        advice: where to name others, for errors.
        subject: e-mail address of the user in whose name a service account acts.

    Raises:
        ConfigurationError: there are none, they cannot be read, or they cannot act in anybody's name.
    """
    credentials = _default(scopes, advice) if file is None else _from_file(file, scopes, advice)
    if subject is None:
        return credentials
    if not hasattr(credentials, "with_subject"):
        raise ConfigurationError(
            f"These Google credentials cannot act in the name of {subject}.",
            advice="Only a service account with domain-wide delegation can: name its key file.",
        )
    acting: Credentials = credentials.with_subject(subject)
    return acting


def _default(scopes: Sequence[str], advice: str) -> Credentials:
    try:
        credentials, _ = google.auth.default(scopes=list(scopes))
    except (GoogleAuthError, OSError, ValueError) as error:
        raise ConfigurationError(
            "There are no Google credentials on this machine, or none that can be used.", advice=advice
        ) from error
    return credentials


def _from_file(file: Path, scopes: Sequence[str], advice: str) -> Credentials:
    try:
        info = json.loads(file.read_bytes())
        # Each kind by its own name: Google warns of the one call that takes any, as some kinds run commands.
        credentials: Credentials
        match info["type"]:
            case "service_account":
                credentials = service_account.Credentials.from_service_account_info(info, scopes=list(scopes))
            case "authorized_user":
                credentials = user.Credentials.from_authorized_user_info(info, scopes=list(scopes))
            case "external_account":
                credentials = identity_pool.Credentials.from_info(info, scopes=list(scopes))
            case kind:
                raise ConfigurationError(
                    f"'{file}' holds Google credentials of a kind that is not taken: {str(kind)[:40]!r}.",
                    advice="A service account's key is, and a user's login, and a workload identity federation.",
                )
        return credentials
    except OSError as error:
        raise ConfigurationError(
            f"The Google credentials '{file}' cannot be read: {error.strerror}.", advice=advice
        ) from None
    except (GoogleAuthError, ValueError, KeyError, TypeError, AttributeError):
        raise ConfigurationError(
            f"'{file}' holds no Google credentials that can be used.",
            advice=f"It is the JSON file that Google's console gives for a service account's key. {advice}",
        ) from None
