"""What each of the client's exceptions becomes, by what was being done."""

import inspect
from collections.abc import Iterator, Mapping
from datetime import timedelta
from typing import Any

import pytest
import requests
from instagrapi import exceptions
from pydantic import BaseModel
from pydantic import ValidationError as PydanticError

from stylegram.common.clock import utcnow
from stylegram.common.errors import (
    AccountStopped,
    ConfigurationError,
    CoolDown,
    LoginNeeded,
    NotFound,
    OutcomeUnknown,
    Refused,
    StylegramError,
    Unavailable,
)
from stylegram.publisher.outlets.instagrapi_api.transport import Answer, NoAnswer, Redirected, Transport
from stylegram.publisher.outlets.instagrapi_api.troubles import Doing, StillTranscoding, error_of, translated
from stylegram.publisher.outlets.instagrapi_api.verdicts import VERDICTS, Verdict, judged, verdict_of

ALL = [
    kind
    for _, kind in inspect.getmembers(exceptions, inspect.isclass)
    if issubclass(kind, Exception) and kind.__module__ == exceptions.__name__
]
LATER_OR_LOST = (Unavailable, Unavailable, Unavailable, OutcomeUnknown)
# For each verdict, the error while reading, looking up, uploading and committing.
ERRORS: Mapping[Verdict, tuple[type[StylegramError], ...]] = {
    Verdict.STOP: (AccountStopped,) * 4,
    Verdict.LOGIN: (LoginNeeded,) * 4,
    Verdict.WAIT: (CoolDown,) * 4,
    Verdict.WAIT_LONGER: (CoolDown,) * 4,
    Verdict.WAIT_LONGEST: (CoolDown,) * 4,
    Verdict.UPGRADE: (ConfigurationError,) * 4,
    Verdict.REFUSED: (Unavailable, Unavailable, Refused, Refused),
    Verdict.NOT_NOW: (Unavailable,) * 4,
    Verdict.TRANSCODING: (Unavailable, Unavailable, Unavailable, StillTranscoding),
    Verdict.GONE: (Unavailable, NotFound, Unavailable, Unavailable),
    Verdict.LOST: LATER_OR_LOST,
}
NO = Answer(400, {"message": "No.", "status": "fail"})


def raised(kind: type[BaseException]) -> BaseException:
    """One as the client raises it, or as near as that can be made."""
    return kind()


@pytest.fixture
def transport() -> Iterator[Transport]:
    transport = Transport("requests")
    yield transport
    transport.close()


def test_every_exception_of_the_client_has_a_verdict_on_purpose() -> None:
    assert len(ALL) > 70
    assert set(ALL) == set(VERDICTS)


def test_every_verdict_is_an_error_whatever_was_being_done() -> None:
    assert set(ERRORS) == set(Verdict) - {Verdict.JUDGE}
    for verdict, errors in ERRORS.items():
        found = tuple(type(error_of(verdict, doing, "ada", answer=NO)) for doing in Doing)
        assert found == errors, verdict


@pytest.mark.parametrize("kind", ALL)
@pytest.mark.parametrize("doing", list(Doing))
def test_nothing_of_the_clients_comes_through(transport: Transport, kind: type[Exception], doing: Doing) -> None:
    with pytest.raises(StylegramError) as error, translated(doing, transport, "ada"):
        raise raised(kind)
    verdict = verdict_of(raised(kind), None)
    assert type(error.value) is ERRORS[verdict][list(Doing).index(doing)]


@pytest.mark.parametrize(
    ("kind", "verdict"),
    [
        (exceptions.ChallengeRequired, Verdict.STOP),
        (exceptions.RecaptchaChallengeForm, Verdict.STOP),
        (exceptions.FeedbackRequired, Verdict.STOP),
        (exceptions.AccountSuspended, Verdict.STOP),
        (exceptions.SentryBlock, Verdict.STOP),
        (exceptions.ProxyAddressIsBlocked, Verdict.STOP),
        (exceptions.BadPassword, Verdict.STOP),
        (exceptions.ReloginAttemptExceeded, Verdict.STOP),
        (exceptions.LoginRequired, Verdict.LOGIN),
        (exceptions.ClientLoginRequired, Verdict.LOGIN),
        (exceptions.TwoFactorRequired, Verdict.LOGIN),
        (exceptions.ClientUnauthorizedError, Verdict.LOGIN),
        (exceptions.PleaseWaitFewMinutes, Verdict.WAIT),
        (exceptions.ClientThrottledError, Verdict.WAIT_LONGER),
        (exceptions.RateLimitError, Verdict.WAIT_LONGEST),
        (exceptions.ClientNeedsUpgradeError, Verdict.UPGRADE),
        (exceptions.ClientConnectionError, Verdict.LOST),
        (exceptions.ClientIncompleteReadError, Verdict.LOST),
        (exceptions.ClientRequestTimeout, Verdict.LOST),
        (exceptions.ClientJSONDecodeError, Verdict.LOST),
        (exceptions.MediaNotFound, Verdict.GONE),
        (exceptions.VideoTooLongException, Verdict.REFUSED),
    ],
)
def test_the_grave_ones_mean_what_they_mean_whatever_the_answer(kind: type[Exception], verdict: Verdict) -> None:
    for answer in (None, NO, Answer(200, {"status": "ok"}), Answer(500)):
        assert verdict_of(raised(kind), answer) is verdict


