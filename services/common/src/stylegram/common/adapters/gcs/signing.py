"""Addresses that open one object to whoever knows them, signed in the name of a service account."""

from datetime import timedelta
from typing import Any

from google.auth.credentials import Credentials, Signing
from google.auth.exceptions import TransportError
from google.auth.transport.requests import Request
from google.cloud.storage import Blob

from stylegram.common.errors import ConfigurationError


def signed_url(blob: Blob, credentials: Credentials, *, seconds: int) -> str:
    """A V4-signed address of the object.

    Whoever has a key signs with it. Without one, as with a workload's own account, Google's IAM signs.

    Raises:
        ConfigurationError: these credentials are of no service account, or it may not sign.
        GoogleAuthError: whoever signs did not answer.
    """
    try:
        url: str = blob.generate_signed_url(
            version="v4", expiration=timedelta(seconds=seconds), method="GET", **_signer(credentials)
        )
    except TransportError as error:
        # The library has one error for a network that is away and for IAM's refusal, with its words as bytes.
        if "PERMISSION_DENIED" not in str(error):
            raise
        if "SERVICE_DISABLED" in str(error):
            advice = "Switch it on: gcloud services enable iamcredentials.googleapis.com"
        else:
            advice = "Give it roles/iam.serviceAccountTokenCreator on itself."
        raise ConfigurationError("Our service account may not sign addresses.", advice=advice) from None
    return url


def _signer(credentials: Credentials) -> dict[str, Any]:
    if isinstance(credentials, Signing):
        return {"credentials": credentials}
    if not credentials.valid:
        # Only then does a machine's own account know its name, too.
        credentials.refresh(Request())
    account = getattr(credentials, "service_account_email", None)
    if not account or "@" not in account:
        raise ConfigurationError(
            "Only a service account can sign addresses, and our Google credentials are of none.",
            advice="Name a service account's key file in STYLEGRAM_STORAGE_CREDENTIALS_FILE, or bind the workload to a"
            " service account.",
        )
    return {"service_account_email": account, "access_token": credentials.token}
