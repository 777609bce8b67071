"""Prometheus metrics that more than one service keeps, and how a service shows its own."""

from prometheus_client import Counter, start_http_server

MESSAGES = Counter("stylegram_messages_total", "Messages settled, by queue and outcome.", ["queue", "outcome"])


def serve_metrics(port: int | None) -> None:
    """Serve `/metrics` on `port` from a thread of its own; None serves nothing."""
    if port is not None:
        start_http_server(port)
