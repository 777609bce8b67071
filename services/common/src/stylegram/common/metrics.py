"""Prometheus metrics that more than one service keeps."""

from prometheus_client import Counter, Histogram

MESSAGES = Counter("stylegram_messages_total", "Messages settled, by queue and outcome.", ["queue", "outcome"])

# Every storage adapter keeps these two, its operations named `read` and `written`.
STORAGE_BYTES = Counter("stylegram_storage_bytes_total", "Bytes of objects read and written.", ["operation"])
# From a small picture in a folder to a film in a bucket far away.
STORAGE_SECONDS = Histogram(
    "stylegram_storage_seconds",
    "Seconds that reading or writing an object took, in vain or not.",
    ["operation"],
    buckets=(0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 1, 3, 10, 30),
)
