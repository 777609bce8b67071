"""What Instagram's private API says when something is wrong, as faults to be planned."""

from dataclasses import replace

from instagram_fake import (
    BAD_GATEWAY,
    DROPPED_AFTER,
    DROPPED_BEFORE,
    HALF_AN_ANSWER,
    NOT_JSON,
    REQUEST_TIMEOUT,
    SERVER_ERROR,
    SERVER_ERROR_AFTER,
    TOO_MANY,
    Fault,
)

FAIL = {"status": "fail"}
NOT_LOGGED_IN = {"message": "login_required", "error_title": "You've Been Logged Out", "logout_reason": 8, **FAIL}

CHALLENGE = Fault(
    "challenge",
    status=400,
    body={"message": "challenge_required", "challenge": {"api_path": "/challenge/1/abc/", "lock": True}, **FAIL},
)
SUSPENDED = Fault(
    "suspended",
    status=400,
    body={"message": "challenge_required", "challenge": {"url": "https://i.instagram.com/suspended/"}, **FAIL},
)
CHECKPOINT = Fault("checkpoint", status=400, body={"message": "checkpoint_required", "checkpoint_url": "/c", **FAIL})
FEEDBACK = Fault(
    "feedback",
    status=400,
    body={
        "message": "feedback_required",
        "spam": True,
        "feedback_title": "Try Again Later",
        "feedback_message": "We limit how often you can do certain things to protect our community.",
        **FAIL,
    },
)
FEEDBACK_AS_200 = replace(FEEDBACK, name="feedback with 200", status=200)
SENTRY_BLOCK = Fault("sentry", status=400, body={"message": "", "error_type": "sentry_block", **FAIL})
PROXY_BLOCKED = Fault(
    "proxy blocked",
    status=400,
    body={"message": "The username you entered doesn't appear to belong to an account.", **FAIL},
)
BAD_PASSWORD = Fault("bad password", status=400, body={"message": "Wrong.", "error_type": "bad_password", **FAIL})
MASKED_CHALLENGE = Fault("masked challenge", status=404, body="Not Found")
LOGGED_OUT = Fault("logged out", status=403, body=NOT_LOGGED_IN)
UNAUTHORIZED = Fault("unauthorized", status=401, body={"message": "Unauthorized", **FAIL})
TWO_FACTOR = Fault(
    "two factor", status=400, body={"message": "", "two_factor_info": {"two_factor_identifier": "x"}, **FAIL}
)
LOGIN_PAGE = Fault("login page", status=302, body="", headers={"Location": "https://www.instagram.com/accounts/login/"})
ANOTHER_PAGE = Fault(
    "another page", acts=True, status=307, body="", headers={"Location": "https://www.instagram.com/x"}
)
WAIT = Fault("wait", status=400, body={"message": "Please wait a few minutes before you try again.", **FAIL})
RATE_LIMIT = Fault("rate limit", status=400, body={"message": "", "error_type": "rate_limit_error", **FAIL})
RETRY_AFTER = replace(TOO_MANY, name="too many requests with a time", headers={"Retry-After": "900"})
NEEDS_UPGRADE = Fault("upgrade", status=400, body={"message": "Old.", "error_type": "needs_upgrade", **FAIL})
REFUSED = Fault("refused", status=400, body={"message": "Uploaded image isn't in an allowed aspect ratio", **FAIL})
REFUSED_AS_200 = replace(REFUSED, name="refused with 200", status=200)
TRANSCODING = Fault("transcoding", status=202, body={"message": "Transcode not finished yet.", **FAIL})
NEEDS_REUPLOAD = Fault(
    "reupload",
    status=200,
    body={"error_title": "bad image input extra:{}", "message": "media_needs_reupload", "status": "ok"},
)
NOT_THERE = Fault("not there", status=400, body={"message": "Media not found or unavailable", **FAIL})
NO_MEDIA = Fault("no media", acts=True, status=200, body={"status": "ok"})
CHANGED = Fault("changed", acts=True, status=200, body={"media": "something else", "status": "ok"})

_ANYWHERE = (DROPPED_BEFORE, DROPPED_AFTER, HALF_AN_ANSWER, NOT_JSON, SERVER_ERROR, BAD_GATEWAY, REQUEST_TIMEOUT)
_SPARING = (TOO_MANY, RETRY_AFTER, WAIT, RATE_LIMIT)
_GRAVE = (CHALLENGE, FEEDBACK, LOGGED_OUT)
_OF_PUBLISHING = (SERVER_ERROR_AFTER, NO_MEDIA, ANOTHER_PAGE, NEEDS_REUPLOAD)

STORM: tuple[tuple[str, Fault], ...] = (
    *(("", fault) for fault in (*_ANYWHERE, *_SPARING, *_GRAVE)),
    *(("configure", fault) for fault in (*_OF_PUBLISHING, DROPPED_AFTER, HALF_AN_ANSWER)),
)
"""What may go wrong at random with everything that the outlet does, and more often where posts go out."""
