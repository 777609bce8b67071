import threading
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from prometheus_client import REGISTRY

from ingest_samples import FAST, add_asset, completed
from stylegram.common.clock import utcnow
from stylegram.common.errors import InvalidMessage
from stylegram.common.messages import (
    NEEDS_REVIEW,
    CancelJob,
    JobAlive,
    JobCancelled,
    JobFailed,
    JobInterrupted,
    JobProgress,
    JobStarted,
    Message,
    PostFailed,
    PostFeedback,
    PostPublished,
    PostRequest,
    PostWaiting,
)
from stylegram.common.records import Role
from stylegram.common.topology import INGEST_EVENTS
from stylegram.ingest.bootstrap import Ingest
from stylegram.ingest.events import EventHandler
from stylegram.ingest.schemas import Job
from stylegram.ingest.tables import JobState, PostState

pytestmark = pytest.mark.every_database

NOW = utcnow()


@pytest.fixture
def new_job(ingest: Ingest) -> Callable[[], Job]:
    pair = add_asset(ingest, Role.CONTENT, 1), add_asset(ingest, Role.STYLE, 2)
    return lambda: ingest.submit(*pair, FAST)


@pytest.fixture
def say(ingest: Ingest) -> Callable[[Message], Job]:
    """Handle the event, and see the job."""

    def handle(message: Message) -> Job:
        EventHandler(ingest.engine).handle(message, 1)
        return ingest.job(message.job_id)

    return handle


def started(job: Job, attempt: int = 1, *, at: float = 0) -> JobStarted:
    return JobStarted(job_id=job.id, worker=f"worker-{attempt}", attempt=attempt, sent_at=NOW + timedelta(seconds=at))


def progress(job: Job, evaluation: int, *, at: float = 0) -> JobProgress:
    sent_at = NOW + timedelta(seconds=at)
    return JobProgress(job_id=job.id, evaluation=evaluation, evaluations=60, size=64, loss=1.5, sent_at=sent_at)


def failed(job: Job) -> JobFailed:
    return JobFailed(job_id=job.id, reason="The weights are corrupt.", error_code="weights-corrupt")


def alive(job: Job, attempt: int = 1, *, at: float = 0) -> JobAlive:
    return JobAlive(job_id=job.id, worker=f"worker-{attempt}", sent_at=NOW + timedelta(seconds=at))


def interrupted(job: Job, attempt: int = 1, *, at: float = 0) -> JobInterrupted:
    return JobInterrupted(job_id=job.id, worker=f"worker-{attempt}", sent_at=NOW + timedelta(seconds=at))


def job_cancelled(job: Job) -> JobCancelled:
    return JobCancelled(job_id=job.id, worker="worker-1")


def fence(job: Job) -> CancelJob:
    return CancelJob(job_id=job.id)


def of_post(job: Job, kind: str, at: float) -> dict[str, Any]:
    """What every word about a post says; the key is that of the kind."""
    sent_at = NOW + timedelta(seconds=at)
    return {"job_id": job.id, "account": "me", "post": f"key-{kind}", "kind": kind, "sent_at": sent_at}


def post_waiting(job: Job, kind: str = "photo", *, at: float = 0) -> PostWaiting:
    return PostWaiting(reason=f"The {kind} waits for a yes.", **of_post(job, kind, at))


def post_failed(job: Job, kind: str = "photo", *, at: float = 0) -> PostFailed:
    return PostFailed(reason=f"The {kind} is refused.", error_code="error", **of_post(job, kind, at))


def post_published(job: Job, kind: str = "photo", *, at: float = 0) -> PostPublished:
    return PostPublished(media_id="1", url=f"https://example.org/{kind}", **of_post(job, kind, at))


def told(job: Job) -> tuple[str | None, str | None, str | None]:
    """What the job says of its posts in one word."""
    return job.post_state, job.post_url, job.post_reason


def test_a_job_runs_and_succeeds(new_job: Callable[[], Job], say: Callable[[Message], Job]) -> None:
    job = new_job()
    running = say(started(job))
    assert (running.state, running.attempt, running.worker, running.started_at) == ("running", 1, "worker-1", NOW)
    running = say(progress(job, 10, at=1))
    assert (running.evaluation, running.evaluations, running.loss, running.sequence) == (10, 60, 1.5, 2)
    done = say(event := completed(job))
    assert (done.state, done.result, done.sequence) == (JobState.SUCCEEDED, f"runs/{job.id}/result.png", 3)
    assert done.finished_at == event.record.finished_at


