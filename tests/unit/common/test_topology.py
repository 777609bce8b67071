import pytest

from stylegram.common.messages import Message
from stylegram.common.topology import QUEUES, Queue


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


def test_every_command_has_exactly_one_queue() -> None:
    commands = [kind.topic for kind in Message.__args__ if kind.topic.startswith("command.")]
    assert commands
    for topic in commands:
        assert sum(queue.hears(topic) for queue in QUEUES) == 1


def test_every_event_of_a_post_and_every_end_of_a_job_reaches_the_logger_and_ingest() -> None:
    for topic in ("job.completed", "job.failed", "post.published", "post.failed"):
        assert {queue.name for queue in QUEUES if queue.hears(topic)} == {"ingest.events", "logger.events"}
