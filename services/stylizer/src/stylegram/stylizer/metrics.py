"""What Prometheus sees of the worker."""

from prometheus_client import Counter, Histogram

JOBS = Counter("stylegram_stylizer_jobs_total", "Jobs that ended here, by outcome.", ["outcome"])
# From a preview on a GPU to a large picture on a laptop.
SECONDS = Histogram(
    "stylegram_stylizer_seconds",
    "Seconds from a job's start to its picture.",
    buckets=(1, 3, 10, 30, 60, 180, 600, 1800),
)
EVALUATIONS = Counter("stylegram_stylizer_evaluations_total", "Evaluations of loss and gradient.")