@pytest.mark.parametrize(("event", "state"), [(completed, "succeeded"), (failed, "failed")])
def test_the_end_may_be_all_that_is_heard(
    event: Callable[[Job], Message], state: str, new_job: Callable[[], Job], say: Callable[[Message], Job]
) -> None:
    job = new_job()
    ended = say(event(job))
    assert ended.state == state
    assert ended.finished
    assert say(started(job)) == ended


def test_a_failure_says_why(new_job: Callable[[], Job], say: Callable[[Message], Job]) -> None:
    ended = say(failed(new_job()))
    assert (ended.reason, ended.error_code) == ("The weights are corrupt.", "weights-corrupt")
    assert ended.finished_at


def test_a_later_attempt_begins_anew(new_job: Callable[[], Job], say: Callable[[Message], Job]) -> None:
    job = new_job()
    say(started(job, 1, at=0))
    say(progress(job, 50, at=1))
    again = say(started(job, 2, at=2))
    assert (again.attempt, again.worker, again.evaluation, again.loss) == (2, "worker-2", None, None)
    assert again.started_at == NOW + timedelta(seconds=2)
    assert say(progress(job, 51, at=1.5)) == again, "said by the attempt before"
    assert say(started(job, 1, at=0)) == again
    assert say(progress(job, 3, at=3)).evaluation == 3


def test_progress_may_overtake_the_start(new_job: Callable[[], Job], say: Callable[[Message], Job]) -> None:
    job = new_job()
    assert say(progress(job, 10, at=1)).state == JobState.RUNNING
    running = say(started(job, 1, at=0))
    assert (running.attempt, running.evaluation, running.loss) == (1, 10, 1.5)


def test_a_word_that_shows_nothing_is_noted_and_not_seen(
    new_job: Callable[[], Job], say: Callable[[Message], Job]
) -> None:
    job = new_job()
    assert say(alive(job)) == job, "nobody has it"
    running = say(started(job, 2, at=1))
    assert say(alive(job, 1, at=2)) == running, "another worker's"
    assert say(alive(job, 2, at=0)) == running, "from before this start"
    heard = say(alive(job, 2, at=3))
    assert heard.heard_at == NOW + timedelta(seconds=3)
    assert heard.model_copy(update={"heard_at": running.heard_at}) == running
    assert say(alive(job, 2, at=2)) == heard, "out of order"
    assert say(progress(job, 1, at=2)).heard_at == heard.heard_at


def test_an_interrupted_job_is_queued_and_begins_again_uncounted(
    new_job: Callable[[], Job], say: Callable[[Message], Job]
) -> None:
    job = new_job()
    say(started(job, 1, at=0))
    running = say(progress(job, 50, at=1))
    assert say(interrupted(job, 2, at=2)) == running, "another worker's"
    queued = say(interrupted(job, 1, at=2))
    assert (queued.state, queued.evaluation, queued.attempt) == (JobState.QUEUED, 50, 1)
    assert queued.sequence == running.sequence + 1
    for late in (progress(job, 51, at=1.5), alive(job, 1, at=1.5), started(job, 1, at=0), interrupted(job, 1, at=2)):
        assert say(late) == queued
    again = say(started(job, 1, at=3))
    assert (again.state, again.evaluation, again.started_at) == ("running", None, NOW + timedelta(seconds=3))
    assert say(interrupted(job, 1, at=2)) == again, "that was before"
    assert say(progress(job, 20, at=4)).evaluation == 20


def test_metrics_of_a_job(new_job: Callable[[], Job], say: Callable[[Message], Job], ingest: Ingest) -> None:
    def counts() -> list[float]:
        names: list[tuple[str, dict[str, str]]] = [
            ("stylegram_job_wait_seconds_count", {"priority": "interactive"}),
            ("stylegram_job_retries_total", {}),
            ("stylegram_job_seconds_count", {"outcome": "succeeded"}),
            ("stylegram_jobs_total", {"state": "succeeded"}),
        ]
        return [REGISTRY.get_sample_value(*name) or 0 for name in names]

    job = new_job()
    ingest.relay().relay_once()
    before = counts()
    for event in (started(job, 1), started(job, 2, at=1), started(job, 2, at=1), completed(job), completed(job)):
        say(event)
    assert [after - earlier for earlier, after in zip(before, counts(), strict=True)] == [1, 1, 1, 1]


