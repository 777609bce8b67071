"""What one client has of the queues: whose claims live, run out, and are kept beyond the server's patience.

The server gives a message back when the connection is lost, and so the process dead; it does not see one that lives
and hangs. So claims run out here as in every broker of ours, unless they are extended. And it takes messages back from
a consumer that has not acknowledged them for half an hour (`consumer_timeout`), as pictures may take. Before that, a
claim moves: a copy of the message goes through a queue of the client's own, and the delivery of the copy takes the
place of the first. Should the client die, what it had in there goes back to the queue that it came from.
"""

import threading
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from uuid import uuid4

from pika.adapters.blocking_connection import BlockingChannel
from pika.spec import Basic, BasicProperties

from stylegram.common.adapters.rabbitmq.layout import Held
from stylegram.common.adapters.rabbitmq.link import Session
from stylegram.common.ports import Delivery

ATTEMPTS = "x-stylegram-attempts"
"""Header: deliveries of the message before it was put into this queue."""
_CLAIM = "x-stylegram-claim"
# Of the server's patience: the claim moves after the half of it, and a copy that got lost is sent anew after an eighth.
# The queue for it is made earlier: where a node is killed, its newest queues may not come back (see docs/jobs.md).
_MAKE_ROOM_BEFORE = 1 / 4
_MOVE_AFTER = 1 / 2
_MOVE_AGAIN_AFTER = 1 / 8


@dataclass
class Claim:
    """A message that this client has.

    Args:
        session: the connection that it came over.
        delivery: as its consumer knows it.
        properties: the message's.
        tag: the server's name of the delivery.
        held: whether the delivery is that of a copy.
        runs_out_at: unless extended; monotonic seconds.
        moves_at: likewise.
    """

    session: Session
    delivery: Delivery
    properties: BasicProperties
    tag: int
    runs_out_at: float
    moves_at: float
    held: bool = False

    def copy(self, attempts: int) -> BasicProperties:
        """Properties of the same message in another place, delivered so many times before."""
        return BasicProperties(
            content_type=self.properties.content_type,
            delivery_mode=self.properties.delivery_mode,
            message_id=self.properties.message_id,
            type=self.properties.type,
            headers={ATTEMPTS: attempts},
        )


@dataclass
class Claims:
    """All claims of one client on one connection after the other.

    Args:
        visibility: seconds until a claim that is not extended runs out.
        ack_timeout: the server's patience, in seconds.
        publish: puts a body with properties into the queue of that name, without waiting for it.
        give_back: ends a claim, and has its message free again.
    """

    visibility: float
    ack_timeout: float
    publish: Callable[[str, bytes, BasicProperties], object]
    give_back: Callable[[Claim], object]
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _claims: dict[str, Claim] = field(default_factory=dict)
    _held_queues: dict[str, Held] = field(default_factory=dict)
    _client: str = field(default_factory=lambda: str(uuid4()))

    def add(
        self,
        session: Session,
        queue: str,
        method: Basic.Deliver | Basic.GetOk,
        properties: BasicProperties,
        body: bytes,
    ) -> Claim:
        """Claim what the server has just delivered."""
        headers = properties.headers or {}
        # The server counts within one queue; what was put there by us carries what was before.
        before = headers.get(ATTEMPTS, 0)
        count = (before if isinstance(before, int) else 0) + int(headers.get("x-delivery-count", 0)) + 1
        now = time.monotonic()
        claim = Claim(
            session,
            Delivery(queue, body, count, str(uuid4())),
            properties,
            method.delivery_tag,
            now + self.visibility,
            now + self.ack_timeout * _MOVE_AFTER,
        )
        with self._lock:
            self._claims[claim.delivery.receipt] = claim
        return claim

    def get(self, receipt: str) -> Claim | None:
        """The claim, if it lives."""
        with self._lock:
            return self._claims.get(receipt)

    def take(self, receipt: str) -> Claim | None:
        """The claim, if it lives, which it does not any more."""
        with self._lock:
            return self._claims.pop(receipt, None)

    def extend(self, receipt: str) -> bool:
        """Have the claim live for another visibility timeout; False if it does not live any more."""
        with self._lock:
            if claim := self._claims.get(receipt):
                claim.runs_out_at = time.monotonic() + self.visibility
            return claim is not None

    def lose(self) -> None:
        """The connection is gone, and the server gives everything to others."""
        with self._lock:
            self._claims.clear()
            self._held_queues.clear()

    def look_after(self, session: Session) -> None:
        """End the claims that ran out, and move those that the server would end."""
        now = time.monotonic()
        for claim in self._living():
            if claim.runs_out_at < now:
                self.give_back(claim)
            elif claim.moves_at - self.ack_timeout * _MAKE_ROOM_BEFORE < now:
                held = self._make_room(session.channel, claim.delivery.queue)
                if claim.moves_at < now:
                    claim.moves_at = now + self.ack_timeout * _MOVE_AGAIN_AFTER
                    self._move(claim, held)

    def _living(self) -> Iterable[Claim]:
        with self._lock:
            return list(self._claims.values())

    def _make_room(self, channel: BlockingChannel, queue: str) -> Held:
        if not (held := self._held_queues.get(queue)):
            held = self._held_queues[queue] = Held(queue, self._client)
            held.declare(channel)
            # A copy has to come while the one before is still unacknowledged.
            channel.basic_qos(prefetch_count=0)
            channel.basic_consume(held.name, self._moved)
            channel.basic_qos(prefetch_count=1)
        return held

    def _move(self, claim: Claim, held: Held) -> None:
        properties = claim.copy(claim.delivery.count)
        properties.headers[_CLAIM] = claim.delivery.receipt
        self.publish(held.name, claim.delivery.body, properties)

    def _moved(
        self, channel: BlockingChannel, method: Basic.Deliver, properties: BasicProperties, _body: bytes
    ) -> None:
        claim = self.get(properties.headers[_CLAIM])
        if claim is None:  # settled meanwhile: what the copy stood for is no more
            channel.basic_ack(method.delivery_tag)
            return
        channel.basic_ack(claim.tag)
        claim.tag, claim.held = method.delivery_tag, True
        claim.moves_at = time.monotonic() + self.ack_timeout * _MOVE_AFTER
