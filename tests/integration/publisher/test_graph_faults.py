"""The outlet on Instagram's Graph API when something goes wrong: what it says, what it never says, and that no post
goes out twice."""

import json
import logging
import random
import socket
import threading
import traceback
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import timedelta

import pytest
import requests

from graph_bench import TOKEN, GraphBench, graph_bench, picture, post, sought, with_picture
from graph_fake_http import refused
from instagram_fake import (
    BAD_GATEWAY,
    DROPPED_AFTER,
    DROPPED_BEFORE,
    HALF_AN_ANSWER,
    NOT_JSON,
    REQUEST_TIMEOUT,
    SERVER_ERROR,
    TOO_MANY,
    Fault,
    slow,
)
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
from stylegram.common.messages import PostKind
from stylegram.common.ports import Post

USAGE = "X-Business-Use-Case-Usage"
REGAIN = {USAGE: json.dumps({"17": [{"type": "instagram", "estimated_time_to_regain_access": 19}]})}
REDIRECT = Fault("elsewhere", status=302, body="", headers={"Location": "http://127.0.0.1:9/elsewhere"})
LONG_SLOW = slow(5.0)


@dataclass(frozen=True)
class Case:
    """A fault, and what it is on each step; that the post is not out is told by all but OutcomeUnknown."""

    fault: Fault
    on_upload: type[StylegramError]
    on_commit: type[StylegramError]
    on_read: type[StylegramError]


def case(fault: Fault, *errors: type[StylegramError]) -> Case:
    """Of one error, or of three."""
    return Case(fault, *(errors if len(errors) == 3 else errors * 3))


def name(case: Case) -> str:
    return case.fault.name


TAXONOMY = [
    case(refused(190, 463, status=401), LoginNeeded),
    case(refused(102), LoginNeeded),
    case(refused(10), ConfigurationError),
    case(refused(200, status=403), ConfigurationError),
    case(refused(803), ConfigurationError),
    case(refused(4, headers=REGAIN), CoolDown),
    case(refused(17), CoolDown),
    case(refused(32), CoolDown),
    case(refused(613), CoolDown),
    case(refused(80002), CoolDown),
    case(TOO_MANY, CoolDown),
    case(refused(9, 2207042, status=403), CoolDown),
    case(refused(4, 2207051, status=403), AccountStopped),
    case(refused(25, 2207050), AccountStopped),
    case(refused(368), AccountStopped),
    case(refused(9007, 2207027), Unavailable),
    case(refused(9004, 2207052), Unavailable),
    case(refused(-2, 2207003), Unavailable),
    case(refused(36003, 2207009), Refused, Refused, Unavailable),
    case(refused(36001, 2207005), Refused, Refused, Unavailable),
    case(refused(36004, 2207010), Refused, Refused, Unavailable),
    case(refused(100), Refused, Refused, Unavailable),
    case(refused(777_777), Refused, Refused, Unavailable),
    case(refused(1), Unavailable, OutcomeUnknown, Unavailable),
    case(refused(2, status=500), Unavailable, OutcomeUnknown, Unavailable),
    case(refused(-1, 2207001), Unavailable, OutcomeUnknown, Unavailable),
    case(refused(24, 2207008), Unavailable, OutcomeUnknown, Unavailable),
    case(refused(777_778, transient=True), Unavailable, OutcomeUnknown, Unavailable),
    case(SERVER_ERROR, Unavailable, OutcomeUnknown, Unavailable),
    case(BAD_GATEWAY, Unavailable, OutcomeUnknown, Unavailable),
    case(REQUEST_TIMEOUT, Unavailable, OutcomeUnknown, Unavailable),
    case(NOT_JSON, Unavailable, OutcomeUnknown, Unavailable),
    case(HALF_AN_ANSWER, Unavailable, OutcomeUnknown, Unavailable),
    case(DROPPED_BEFORE, Unavailable, OutcomeUnknown, Unavailable),
    case(DROPPED_AFTER, Unavailable, OutcomeUnknown, Unavailable),
    case(LONG_SLOW, Unavailable, OutcomeUnknown, Unavailable),
    case(REDIRECT, Unavailable, OutcomeUnknown, Unavailable),
    case(Fault("an empty object", status=200, body={}), Unavailable, OutcomeUnknown, Unavailable),
    case(Fault("a list", status=200, body="[]"), Unavailable, OutcomeUnknown, Unavailable),
]
# Nothing is an answer to a question, too.
QUESTIONED = [each for each in TAXONOMY if name(each) != "an empty object"]


