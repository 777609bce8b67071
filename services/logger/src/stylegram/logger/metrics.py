"""What the logger counts."""

from prometheus_client import Counter, Histogram

RUNS = Counter("stylegram_runs_total", "Runs that came to an end, by outcome.", ["outcome"])
# From a preview on a GPU to a large picture on a laptop.
RUN_SECONDS = Histogram(
    "stylegram_run_seconds",
    "Seconds from a run's start to its end, by outcome.",
    ["outcome"],
    buckets=(1, 2.5, 5, 10, 30, 60, 120, 300, 600, 1800, 3600),
)
