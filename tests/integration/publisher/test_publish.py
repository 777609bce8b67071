"""Never two posts, never a lost one: whatever dies, and whoever asks twice."""

import threading
from io import BytesIO
from typing import Any

import pytest
from PIL import Image

from publisher_fakes import House, Killed, Script, ScriptedOutlet
from stylegram.common.errors import InvalidInput, InvalidMessage, NotFound, StylegramError, Unavailable
from stylegram.common.messages import NEEDS_REVIEW, CancelJob, Message, PostFailed, PostPublished
from stylegram.common.ports import Broker, Post, PublishedPost
from stylegram.common.topology import PUBLISHER_POSTS
from stylegram.publisher.tables import PostState


def test_a_request_becomes_a_post(house: House, outlet: ScriptedOutlet) -> None:
    house.broker.publish(house.request())
    house.work_off(house.publisher(outlet))

    [post] = outlet.posts
    assert Image.open(BytesIO(post.image)).size == (1080, 566)
    assert post.caption.startswith("In the style of The scream.\n")
    assert post.record == b'{"job_id": "42"}'
    row = house.ledger().get(post.key)
    assert (row.state, row.job_id, row.upload, row.holder) == (PostState.PUBLISHED, "42", "upload-0", None)
    assert row.caption == post.caption
    assert row.published_at
    assert row.published_at >= row.created_at
    event = house.published()
    assert (event.job_id, event.account, event.media_id) == ("42", "@painter", "media-1")
    assert event.url == row.url == "https://example.org/p/1"


LEDGER_POINTS = [
    f"{when}_{state}_written" for state in ("uploading", "committing", "published") for when in ("before", "after")
]
POINTS = [*LEDGER_POINTS, "before_upload", "after_upload", "before_commit", "after_commit", "announcing", "announced"]
# The publisher has said that it commits, and the account never heard of it.
UNKNOWABLE = {"after_committing_written", "before_commit"}


@pytest.mark.parametrize("certain", [False, True], ids=["uncertain", "certain"])
@pytest.mark.parametrize("point", POINTS)
def test_killed_anywhere_it_neither_posts_twice_nor_forgets(house: House, point: str, certain: bool) -> None:
    script = Script(**{point: [Killed()]})
    outlet = ScriptedOutlet(script, find_is_certain=certain)
    ledger = house.ledger()
    ledger.script = script
    house.broker.publish(house.request())
    with pytest.raises(Killed):
        house.work_off(house.publisher(outlet, ledger=ledger, broker=DyingBroker(house.broker, script)))
    house.time_passes()

    house.work_off(house.publisher(outlet))

    if point in UNKNOWABLE and not certain:
        assert house.failed().error_code == NEEDS_REVIEW
        assert outlet.posts == []
    else:
        assert house.published().url == "https://example.org/p/1"
        assert len(outlet.posts) == 1


class DyingBroker:
    """A broker whose publisher dies around the announcement."""

    def __init__(self, broker: Broker, script: Script) -> None:
        self._broker = broker
        self._script = script

    def publish(self, message: Message) -> None:
        self._script.reach("announcing")
        self._broker.publish(message)
        self._script.reach("announced")

    def __getattr__(self, name: str) -> Any:
        return getattr(self._broker, name)


@pytest.mark.parametrize("point", ["before_upload", "after_upload", "after_commit"])
def test_what_may_pass_is_tried_again(house: House, point: str) -> None:
    outlet = ScriptedOutlet(Script(**{point: [Unavailable("away")], "find": [Unavailable("away, too")]}))
    publisher = house.publisher(outlet)
    for _ in range(2 if point == "after_commit" else 1):
        with pytest.raises(Unavailable):
            publisher.handle(house.request(), 1)
    publisher.handle(house.request(), 2)
    assert len(outlet.posts) == 1
    assert house.published()


def test_an_unanswered_commit_of_a_post_that_nobody_sees_needs_review(house: House) -> None:
    outlet = ScriptedOutlet(Script(after_commit=[Unavailable("timed out")]), shows=False)
    house.broker.publish(house.request())
    house.work_off(house.publisher(outlet))
    outcome = house.failed()
    assert outcome.error_code == NEEDS_REVIEW
    key = outlet.posts[0].key
    assert outcome.reason.endswith(
        f"settle {key} --published URL, or --not-published, after which it counts as failed."
    )
    # Asked again, it looks again and does no more.
    house.broker.publish(house.request())
    house.work_off(house.publisher(outlet))
    assert len(outlet.posts) == 1
    assert house.failed().error_code == NEEDS_REVIEW


def test_an_account_that_refuses_to_be_asked_leaves_the_post_for_review(house: House) -> None:
    refusal = StylegramError("Log in again.")
    outlet = ScriptedOutlet(Script(after_commit=[Unavailable("timed out")], find=[refusal]))
    publisher = house.publisher(outlet)
    with pytest.raises(Unavailable):
        publisher.handle(house.request(), 1)
    publisher.handle(house.request(), 2)
    outcome = house.failed()
    assert outcome.error_code == NEEDS_REVIEW
    assert "Log in again" in outcome.reason
    # Once it answers, the post is found.
    house.broker.publish(house.request())
    house.work_off(house.publisher(outlet))
    assert house.published()
    assert len(outlet.posts) == 1


