"""Which queues there are and what each of them hears; the one place that says so."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Queue:
    """A durable queue.

    Args:
        name: its name on the broker.
        topics: the topics that it hears; `*` stands for one word, as in `job.*`.
        attempts: deliveries that ended without a word, their process killed or its connection lost, after which a
            message is given up.
    """

    name: str
    topics: tuple[str, ...]
    attempts: int = 5

    def hears(self, topic: str) -> bool:
        """Whether a message of `topic` lands here.

        >>> LOGGER_EVENTS.hears("post.published")
        True
        """
        return any(_matches(pattern.split("."), topic.split(".")) for pattern in self.topics)


def _matches(pattern: list[str], topic: list[str]) -> bool:
    return len(pattern) == len(topic) and all(p in ("*", t) for p, t in zip(pattern, topic, strict=True))


STYLIZER_JOBS = Queue("stylizer.jobs", ("command.style.interactive",))
STYLIZER_BATCH = Queue("stylizer.batch", ("command.style.batch",))
PUBLISHER_POSTS = Queue("publisher.posts", ("command.post",))
# An event that is given up leaves its job unfinished; so many times a process may die over it.
INGEST_EVENTS = Queue("ingest.events", ("job.*", "post.*"), attempts=100)
LOGGER_EVENTS = Queue("logger.events", ("job.completed", "job.failed", "post.*"), attempts=100)

STYLIZER_QUEUES = (STYLIZER_JOBS, STYLIZER_BATCH)
"""What a stylizer works on: somebody waits for the first, and whatever is in it passes the second."""
QUEUES = (*STYLIZER_QUEUES, PUBLISHER_POSTS, INGEST_EVENTS, LOGGER_EVENTS)
