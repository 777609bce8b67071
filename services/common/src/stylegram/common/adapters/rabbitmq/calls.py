"""What is asked of a server in one go, by a link's thread."""

from collections.abc import Iterable

from pika.adapters.blocking_connection import BlockingChannel
from pika.exceptions import ChannelClosedByBroker, NackError, UnroutableError
from pika.spec import BasicProperties

from stylegram.common.adapters.rabbitmq import layout
from stylegram.common.adapters.rabbitmq.link import Session
from stylegram.common.errors import InvalidMessage, NotFound, Unavailable
from stylegram.common.topology import Queue

PERSISTENT = 2
"""A message's delivery mode."""
_NOT_FOUND, _PRECONDITION_FAILED = 404, 406


def declare(session: Session, queues: Iterable[Queue]) -> None:
    """Make the queues and what belongs to them; see `layout.declare`."""
    # On a channel of its own: the server closes it over a queue that is there and different.
    with session.connection.channel() as channel:
        for queue in queues:
            layout.declare(channel, queue)


def publish(
    channel: BlockingChannel, exchange: str, routing_key: str, body: bytes, properties: BasicProperties
) -> bool:
    """Publish and wait for the server's confirmation; False if no queue took it.

    Raises:
        Unavailable: the queue is full, or without a leader.
        InvalidMessage: it is larger than the server takes.
    """
    try:
        channel.basic_publish(exchange, routing_key, body, properties, mandatory=True)
    except UnroutableError:
        return False
    except NackError as error:
        raise Unavailable(f"The broker refused a message for '{routing_key}': its queue is full or broken.") from error
    except ChannelClosedByBroker as error:
        if error.reply_code == _PRECONDITION_FAILED:  # of which a publication has one, its size
            raise InvalidMessage(f"The broker takes no message as large as {len(body) / 1e6:.1f} MB.") from error
        raise
    return True


def put(session: Session, queue: str, body: bytes, properties: BasicProperties) -> None:
    """Publish into that queue alone.

    Raises:
        Unavailable: see `publish`; or it is not there any more.
    """
    if not publish(session.channel, "", queue, body, properties):
        raise Unavailable(f"The broker lost its queue '{queue}'.", advice="Restart Stylegram, which declares it anew.")


def waiting(session: Session, queue: str) -> int:
    """How many messages are in the queue and with nobody.

    Raises:
        NotFound: no such queue.
    """
    try:
        with session.connection.channel() as channel:
            count: int = channel.queue_declare(queue, passive=True).method.message_count
            return count
    except ChannelClosedByBroker as error:
        if error.reply_code == _NOT_FOUND:
            raise NotFound(f"There is no queue '{queue}'.", advice="Declare it first.") from None
        raise
