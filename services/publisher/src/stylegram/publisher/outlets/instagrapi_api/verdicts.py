"""What the client's exceptions mean, and what answers mean that are no success.

`VERDICTS` has each exception; where the answer tells more, `_WORDS`, `_STATUSES` and `_PLACES` have that.
"""

from collections.abc import Mapping
from enum import Enum, auto
from urllib.parse import urlsplit

from instagrapi import exceptions as client

from stylegram.publisher.outlets.instagrapi_api.transport import Answer, NoAnswer, Redirected


class Verdict(Enum):
    """What an exception, or an answer, means."""

    STOP = auto()
    """A person has to look after the account."""
    LOGIN = auto()
    """A person has to log in again."""
    WAIT = auto()
    """It wants to be left alone for an hour."""
    WAIT_LONGER = auto()
    """For some hours."""
    WAIT_LONGEST = auto()
    """For half a day."""
    UPGRADE = auto()
    """The client is too old for Instagram."""
    REFUSED = auto()
    """It takes no such post."""
    NOT_NOW = auto()
    """Nothing was done; the same may succeed later."""
    TRANSCODING = auto()
    """Nothing was done, for the film is still being looked at."""
    GONE = auto()
    """There is no such thing."""
    LOST = auto()
    """Nobody knows what was done."""
    JUDGE = auto()
    """The answer tells, not the exception."""


VERDICTS: Mapping[type[BaseException], Verdict] = {
    # Instagram wants a person.
    **dict.fromkeys(
        (
            client.ChallengeError,
            client.ChallengeRedirection,
            client.ChallengeRequired,
            client.ChallengeSelfieCaptcha,
            client.ChallengeUnknownStep,
            client.SelectContactPointRecoveryForm,
            client.RecaptchaChallengeForm,
            client.SubmitPhoneNumberForm,
            client.LegacyForceSetNewPasswordForm,
            client.CaptchaChallengeRequired,
            client.FeedbackRequired,
            client.SignupSpamError,
            client.AccountSuspended,
            client.SentryBlock,
            client.ProxyAddressIsBlocked,
            client.BadPassword,
            client.BadCredentials,
            client.ReloginAttemptExceeded,
            client.AccountContactPointRequired,
            client.AgeEligibilityError,
        ),
        Verdict.STOP,
    ),
    # The login is not taken.
    **dict.fromkeys(
        (
            client.LoginRequired,
            client.ClientLoginRequired,
            client.ClientUnauthorizedError,
            client.TwoFactorRequired,
            client.ResetPasswordError,
        ),
        Verdict.LOGIN,
    ),
    # Too much was asked.
    client.PleaseWaitFewMinutes: Verdict.WAIT,
    client.ClientThrottledError: Verdict.WAIT_LONGER,
    client.RateLimitError: Verdict.WAIT_LONGEST,
    client.ClientNeedsUpgradeError: Verdict.UPGRADE,
    # This post is not taken.
    **dict.fromkeys((client.VideoTooLongException, client.AlbumUnknownFormat), Verdict.REFUSED),
    # What was asked for is not there.
    **dict.fromkeys(
        (
            client.NotFoundError,
            client.MediaNotFound,
            client.StoryNotFound,
            client.MediaUnavailable,
            client.InvalidMediaId,
            client.UserNotFound,
        ),
        Verdict.GONE,
    ),
    # No answer, or none that can be read.
    **dict.fromkeys(
        (
            client.ClientConnectionError,
            client.ClientIncompleteReadError,
            client.ClientRequestTimeout,
            client.ClientJSONDecodeError,
        ),
        Verdict.LOST,
    ),
    # What the client says where it has no word of its own.
    **dict.fromkeys(
        (
            client.ClientError,
            client.ClientUnknownError,
            client.ClientStatusFail,
            client.ClientErrorWithTitle,
            client.GenericRequestError,
            client.ClientGraphqlError,
            client.ClientBadRequestError,
            client.ClientForbiddenError,
            client.ClientNotFoundError,
            client.PrivateError,
            client.UnknownError,
            client.MediaError,
            client.UserError,
            client.PhotoNotUpload,
            client.PhotoConfigureError,
            client.PhotoConfigureStoryError,
            client.VideoNotUpload,
            client.VideoConfigureError,
            client.VideoConfigureStoryError,
            client.ClipNotUpload,
            client.ClipConfigureError,
            client.IGTVNotUpload,
            client.IGTVConfigureError,
            client.AlbumConfigureError,
        ),
        Verdict.JUDGE,
    ),
    # Of calls that are never made here; should one come, nothing is taken for granted.
    **dict.fromkeys(
        (
            client.WrongCursorError,
            client.AccountEditError,
            client.TrackNotFound,
            client.CollectionError,
            client.CollectionNotFound,
            client.DirectError,
            client.DirectThreadNotFound,
            client.DirectMessageNotFound,
            client.DirectMessageRequestsDisabled,
            client.VideoNotDownload,
            client.AlbumNotDownload,
            client.HashtagError,
            client.HashtagNotFound,
            client.LocationError,
            client.LocationNotFound,
            client.HighlightNotFound,
            client.NoteNotFound,
            client.PrivateAccount,
            client.InvalidTargetUser,
            client.CommentUnavailable,
            client.CommentNotFound,
            client.CommentsDisabled,
            client.ValidationError,
            client.EmailInvalidError,
            client.EmailNotAvailableError,
            client.EmailVerificationSendError,
            client.RelatedProfileRequired,
        ),
        Verdict.LOST,
    ),
}

