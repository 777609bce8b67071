"""Never two posts, never a lost one: whatever dies, and whoever asks twice."""

import threading
import time
from datetime import timedelta
from io import BytesIO
from typing import Any

import pytest
from PIL import Image
from sqlalchemy import select

from publisher_fakes import FAST, House, Killed, Script, ScriptedOutlet
from stylegram.common.database import transaction
from stylegram.common.errors import (
    InvalidMessage,
    NotFound,
    OutcomeUnknown,
    Refused,
    StylegramError,
    Unavailable,
)
from stylegram.common.messages import NEEDS_REVIEW, CancelJob, Message, PostKind, PostPublished
from stylegram.common.ports import Broker, Post, PublishedPost
from stylegram.publisher.dispatch import Pace
from stylegram.publisher.ledger import Ledger, marker_of
from stylegram.publisher.tables import PostRow, PostState


def test_a_request_becomes_a_post(house: House, outlet: ScriptedOutlet) -> None:
    desk = house.desk(outlet)
    house.ask(desk, house.request())
    house.work_off(desk)

    [post] = outlet.posts
    assert Image.open(BytesIO(post.media[0].data)).size == (1080, 566)
    assert post.caption.startswith("In the style of The scream.\n")
    assert post.caption.endswith(f"\n{post.marker}")
    assert "42" in post.record.decode()
    row = house.ledger().get(post.key)
    assert (row.state, row.job_id, row.upload, row.holder) == (PostState.PUBLISHED, "42", "upload-0", None)
    assert (row.caption, row.alt_text) == (post.caption, post.media[0].alt_text)
    assert row.published_at
    assert row.published_at >= row.created_at
    event = house.published()
    assert (event.job_id, event.account, event.media_id, event.post) == ("42", "@painter", "media-1", post.key)
    assert event.url == row.url == "https://example.org/p/1"


LEDGER_POINTS = [
    f"{when}_{state}_written" for state in ("uploading", "committing", "published") for when in ("before", "after")
]
OUTLET_POINTS = ["remaining", "before_upload", "after_upload", "before_commit", "after_commit"]
POINTS = [*LEDGER_POINTS, *OUTLET_POINTS, "announcing", "announced"]
# The publisher has said that it commits, and the account never heard of it.
UNKNOWABLE = {"after_committing_written", "before_commit"}


@pytest.mark.parametrize("certain", [False, True], ids=["uncertain", "certain"])
@pytest.mark.parametrize("point", POINTS)
def test_killed_anywhere_it_neither_posts_twice_nor_forgets(house: House, point: str, certain: bool) -> None:
    script = Script(**{point: [Killed()]})
    outlet = ScriptedOutlet(script, find_is_certain=certain)
    ledger = house.ledger()
    ledger.script = script
    desk = house.desk(outlet, ledger=ledger, broker=DyingBroker(house.broker, script))
    house.ask(desk, house.request())
    with pytest.raises(Killed):
        house.work_off(desk)
    house.time_passes()

    house.work_off(house.desk(outlet))

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


@pytest.mark.parametrize("point", [*OUTLET_POINTS[:-1], "find"])
def test_what_may_pass_is_tried_again(house: House, point: str) -> None:
    errors = [Unavailable("away"), Unavailable("still away")]
    lost = [OutcomeUnknown("no answer")] if point == "find" else []
    outlet = ScriptedOutlet(Script(**{point: errors}, after_commit=lost))
    desk = house.desk(outlet)
    house.ask(desk, house.request())
    house.work_off(desk)
    assert len(outlet.posts) == 1
    assert house.published()


def test_attempts_grow_rarer(house: House) -> None:
    outlet = ScriptedOutlet(Script(before_upload=[Unavailable("away")] * 3))
    desk = house.desk(outlet, pace=Pace(FAST.sightings, first_pause=timedelta(minutes=1)))
    house.ask(desk, house.request())
    pauses = []
    for _ in range(3):
        assert desk.dispatcher.step()
        assert not desk.dispatcher.step()
        row = house.row()
        assert row.not_before
        pauses.append((row.not_before - row.updated_at).total_seconds())
        house.time_passes(minutes=10)
    assert pauses == pytest.approx([60, 120, 240], abs=1)
    house.work_off(desk)
    assert house.published()


def test_a_commit_without_an_answer_is_looked_for(house: House) -> None:
    outlet = ScriptedOutlet(Script(after_commit=[OutcomeUnknown("timed out")]))
    desk = house.desk(outlet)
    house.ask(desk, house.request())
    house.work_off(desk)
    assert house.published().media_id == "media-1"
    assert len(outlet.posts) == 1