def test_a_post_is_published_after_all(new_job: Callable[[], Job], say: Callable[[Message], Job]) -> None:
    job = say(completed(new_job()))
    refused = say(post_failed(job))
    assert (told(refused), refused.state) == (("failed", None, "The photo is refused."), "succeeded")
    out = say(post_published(job))
    assert told(out) == ("published", "https://example.org/photo", None)
    assert say(post_failed(job, at=1)) == out


def test_a_post_that_waits_is_let_go_refused_and_let_go_again(
    new_job: Callable[[], Job], say: Callable[[Message], Job], ingest: Ingest
) -> None:
    job = say(completed(new_job()))
    assert ingest.unposted_jobs() == [job]
    waiting = say(post_waiting(job))
    assert told(waiting) == ("waiting", None, "The photo waits for a yes.")
    assert ingest.unposted_jobs() == [], "nobody has to carry it on"
    refused = say(post_failed(job, at=2))
    assert told(refused) == ("failed", None, "The photo is refused.")
    assert say(post_waiting(job, at=1)) == refused, "said before"
    assert told(say(post_waiting(job, at=3)))[0] == "waiting"
    assert told(say(post_published(job, at=4)))[0] == "published"
    assert told(say(post_waiting(job, at=5)))[0] == "published"


def test_a_post_of_which_nobody_knows_is_not_called_a_failure(
    new_job: Callable[[], Job], say: Callable[[Message], Job]
) -> None:
    job = say(completed(new_job()))
    unknown = post_failed(job).model_copy(update={"error_code": NEEDS_REVIEW, "reason": "Look for it."})
    assert told(say(unknown)) == ("needs_review", None, "Look for it.")
    assert told(say(post_waiting(job, "reel", at=1)))[0] == "needs_review", "that is what a person should see first"
    assert told(say(post_failed(job, at=2)))[0] == "waiting", "a person found out that it is not"
    assert told(say(post_published(job, "reel", at=3)))[0] == "published"


def test_one_word_tells_of_all_posts(new_job: Callable[[], Job], say: Callable[[Message], Job]) -> None:
    job = say(completed(new_job()))
    assert told(say(post_waiting(job, "photo", at=1))) == ("waiting", None, "The photo waits for a yes.")
    assert told(say(post_failed(job, "reel", at=2))) == ("waiting", None, "The photo waits for a yes.")
    assert told(say(post_failed(job, "photo", at=3))) == ("failed", None, "The photo is refused.")
    assert told(say(post_published(job, "story", at=4))) == ("published", "https://example.org/story", None)
    all_ = say(post_published(job, "photo", at=5))
    assert told(all_) == ("published", "https://example.org/story", None), "the first one's stays"
    assert {key: (post.kind, post.state) for key, post in all_.posts.items()} == {
        "key-photo": ("photo", "published"),
        "key-reel": ("reel", "failed"),
        "key-story": ("story", "published"),
    }


def test_a_post_whose_address_becomes_known_later_has_it_then(
    new_job: Callable[[], Job], say: Callable[[Message], Job]
) -> None:
    job = say(completed(new_job()))
    nowhere = post_published(job, at=1).model_copy(update={"url": ""})
    assert told(say(nowhere)) == ("published", None, None)
    there = say(post_published(job, at=2))
    assert told(there) == ("published", "https://example.org/photo", None)
    assert say(nowhere) == there


_WORDS = st.tuples(
    st.sampled_from([post_waiting, post_failed, post_published]),
    st.sampled_from(["photo", "reel", "grid-1"]),
    st.integers(0, 9),
)


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.lists(_WORDS, min_size=1, max_size=8, unique_by=lambda word: word[2]).flatmap(
        lambda words: st.tuples(st.permutations(words), st.permutations(words + words[::2]))
    )
)
def test_the_same_words_about_posts_end_in_the_same_facts(
    new_job: Callable[[], Job], say: Callable[[Message], Job], orders: tuple[list[Any], list[Any]]
) -> None:
    ends = []
    for words in orders:
        job = new_job()
        for event, kind, at in words:
            job = say(event(job, kind, at=at))
        ends.append((told(job), job.posts))
    assert ends[0] == ends[1]
    states = {post.state for post in ends[0][1].values()}
    assert ends[0][0][0] == next(state for state in ("published", "waiting", "failed") if state in states)


