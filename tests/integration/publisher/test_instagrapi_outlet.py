"""Posting through the private API: the real client, unpatched, talks to a fake over loopback."""

from collections import Counter
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

import instagrapi_fake_faults as wrong
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
    slow,
)
from instagrapi_posts import KINDS, World, post, sought, world
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
from stylegram.common.messages import PostKind
from stylegram.common.ports import Outlet, PublishedPost
from stylegram.publisher.outlets.instagrapi_api import transport

NOWHERE = "http://127.0.0.1:9"


@pytest.fixture
def instagram(tmp_path: Path) -> Iterator[World]:
    with world(tmp_path) as instagram:
        yield instagram


@pytest.mark.parametrize("kind", KINDS)
def test_what_goes_out_is_what_was_handed_over(instagram: World, kind: PostKind) -> None:
    outlet: Outlet = instagram.outlet
    assert kind in outlet.kinds
    wanted = post(kind)
    published = outlet.commit(wanted, outlet.upload(wanted))
    [out] = instagram.account.posts
    files = [file for medium in wanted.media for file in (medium.data, medium.cover) if file]
    assert (out.kind, list(out.files)) == (kind.value, files)
    assert out.caption == ("" if kind is PostKind.STORY else wanted.caption)
    places = {PostKind.STORY: f"stories/stylegram/{out.media_id}", PostKind.REEL: f"reel/{out.code}"}
    assert published == PublishedPost(out.media_id, f"https://www.instagram.com/{places.get(kind, f'p/{out.code}')}/")
    assert instagram.configured() == 1
    assert instagram.fake.complaints == []
    assert instagram.fake.calls["unknown"] == 0


def test_pictures_of_the_feed_have_their_alt_texts(instagram: World) -> None:
    for kind in (PostKind.PHOTO, PostKind.CAROUSEL):
        instagram.outlet.commit(post(kind), instagram.outlet.upload(post(kind)))
        assert instagram.account.posts[-1].alt_texts == tuple(medium.alt_text for medium in post(kind).media)


COMMITS: list[tuple[Fault, type[StylegramError], int]] = [
    # Nobody knows, and posts may be out.
    (DROPPED_BEFORE, OutcomeUnknown, 0),
    (DROPPED_AFTER, OutcomeUnknown, 1),
    (HALF_AN_ANSWER, OutcomeUnknown, 1),
    (NOT_JSON, OutcomeUnknown, 1),
    (SERVER_ERROR, OutcomeUnknown, 0),
    (SERVER_ERROR_AFTER, OutcomeUnknown, 1),
    (BAD_GATEWAY, OutcomeUnknown, 1),
    (REQUEST_TIMEOUT, OutcomeUnknown, 1),
    (wrong.ANOTHER_PAGE, OutcomeUnknown, 1),
    (wrong.NO_MEDIA, OutcomeUnknown, 1),
    (wrong.CHANGED, OutcomeUnknown, 1),
    # Surely not out.
    (TOO_MANY, CoolDown, 0),
    (wrong.RETRY_AFTER, CoolDown, 0),
    (wrong.WAIT, CoolDown, 0),
    (wrong.RATE_LIMIT, CoolDown, 0),
    (wrong.CHALLENGE, AccountStopped, 0),
    (wrong.SUSPENDED, AccountStopped, 0),
    (wrong.CHECKPOINT, AccountStopped, 0),
    (wrong.FEEDBACK, AccountStopped, 0),
    (wrong.FEEDBACK_AS_200, AccountStopped, 0),
    (wrong.SENTRY_BLOCK, AccountStopped, 0),
    (wrong.PROXY_BLOCKED, AccountStopped, 0),
    (wrong.BAD_PASSWORD, AccountStopped, 0),
    (wrong.MASKED_CHALLENGE, AccountStopped, 0),
    (wrong.LOGGED_OUT, LoginNeeded, 0),
    (wrong.UNAUTHORIZED, LoginNeeded, 0),
    (wrong.TWO_FACTOR, LoginNeeded, 0),
    (wrong.LOGIN_PAGE, LoginNeeded, 0),
    (wrong.NEEDS_UPGRADE, ConfigurationError, 0),
    (wrong.REFUSED, Refused, 0),
    (wrong.REFUSED_AS_200, Refused, 0),
    (wrong.NEEDS_REUPLOAD, Unavailable, 0),
]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(("fault", "error", "out"), COMMITS, ids=[fault.name for fault, _, _ in COMMITS])
def test_whatever_happens_a_post_is_committed_once(
    instagram: World, fault: Fault, error: type[StylegramError], out: int, kind: PostKind
) -> None:
    upload = instagram.outlet.upload(post(kind))
    uploads = sum(count for call, count in instagram.fake.calls.items() if call.startswith("upload"))
    instagram.faults.add(fault, call="configure")
    with pytest.raises(error) as raised:
        instagram.outlet.commit(post(kind), upload)
    assert type(raised.value) is error
    assert instagram.configured() == 1
    assert len(instagram.account.posts) == out
    assert uploads == sum(count for call, count in instagram.fake.calls.items() if call.startswith("upload"))
    # What the client raised holds the whole request, and would be shown with this.
    assert raised.value.__cause__ is None
    assert raised.value.__suppress_context__ or raised.value.__context__ is None


