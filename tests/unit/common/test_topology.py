import pytest

from stylegram.common.messages import Message, PostRequest
from stylegram.common.topology import QUEUES, STYLIZER_QUEUES, Queue


@pytest.mark.parametrize(
    ("pattern", "topic", "heard"),
    [
        ("job.started", "job.started", True),
        ("job.started", "job.failed", False),
        ("job.*", "job.started", True),
        ("*.failed", "job.failed", True),
        ("*.failed", "post.failed", True),
        ("*", "job", True),
        ("*.*", "job.started", True),
        ("*", "job.started", False),
        ("job.*", "job", False),
        ("job.*", "job.started.twice", False),
        ("job.*", "jobs.started", False),
        ("job", "job.started", False),
        ("job.start*", "job.started", False),
        ("job.started", "job.*", False),
        ("job.started", "", False),
    ],
)
def test_a_star_stands_for_one_whole_word(pattern: str, topic: str, heard: bool) -> None:
    assert Queue("queue", ("other.topic", pattern)).hears(topic) is heard
    assert Queue("queue", ("other.topic",)).hears(topic) is False


def test_a_queue_without_topics_hears_nothing() -> None:
    assert not Queue("deaf", ()).hears("job.started")


@pytest.mark.parametrize(
    ("topic", "queue"),
    [
        ("command.style.interactive", "stylizer.jobs"),
        ("command.style.batch", "stylizer.batch"),
        (PostRequest.subject, "publisher.posts"),
    ],
)
def test_every_command_has_exactly_one_queue(topic: str, queue: str) -> None:
    assert [each.name for each in QUEUES if each.hears(topic)] == [queue]


def test_whatever_is_said_of_a_job_or_a_post_reaches_ingest_and_what_comes_of_it_the_logger_too() -> None:
    hearers = {
        kind.subject: {queue.name for queue in QUEUES if queue.hears(kind.subject)}
        for kind in Message.__args__
        if not kind.subject.startswith("command.")
    }
    ends = {"job.completed", "job.failed", "post.waiting", "post.published", "post.failed", "post.feedback"}
    on_the_way = {"job.cancel", "job.started", "job.progress", "job.alive", "job.interrupted", "job.cancelled"}
    expected = {topic: {"ingest.events", "logger.events"} for topic in ends}
    assert hearers == expected | {topic: {"ingest.events"} for topic in on_the_way}


def test_a_stylizer_takes_what_somebody_waits_for_first() -> None:
    assert [queue.name for queue in STYLIZER_QUEUES] == ["stylizer.jobs", "stylizer.batch"]
    assert set(STYLIZER_QUEUES) < set(QUEUES)


def test_every_queue_has_a_name_of_its_own_and_a_last_attempt() -> None:
    assert len({queue.name for queue in QUEUES}) == len(QUEUES)
    assert all(queue.attempts >= 1 for queue in QUEUES)