@pytest.fixture
def bench() -> Iterator[GraphBench]:
    with graph_bench() as bench:
        yield bench


def error_of(call: Callable[[], object]) -> StylegramError:
    with pytest.raises(StylegramError) as caught:
        call()
    return caught.value


def all_out(bench: GraphBench) -> list[int]:
    """How often each container was published."""
    return [len(container.posts) for container in bench.graph.containers.values() if container.posts]


@pytest.mark.parametrize("case", TAXONOMY, ids=name)
def test_an_upload_that_fails(bench: GraphBench, case: Case) -> None:
    bench.faults.add(case.fault, call="container")

    assert type(error_of(lambda: bench.outlet.upload(post()))) is case.on_upload
    assert bench.account.posts == []


@pytest.mark.parametrize("case", TAXONOMY, ids=name)
def test_a_commit_that_fails(bench: GraphBench, case: Case) -> None:
    upload = bench.outlet.upload(post())
    bench.faults.add(case.fault, call="publish")

    assert type(error_of(lambda: bench.outlet.commit(post(), upload))) is case.on_commit
    assert bench.graph.requests["publish"] == 1
    assert case.on_commit is OutcomeUnknown or bench.account.posts == []


@pytest.mark.parametrize("case", QUESTIONED, ids=name)
def test_a_question_that_fails(bench: GraphBench, case: Case) -> None:
    bench.faults.add(case.fault, call="limit")
    bench.faults.add(case.fault, call="media")
    sent = post()
    looked_for = sought(sent, bench.outlet.upload(sent))

    assert type(error_of(bench.outlet.remaining)) is case.on_read
    assert type(error_of(lambda: bench.outlet.find(looked_for))) is case.on_read


@pytest.mark.parametrize("call", ["upload", "commit", "remaining"])
def test_a_server_that_is_not_reached_has_done_nothing(bench: GraphBench, call: str) -> None:
    upload = bench.outlet.upload(post())
    calls: dict[str, Callable[[], object]] = {
        "upload": lambda: bench.outlet.upload(post()),
        "commit": lambda: bench.outlet.commit(post(), upload),
        "remaining": bench.outlet.remaining,
    }

    with bench.graph.down():
        assert type(error_of(calls[call])) is Unavailable
    assert bench.outlet.commit(post(), upload)


@pytest.mark.parametrize("body", [{}, {"data": None}, {"data": 5}, {"data": [{"id": "1", "timestamp": "yesterday"}]}])
def test_an_answer_of_another_form_is_none(bench: GraphBench, body: dict[str, object]) -> None:
    sent = post()
    lost = sought(sent, bench.outlet.upload(sent))
    bench.faults.add(Fault("another form", status=200, body=body), call="media")

    assert isinstance(error_of(lambda: bench.outlet.find(lost)), Unavailable)


def test_it_is_left_alone_for_as_long_as_it_says(bench: GraphBench) -> None:
    bench.faults.add(refused(4, headers=REGAIN), call="limit")
    before = utcnow()

    error = error_of(bench.outlet.remaining)

    assert isinstance(error, CoolDown)
    assert before <= error.until - timedelta(minutes=19) <= utcnow()


