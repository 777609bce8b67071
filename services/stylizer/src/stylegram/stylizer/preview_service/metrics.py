"""What the preview counts."""

from prometheus_client import Histogram

from stylegram.common.metrics import tell_build

PREVIEW_SECONDS = Histogram(
    "stylegram_preview_seconds",
    "Seconds that a preview took, in vain or not.",
    buckets=(0.03, 0.1, 0.2, 0.3, 0.5, 1, 2, 5, 10),
)

tell_build("preview", distribution="stylizer")
