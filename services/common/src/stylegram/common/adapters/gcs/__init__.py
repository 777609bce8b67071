"""Google Cloud Storage as object storage."""

import os
import re
from pathlib import Path
from urllib.parse import urlsplit

from google.auth import compute_engine
from google.auth.credentials import Credentials
from google.cloud.storage import Client

from stylegram.common import object_names
from stylegram.common.adapters.gcs.storage import GcsStorage
from stylegram.common.errors import ConfigurationError, InvalidObjectName
from stylegram.common.google_credentials import load_credentials

__all__ = ["GcsStorage", "open_gcs"]

# What an account may do is IAM's business. A narrower scope than this one gets no signatures, and users who logged in
# with gcloud have no other.
_SCOPES = ("https://www.googleapis.com/auth/cloud-platform",)
_ADVICE = (
    "Name a service account's key file in STYLEGRAM_STORAGE_CREDENTIALS_FILE, or run"
    " `gcloud auth application-default login`."
)
_UNIVERSE = "googleapis.com"
_BUCKET = re.compile(r"[a-z0-9][a-z0-9._-]{1,220}[a-z0-9]")
# With the longest of our names behind it, it stays within the 1,024 bytes that an object's name may have.
_MAX_PREFIX = 120


def open_gcs(url: str, *, credentials_file: Path | None = None) -> GcsStorage:
    """The storage at `url`: `gs://bucket` or `gs://bucket/some/prefix`; nobody is asked whether it is there.

    Where STORAGE_EMULATOR_HOST is set, it is the emulator at that address, which takes everybody.

    Args:
        url: the bucket, and what its objects' names begin with.
        credentials_file: Google's; the application default credentials where None.

    Raises:
        ConfigurationError: the URL or the credentials are wrong.
    """
    bucket, prefix = _parse(url)
    emulator = os.environ.get("STORAGE_EMULATOR_HOST", "")
    if emulator and not emulator.startswith(("http://", "https://")):  # which the library would find out with each call
        raise ConfigurationError(
            f"STORAGE_EMULATOR_HOST is no address: '{emulator}'.", advice="Write http:// in front of it, or unset it."
        )
    if emulator and credentials_file is None:
        return GcsStorage(Client(project=None), bucket, prefix)
    credentials = _offline(load_credentials(credentials_file, scopes=_SCOPES, advice=_ADVICE))
    # Without a word about the project the library looks for one, on a machine of Google's by asking the network.
    client = Client(project=None, credentials=credentials)
    return GcsStorage(client, bucket, prefix, credentials=credentials)


def _offline(credentials: Credentials) -> Credentials:
    # The library asks a machine's own account for its universe as soon as a client is made, over the network.
    if isinstance(credentials, compute_engine.Credentials):
        credentials = credentials.with_universe_domain(_UNIVERSE)
    return credentials


def _parse(url: str) -> tuple[str, str]:
    parts = urlsplit(url)
    if not _BUCKET.fullmatch(parts.netloc):
        raise ConfigurationError(
            f"'{url}' names no bucket.",
            advice="Write gs://bucket or gs://bucket/prefix; a bucket has 3 to 222 of a-z, 0-9 and ._- in its name.",
        )
    prefix = parts.path.removeprefix("/").removesuffix("/")
    try:
        if parts.query or parts.fragment or len(prefix) > _MAX_PREFIX:
            raise InvalidObjectName(prefix)
        return parts.netloc, f"{object_names.check(prefix)}/" if prefix else ""
    except InvalidObjectName:
        raise ConfigurationError(
            f"In '{url}', what follows the bucket cannot begin an object's name.",
            advice=f"Use up to {_MAX_PREFIX} letters, digits and ._=+@- between single slashes; no part may start with"
            " a dot.",
        ) from None
