"""What Prometheus sees of the worker."""

import time
from types import TracebackType
from typing import Self

from prometheus_client import REGISTRY, Counter, Gauge, Histogram

from stylegram.common.metrics import expect_messages, tell_build
from stylegram.common.records import RunRecord
from stylegram.common.topology import STYLIZER_QUEUES
from stylegram.stylizer.engine import Step
from stylegram.stylizer.gpu_memory import GpuMemory

JOBS = Counter("stylegram_stylizer_jobs_total", "Jobs that ended or were interrupted here, by outcome.", ["outcome"])
# From a preview on a GPU to a large picture on a laptop.
SECONDS = Histogram(
    "stylegram_stylizer_seconds",
    "Seconds from a job's start to its picture.",
    buckets=(1, 3, 10, 30, 60, 180, 600, 1800),
)
STAGE_SECONDS = Histogram(
    "stylegram_stylizer_stage_seconds",
    "Seconds that a picture took, by stage: loading the model, painting, judging the result.",
    ["stage"],
    buckets=(0.1, 0.3, 1, 3, 10, 30, 60, 180, 600, 1800),
)
EVALUATIONS = Counter("stylegram_stylizer_evaluations_total", "Evaluations of loss and gradient.")
WORKING = Gauge("stylegram_stylizer_working", "1 while a job is at work, else 0.")
RATE = Gauge("stylegram_stylizer_evaluations_per_second", "Of the job at work, over its last second; 0 without one.")
LOSS = Gauge("stylegram_stylizer_loss", "Of the job at work, after its last evaluation, by term.", ["term"])
# Shorter ones would tell of single evaluations.
_RATE_SECONDS = 1.0

tell_build("stylizer")
expect_messages(*STYLIZER_QUEUES)
# A counter that appears with what it counts shows no increase by it.
for _outcome in ("succeeded", "failed", "cancelled", "interrupted"):
    JOBS.labels(outcome=_outcome)
REGISTRY.register(GpuMemory())


def count_run(record: RunRecord) -> None:
    """A job came to its end here."""
    JOBS.labels(outcome=record.outcome).inc()
    if record.outcome == "succeeded":
        SECONDS.observe(record.seconds)
        for stage, seconds in record.durations.items():
            STAGE_SECONDS.labels(stage=stage).observe(seconds)


class JobAtWork:
    """What the gauges show of a job while its block runs, and nothing of it afterwards."""

    def __init__(self) -> None:
        self._since = time.monotonic()
        self._evaluations = 0

    def follow(self, step: Step) -> None:
        """Show where the work is."""
        EVALUATIONS.inc()
        for term, loss in step.losses.items():
            LOSS.labels(term=term).set(loss)
        self._evaluations += 1
        if (seconds := time.monotonic() - self._since) >= _RATE_SECONDS:
            RATE.set(self._evaluations / seconds)
            self._since, self._evaluations = time.monotonic(), 0

    def __enter__(self) -> Self:
        WORKING.set(1)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        for gauge in (WORKING, RATE):
            gauge.set(0)
        LOSS.clear()
