"""What goes wrong between us and Drive, sorted by what helps, and said in our own words."""

import http.client
import json
from enum import Enum, auto

import httplib2
from google.auth.exceptions import GoogleAuthError, RefreshError, TransportError
from googleapiclient.errors import HttpError

from stylegram.common.errors import NotFound, StylegramError, Unavailable


class UnreadableAnswer(Exception):
    """What came with a good status is no JSON, so it is not Drive's: something on the way answered."""


TROUBLES = (
    HttpError,
    GoogleAuthError,
    httplib2.HttpLib2Error,
    http.client.HTTPException,
    OSError,
    UnreadableAnswer,
)
"""All that a call may raise."""

_TOO_FAST = {"rateLimitExceeded", "userRateLimitExceeded"}
# A shared drive is hidden from those who are no members in one of two ways.
_NOT_THERE = {"notFound", "teamDriveMembershipRequired"}
_LOG_IN_AGAIN = (
    "Have them renewed: share the folder with a service account and name its key file, or run `stylegram auth drive`"
    " again. Logins with an app that is still in testing end after seven days."
)
_SCOPE = "They need the scope drive.readonly: name a service account's key file, or run `stylegram auth drive`."
_ADVICE = {
    "accessNotConfigured": "Enable the Google Drive API in the Google Cloud project that the credentials are of.",
    "insufficientPermissions": _SCOPE,
    "invalid_scope": _SCOPE,
    "unauthorized_client": "Have an administrator of the Google Workspace grant the service account's client id"
    " domain-wide delegation for https://www.googleapis.com/auth/drive.readonly.",
    "cannotDownloadFile": "Its owner keeps others from downloading it: have that changed, or take it out.",
    "cannotDownloadAbusiveFile": "Google takes it for malware or spam, and gives it to its owner only.",
    "downloadQuotaExceeded": "It was fetched too often lately; Google gives it again within a day.",
    "dailyLimitExceeded": "The Google Cloud project's quota for today is used up: wait, or have it raised.",
}


class Trouble(Enum):
    """What helps."""

    PASSING = auto()
    """To try again."""
    TOO_FAST = auto()
    """To try again, and more slowly from now on."""
    LASTING = auto()
    """Nothing that we can do."""


def trouble_of(error: Exception) -> Trouble:
    """Which of them one of `TROUBLES` is."""
    if isinstance(error, HttpError):
        if error.resp.status == 429 or reason_of(error) in _TOO_FAST:
            return Trouble.TOO_FAST
        return Trouble.PASSING if error.resp.status == 408 or error.resp.status >= 500 else Trouble.LASTING
    if isinstance(error, GoogleAuthError):
        return Trouble.PASSING if isinstance(error, TransportError) or error.retryable else Trouble.LASTING
    return Trouble.PASSING


def reason_of(error: HttpError) -> str:
    """Drive's own word for it, as in `userRateLimitExceeded`; empty where it gives none."""
    try:
        return str(json.loads(error.content)["error"]["errors"][0]["reason"])
    except (ValueError, LookupError, TypeError):
        return ""


def explained(error: Exception, what: str, account: str) -> StylegramError:
    """One of `TROUBLES` as an error of ours.

    Args:
        error: what was raised.
        what: was asked for, as in "the folder '1aB2'".
        account: who asked.
    """
    if isinstance(error, HttpError):
        return _refusal(error, what, account)
    if isinstance(error, RefreshError):
        # The library's own words repeat what the server said, which may be anything: only its code is safe.
        code = next((str(part["error"]) for part in error.args if isinstance(part, dict) and "error" in part), "")
        return Unavailable(
            f"Google does not accept the credentials of {account}{f' ({code})' if code else ''}.",
            advice=_ADVICE.get(code, _LOG_IN_AGAIN),
        )
    if isinstance(error, GoogleAuthError) and not isinstance(error, TransportError):
        return Unavailable(f"There is no access to Google with the credentials of {account}.", advice=_LOG_IN_AGAIN)
    cause = error.args[0] if isinstance(error, TransportError) and error.args else error
    return Unavailable(f"Google Drive could not be reached for {what}: {type(cause).__name__}.")


def _words(error: HttpError, reason: str) -> str:
    words = str(error.reason).rstrip(".") if error.reason else ""
    return words if words and words != reason else "it does not say more"


def _refusal(error: HttpError, what: str, account: str) -> StylegramError:
    status, reason = error.resp.status, reason_of(error)
    if status == 404 or reason in _NOT_THERE:
        return NotFound(
            f"Google Drive has no {what}, or does not show it to {account}.",
            advice=f"Share it with {account}, or correct its id.",
        )
    if status == 401:
        return Unavailable(f"Google Drive does not accept the credentials of {account}.", advice=_LOG_IN_AGAIN)
    return Unavailable(
        f"Google Drive did not give {what}: {_words(error, reason)} ({reason or status}).",
        advice=_ADVICE.get(reason, ""),
    )
