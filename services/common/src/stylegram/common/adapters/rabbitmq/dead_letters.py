"""Dead letters on RabbitMQ: messages in a queue of their own, with the reason among their headers."""

import time
from datetime import UTC, datetime
from typing import Any

from pika.adapters.blocking_connection import BlockingChannel
from pika.spec import Basic, BasicProperties

from stylegram.common.adapters.rabbitmq import layout
from stylegram.common.adapters.rabbitmq.calls import put, waiting
from stylegram.common.adapters.rabbitmq.link import Session
from stylegram.common.clock import utcnow
from stylegram.common.ports import DeadLetter

_REASON, _COUNT, _DIED_AT = "x-stylegram-reason", "x-stylegram-count", "x-stylegram-died-at"
# Each takes a round trip.
_MOST_AT_ONCE = 1000
# How long those that were only looked at may take to be back.
_PUT_BACK_SECONDS = 2.0


def mark(properties: BasicProperties, reason: str, count: int) -> None:
    """Add to a message's properties why it died, after how many deliveries, and that it does so now."""
    properties.headers |= {_REASON: reason, _COUNT: count, _DIED_AT: utcnow().isoformat()}


def look(session: Session, queue: str) -> list[DeadLetter]:
    """The queue's dead letters, oldest first; a thousand at most."""
    with session.connection.channel() as channel:
        found = _take(channel, queue)
        if found:
            channel.basic_nack(found[-1][0].delivery_tag, multiple=True, requeue=True)
        # The server takes its time over that, and whoever looks next should see them too.
        deadline = time.monotonic() + _PUT_BACK_SECONDS
        while waiting(session, layout.dead(queue)) < len(found) and time.monotonic() < deadline:
            time.sleep(_PUT_BACK_SECONDS / 100)
    return [_letter(queue, *each) for each in found]


def drain(session: Session, queue: str, *, requeue: bool) -> list[DeadLetter]:
    """Take those out that are there now; see `Broker.drain_dead`."""
    letters: list[DeadLetter] = []
    with session.connection.channel() as channel:
        count = waiting(session, layout.dead(queue))
        while len(letters) < count and (found := _take(channel, queue)):
            for method, properties, body in found:
                letters.append(_letter(queue, method, properties, body))
                if requeue:
                    properties.headers = {}
                    put(session, queue, body, properties)
                channel.basic_ack(method.delivery_tag)
    return letters


def _take(channel: BlockingChannel, queue: str) -> list[tuple[Basic.GetOk, BasicProperties, bytes]]:
    """They are unacknowledged until somebody does, or the channel closes."""
    name = layout.dead(queue)
    count = min(channel.queue_declare(name, passive=True).method.message_count, _MOST_AT_ONCE)
    found = [channel.basic_get(name) for _ in range(count)]
    return [each for each in found if each[0] is not None]


def _letter(queue: str, _: Basic.GetOk, properties: BasicProperties, body: bytes) -> DeadLetter:
    headers: dict[str, Any] = properties.headers or {}
    if _REASON in headers:
        died_at = datetime.fromisoformat(headers[_DIED_AT])
        return DeadLetter(queue, body, headers[_REASON], int(headers[_COUNT]), died_at)
    # The server's own doing: consumers died over the message before they could say why.
    (death, *_) = headers.get("x-death") or [{}]
    reason = f"The broker gave the message up: {death.get('reason', 'unknown')}."
    # The server's times are UTC and do not say so.
    died_at = death["time"].replace(tzinfo=UTC) if "time" in death else datetime.now(UTC)
    return DeadLetter(queue, body, reason, 0, died_at)
