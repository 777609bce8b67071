"""What Google's libraries raise, in our own words.

Whatever an operator can mend while services run (rights, credentials, a bucket that is not there yet) is `Unavailable`:
jobs wait for it, as for a network that is away, and none is lost over it.
"""

import re

import requests
from google.api_core.exceptions import (
    BadRequest,
    Forbidden,
    GoogleAPICallError,
    GoogleAPIError,
    NotFound,
    RetryError,
    Unauthorized,
    from_http_response,
)
from google.auth.exceptions import GoogleAuthError, TransportError
from google.cloud.storage.exceptions import DataCorruption, InvalidResponse
from urllib3.exceptions import HTTPError

from stylegram.common.errors import StylegramError, Unavailable

TROUBLES = (GoogleAPIError, GoogleAuthError, HTTPError, OSError, InvalidResponse, DataCorruption)
"""What a call of the storage library may raise; those of `requests` are OSErrors."""
# An upload's part may meet a server that has forgotten the upload, or that has kept nothing of it so far.
_GONE, _RESUME_INCOMPLETE = 410, 308
_SERVER_ERRORS = 500
# Those, and what was not there, took too long, was changed by others meanwhile, or came too often.
_PASSING = {_RESUME_INCOMPLETE, 404, 408, 409, _GONE, 412, 429}
_RATE_LIMITS = {"rateLimitExceeded", "userRateLimitExceeded"}
_KEPT = {"retentionPolicyNotMet", "objectUnderActiveHold"}
_PERMISSION = re.compile(r"\bstorage\.[a-z]+\.[A-Za-z]+\b")
_UPLOAD_OUT_OF_STEP = "stream is in unexpected state"


def passes(error: Exception) -> bool:
    """Whether the same call, made once more from its beginning, may succeed although the library does not repeat it."""
    match error:
        case Forbidden():  # of which the library repeats none
            return _reason(error) in _RATE_LIMITS
        case GoogleAPICallError(response=requests.Response() as response) if response.request.method == "PUT":
            # Only the parts of an upload are PUT.
            return isinstance(error, NotFound) or error.code in (_GONE, _RESUME_INCOMPLETE)
        case ValueError():
            # A server may keep less of a part than it was sent, and say so. The library notes it, but goes on reading
            # where it was, and stumbles over that.
            return _UPLOAD_OUT_OF_STEP in str(error)
    return False


def is_missing_object(error: NotFound) -> bool:
    """Whether the server says itself that it is the object which is not there, and not its bucket."""
    return "No such object" in _message(error)


def missing_bucket(bucket: str) -> Unavailable:
    """The bucket is not there."""
    return Unavailable(
        f"There is no bucket '{bucket}'.",
        advice=f"Make it: gcloud storage buckets create gs://{bucket} --uniform-bucket-level-access"
        " --public-access-prevention; or correct STYLEGRAM_STORAGE_URL.",
    )


def translated(error: BaseException | None, bucket: str) -> StylegramError:
    """What happened, to whom, and what to do about it. Never the error's own words, for they may have an upload's URL,
    with which anybody can go on with it."""
    match error:
        case RetryError():
            return translated(error.cause, bucket)
        case InvalidResponse():  # what is behind a RetryError, of uploads and downloads
            return translated(from_http_response(error.response), bucket)  # type: ignore[no-untyped-call]
        case GoogleAuthError() if not isinstance(error, TransportError):
            return _refused_credentials(error)
        case Unauthorized():
            return Unavailable(
                f"The bucket '{bucket}' knows nobody by our credentials: {_message(error)}",
                advice="Look at STYLEGRAM_STORAGE_CREDENTIALS_FILE, or at the workload's service account.",
            )
        case Forbidden():
            return _forbidden(error, bucket)
        case GoogleAPICallError() if _is_final(error):
            return StylegramError(f"The bucket '{bucket}' refuses the request: {_message(error)}")
        case GoogleAPICallError():
            return Unavailable(f"The bucket '{bucket}' did not do its work: {error.code} {_message(error)}")
        case DataCorruption():
            return Unavailable(f"Bytes were damaged on their way to the bucket '{bucket}' or back.")
    return Unavailable(
        f"The bucket '{bucket}' did not answer: {_root(error)}.",
        advice="Look at the network, and at what Google says of its services: https://status.cloud.google.com",
    )


def _is_final(error: GoogleAPICallError) -> bool:
    if isinstance(error, BadRequest):  # what came there was not what we sent
        return "calculated CRC32C" not in _message(error)
    return error.code is not None and error.code < _SERVER_ERRORS and error.code not in _PASSING


def _forbidden(error: Forbidden, bucket: str) -> StylegramError:
    message = _message(error)
    if _reason(error) in _KEPT:
        return StylegramError(
            f"The bucket '{bucket}' keeps its objects: {message}",
            advice="Stylegram deletes what it is done with: take the retention policy or the hold away.",
        )
    if permission := _PERMISSION.search(message):
        return Unavailable(
            f"Our account may not do this in the bucket '{bucket}': it lacks {permission[0]}.",
            advice=f"Give it roles/storage.objectUser: gcloud storage buckets add-iam-policy-binding gs://{bucket}"
            " --member=serviceAccount:ACCOUNT --role=roles/storage.objectUser. It counts after a minute or two.",
        )
    return Unavailable(f"The bucket '{bucket}' is closed to us: {message}")


def _refused_credentials(error: GoogleAuthError) -> Unavailable:
    # Its second argument is all that the server said.
    told = error.args[0] if error.args else ""
    if isinstance(told, Exception):
        return Unavailable(
            f"Google's credentials did not come: {_root(told)}.", advice="Look at the machine's metadata server."
        )
    return Unavailable(
        f"Google refuses our credentials: {str(told).rstrip('.')}.",
        advice="Put a new key into STYLEGRAM_STORAGE_CREDENTIALS_FILE, and restart; or run"
        " `gcloud auth application-default login` again. A clock that is wrong has the same effect.",
    )


def _error_of(error: GoogleAPICallError) -> dict[str, object]:
    try:
        found = error.response.json()["error"]
        return found if isinstance(found, dict) else {}
    except (AttributeError, KeyError, TypeError, ValueError):
        return {}


def _reason(error: GoogleAPICallError) -> str:
    # An error's own `errors` are there for some calls and for others not: uploads and downloads have none.
    match _error_of(error):
        case {"errors": [{"reason": str() as reason}, *_]}:
            return reason
    return ""


def _message(error: GoogleAPICallError) -> str:
    match _error_of(error):
        case {"message": str() as message}:
            return message
    # Who asks for an object's bytes is told in plain words.
    text = error.response.text if error.response is not None else ""
    return " ".join(text.split())[:300] or str(error.code)


def _root(error: BaseException | None) -> str:
    """What was at the bottom of it, which has no URL in it any more."""
    while error is not None and (below := error.__cause__ or error.__context__):
        error = below
    return str(error).rstrip(".") or type(error).__name__