@pytest.mark.parametrize(
    ("answer", "verdict"),
    [
        (None, Verdict.LOST),
        (Answer(200), Verdict.LOST),
        (Answer(200, {"status": "ok"}), Verdict.LOST),
        (Answer(400), Verdict.LOST),
        (Answer(500, {"message": "challenge_required", "status": "fail"}), Verdict.LOST),
        (Answer(503, {"status": "fail"}), Verdict.LOST),
        (NO, Verdict.REFUSED),
        (Answer(200, {"message": "No.", "status": "fail"}), Verdict.REFUSED),
        (Answer(403, {"message": "No.", "status": "fail"}), Verdict.REFUSED),
        (Answer(202, {"message": "Transcode not finished yet.", "status": "fail"}), Verdict.TRANSCODING),
        (Answer(200, {"message": "media_needs_reupload", "error_title": "bad", "status": "ok"}), Verdict.NOT_NOW),
        (Answer(200, {"message": "feedback_required", "status": "fail"}), Verdict.STOP),
        (Answer(200, {"spam": True, "status": "fail"}), Verdict.STOP),
        (Answer(400, {"message": "checkpoint_required", "status": "fail"}), Verdict.STOP),
        (Answer(400, {"challenge": {}, "status": "fail"}), Verdict.STOP),
        (Answer(400, {"error_type": "sentry_block", "status": "fail"}), Verdict.STOP),
        (Answer(403, {"message": "login_required", "status": "fail"}), Verdict.LOGIN),
        (Answer(400, {"two_factor_info": {}, "status": "fail"}), Verdict.LOGIN),
        (Answer(401, {"message": "?", "status": "fail"}), Verdict.LOGIN),
        (Answer(400, {"message": "Please wait a few minutes before you try again."}), Verdict.WAIT),
        (Answer(429), Verdict.WAIT_LONGER),
        (Answer(400, {"error_type": "rate_limit_error"}), Verdict.WAIT_LONGEST),
        (Answer(400, {"error_type": "needs_upgrade", "message": "Old."}), Verdict.UPGRADE),
        (Answer(404, {"status": "fail"}), Verdict.GONE),
        (Answer(408), Verdict.LOST),
    ],
)
def test_where_the_exception_does_not_tell_the_answer_does(answer: Answer | None, verdict: Verdict) -> None:
    assert judged(answer) is verdict
    for kind in (exceptions.ClientError, exceptions.UnknownError, exceptions.PhotoNotUpload, exceptions.ClipNotUpload):
        assert verdict_of(raised(kind), answer) is verdict


class _Number(BaseModel):
    number: int


def _not_parsed() -> PydanticError:
    with pytest.raises(PydanticError) as error:
        _Number(number="secret")
    return error.value


@pytest.mark.parametrize(
    "surprise",
    [
        _not_parsed(),
        KeyError("media"),
        AttributeError("text"),
        AssertionError(),
        requests.ReadTimeout("https://i.instagram.com"),
        requests.ConnectionError(),
        OSError("disk"),
        NoAnswer("ReadTimeout", was_sent=True),
    ],
)
def test_whatever_else_comes_while_committing_the_post_may_be_out(transport: Transport, surprise: Exception) -> None:
    for doing, wanted in zip(Doing, LATER_OR_LOST, strict=True):
        with pytest.raises(StylegramError) as error, translated(doing, transport, "ada"):
            raise surprise
        assert type(error.value) is wanted
        assert "secret" not in str(error.value)


def test_what_a_server_in_distress_says_of_a_commit_is_not_relied_on(transport: Transport) -> None:
    for doing, wanted in ((Doing.READ, CoolDown), (Doing.UPLOAD, CoolDown), (Doing.COMMIT, OutcomeUnknown)):
        with pytest.raises(wanted), translated(doing, transport, "ada"):
            transport.answer = Answer(503, {"message": "Please wait a few minutes before you try again."})
            raise exceptions.PleaseWaitFewMinutes