UPLOADS: list[tuple[Fault, type[StylegramError]]] = [
    *((fault, Unavailable) for fault in (DROPPED_BEFORE, DROPPED_AFTER, HALF_AN_ANSWER, NOT_JSON, SERVER_ERROR)),
    *((fault, Unavailable) for fault in (BAD_GATEWAY, REQUEST_TIMEOUT, wrong.ANOTHER_PAGE, wrong.NEEDS_REUPLOAD)),
    *((fault, CoolDown) for fault in (TOO_MANY, wrong.RETRY_AFTER, wrong.WAIT, wrong.RATE_LIMIT)),
    *((fault, AccountStopped) for fault in (wrong.CHALLENGE, wrong.FEEDBACK, wrong.SENTRY_BLOCK, wrong.CHECKPOINT)),
    *((fault, LoginNeeded) for fault in (wrong.LOGGED_OUT, wrong.UNAUTHORIZED, wrong.TWO_FACTOR, wrong.LOGIN_PAGE)),
    (wrong.NEEDS_UPGRADE, ConfigurationError),
    (wrong.REFUSED, Refused),
]


@pytest.mark.parametrize("call", ["upload-photo", "upload-settings", "upload-start", "upload-video"])
@pytest.mark.parametrize(("fault", "error"), UPLOADS, ids=[fault.name for fault, _ in UPLOADS])
def test_an_upload_that_goes_wrong_says_what_to_do(
    instagram: World, fault: Fault, error: type[StylegramError], call: str
) -> None:
    wanted = post(PostKind.PHOTO if call == "upload-photo" else PostKind.REEL)
    instagram.faults.add(fault, call=call)
    with pytest.raises(error) as raised:
        instagram.outlet.upload(wanted)
    assert type(raised.value) is error
    assert instagram.fake.calls[call] == 1
    assert instagram.account.posts == []


def test_a_reel_is_asked_for_again_only_while_instagram_says_that_it_is_not_ready(instagram: World) -> None:
    upload = instagram.outlet.upload(post(PostKind.REEL))
    instagram.faults.add(wrong.TRANSCODING, call="configure", times=3)
    instagram.slept.clear()
    published = instagram.outlet.commit(post(PostKind.REEL), upload)
    assert [out.media_id for out in instagram.account.posts] == [published.media_id]
    assert (instagram.configured(), len(instagram.slept)) == (4, 3)


def test_a_reel_that_is_not_ready_and_then_unknown_is_not_asked_for_again(instagram: World) -> None:
    upload = instagram.outlet.upload(post(PostKind.REEL))
    instagram.faults.add(wrong.TRANSCODING, call="configure")
    instagram.faults.add(DROPPED_AFTER, call="configure")
    with pytest.raises(OutcomeUnknown):
        instagram.outlet.commit(post(PostKind.REEL), upload)
    assert (instagram.configured(), len(instagram.account.posts)) == (2, 1)


