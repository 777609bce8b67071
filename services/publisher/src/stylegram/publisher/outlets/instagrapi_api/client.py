"""The client, set up so that it does what it is told, once, and keeps quiet about it."""

import logging
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

from instagrapi import Client
from pydantic import SecretStr

from stylegram.common.errors import ConfigurationError
from stylegram.publisher.outlets.instagrapi_api.transport import Transport

# It logs whole answers, names and addresses, and what matters of these are errors here.
_QUIET = logging.Logger("instagrapi", level=logging.CRITICAL + 1)


def open_client(session: Mapping[str, Any], transport: Transport, *, pause_seconds: float) -> Client:
    """A client on that phone, with that login if there is one.

    Args:
        session: see `session`; an empty one is a new phone.
        transport: what everything goes through.
        pause_seconds: before each call.
    """
    client = Client(
        settings=dict(session),
        logger=_QUIET,
        # So the client calls a pause; what the rest of the world calls so is the transport's.
        request_timeout=pause_seconds,
        session_retry_total=0,
        session_retry_statuses=[],
        public_request_retries_count=1,
        # Else it asks on standard input.
        with_challenge_flow=False,
        private_transport="requests",
    )
    client.private_request_logger = client.public_request_logger = client.request_logger = _QUIET
    for requests_session in (client.private, client.public, client.graphql):
        for scheme in ("https://", "http://"):
            requests_session.mount(scheme, transport)
    return client


def checked_proxy(proxy: SecretStr | None) -> str | None:
    """The proxy's address; None if there is none.

    Raises:
        ConfigurationError: it is no address; the text does not show it, as it may have a password.
    """
    address = proxy.get_secret_value() if proxy else None
    if not address:
        return None
    try:
        parts = urlsplit(address)
        usable = parts.scheme in ("http", "https", "socks5", "socks5h") and parts.hostname and parts.port
    except ValueError:
        usable = None
    if not usable:
        raise ConfigurationError(
            "STYLEGRAM_INSTAGRAM_PROXY is no address of a proxy.", advice="Write http://user:password@host:port."
        )
    return address