@pytest.mark.parametrize(
    "header",
    [
        *("", "nothing", "[]", "{}", '{"17": []}', '{"17": [{"call_count": 100}]}', '{"1": 2}'),
        *(f'{{"17": [{{"estimated_time_to_regain_access": {minutes}}}]}}' for minutes in ("1e999", 10**30, '"soon"')),
    ],
)
def test_it_is_left_alone_for_an_hour_where_it_does_not_say(bench: GraphBench, header: str) -> None:
    bench.faults.add(refused(4, headers={USAGE: header}), call="limit")
    before = utcnow()

    error = error_of(bench.outlet.remaining)

    assert isinstance(error, CoolDown)
    assert before <= error.until - timedelta(hours=1) <= utcnow()


def test_wrong_settings_are_said(bench: GraphBench) -> None:
    assert isinstance(error_of(bench.another(token="EAAunknown").remaining), LoginNeeded)
    assert isinstance(error_of(bench.another(version="v1.0").remaining), ConfigurationError)
    assert isinstance(error_of(bench.another(user_id="1784").remaining), ConfigurationError)
    assert isinstance(error_of(lambda: bench.another(user_id="1784").upload(post())), ConfigurationError)


@pytest.mark.parametrize(
    ("sent", "words"),
    [
        (with_picture(picture(80, 120)), "shape"),
        (with_picture(picture(200, 100)), "shape"),
        (with_picture(picture(image_format="PNG")), "format"),
        (with_picture(b"no picture"), "format"),
        (with_picture(picture() + bytes(8 * 2**20)), "too large"),
        (post(caption="x" * 2201), "caption too long"),
        (post(caption="#" * 31), "caption too long"),
        (replace(post(PostKind.STORY), media=post().media), "shape"),
    ],
)
def test_what_instagram_does_not_take_is_refused_with_the_reason(bench: GraphBench, sent: Post, words: str) -> None:
    error = error_of(lambda: bench.outlet.upload(sent))

    assert isinstance(error, Refused)
    assert words in error.message


def test_a_picture_that_cannot_be_fetched_is_tried_again(bench: GraphBench) -> None:
    bench.gcs.clock = timedelta(days=2)  # to whose clock the address has ended

    assert isinstance(error_of(lambda: bench.outlet.upload(post())), Unavailable)
    bench.gcs.clock = timedelta()
    assert bench.outlet.upload(post())


def test_a_quota_that_is_used_up_is_waited_for(bench: GraphBench) -> None:
    bench.account.quota = 0
    upload = bench.outlet.upload(post())

    assert isinstance(error_of(lambda: bench.outlet.commit(post(), upload)), CoolDown)


# --- Errors whose word cannot be taken.


@pytest.mark.parametrize(
    "fault",
    [
        refused(4, 2207051, status=403, acts=True),
        refused(25, 2207050, acts=True),
        refused(9007, 2207027, acts=True),
        refused(100, acts=True),
        refused(4, acts=True),
        refused(190, 463, status=401, acts=True),
        refused(100, 33, acts=True),
        replace(TOO_MANY, acts=True),
    ],
    ids=lambda fault: fault.name,
)
def test_an_error_that_came_with_a_published_post_is_not_believed(bench: GraphBench, fault: Fault) -> None:
    sent = post()
    upload = bench.outlet.upload(sent)
    bench.faults.add(fault, call="publish")

    assert isinstance(error_of(lambda: bench.outlet.commit(sent, upload)), OutcomeUnknown)
    assert bench.graph.requests["publish"] == 1
    assert bench.another().find(sought(sent, upload)) is not None


@pytest.mark.parametrize("told", [DROPPED_BEFORE, refused(100, 33), refused(4)], ids=lambda fault: fault.name)
def test_a_stop_of_which_nobody_knows_whether_it_came_too_late_stops_with_the_next_call(
    bench: GraphBench, told: Fault
) -> None:
    sent = post()
    upload = bench.outlet.upload(sent)
    bench.faults.add(refused(4, 2207051, message="Spam", acts=True), call="publish")
    bench.faults.add(told, call="status")

    assert isinstance(error_of(lambda: bench.outlet.commit(sent, upload)), OutcomeUnknown)
    assert isinstance(error_of(lambda: bench.outlet.find(sought(sent, upload))), AccountStopped)
    # Once a person has resumed it.
    assert bench.outlet.find(sought(sent, upload)) is not None