@pytest.mark.parametrize("point", ["before_upload", "before_commit"])
def test_a_refusal_is_final_until_somebody_asks_again(house: House, point: str) -> None:
    outlet = ScriptedOutlet(Script(**{point: [StylegramError("The account is suspended.")]}))
    house.broker.publish(house.request())
    house.work_off(house.publisher(outlet))
    outcome = house.failed()
    assert (outcome.reason, outcome.error_code) == ("The account is suspended.", "error")
    assert outlet.posts == []

    house.broker.publish(house.request())
    house.work_off(house.publisher(outlet))
    assert house.published()
    row = house.ledger().get(outlet.posts[0].key)
    assert (row.reason, row.error_code) == (None, None)


def test_a_picture_that_is_not_there_fails_with_its_name(house: House, outlet: ScriptedOutlet) -> None:
    house.broker.publish(house.request("lost"))
    house.work_off(house.publisher(outlet))
    outcome = house.failed()
    assert outcome.error_code == NotFound.code
    assert "runs/lost/result.png" in outcome.reason


@pytest.mark.parametrize(
    ("point", "code"),
    [("before_upload", "error"), ("after_commit", NEEDS_REVIEW)],
)
def test_a_defect_ends_as_a_dead_letter_that_is_announced(house: House, point: str, code: str) -> None:
    outlet = ScriptedOutlet(Script(**{point: [KeyError("media")]}), shows=False)
    house.broker.publish(house.request())
    house.work_off(house.publisher(outlet))
    assert house.failed().error_code == code
    [dead] = house.broker.dead_letters(PUBLISHER_POSTS.name)
    assert "KeyError" in dead.reason


def test_an_outlet_that_is_away_is_waited_for(house: House) -> None:
    outlet = ScriptedOutlet(Script(before_upload=[Unavailable("away")]))
    house.broker.publish(house.request())
    house.work_off(house.publisher(outlet), attempts=1)
    assert house.published()
    assert len(outlet.posts) == 1


def test_asked_twice_it_posts_once_and_says_so_twice(house: House, outlet: ScriptedOutlet) -> None:
    for _ in range(2):
        house.broker.publish(house.request())
    house.work_off(house.publisher(outlet))
    first, second = house.events()
    assert len(outlet.posts) == 1
    assert isinstance(first, PostPublished)
    assert isinstance(second, PostPublished)
    assert first.url == second.url


def test_asked_by_many_at_once_it_posts_once(house: House) -> None:
    outlet = ScriptedOutlet()
    for _ in range(6):
        house.broker.publish(house.request())
    workers = [threading.Thread(target=house.work_off, args=(house.publisher(outlet),)) for _ in range(6)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert len(outlet.posts) == 1
    assert [type(event) for event in house.events()] == [PostPublished] * 6


class SlowOutlet(ScriptedOutlet):
    """Takes longer to commit than a publisher may hold a post."""

    def __init__(self, *, certain: bool) -> None:
        super().__init__(find_is_certain=certain)
        self.entered = threading.Event()
        self.leave = threading.Event()

    def commit(self, post: Post, upload: str) -> PublishedPost:
        self.entered.set()
        self.leave.wait(5)
        return super().commit(post, upload)


def test_a_slow_commit_has_the_last_word(house: House) -> None:
    slow = SlowOutlet(certain=False)
    first = threading.Thread(target=house.publisher(slow).handle, args=(house.request(), 1))
    first.start()
    assert slow.entered.wait(5)
    house.time_passes()
    # Another publisher finds the post in `committing`, and nothing on the account.
    house.publisher(slow).handle(house.request(), 1)
    assert house.failed().error_code == NEEDS_REVIEW
    slow.leave.set()
    first.join()
    assert house.published()
    assert len(slow.posts) == 1


def test_who_lost_the_post_before_the_commit_does_not_commit(house: House) -> None:
    class Overtaken(ScriptedOutlet):
        def upload(self, post: Post) -> str:
            house.time_passes()
            assert house.ledger().hold(post.key)
            return super().upload(post)

    outlet = Overtaken()
    with pytest.raises(Unavailable, match="took over"):
        house.publisher(outlet).handle(house.request(), 1)
    assert outlet.posts == []


def test_waiting_for_another_publisher_ends_when_told_to_stop(house: House, outlet: ScriptedOutlet) -> None:
    request = house.request()
    ledger = house.ledger()
    assert ledger.hold(ledger.enter(outlet.account, request.artifact, "photo", request.job_id))
    house.stop.set()
    with pytest.raises(StylegramError, match="Stopped") as stopped:
        house.publisher(outlet).handle(request, 1)
    assert stopped.value.retryable


@pytest.mark.parametrize("url", ["https://example.org/p/here", None])
def test_a_person_settles_what_needs_review(house: House, url: str | None) -> None:
    outlet = ScriptedOutlet(Script(before_commit=[Unavailable("timed out")]))
    publisher = house.publisher(outlet)
    with pytest.raises(Unavailable):
        publisher.handle(house.request(), 1)
    publisher.handle(house.request(), 2)
    key = next(iter(outlet.uploads.values())).key
    house.events()

    publisher.settle(key, url)

    [outcome] = house.events()
    assert isinstance(outcome, PostPublished if url else PostFailed)
    with pytest.raises(InvalidInput, match="needs no review"):
        publisher.settle(key, url)
    house.broker.publish(house.request())
    house.work_off(publisher)
    assert house.published()
    assert len(outlet.posts) == (0 if url else 1)


def test_a_message_that_is_no_request_is_refused(house: House, outlet: ScriptedOutlet) -> None:
    with pytest.raises(InvalidMessage, match="cancel_job"):
        house.publisher(outlet).handle(CancelJob(job_id="1"), 1)