def test_a_reel_that_is_never_ready_is_given_up_for_now(instagram: World) -> None:
    upload = instagram.outlet.upload(post(PostKind.REEL))
    instagram.faults.add(wrong.TRANSCODING, call="configure", times=100)
    with pytest.raises(Unavailable):
        instagram.outlet.commit(post(PostKind.REEL), upload)
    assert instagram.configured() < 100
    assert instagram.account.posts == []


def test_a_reel_without_cover_is_refused_before_anything_is_sent(instagram: World) -> None:
    reel = post(PostKind.REEL)
    bare = type(reel.media[0])(b"film", "video/mp4", 1080, 1920)
    with pytest.raises(Refused):
        instagram.outlet.upload(type(reel)(reel.key, reel.kind, (bare,), reel.caption, reel.marker, b""))
    assert not [call for call in instagram.fake.calls if call.startswith("upload")]


def test_a_post_is_surely_not_out_when_instagram_was_not_reached(instagram: World) -> None:
    upload = instagram.outlet.upload(post())
    # The login is known to be good by now, so that the request to publish is the first to find nobody.
    instagram.outlet._transport._endpoint = NOWHERE
    with pytest.raises(Unavailable):
        instagram.outlet.commit(post(), upload)


def test_an_upload_that_nobody_made_is_made_again(instagram: World) -> None:
    for handle in ('[{"id": "1", "width": 1080, "height": 1350}]', "", "null", "{", '[{"no": 1}]'):
        with pytest.raises(Unavailable):
            instagram.outlet.commit(post(), handle)
    assert instagram.account.posts == []


@pytest.mark.parametrize(
    ("fault", "wait"),
    [
        (TOO_MANY, timedelta(hours=2)),
        (wrong.WAIT, timedelta(hours=1)),
        (wrong.RATE_LIMIT, timedelta(hours=12)),
        (wrong.RETRY_AFTER, timedelta(minutes=15)),
    ],
)
def test_cooling_down_takes_as_long_as_instagram_says(instagram: World, fault: Fault, wait: timedelta) -> None:
    instagram.faults.add(fault, call="upload")
    before = utcnow()
    with pytest.raises(CoolDown) as raised:
        instagram.outlet.upload(post())
    assert before + wait <= raised.value.until <= utcnow() + wait


def test_an_answer_that_takes_too_long_is_none(instagram: World, monkeypatch: pytest.MonkeyPatch) -> None:
    upload = instagram.outlet.upload(post())
    monkeypatch.setattr(transport, "ANSWER_SECONDS", 0.2)
    instagram.faults.add(slow(2.0), call="configure")
    with pytest.raises(OutcomeUnknown):
        instagram.outlet.commit(post(), upload)
    assert instagram.configured() == 1


@pytest.mark.parametrize("answer", [{}, {"user": None}, {"user": {}}, {"user": []}, {"status": "fail"}])
def test_an_account_that_does_not_say_its_name_is_asked_later(instagram: World, answer: dict[str, object]) -> None:
    instagram.faults.add(Fault("nameless", status=200, body=answer), call="current-user")
    with pytest.raises(Unavailable):
        instagram.outlet.upload(post())
    assert instagram.outlet.upload(post())


def test_in_a_storm_nothing_is_out_twice_and_everything_has_a_name(instagram: World) -> None:
    instagram.faults.storm(wrong.STORM, share=0.4, seed=5)
    ends = Counter[str]()
    for number in range(120):
        wanted = post(KINDS[number % 4], f"{number:010x}")
        since = utcnow()
        try:
            upload = instagram.outlet.upload(wanted)
            published = instagram.outlet.commit(wanted, upload)
            ends["published"] += 1
            assert published.media_id == instagram.account.posts[-1].media_id
        except OutcomeUnknown:
            ends["unknown"] += 1
            instagram.faults.calm()
            found = instagram.outlet.find(sought(wanted, upload, since))
            is_out = instagram.account.posts[-1:] and instagram.account.posts[-1].taken_at >= since
            assert bool(found) == bool(is_out)
            instagram.faults.storm(wrong.STORM, share=0.4, seed=number)
        except StylegramError as error:
            ends[error.code] += 1
            assert not instagram.account.find(wanted.marker)
    assert {"published", "unknown", "unavailable", "cool-down", "account-stopped", "login-needed"} <= ends.keys()
    assert all(len(instagram.account.find(f"№ {number:010x}")) <= 1 for number in range(120))


