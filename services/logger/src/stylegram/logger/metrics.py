"""What the logger counts."""

from prometheus_client import Counter, Histogram

from stylegram.common.metrics import expect_messages, tell_build
from stylegram.common.topology import LOGGER_EVENTS

RUNS = Counter("stylegram_runs_total", "Runs that came to an end, by outcome.", ["outcome"])
# From a preview on a GPU to a large picture on a laptop.
RUN_SECONDS = Histogram(
    "stylegram_run_seconds",
    "Seconds from a run's start to its end, by outcome.",
    ["outcome"],
    buckets=(1, 2.5, 5, 10, 30, 60, 120, 300, 600, 1800, 3600),
)
RUN_SCORE = Histogram(
    "stylegram_run_score",
    "Scores of runs, from 1; lower is better, and 2 is the photograph unpainted.",
    buckets=(1.1, 1.2, 1.3, 1.4, 1.5, 1.6, 1.7, 1.8, 1.9, 2, 2.5, 3, 4),
)
RUN_ERROR = Histogram(
    "stylegram_run_error",
    "Relative errors of runs, by what the picture has them against; lower is better.",
    ["of"],
    buckets=(0.02, 0.05, 0.1, 0.15, 0.2, 0.3, 0.4, 0.5, 0.6, 0.8, 1, 1.5, 2),
)
RATINGS = Histogram("stylegram_run_rating", "Stars that people gave to pictures.", buckets=(1, 2, 3, 4, 5))

tell_build("logger")
expect_messages(LOGGER_EVENTS)
# A counter that appears with what it counts shows no increase by it.
for _outcome in ("succeeded", "failed"):
    RUNS.labels(outcome=_outcome)
