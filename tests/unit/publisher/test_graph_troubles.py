from datetime import timedelta

import pytest
from pydantic import SecretStr

from stylegram.common.clock import utcnow
from stylegram.common.errors import (
    AccountStopped,
    ConfigurationError,
    CoolDown,
    LoginNeeded,
    OutcomeUnknown,
    Refused,
    StylegramError,
    Unavailable,
)
from stylegram.publisher.outlets.graph_api.troubles import (
    TABLE,
    NoAnswer,
    NotSent,
    Refusal,
    Remedy,
    Step,
    cleaned,
    entry_of,
    explained,
)

TOKEN = SecretStr("EAAGm0PX4ZCpsBAKpLaNtEdToKeN")
ON_UPLOAD = {
    Remedy.AGAIN: Unavailable,
    Remedy.LOOK: Unavailable,
    Remedy.LOG_IN: LoginNeeded,
    Remedy.PERMIT: ConfigurationError,
    Remedy.WAIT: CoolDown,
    Remedy.STOP: AccountStopped,
    Remedy.REFUSE: Refused,
}
ON_COMMIT = ON_UPLOAD | {Remedy.LOOK: OutcomeUnknown}
# To tell something is no post that could be refused.
ON_READ = ON_UPLOAD | {Remedy.REFUSE: Unavailable}


@pytest.mark.parametrize(("step", "expected"), list(zip(Step, (ON_UPLOAD, ON_COMMIT, ON_READ), strict=True)))
@pytest.mark.parametrize("key", TABLE)
def test_each_entry_is_one_of_the_ports_errors(
    key: tuple[int, int], step: Step, expected: dict[Remedy, type[StylegramError]]
) -> None:
    error = explained(Refusal(code=key[0], subcode=key[1], message="Their words"), step)

    assert type(error) is expected[TABLE[key].remedy]
    assert "Their words" in error.message


@pytest.mark.parametrize(
    ("code", "subcode", "remedy"),
    [
        (190, 463, Remedy.LOG_IN),
        (10, 0, Remedy.PERMIT),
        (200, 0, Remedy.PERMIT),
        (299, 0, Remedy.PERMIT),
        (803, 0, Remedy.PERMIT),
        (4, 0, Remedy.WAIT),
        (17, 0, Remedy.WAIT),
        (32, 0, Remedy.WAIT),
        (613, 1996, Remedy.WAIT),
        (80002, 0, Remedy.WAIT),
        (9, 2207042, Remedy.WAIT),
        (4, 2207051, Remedy.STOP),  # the subcode goes before the code, which means a limit
        (25, 2207050, Remedy.STOP),
        (368, 0, Remedy.STOP),
        (9007, 2207027, Remedy.AGAIN),
        (9004, 2207052, Remedy.AGAIN),
        (36003, 2207009, Remedy.REFUSE),
        (36004, 2207010, Remedy.REFUSE),
        (1, 0, Remedy.LOOK),
        (1, 2207057, Remedy.REFUSE),
        (2, 0, Remedy.LOOK),
        (-1, 2207001, Remedy.LOOK),
        (24, 2207008, Remedy.LOOK),
    ],
)
def test_documented_errors_have_their_remedy(code: int, subcode: int, remedy: Remedy) -> None:
    assert entry_of(Refusal(code=code, subcode=subcode)).remedy is remedy


@pytest.mark.parametrize("key", [key for key, entry in TABLE.items() if entry.remedy is not Remedy.LOOK])
def test_what_a_server_in_distress_says_of_a_commit_is_not_relied_on(key: tuple[int, int]) -> None:
    refusal = Refusal(status=503, code=key[0], subcode=key[1])

    assert type(explained(refusal, Step.COMMIT)) is OutcomeUnknown
    assert type(explained(refusal, Step.UPLOAD)) is not OutcomeUnknown


@pytest.mark.parametrize(
    ("refusal", "on_upload", "on_commit"),
    [
        (Refusal(code=987654, is_transient=True), Unavailable, OutcomeUnknown),
        (Refusal(code=987654, status=500), Unavailable, OutcomeUnknown),
        (Refusal(code=987654), Refused, Refused),
        (Refusal(code=987654, status=429), CoolDown, CoolDown),
        (Refusal(code=100), Refused, Refused),
        (Refusal(), Refused, Refused),
    ],
)
def test_unknown_errors_are_told_by_how_they_came(
    refusal: Refusal, on_upload: type[StylegramError], on_commit: type[StylegramError]
) -> None:
    assert type(explained(refusal, Step.UPLOAD)) is on_upload
    assert type(explained(refusal, Step.COMMIT)) is on_commit


def test_an_answer_that_did_not_come_leaves_a_commit_unknown() -> None:
    assert type(explained(NoAnswer("ReadTimeout"), Step.COMMIT)) is OutcomeUnknown
    assert type(explained(NoAnswer("HTTP 502", status=502), Step.COMMIT)) is OutcomeUnknown
    assert type(explained(NoAnswer("ReadTimeout"), Step.UPLOAD)) is Unavailable
    assert type(explained(NotSent("ConnectTimeout"), Step.COMMIT)) is Unavailable
    assert type(explained(NoAnswer("HTTP 429", status=429), Step.COMMIT)) is CoolDown


@pytest.mark.parametrize(("told", "minutes"), [(None, 60), (timedelta(minutes=19), 19), (timedelta(days=40), 24 * 60)])
def test_it_waits_for_as_long_as_it_is_told_but_no_longer_than_a_day(told: timedelta | None, minutes: int) -> None:
    before = utcnow()

    error = explained(Refusal(code=4, wait=told), Step.READ)

    assert isinstance(error, CoolDown)
    assert before <= error.until - timedelta(minutes=minutes) <= utcnow()


def test_advice_names_the_setting_that_helps() -> None:
    assert "STYLEGRAM_GRAPH_TOKEN" in explained(Refusal(code=190), Step.READ).advice
    assert "instagram_content_publish" in explained(Refusal(code=10), Step.COMMIT).advice
    assert "STYLEGRAM_GRAPH_VERSION" in explained(Refusal(code=2635), Step.READ).advice
    assert "STYLEGRAM_PUBLISH_URL" in explained(Refusal(code=100, subcode=33), Step.UPLOAD).advice


@pytest.mark.parametrize(
    "words",
    [
        f"Malformed access token {TOKEN.get_secret_value()}.",
        f"Malformed access token '{TOKEN.get_secret_value()}trailing'",
        f"Malformed access token {TOKEN.get_secret_value()[:16]}...",
        "Bad URI: https://storage.googleapis.com/b/posts/x.jpg?X-Goog-Signature=0a1b",
        "Bad URI: https%3A%2F%2Fstorage.googleapis.com%2Fb%3FX-Goog-Signature%3D0a1b",
        "Bad parameter X-Goog-Signature=0a1b of it",
        f"Bad signature {'0a1b' * 128}",
    ],
)
def test_their_words_are_cleaned_of_secrets(words: str) -> None:
    left = cleaned(words, TOKEN)

    assert "EAAG" not in left
    assert "0a1b" not in left
    assert "googleapis" not in left
    assert left.startswith(("Malformed", "Bad"))


def test_their_words_are_one_short_line() -> None:
    assert cleaned("Two\n\tlines.", TOKEN) == "Two lines"
    assert len(cleaned("word " * 1000, TOKEN)) <= 200
