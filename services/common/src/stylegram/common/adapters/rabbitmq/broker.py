"""The broker port on RabbitMQ.

A broker object has no message that nobody asked it for: `receive` takes one (`basic.get`), and consumes only while it
waits. So nothing lies in a busy worker's buffer while others are idle, what is in one queue goes before what is in
another, and a pause is one from the next message on. A message that comes in the very moment in which the waiting ends
goes back, and the server counts that as a delivery: a count may be one too high, never too low.

One connection has the claims, another publishes, with confirms: a server that slows publishers down must not keep us
from acknowledging.
"""

import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from queue import Empty, SimpleQueue

from pika import URLParameters
from pika.adapters.blocking_connection import BlockingChannel
from pika.spec import Basic, BasicProperties

from stylegram.common.adapters.rabbitmq import calls, dead_letters, layout
from stylegram.common.adapters.rabbitmq.claims import Claim, Claims
from stylegram.common.adapters.rabbitmq.link import Link, Session
from stylegram.common.errors import NotFound
from stylegram.common.messages import Message, encode
from stylegram.common.ports import DeadLetter, Delivery
from stylegram.common.topology import Queue

# How long it may take until a pause is noticed.
_PAUSE_SECONDS = 1.0


@dataclass
class _Waiter:
    """Somebody who waits for a message.

    Args:
        session: the connection on which it was asked for.
        arrivals: takes what comes; None where nothing can come any more.
        tags: the consumers' names.
    """

    session: Session
    arrivals: "SimpleQueue[Claim | None]" = field(default_factory=SimpleQueue)
    tags: list[str] = field(default_factory=list)