def test_a_pause_that_came_with_a_published_post_is_told_by_the_next_call(bench: GraphBench) -> None:
    sent = post()
    upload = bench.outlet.upload(sent)
    bench.faults.add(refused(4, acts=True), call="publish")

    assert isinstance(error_of(lambda: bench.outlet.commit(sent, upload)), OutcomeUnknown)
    assert isinstance(error_of(bench.outlet.remaining), CoolDown)
    assert bench.outlet.find(sought(sent, upload)) is not None


def test_a_proxy_that_hangs_up_on_what_it_was_sent_leaves_nobody_knowing(
    bench: GraphBench, monkeypatch: pytest.MonkeyPatch
) -> None:
    taken: list[bytes] = []

    def serve() -> None:
        connection, _ = listener.accept()
        with connection:
            taken.append(connection.recv(65536))

    upload = bench.outlet.upload(post())
    with socket.create_server(("127.0.0.1", 0)) as listener:
        threading.Thread(target=serve, daemon=True).start()
        monkeypatch.setenv("HTTP_PROXY", f"http://127.0.0.1:{listener.getsockname()[1]}")
        assert isinstance(error_of(lambda: bench.outlet.commit(post(), upload)), OutcomeUnknown)
    assert b"media_publish" in taken[0]


def test_a_stop_that_is_still_to_be_told_goes_before_another_commit(bench: GraphBench) -> None:
    first, second = bench.outlet.upload(post()), bench.outlet.upload(post(key="second"))
    bench.faults.add(refused(368, acts=True), call="publish")

    assert isinstance(error_of(lambda: bench.outlet.commit(post(), first)), OutcomeUnknown)
    assert isinstance(error_of(lambda: bench.outlet.commit(post(key="second"), second)), AccountStopped)
    assert bench.graph.requests["publish"] == 1


# --- What must never be.


@pytest.mark.parametrize("seed", range(3))
def test_a_container_is_published_once_at_most_in_any_storm(bench: GraphBench, seed: int) -> None:
    menu = [
        (call, each.fault)
        for call in ("container", "status", "publish", "media", "stories")
        for each in TAXONOMY
        if each.fault is not LONG_SLOW
    ]
    bench.faults.storm(menu, share=0.3, seed=seed)
    chance = random.Random(seed)
    for number in range(40):
        sent = post(chance.choice([PostKind.PHOTO, PostKind.STORY]), key=f"key-{number}", caption=f"№ {number:010x}")
        sent = replace(sent, marker=sent.caption)
        try:
            upload = bench.outlet.upload(sent)
        except StylegramError:
            continue
        try:
            media_id = bench.outlet.commit(sent, upload).media_id
        except OutcomeUnknown:
            continue
        except StylegramError:
            # Said to be surely not out.
            assert not bench.graph.containers[json.loads(upload)["container"]].posts
        else:
            assert bench.account.post(media_id) is not None

    assert len(bench.faults.happened) > 10
    assert all(count == 1 for count in all_out(bench))
    assert bench.account.posts


