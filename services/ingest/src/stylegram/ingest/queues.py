"""The queues, for those who look after them."""

from dataclasses import dataclass

import structlog

from stylegram.common import topology
from stylegram.common.errors import NotFound, StylegramError
from stylegram.common.ports import Broker, DeadLetter
from stylegram.ingest.metrics import QUEUE_MESSAGES, QUEUE_PAUSED
from stylegram.ingest.schemas import QueueStatus

_log = structlog.get_logger(__name__)


@dataclass(frozen=True, kw_only=True)
class Queues:
    """All queues of Stylegram, those of the other services too.

    Args:
        broker: where they are, all declared.
    """

    broker: Broker

    def queues(self) -> list[QueueStatus]:
        """How each queue stands.

        Raises:
            Unavailable: the broker did not answer.
        """
        return [
            QueueStatus(
                name=queue.name,
                waiting=self.broker.depth(queue.name),
                dead=self.broker.dead_count(queue.name),
                paused=self.broker.paused(queue.name),
            )
            for queue in topology.QUEUES
        ]

    def measure_queues(self) -> None:
        """Bring the queues' gauges up to date; a broker that does not answer leaves them without values."""
        try:
            statuses = self.queues()
        except StylegramError as error:
            _log.warning("queues_not_measured", reason=str(error))
            statuses = []
        QUEUE_MESSAGES.clear()
        QUEUE_PAUSED.clear()
        for status in statuses:
            QUEUE_MESSAGES.labels(queue=status.name, state="waiting").set(status.waiting)
            QUEUE_MESSAGES.labels(queue=status.name, state="dead").set(status.dead)
            QUEUE_PAUSED.labels(queue=status.name).set(status.paused)

    def pause(self, queue: str) -> None:
        """Have nobody receive from the queue until it is resumed; see `Broker.pause`.

        Raises:
            NotFound: no such queue.
        """
        self.broker.pause(_known(queue))

    def resume(self, queue: str) -> None:
        """The end of `pause`.

        Raises:
            NotFound: no such queue.
        """
        self.broker.resume(_known(queue))

    def dead_letters(self, queue: str) -> list[DeadLetter]:
        """What nobody could use, oldest first.

        Raises:
            NotFound: no such queue.
        """
        return self.broker.dead_letters(_known(queue))

    def drain_dead(self, queue: str, requeue: bool = False) -> list[DeadLetter]:
        """Take the dead letters out, oldest first, and return them.

        Args:
            queue: whose dead letters.
            requeue: put each back into its queue. What becomes of it changes no job that has ended: to do one again,
                `Jobs.retry` it.

        Raises:
            NotFound: no such queue.
        """
        return self.broker.drain_dead(_known(queue), requeue=requeue)


def _known(name: str) -> str:
    names = [queue.name for queue in topology.QUEUES]
    if name not in names:
        raise NotFound(f"There is no queue '{name}'.", advice=f"The queues are {', '.join(names)}.")
    return name
