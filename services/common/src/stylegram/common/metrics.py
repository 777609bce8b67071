"""Prometheus metrics that more than one service keeps."""

from importlib.metadata import version
from itertools import product

from prometheus_client import Counter, Gauge, Histogram

from stylegram.common.topology import Queue

MESSAGES = Counter("stylegram_messages_total", "Messages settled, by queue and outcome.", ["queue", "outcome"])
_OUTCOMES = ("acked", "released", "retried", "dead", "claim_lost")

# Every storage adapter keeps these two, its operations named `read` and `written`.
STORAGE_BYTES = Counter("stylegram_storage_bytes_total", "Bytes of objects read and written.", ["operation"])
# From a small picture in a folder to a film in a bucket far away.
STORAGE_SECONDS = Histogram(
    "stylegram_storage_seconds",
    "Seconds that reading or writing an object took, in vain or not.",
    ["operation"],
    buckets=(0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 1, 3, 10, 30),
)

# Not `service`: whoever scrapes in a cluster gives every series a label of that name.
BUILD = Gauge("stylegram_build_info", "1, for each part of Stylegram that runs here.", ["component", "version"])


def tell_build(component: str, distribution: str | None = None) -> None:
    """Show that the component runs here, and which version.

    Args:
        component: what it is called in a cluster.
        distribution: which has it, where that is called otherwise.
    """
    BUILD.labels(component=component, version=version(f"stylegram-{distribution or component}")).set(1)


def expect_messages(*queues: Queue) -> None:
    """Show the messages of these queues from the start: a counter that appears with its first message shows no
    increase by it, and an alarm would miss it."""
    for queue, outcome in product(queues, _OUTCOMES):
        MESSAGES.labels(queue=queue.name, outcome=outcome)