@pytest.mark.parametrize(
    "words",
    [
        "Malformed access token {token}",
        "The media could not be fetched from this URI: {address}",
        "Unexpected parameter: {address} {token}",
    ],
)
@pytest.mark.parametrize("code", [100, 190, 9004, 4, 368, 1])
def test_no_secret_is_in_an_error_or_a_log(
    bench: GraphBench, code: int, words: str, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    address = bench.storage.signed_url("posts/3f9a1c27d0aa/0.jpg", seconds=60)
    assert address is not None
    upload = bench.outlet.upload(post())
    fault = refused(code, message=words.format(token=TOKEN, address=address))
    for call in ("container", "publish", "limit"):
        bench.faults.add(fault, call=call)

    errors = [
        error_of(lambda: bench.outlet.upload(post())),
        error_of(lambda: bench.outlet.commit(post(), upload)),
        error_of(bench.outlet.remaining),
    ]

    said = "".join("".join(traceback.format_exception(error)) for error in errors)
    logged = "".join(record.getMessage() for record in caplog.records)
    assert TOKEN not in said + logged
    assert "X-Goog" not in said + logged
    assert TOKEN not in repr(bench.outlet) + repr(vars(bench.outlet))


@pytest.mark.parametrize(
    "fault", [DROPPED_BEFORE, HALF_AN_ANSWER, NOT_JSON, REDIRECT, LONG_SLOW], ids=lambda fault: fault.name
)
def test_no_secret_is_in_an_error_of_the_network(bench: GraphBench, fault: Fault) -> None:
    bench.faults.add(fault, call="container")
    bench.faults.add(fault, call="limit")

    errors = [error_of(lambda: bench.outlet.upload(post())), error_of(bench.outlet.remaining)]

    said = "".join("".join(traceback.format_exception(error)) for error in errors)
    assert TOKEN not in said
    assert "X-Goog" not in said
    # Nor are a library's own words, which may repeat what it was about to send.
    assert "127.0.0.1" not in said


def test_no_secret_is_in_an_address(bench: GraphBench) -> None:
    sent = post()
    upload = bench.outlet.upload(sent)
    bench.outlet.commit(sent, upload)
    for number in range(60):  # more than a page, whose next one's address has the token
        bench.account.publish("photo", f"№ {number:010x}", [b"1"])
    bench.outlet.find(sought(sent, upload))
    bench.outlet.remaining()

    assert bench.graph.requests["media"] == 2
    assert not any(TOKEN in address or "access_token" in address for address in bench.graph.addresses)
    assert not any("X-Goog" in address for address in bench.graph.addresses)


def test_the_fake_is_strict(bench: GraphBench) -> None:
    base, mine = f"{bench.graph.url}/v23.0", {"Authorization": f"Bearer {TOKEN}"}
    user = bench.account.user_id

    def code(method: str, path: str, headers: dict[str, str], **form: str) -> tuple[int, int]:
        error = requests.request(method, f"{base}/{path}", headers=headers, data=form, timeout=5).json()["error"]
        return error["code"], error.get("error_subcode", 0)

    assert code("GET", f"{user}/media?fields=id", {}) == (190, 463)
    assert code("GET", f"{user}/media?fields=id&access_token={TOKEN}", {}) == (190, 463)
    assert code("GET", f"{user}/media?fields=id&access_token={TOKEN}", mine) == (100, 0)
    assert code("GET", f"{user}/media?fields=secrets", mine) == (100, 0)
    assert code("POST", f"{user}/media", mine, image_url="http://127.0.0.1:9/x.jpg") == (9004, 2207052)
    assert code("POST", f"{user}/media", mine, image_url="x", tags="y") == (100, 0)
    assert code("POST", f"{user}/media", mine, media_type="VIDEO") == (100, 2207023)
    assert code("POST", f"{user}/media", mine, media_type="CAROUSEL", children="1") == (100, 2207028)
    assert code("POST", f"{user}/media", mine, media_type="CAROUSEL", children="1,2") == (9007, 2207027)
    assert code("POST", f"{user}/media_publish", mine, creation_id="1") == (24, 2207006)
    assert code("GET", "elsewhere/at/all", mine) == (2500, 0)
    upload = bench.outlet.upload(post())
    container = json.loads(upload)["container"]
    bench.outlet.commit(post(), upload)
    assert code("POST", f"{user}/media_publish", mine, creation_id=container) == (24, 2207006)
    assert len(bench.account.posts) == 1
