"""Which queues there are and what each of them hears; the one place that says so."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Queue:
    """A durable queue.

    Args:
        name: its name on the broker.
        topics: the topics that it hears; `*` stands for one word, as in `job.*`.
    """

    name: str
    topics: tuple[str, ...]

    def hears(self, topic: str) -> bool:
        """Whether a message of `topic` lands here.

        >>> LOGGER_EVENTS.hears("post.published")
        True
        """
        return any(_matches(pattern.split("."), topic.split(".")) for pattern in self.topics)


def _matches(pattern: list[str], topic: list[str]) -> bool:
    return len(pattern) == len(topic) and all(p in ("*", t) for p, t in zip(pattern, topic, strict=True))


STYLIZER_JOBS = Queue("stylizer.jobs", ("command.style",))
PUBLISHER_POSTS = Queue("publisher.posts", ("command.post",))
INGEST_EVENTS = Queue("ingest.events", ("job.started", "job.progress", "job.completed", "job.failed", "post.*"))
LOGGER_EVENTS = Queue("logger.events", ("job.completed", "job.failed", "post.*"))

QUEUES = (STYLIZER_JOBS, PUBLISHER_POSTS, INGEST_EVENTS, LOGGER_EVENTS)