class RabbitBroker:
    """The broker port on a RabbitMQ server, which is connected to in the background.

    Args:
        parameters: where it is.
        visibility: seconds until a claim that nobody extends runs out.
        ack_timeout: the server's `consumer_timeout`, in seconds.
    """

    def __init__(self, parameters: URLParameters, *, visibility: float, ack_timeout: float) -> None:
        self.visibility = visibility
        self._declared: dict[str, Queue] = {}
        self._pauses: dict[str, tuple[float, bool]] = {}
        self._waiters: list[_Waiter] = []
        self._claims = Claims(visibility, ack_timeout, self._post, self._give_back)
        self._publisher = Link(parameters, "publish", begin=self._begin_publishing)
        self._consumer = Link(
            parameters,
            "consume",
            begin=self._begin_consuming,
            tick=self._claims.look_after,
            end=self._end_consuming,
            pulse=min(1.0, visibility / 4, ack_timeout / 16),
        )

    def declare(self, queues: Iterable[Queue]) -> None:
        """See `Broker.declare`."""
        queues = list(queues)
        self._publisher.call(lambda session: calls.declare(session, queues))
        # A server that comes back without its data gets them again.
        self._declared |= {queue.name: queue for queue in queues}

    def publish(self, message: Message) -> None:
        """See `Broker.publish`."""
        properties = BasicProperties(
            content_type="application/json",
            delivery_mode=calls.PERSISTENT,
            message_id=message.message_id,
            type=message.type,
        )
        body, topic = encode(message), message.topic

        def work(session: Session) -> bool:
            return calls.publish(session.channel, layout.EXCHANGE, topic, body, properties)

        if self._publisher.call(work) or not topic.startswith("command."):
            return
        # Somebody deleted its queue; what was in it is lost, this one need not be.
        self.declare(self._declared.values())
        if not self._publisher.call(work):
            raise NotFound(f"No queue hears '{topic}'.", advice="Declare the queues before publishing.")

    def receive(self, *queues: str, timeout: float = 0) -> Delivery | None:
        """See `Broker.receive`."""
        deadline = time.monotonic() + timeout
        for queue in queues:
            self._check_exists(queue)
        if not (running := [queue for queue in queues if not self._is_paused(queue)]):
            time.sleep(timeout)
            return None
        claim = self._consumer.call(lambda session: self._get(session, running))
        if not claim and (remaining := deadline - time.monotonic()) > 0:
            claim = self._wait(running, remaining)
        return claim.delivery if claim else None

    def extend(self, delivery: Delivery) -> bool:
        """See `Broker.extend`."""
        return self._claims.extend(delivery.receipt)

    def ack(self, delivery: Delivery) -> bool:
        """See `Broker.ack`."""
        claim = self._claims.take(delivery.receipt)

        def work(session: Session) -> None:
            # Over a later connection it is not ours any more.
            if claim and session is claim.session:
                session.channel.basic_ack(claim.tag)

        # Nobody need wait for it: the server does not answer, and what it never heard it delivers again.
        self._consumer.post(work)
        return claim is not None

    def reject(self, delivery: Delivery, reason: str) -> bool:
        """See `Broker.reject`."""
        if not (claim := self._claims.get(delivery.receipt)):
            return False
        properties = claim.copy(0)
        dead_letters.mark(properties, reason, delivery.count)
        # Rather twice than never: the message goes once its copy is safe.
        self._put(layout.dead(delivery.queue), delivery.body, properties)
        return self.ack(delivery)

    def retry(self, delivery: Delivery) -> bool:
        """See `Broker.retry`."""
        return self._return(delivery, delivery.count)

    def release(self, delivery: Delivery) -> bool:
        """See `Broker.release`."""
        return self._return(delivery, delivery.count - 1)

    def depth(self, queue: str) -> int:
        """See `Broker.depth`."""
        return self._publisher.call(lambda session: calls.waiting(session, queue))

    def dead_count(self, queue: str) -> int:
        """See `Broker.dead_count`."""
        return self._publisher.call(lambda session: calls.waiting(session, layout.dead(queue)))

    def dead_letters(self, queue: str) -> list[DeadLetter]:
        """See `Broker.dead_letters`."""
        # Not where others wait to publish.
        return self._consumer.call(lambda session: dead_letters.look(session, queue))

    def drain_dead(self, queue: str, *, requeue: bool = False) -> list[DeadLetter]:
        """See `Broker.drain_dead`."""
        return self._publisher.call(lambda session: dead_letters.drain(session, queue, requeue=requeue))

    def pause(self, queue: str) -> None:
        """See `Broker.pause`."""
        self._check_exists(queue)
        self._put(layout.paused(queue), b"", BasicProperties(delivery_mode=calls.PERSISTENT))
        self._pauses.pop(queue, None)

    def resume(self, queue: str) -> None:
        """See `Broker.resume`."""
        self._check_exists(queue)
        self._publisher.call(lambda session: session.channel.queue_purge(layout.paused(queue)))
        self._pauses.pop(queue, None)

    def paused(self, queue: str) -> bool:
        """See `Broker.paused`."""
        # A server that is short of memory does not listen to who publishes, and yet must be relieved of messages.
        return self._consumer.call(lambda session: calls.waiting(session, layout.paused(queue)) > 0)

    def close(self) -> None:
        """See `Broker.close`; claims go back at once."""
        self._consumer.close()
        self._publisher.close()

    def _begin_publishing(self, session: Session) -> None:
        session.channel.confirm_delivery()
        calls.declare(session, list(self._declared.values()))

    def _begin_consuming(self, session: Session) -> None:
        session.channel.basic_qos(prefetch_count=1)
        calls.declare(session, list(self._declared.values()))

    def _end_consuming(self) -> None:
        self._claims.lose()
        for waiter in self._waiters:
            waiter.arrivals.put(None)
        self._waiters.clear()

    def _check_exists(self, queue: str) -> None:
        if queue not in self._declared:
            self.depth(queue)

    def _is_paused(self, queue: str) -> bool:
        now = time.monotonic()
        looked_at, is_paused = self._pauses.get(queue, (-_PAUSE_SECONDS, False))
        if now - looked_at >= _PAUSE_SECONDS:
            is_paused = self.paused(queue)
            self._pauses[queue] = now, is_paused
        return is_paused

    def _get(self, session: Session, queues: Sequence[str]) -> Claim | None:
        for queue in queues:
            method, properties, body = session.channel.basic_get(queue)
            if method:
                return self._claims.add(session, queue, method, properties, body)
        return None

    def _wait(self, queues: Sequence[str], timeout: float) -> Claim | None:
        """Consume until the first message comes."""
        waiter = self._consumer.call(lambda session: self._begin_waiting(session, queues))
        try:
            return waiter.arrivals.get(timeout=timeout)
        except Empty:
            return None
        finally:
            # The message need not wait for that.
            self._consumer.post(lambda session: self._end_waiting(session, waiter))

    def _begin_waiting(self, session: Session, queues: Sequence[str]) -> _Waiter:
        waiter = _Waiter(session)

        def consume(queue: str) -> str:
            def arrived(_: BlockingChannel, method: Basic.Deliver, properties: BasicProperties, body: bytes) -> None:
                waiter.arrivals.put(self._claims.add(session, queue, method, properties, body))

            tag: str = session.channel.basic_consume(queue, arrived)
            return tag

        waiter.tags = [consume(queue) for queue in queues]
        self._waiters.append(waiter)
        return waiter

    def _end_waiting(self, session: Session, waiter: _Waiter) -> None:
        if session is not waiter.session:
            return
        self._waiters.remove(waiter)
        # What has come already is not put back by the cancelling, which would count as a delivery.
        session.connection.process_data_events(time_limit=0)
        for tag in waiter.tags:
            session.channel.basic_cancel(tag)
        # It came too late, or beside another.
        while not waiter.arrivals.empty():
            if claim := waiter.arrivals.get():
                self._give_back(claim)

    def _return(self, delivery: Delivery, attempts: int) -> bool:
        """Have the message free again, after so many attempts."""

        def natively(session: Session) -> bool | None:
            claim = self._claims.get(delivery.receipt)
            if claim is None:
                return False
            if attempts == delivery.count:
                self._give_back(claim)
                return True
            if claim.held or not session.server.nack_is_uncounted:
                return None
            self._claims.take(delivery.receipt)
            session.channel.basic_nack(claim.tag, requeue=True)
            return True

        done = self._consumer.call(natively)
        if done is not None:
            return done
        if not (claim := self._claims.get(delivery.receipt)):
            return False
        self._put(delivery.queue, delivery.body, claim.copy(attempts))
        return self.ack(delivery)

    def _give_back(self, claim: Claim) -> None:
        """End a claim, and have its message free again, as after an attempt; for the consumer link's thread."""
        if self._claims.take(claim.delivery.receipt):
            # What a held queue lets go of goes to the queue that it is of, and carries its count.
            claim.session.channel.basic_reject(claim.tag, requeue=not claim.held)

    def _put(self, queue: str, body: bytes, properties: BasicProperties) -> None:
        self._publisher.call(lambda session: calls.put(session, queue, body, properties))

    def _post(self, queue: str, body: bytes, properties: BasicProperties) -> None:
        self._publisher.post(lambda session: calls.put(session, queue, body, properties))