def test_the_answer_to_an_earlier_request_says_nothing(transport: Transport) -> None:
    transport.answer = Answer(429, {"message": "challenge_required"})
    with pytest.raises(OutcomeUnknown), translated(Doing.COMMIT, transport, "ada"):
        raise exceptions.UnknownError


def test_a_request_that_was_never_sent_did_nothing(transport: Transport) -> None:
    for doing in Doing:
        with pytest.raises(Unavailable), translated(doing, transport, "ada"):
            raise NoAnswer("ConnectionError", was_sent=False)


def test_an_exception_of_a_later_version_is_taken_for_what_it_is_a_kind_of() -> None:
    class Captcha(exceptions.ChallengeRequired):  # type: ignore[misc]
        pass

    class New(exceptions.ClientError):  # type: ignore[misc]
        pass

    assert verdict_of(Captcha(), None) is Verdict.STOP
    assert verdict_of(New(), NO) is Verdict.REFUSED


@pytest.mark.parametrize(
    ("location", "verdict"),
    [
        ("https://www.instagram.com/accounts/login/?next=/", Verdict.LOGIN),
        ("https://i.instagram.com/challenge/1/2/", Verdict.STOP),
        ("https://i.instagram.com/accounts/suspended/", Verdict.STOP),
        ("https://www.instagram.com/", Verdict.LOST),
        ("https://www.instagram.com/x/?next=/accounts/login/", Verdict.LOST),
        ("https://www.instagram.com/accounts/login/?next=/challenge/", Verdict.LOGIN),
        ("", Verdict.LOST),
    ],
)
def test_a_redirect_means_what_it_leads_to(location: str, verdict: Verdict) -> None:
    assert verdict_of(Redirected(), Answer(302, location=location)) is verdict


@pytest.mark.parametrize(
    ("header", "wait"),
    [
        (None, timedelta(hours=2)),
        ("nonsense", timedelta(hours=2)),
        ("900", timedelta(minutes=15)),
        ("0", timedelta(minutes=1)),
        ("-5", timedelta(minutes=1)),
        ("99999999", timedelta(days=1)),
        ("1e300", timedelta(hours=2)),
        ("nan", timedelta(hours=2)),
        ("inf", timedelta(hours=2)),
        ("Fri, 31 Dec 9999 23:59:59 -2359", timedelta(hours=2)),
        ("Fri, 01 Jan 2100 00:00:00 GMT", timedelta(days=1)),
        ("Thu, 01 Jan 1970 00:00:00 GMT", timedelta(minutes=1)),
        ("Thu, 01 Jan 1970 00:00:00 -0000", timedelta(minutes=1)),
    ],
)
def test_cooling_down_is_as_long_as_the_header_says_within_reason(header: str | None, wait: timedelta) -> None:
    before = utcnow()
    error = error_of(Verdict.WAIT_LONGER, Doing.UPLOAD, "ada", answer=Answer(429, retry_after=header))
    assert isinstance(error, CoolDown)
    assert before + wait <= error.until <= utcnow() + wait


SECRETS = {
    "session": "49000000000%3Aabcdefgh1234%3A7",
    "bearer": "IGT:2:eyJkc191c2VyX2lkIjoiNDkwMDAwMDAwMDAifQ==",
    "address": "https://i.instagram.com/challenge/1/AbCdEf/?token=1234567890abcdef",
    "number": "0123456789abcdef0123456789abcdef",
}


@pytest.mark.parametrize("secret", SECRETS.values(), ids=SECRETS)
@pytest.mark.parametrize("doing", list(Doing))
def test_what_instagram_says_is_quoted_but_nothing_long(doing: Doing, secret: str) -> None:
    body: dict[str, Any] = {
        "message": f"No posting today\n\x1b[31m {secret} for you. " + "word " * 99,
        "status": "fail",
    }
    error = error_of(Verdict.REFUSED, doing, "ada", answer=Answer(400, body))
    assert "No posting today" in str(error)
    assert secret not in str(error) and secret[:12] not in str(error)
    assert "\x1b" not in str(error) and "\n" not in str(error)
    assert len(str(error)) < 300
    assert secret not in repr(Answer(400, body, location=secret))


def test_a_message_that_is_no_text_is_not_quoted() -> None:
    error = error_of(Verdict.REFUSED, Doing.UPLOAD, "ada", answer=Answer(400, {"message": {"errors": ["x"]}}))
    assert str(error) == "Instagram does not take the post of @ada: HTTP 400."


def test_who_has_to_log_in_is_told_how() -> None:
    error = error_of(Verdict.LOGIN, Doing.READ, "ada", answer=NO)
    assert "stylegram auth instagram --username ada" in str(error)
