"""How queues are laid out on a RabbitMQ server, by what it can do.

For each queue of `topology` there are three: the queue itself, bound to the exchange by its topics; `….dead`, which
takes its dead letters; and `….paused`, which is paused while it holds a message. AMQP has no other flag that all
clients see and that survives the server.
"""

import re
from dataclasses import dataclass
from typing import Any, NamedTuple

from pika.adapters.blocking_connection import BlockingChannel
from pika.exceptions import ChannelClosedByBroker

from stylegram.common.errors import ConfigurationError
from stylegram.common.topology import Queue

EXCHANGE = "stylegram"
# Consumers give messages up themselves, with a reason; the server does where they die over doing so.
_FURTHER_ATTEMPTS = 5
# Looking at a dead letter counts as a delivery too, and some versions drop what was delivered twenty times.
_MOST_LOOKS = 1_000_000
_OLDEST = (3, 10)
_PRECONDITION_FAILED = 406


class Server(NamedTuple):
    """A RabbitMQ server's version, and what follows from it."""

    major: int
    minor: int

    @classmethod
    def of(cls, version: str) -> "Server":
        """
        >>> Server.of("3.10.8+deb12")
        Server(major=3, minor=10)
        """
        numbers = re.match(r"(\d+)\.(\d+)", version)
        return cls(*map(int, numbers.groups())) if numbers else cls(0, 0)

    def check(self) -> None:
        """Raises:
        ConfigurationError: it is too old: its quorum queues lose dead letters, and know no time to live.
        """
        if self < _OLDEST:
            raise ConfigurationError(
                f"RabbitMQ {self.major}.{self.minor} is too old.", advice="Stylegram needs RabbitMQ 3.10 or newer."
            )

    @property
    def nack_is_uncounted(self) -> bool:
        """Whether a message can be put back without raising its count."""
        return self >= (4, 3)


def dead(queue: str) -> str:
    """The queue of the queue's dead letters."""
    return f"{queue}.dead"


def paused(queue: str) -> str:
    """The queue that says whether the queue is paused."""
    return f"{queue}.paused"


@dataclass(frozen=True)
class Held:
    """Where one client keeps messages whose work outlasts the server's patience; see `claims`.

    Args:
        queue: the queue that the messages are of.
        client: whose it is.
    """

    queue: str
    client: str
    # For the message to come back to its consumer. One whose client died waits as long.
    _TTL_SECONDS = 4
    # For a queue whose client died, and whose messages have long been moved on.
    _EXPIRY_SECONDS = 3600

    @property
    def name(self) -> str:
        """The queue's own name."""
        return f"{self.queue}.held.{self.client}"

    def declare(self, channel: BlockingChannel) -> None:
        """Make it: what nobody takes from it goes back to the queue that it is of."""
        arguments = _quorum(dead_letters_to=self.queue) | {
            "x-message-ttl": self._TTL_SECONDS * 1000,
            "x-expires": self._EXPIRY_SECONDS * 1000,
        }
        channel.queue_declare(self.name, durable=True, arguments=arguments)


def declare(channel: BlockingChannel, queue: Queue) -> None:
    """Make the queue, its companions and its bindings; doing so again changes nothing.

    Raises:
        ConfigurationError: one of them is there already, and made otherwise.
    """
    try:
        channel.exchange_declare(EXCHANGE, "topic", durable=True)
        # The same on every version: a server that is upgraded keeps its queues, and compares.
        looks = {"x-delivery-limit": _MOST_LOOKS}
        channel.queue_declare(dead(queue.name), durable=True, arguments=_quorum() | looks)
        channel.queue_declare(paused(queue.name), durable=True, arguments=_quorum() | {"x-max-length": 1})
        limited = {"x-delivery-limit": queue.attempts + _FURTHER_ATTEMPTS}
        arguments = _quorum(dead_letters_to=dead(queue.name)) | limited
        channel.queue_declare(queue.name, durable=True, arguments=arguments)
    except ChannelClosedByBroker as error:
        if error.reply_code != _PRECONDITION_FAILED:
            raise
        raise ConfigurationError(
            f"The broker has a queue or an exchange of ours that was made otherwise: {error.reply_text}.",
            advice="Let it run empty and delete it, or give Stylegram a virtual host of its own.",
        ) from None
    for topic in queue.topics:
        channel.queue_bind(queue.name, EXCHANGE, topic)


def _quorum(*, dead_letters_to: str | None = None) -> dict[str, Any]:
    arguments: dict[str, Any] = {"x-queue-type": "quorum"}
    if dead_letters_to:
        arguments |= {
            "x-dead-letter-exchange": "",
            "x-dead-letter-routing-key": dead_letters_to,
            # Kept until the other queue has confirmed it, for which the server asks that nothing be dropped to make
            # room: a publisher is told instead.
            "x-dead-letter-strategy": "at-least-once",
            "x-overflow": "reject-publish",
        }
    return arguments