# What an answer says somewhere in its texts, the most serious first.
_WORDS: Mapping[str, Verdict] = {
    "challenge_required": Verdict.STOP,
    "checkpoint_required": Verdict.STOP,
    "checkpoint_challenge_required": Verdict.STOP,
    "consent_required": Verdict.STOP,
    "feedback_required": Verdict.STOP,
    "sentry_block": Verdict.STOP,
    "inactive user": Verdict.STOP,
    "login_required": Verdict.LOGIN,
    "user_has_logged_out": Verdict.LOGIN,
    "two_factor_required": Verdict.LOGIN,
    "needs_upgrade": Verdict.UPGRADE,
    "rate_limit_error": Verdict.WAIT_LONGEST,
    "wait a few minutes": Verdict.WAIT,
    "media_needs_reupload": Verdict.NOT_NOW,
    "transcode not finished": Verdict.TRANSCODING,
}
TEXTS = ("message", "error_type", "error_title", "feedback_title", "feedback_message")
_STATUSES: Mapping[int, Verdict] = {401: Verdict.LOGIN, 404: Verdict.GONE, 408: Verdict.LOST, 429: Verdict.WAIT_LONGER}
# Where a redirect leads.
_PLACES: Mapping[str, Verdict] = {
    "/challenge": Verdict.STOP,
    "/checkpoint": Verdict.STOP,
    "/suspended": Verdict.STOP,
    "/accounts/login": Verdict.LOGIN,
}


def verdict_of(error: BaseException, answer: Answer | None) -> Verdict:
    """What it means; `Verdict.JUDGE` is never the result."""
    if isinstance(error, Redirected):
        # What is to come after it, as in ?next=, says nothing.
        path = urlsplit(answer.location).path if answer else ""
        return next((verdict for place, verdict in _PLACES.items() if place in path), Verdict.LOST)
    if isinstance(error, NoAnswer):
        return Verdict.LOST if error.was_sent else Verdict.NOT_NOW
    verdict = next((VERDICTS[kind] for kind in type(error).__mro__ if kind in VERDICTS), Verdict.LOST)
    return judged(answer) if verdict is Verdict.JUDGE else verdict


def judged(answer: Answer | None) -> Verdict:
    """What an answer means that is no success."""
    if answer is None or answer.status >= 500:
        return Verdict.LOST
    body = answer.body or {}
    texts = " ".join(str(body.get(name, "")) for name in TEXTS).lower()
    for words, verdict in _WORDS.items():
        if words in texts:
            return verdict
    if body.get("spam") or "challenge" in body or "checkpoint_url" in body:
        return Verdict.STOP
    if "two_factor_info" in body:
        return Verdict.LOGIN
    if answer.status in _STATUSES:
        return _STATUSES[answer.status]
    # A page, say of something in between, is no explicit no.
    return Verdict.REFUSED if body.get("status") == "fail" else Verdict.LOST