# Finding.


@pytest.mark.parametrize("kind", KINDS)
def test_a_post_is_found_after_its_answer_was_lost(instagram: World, kind: PostKind) -> None:
    wanted, since = post(kind), utcnow()
    upload = instagram.outlet.upload(wanted)
    assert instagram.outlet.find(sought(wanted, upload, since)) is None
    instagram.faults.add(DROPPED_AFTER, call="configure")
    with pytest.raises(OutcomeUnknown):
        instagram.outlet.commit(wanted, upload)
    found = instagram.open().find(sought(wanted, upload, since))
    assert found and found.media_id == instagram.account.posts[0].media_id
    assert found.url and instagram.account.posts[0].media_id in found.url + found.media_id


def test_a_story_is_not_found_where_instagram_does_not_say_of_which_upload_it_is(instagram: World) -> None:
    instagram.fake.tells_upload_ids = False
    story = post(PostKind.STORY)
    upload = instagram.outlet.upload(story)
    instagram.outlet.commit(story, upload)
    assert instagram.outlet.find(sought(story, upload)) is None
    photo = post(PostKind.PHOTO)
    upload = instagram.outlet.upload(photo)
    instagram.outlet.commit(photo, upload)
    assert instagram.outlet.find(sought(photo, upload))


def test_an_older_post_with_the_marker_is_another(instagram: World) -> None:
    instagram.fake.tells_upload_ids = False
    upload = instagram.outlet.upload(post())
    out = instagram.account.publish("photo", post().caption, [b""])
    out.taken_at = utcnow() - timedelta(minutes=11)
    assert instagram.outlet.find(sought(post(), upload)) is None
    out.taken_at = utcnow() - timedelta(minutes=9)
    assert instagram.outlet.find(sought(post(), upload)) == PublishedPost(
        out.media_id, f"https://www.instagram.com/p/{out.code}/"
    )


def test_it_is_looked_for_on_further_pages_as_long_as_they_are_new(instagram: World) -> None:
    instagram.fake.page_size = 4
    wanted = instagram.account.publish("photo", post().caption, [b""])
    for number in range(6):
        instagram.account.publish("photo", f"another {number}", [b""])
    assert instagram.outlet.find(sought(post(), "[]")) == PublishedPost(
        wanted.media_id, f"https://www.instagram.com/p/{wanted.code}/"
    )
    assert instagram.fake.calls["feed"] == 2
    for old in instagram.account.posts:
        old.taken_at -= timedelta(days=1)
    assert instagram.outlet.find(sought(post(), "[]")) is None
    assert instagram.fake.calls["feed"] == 3


def test_a_post_is_found_by_its_marker_where_the_upload_cannot_be_read(instagram: World) -> None:
    instagram.account.publish("photo", post().caption, [b""])
    assert instagram.outlet.find(sought(post(), ""))


def test_a_marker_is_known_whatever_becomes_of_its_blanks_and_signs(instagram: World) -> None:
    instagram.account.publish("photo", f"Edited. No\xa0{post().key} #art", [b""])
    assert instagram.outlet.find(sought(post(), ""))