def test_an_account_is_given_time_to_show_a_post(house: House) -> None:
    outlet = ScriptedOutlet(Script(after_commit=[OutcomeUnknown("timed out")]))
    pace = Pace(sightings=(timedelta(seconds=10), timedelta(minutes=1), timedelta(minutes=5)))
    desk = house.desk(outlet, pace=pace)
    house.ask(desk, house.request())
    assert desk.dispatcher.step()
    outlet._shows = False
    for asked in (1, 2):
        assert not desk.dispatcher.step()
        house.time_passes(minutes=2)
        assert desk.dispatcher.step()
        assert (house.row().state, house.row().asked) == (PostState.COMMITTING, asked)
    outlet._shows = True
    assert not desk.dispatcher.step()
    house.time_passes(minutes=6)
    house.work_off(desk)
    assert house.published()


@pytest.mark.parametrize("error", [OutcomeUnknown("timed out"), KeyError("media")])
def test_a_post_that_nobody_sees_needs_review(house: House, error: Exception) -> None:
    outlet = ScriptedOutlet(Script(after_commit=[error]), shows=False)
    desk = house.desk(outlet)
    house.ask(desk, house.request())
    house.work_off(desk)
    outcome = house.failed()
    assert outcome.error_code == NEEDS_REVIEW
    key = outlet.posts[0].key
    for words in (f"posts resolve {key}", "--not-published", marker_of(key), "UTC"):
        assert words in outcome.reason
    # Asked again, it says so again and does no more.
    house.ask(desk, house.request())
    house.work_off(desk)
    assert len(outlet.posts) == 1
    assert house.failed().error_code == NEEDS_REVIEW


def test_a_defect_in_looking_leaves_the_post_for_review(house: House) -> None:
    outlet = ScriptedOutlet(Script(after_commit=[OutcomeUnknown("?")], find=[KeyError("items")]))
    desk = house.desk(outlet)
    house.ask(desk, house.request())
    house.work_off(desk)
    assert house.failed().error_code == NEEDS_REVIEW
    assert len(outlet.posts) == 1


@pytest.mark.parametrize("point", ["before_upload", "before_commit"])
def test_a_refusal_is_final_until_a_person_asks_again(house: House, point: str) -> None:
    outlet = ScriptedOutlet(Script(**{point: [Refused("Not of a shape that it takes.")]}))
    desk = house.desk(outlet)
    house.ask(desk, house.request())
    house.work_off(desk)
    outcome = house.failed()
    assert (outcome.reason, outcome.error_code) == ("Not of a shape that it takes.", "refused")
    assert outlet.posts == []
    # A request that comes again, as messages do, is no person.
    house.ask(desk, house.request())
    house.work_off(desk)
    assert house.failed().error_code == "refused"

    house.decisions.retry(outcome.post)
    house.work_off(desk)
    assert house.published()
    row = house.ledger().get(outlet.posts[0].key)
    assert (row.reason, row.error_code) == (None, None)


def test_a_defect_before_the_commit_is_a_failure(house: House) -> None:
    outlet = ScriptedOutlet(Script(before_upload=[KeyError("media")]))
    desk = house.desk(outlet)
    house.ask(desk, house.request())
    house.work_off(desk)
    assert "KeyError" in house.failed().reason


def test_a_picture_that_is_not_there_fails_with_its_name(house: House, outlet: ScriptedOutlet) -> None:
    desk = house.desk(outlet)
    house.ask(desk, house.request("lost"))
    house.work_off(desk)
    outcome = house.failed()
    assert outcome.error_code == NotFound.code
    assert "runs/lost/" in outcome.reason


def test_one_post_that_fails_keeps_no_other(house: House, outlet: ScriptedOutlet) -> None:
    desk = house.desk(outlet)
    house.ask(desk, house.request("lost"), house.request())
    house.work_off(desk)
    assert [event.type for event in house.events()] == ["post_failed", "post_published"]


def test_asked_twice_it_posts_once_and_says_so_twice(house: House, outlet: ScriptedOutlet) -> None:
    desk = house.desk(outlet)
    for _ in range(2):
        house.ask(desk, house.request())
        house.work_off(desk)
    first, second = house.events()
    assert len(outlet.posts) == 1
    assert isinstance(first, PostPublished)
    assert isinstance(second, PostPublished)
    assert first.url == second.url


