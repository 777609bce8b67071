"""RabbitMQ, through pika."""

from pika import SSLOptions, URLParameters

from stylegram.common.adapters.rabbitmq.broker import RabbitBroker
from stylegram.common.adapters.tls import TlsFiles
from stylegram.common.errors import ConfigurationError

__all__ = ["RabbitBroker", "open_rabbitmq"]

# A dead connection is noticed after two of these, a long one survives the network's own patience.
_HEARTBEAT_SECONDS = 30
# A server without memory or disk stops reading from publishers: better to say so than to wait with them.
_BLOCKED_SECONDS = 60


def open_rabbitmq(url: str, *, visibility: float, ack_timeout: float, tls: TlsFiles) -> RabbitBroker:
    """The broker at `amqp://user:password@host:port/vhost`, or `amqps://…`; it is connected to in the background.

    Args:
        url: may set what pika's `URLParameters` take in its query, as in `?heartbeat=10`.
        visibility: seconds until a claim that nobody extends runs out.
        ack_timeout: the server's `consumer_timeout`, in seconds.
        tls: for `amqps://`.

    Raises:
        ConfigurationError: the URL cannot be understood, or a file is wrong.
    """
    try:
        parameters = URLParameters(url)
    except (ValueError, TypeError, AttributeError):
        # The URL holds a password: do not repeat it.
        raise ConfigurationError(
            "STYLEGRAM_BROKER_URL is no AMQP URL.", advice="Write amqp://user:password@host:5672/vhost."
        ) from None
    if parameters.ssl_options:
        parameters.ssl_options = SSLOptions(tls.context(), parameters.host)
    parameters.heartbeat = parameters.heartbeat or _HEARTBEAT_SECONDS
    parameters.blocked_connection_timeout = parameters.blocked_connection_timeout or _BLOCKED_SECONDS
    return RabbitBroker(parameters, visibility=visibility, ack_timeout=ack_timeout)