def test_posts_of_one_job_may_be_told_of_at_once(new_job: Callable[[], Job], ingest: Ingest) -> None:
    job = new_job()
    events = [post_published(job, f"grid-{number}", at=number) for number in range(1, 10)]
    threads = [threading.Thread(target=EventHandler(ingest.engine).handle, args=(event, 1)) for event in events]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    after = ingest.job(job.id)
    assert len(after.posts) == 9
    assert (after.post_url, after.sequence) == ("https://example.org/grid-1", job.sequence + 9)


def test_how_a_post_is_taken_is_the_records_business(new_job: Callable[[], Job], say: Callable[[Message], Job]) -> None:
    job = new_job()
    assert say(PostFeedback(read_at=NOW, likes=3, **of_post(job, "photo", 0))) == job


def test_an_unknown_job_is_nobodys_business(ingest: Ingest, new_job: Callable[[], Job]) -> None:
    job = new_job()
    stranger = job.model_copy(update={"id": "42"})
    for event in (started(stranger), progress(stranger, 1), completed(stranger), post_published(stranger)):
        EventHandler(ingest.engine).handle(event, 1)
    assert ingest.unfinished_jobs() == [job]


def test_a_command_is_no_event(ingest: Ingest) -> None:
    command = PostRequest(job_id="42", artifact="a", record="r", content_name="c", style_name="s", hyperparameters=FAST)
    with pytest.raises(InvalidMessage, match="post_request is no event"):
        EventHandler(ingest.engine).handle(command, 1)


_events = st.one_of(
    st.builds(lambda attempt, at: lambda job: started(job, attempt, at=at), st.integers(1, 3), st.integers(0, 9)),
    st.builds(lambda done, at: lambda job: progress(job, done, at=at), st.integers(0, 60), st.integers(0, 9)),
    st.builds(lambda done, at: lambda job: progress(job, done, at=at), st.integers(0, 60), st.integers(0, 9)),
    st.builds(lambda n, at: lambda job: alive(job, n, at=at), st.integers(1, 3), st.integers(0, 9)),
    st.builds(lambda n, at: lambda job: interrupted(job, n, at=at), st.integers(1, 3), st.integers(0, 9)),
    st.sampled_from([completed, failed, post_waiting, post_failed, post_published, job_cancelled, fence]),
)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(_events, max_size=12).flatmap(lambda events: st.permutations(events + events[::2])), st.data())
def test_whatever_comes_in_whatever_order(
    new_job: Callable[[], Job],
    say: Callable[[Message], Job],
    ingest: Ingest,
    events: list[Callable[[Job], Message]],
    data: st.DataObject,
) -> None:
    job = new_job()
    cancel_at = data.draw(st.integers(0, 20))
    for number, event in enumerate(events):
        message = event(job)
        before = ingest.job(job.id)
        if number == cancel_at:
            asked = ingest.cancel(job.id)
            assert asked.state == before.state
            assert (asked.cancel_requested_at is None) == before.finished
            before = asked
        after = say(message)
        assert say(message) == after, "an event counts once"
        unseen = {"sequence", "heard_at"}
        assert after.sequence - before.sequence == (
            after.model_dump(exclude=unseen) != before.model_dump(exclude=unseen)
        )
        assert before.heard_at is None or (after.heard_at and after.heard_at >= before.heard_at)
        assert (after.attempt or 0) >= (before.attempt or 0)
        if (after.attempt, after.started_at) == (before.attempt, before.started_at):
            assert (after.evaluation or 0) >= (before.evaluation or 0)
        if isinstance(message, PostWaiting | PostPublished | PostFailed):
            assert after.state == before.state
            assert after.post_state == PostState.PUBLISHED or before.post_state != PostState.PUBLISHED
        elif before.finished:
            assert after == before, "the first end counts"
        elif after.state == JobState.QUEUED and before.state != JobState.QUEUED:
            assert isinstance(message, JobInterrupted)
        elif after.state == JobState.CANCELLED:
            assert isinstance(message, JobCancelled) or before.state == JobState.QUEUED


def test_events_arrive_by_the_broker(ingest: Ingest, new_job: Callable[[], Job]) -> None:
    job = new_job()
    consumer = ingest.consumer(threading.Event())
    for message in (started(job), progress(job, 5, at=1), completed(job), post_published(job)):
        ingest.broker.publish(message)
        assert consumer.step()
    assert not consumer.step()
    assert ingest.job(job.id).post_state == PostState.PUBLISHED
    assert ingest.broker.dead_letters(INGEST_EVENTS.name) == []