@pytest.mark.every_database
def test_many_publishers_post_each_picture_once_and_one_at_a_time(house: House) -> None:
    class Crowded(ScriptedOutlet):
        at_once = 0
        most = 0

        def upload(self, post: Post) -> str:
            self.at_once += 1
            self.most = max(self.most, self.at_once)
            return super().upload(post)

        def commit(self, post: Post, upload: str) -> PublishedPost:
            self.at_once -= 1
            return super().commit(post, upload)

    outlet = Crowded()
    jobs = [f"job-{number}" for number in range(6)]
    for job in jobs:
        house.finish(job)
    house.ask(house.desk(outlet), *map(house.request, jobs))

    def work() -> None:
        desk = house.desk(outlet)
        while any(row.state is not PostState.PUBLISHED for row in house.ledger().posts()):
            desk.publisher.step()

    workers = [threading.Thread(target=work) for _ in range(4)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert len({post.key for post in outlet.posts}) == len(outlet.posts) == len(jobs)
    assert outlet.most == 1


class SlowOutlet(ScriptedOutlet):
    """Takes longer to commit than a publisher may hold a post."""

    def __init__(self) -> None:
        super().__init__()
        self.entered = threading.Event()
        self.leave = threading.Event()

    def commit(self, post: Post, upload: str) -> PublishedPost:
        self.entered.set()
        self.leave.wait(5)
        return super().commit(post, upload)


def test_a_slow_commit_has_the_last_word(house: House) -> None:
    slow = SlowOutlet()
    desk = house.desk(slow)
    house.ask(desk, house.request())
    first = threading.Thread(target=desk.dispatcher.step)
    first.start()
    assert slow.entered.wait(5)
    house.time_passes()
    # Another publisher finds the post in `committing`, and nothing on the account.
    house.work_off(house.desk(slow))
    assert house.failed().error_code == NEEDS_REVIEW
    slow.leave.set()
    first.join()
    house.work_off(house.desk(slow))
    assert house.published()
    assert len(slow.posts) == 1


def test_who_lost_the_post_before_the_commit_does_not_commit(house: House) -> None:
    class Overtaken(ScriptedOutlet):
        def upload(self, post: Post) -> str:
            house.time_passes()
            with transaction(house.engine) as session:
                assert house.ledger().hold_in(session, post.key)
            return super().upload(post)

    outlet = Overtaken()
    desk = house.desk(outlet)
    house.ask(desk, house.request())
    desk.dispatcher.step()
    assert outlet.posts == []
    assert house.row().state is PostState.UPLOADING


def test_a_message_that_is_no_request_is_refused(house: House, outlet: ScriptedOutlet) -> None:
    with pytest.raises(InvalidMessage, match="cancel_job"):
        house.desk(outlet).intake.handle(CancelJob(job_id="1"), 1)


def test_a_request_that_comes_to_nothing_is_told_of(house: House, outlet: ScriptedOutlet) -> None:
    house.desk(outlet).intake.give_up(house.request(), StylegramError("Given up."))
    assert house.failed().reason == "Given up."


def test_a_kind_that_the_account_does_not_take_fails_by_itself(house: House, outlet: ScriptedOutlet) -> None:
    outlet.kinds = {PostKind.PHOTO}
    desk = house.desk(outlet)
    house.ask(desk, house.request(kinds=(PostKind.REEL, PostKind.PHOTO)))
    house.work_off(desk)
    assert house.rows() == {"reel": PostState.FAILED, "photo": PostState.PUBLISHED}
    assert "takes no reel" in (house.row("reel").reason or "")


def test_an_address_is_asked_for_after_the_post_is_known_to_be_out(house: House) -> None:
    class Unaddressed(ScriptedOutlet):
        def commit(self, post: Post, upload: str) -> PublishedPost:
            return PublishedPost(super().commit(post, upload).media_id, None)

        def permalink(self, media_id: str) -> str | None:
            states.append(house.row().state)
            return super().permalink(media_id)

    states: list[PostState] = []
    outlet = Unaddressed(Script(permalink=[]))
    desk = house.desk(outlet)
    house.ask(desk, house.request())
    house.work_off(desk)
    assert states == [PostState.PUBLISHED]
    assert house.published().url == house.row().url == "https://example.org/p/1"


def test_a_row_that_an_older_version_left_is_posted_when_it_is_asked_for_again(house: House) -> None:
    outlet = ScriptedOutlet()
    desk = house.desk(outlet)
    house.ask(desk, house.request())
    with transaction(house.engine) as session:
        row = session.scalars(select(PostRow)).one()
        row.request = row.caption = row.alt_text = row.approved_at = None
    house.work_off(desk)
    assert outlet.posts == []
    house.ask(desk, house.request())
    house.work_off(desk)
    assert house.published()


def test_what_ends_a_process_again_and_again_keeps_no_other_post(house: House) -> None:
    """As a picture for which memory does not suffice."""
    house.finish("other")
    outlet = ScriptedOutlet()
    desk = house.desk(outlet, pace=Pace(FAST.sightings, first_pause=timedelta(hours=1)))
    house.ask(desk, house.request(), house.request("other"))
    with transaction(house.engine) as session:
        assert house.ledger().hold_in(session, house.ledger().posts()[-1].key)
    house.time_passes()
    house.work_off(desk)
    states = {row.job_id: (row.state, row.attempts) for row in house.ledger().posts()}
    assert states == {"42": (PostState.PREPARED, 1), "other": (PostState.PUBLISHED, 0)}


def test_who_stood_still_before_the_commit_does_not_commit(house: House) -> None:
    """As a laptop does that is closed: somebody may have decided otherwise meanwhile."""

    class Asleep(Ledger):
        def move(self, *args: Any, **facts: Any) -> bool:
            moved = super().move(*args, **facts)
            if args[1] is PostState.COMMITTING:
                time.sleep(0.02)
            return moved

    outlet = ScriptedOutlet()
    desk = house.desk(outlet)
    house.ask(desk, house.request())
    asleep = house.desk(outlet, ledger=Asleep(house.engine, hold_seconds=0.01))
    assert asleep.dispatcher.step()
    assert outlet.posts == []
    assert house.row().state is PostState.PREPARED


def test_what_the_account_said_outlasts_a_database_that_is_away(house: House) -> None:
    """A story has nothing by which it would be found again."""
    outlet = ScriptedOutlet(shows=False)
    ledger = house.ledger()
    ledger.script = Script(before_published_written=[Unavailable("away"), Unavailable("still away")])
    desk = house.desk(outlet, ledger=ledger)
    house.ask(desk, house.request())
    for _ in range(2):
        with pytest.raises(Unavailable):
            desk.dispatcher.step()
    house.work_off(desk)
    assert house.published().media_id == "media-1"
    assert len(outlet.posts) == 1


def test_an_account_that_will_never_tell_is_not_asked_for_ever(house: House) -> None:
    outlet = ScriptedOutlet(Script(after_commit=[OutcomeUnknown("?")], find=[Refused("No such list.")]))
    desk = house.desk(outlet)
    house.ask(desk, house.request())
    house.work_off(desk)
    assert "No such list" in house.failed().reason


def test_words_that_could_only_be_written_later_are_kept_whole(house: House) -> None:
    outlet = ScriptedOutlet(Script(before_upload=[Unavailable("away")]))
    desk = house.desk(outlet)
    house.ask(desk, house.request())
    with transaction(house.engine) as session:
        row = session.scalars(select(PostRow)).one()
        row.caption = row.alt_text = None
    house.work_off(desk)
    [post] = outlet.posts
    assert post.media[0].alt_text
    assert house.row().alt_text == post.media[0].alt_text


@pytest.mark.parametrize("trouble", [Unavailable("away"), KeyError("permalink")])
def test_an_address_that_cannot_be_had_is_told_later(house: House, trouble: Exception) -> None:
    class Unaddressed(ScriptedOutlet):
        def commit(self, post: Post, upload: str) -> PublishedPost:
            return PublishedPost(super().commit(post, upload).media_id, None)

    desk = house.desk(Unaddressed(Script(permalink=[trouble])))
    house.ask(desk, house.request())
    house.work_off(desk)
    assert house.published().url == ""
    house.time_passes(hours=2)
    assert desk.reception.step()
    house.work_off(desk)
    assert house.published().url == "https://example.org/p/1"


def test_news_of_an_end_is_told_whatever_else_waits(house: House, outlet: ScriptedOutlet) -> None:
    desk = house.desk(outlet)
    jobs = [f"job-{number}" for number in range(101)]
    house.ask(desk, *map(house.request, jobs))
    # Another publisher is at one, so that there is nothing to say of the others.
    with transaction(house.engine) as session:
        assert house.ledger().hold_in(session, house.ledger().posts(limit=200)[50].key)
    key = house.ledger().posts()[0].key
    assert house.ledger().publish(key, next_post_at=None, media_id="1", url="there")
    desk.publisher.step()
    assert house.published().post == key


def test_a_commit_that_never_succeeds_is_tried_more_and_more_rarely(house: House) -> None:
    """Where the account can tell that the post is not out."""
    outlet = ScriptedOutlet(Script(before_commit=[KeyError("a defect")] * 2), find_is_certain=True)
    desk = house.desk(outlet, pace=Pace(FAST.sightings, first_pause=timedelta(hours=1)))
    house.ask(desk, house.request())
    house.work_off(desk)
    row = house.row()
    assert (row.state, row.attempts) == (PostState.PREPARED, 1)
    assert row.not_before
    assert outlet.calls.count("before_commit") == 1


def test_what_a_defect_says_may_be_a_secret(house: House) -> None:
    outlet = ScriptedOutlet(Script(before_upload=[ValueError("https://user:planted@proxy.example")]))
    desk = house.desk(outlet)
    house.ask(desk, house.request())
    house.work_off(desk)
    assert "planted" not in house.failed().reason