def test_an_upload_is_known_where_its_name_comes_as_a_fraction(
    instagram: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    upload = instagram.outlet.upload(post(PostKind.STORY))
    published = instagram.outlet.commit(post(PostKind.STORY), upload)
    real = instagram.fake._item
    monkeypatch.setattr(
        instagram.fake, "_item", lambda out: (item := real(out)) | {"device_timestamp": float(item["device_timestamp"])}
    )
    assert instagram.outlet.find(sought(post(PostKind.STORY), upload)) == published


@pytest.mark.parametrize("kind", [PostKind.PHOTO, PostKind.STORY])
@pytest.mark.parametrize(
    "fault", [DROPPED_BEFORE, NOT_JSON, SERVER_ERROR, HALF_AN_ANSWER, wrong.REFUSED, wrong.NOT_THERE]
)
def test_no_answer_is_not_taken_for_no_post(instagram: World, kind: PostKind, fault: Fault) -> None:
    instagram.outlet.find(sought(post(kind), "[]"))
    instagram.faults.add(fault, call="stories" if kind is PostKind.STORY else "feed")
    with pytest.raises(Unavailable):
        instagram.outlet.find(sought(post(kind), "[]"))


# Reading.


def test_a_personal_account_is_told_likes_and_comments(instagram: World) -> None:
    out = instagram.account.publish("photo", "", [b""])
    out.likes, out.comments, out.reach = 12, 3, 400
    feedback = instagram.outlet.feedback(out.media_id, PostKind.PHOTO)
    assert (feedback.likes, feedback.comments, feedback.reach, feedback.saves) == (12, 3, None, None)
    assert instagram.fake.calls["insights"] == 0


def test_a_professional_account_is_told_the_reach_too(instagram: World) -> None:
    instagram.account.is_business = True
    out = instagram.account.publish("photo", "", [b""])
    out.likes, out.comments, out.reach, out.saves = 12, 3, 400, 2
    feedback = instagram.outlet.feedback(out.media_id, PostKind.PHOTO)
    assert (feedback.likes, feedback.comments, feedback.reach, feedback.saves) == (12, 3, 400, 2)


def test_a_post_that_is_gone_is_not_found(instagram: World) -> None:
    with pytest.raises(NotFound):
        instagram.outlet.feedback("3500000000000000001", PostKind.PHOTO)
    assert instagram.outlet.permalink("3500000000000000001") is None
    instagram.faults.add(wrong.NOT_THERE, call="info")
    with pytest.raises(NotFound):
        instagram.outlet.feedback("3500000000000000001", PostKind.PHOTO)


@pytest.mark.parametrize("call", ["info", "insights"])
def test_feedback_that_cannot_be_read_says_why(instagram: World, call: str) -> None:
    instagram.account.is_business = True
    out = instagram.account.publish("photo", "", [b""])
    for fault, error in ((wrong.CHALLENGE, AccountStopped), (TOO_MANY, CoolDown), (wrong.LOGGED_OUT, LoginNeeded)):
        instagram.faults.add(fault, call=call)
        with pytest.raises(error):
            instagram.outlet.feedback(out.media_id, PostKind.PHOTO)


STRANGE = Fault(
    "strange", status=200, body={"data": {"instagram_post_by_igid": {"inline_insights_node": "none"}}, "items": ["x"]}
)


@pytest.mark.parametrize("fault", [DROPPED_BEFORE, NOT_JSON, SERVER_ERROR, wrong.REFUSED, STRANGE])
def test_likes_are_read_where_the_reach_is_not_told(instagram: World, fault: Fault) -> None:
    instagram.account.is_business = True
    out = instagram.account.publish("photo", "", [b""])
    out.likes, out.reach = 5, 50
    instagram.faults.add(fault, call="insights")
    feedback = instagram.outlet.feedback(out.media_id, PostKind.PHOTO)
    assert (feedback.likes, feedback.reach) == (5, None)
    instagram.faults.add(fault, call="info")
    with pytest.raises(Unavailable):
        instagram.outlet.feedback(out.media_id, PostKind.PHOTO)


def test_an_address_can_be_asked_for(instagram: World) -> None:
    for kind, place in (("photo", "p"), ("reel", "reel")):
        out = instagram.account.publish(kind, "", [b""])
        assert instagram.outlet.permalink(out.media_id) == f"https://www.instagram.com/{place}/{out.code}/"


def test_it_does_not_say_how_many_more(instagram: World) -> None:
    assert instagram.outlet.remaining() is None
    assert instagram.fake.calls.total() == 0
