"""What ingest counts for Prometheus."""

from prometheus_client import Counter, Gauge, Histogram

from stylegram.common.metrics import expect_messages, tell_build
from stylegram.common.topology import INGEST_EVENTS

# A job takes seconds on a GPU and an hour on a processor; one may wait for a day.
_SECONDS = (0.1, 0.5, 1, 2, 5, 10, 30, 60, 120, 300, 600, 1_800, 3_600, 10_800, 43_200, 86_400)

JOBS = Counter("stylegram_jobs_total", "Jobs that were queued, and that ended, by state.", ["state"])
JOB_WAIT = Histogram(
    "stylegram_job_wait_seconds", "From a job's publication to its first start.", ["priority"], buckets=_SECONDS
)
JOB_SECONDS = Histogram("stylegram_job_seconds", "From a job's submission to its end.", ["outcome"], buckets=_SECONDS)
JOB_RETRIES = Counter("stylegram_job_retries_total", "Starts of jobs that had been started before.")
RECONCILED = Counter("stylegram_reconciled_total", "Jobs that the reconciler put right.", ["action"])
SYNC_FILES = Counter("stylegram_sync_files_total", "Files that syncs dealt with.", ["role", "outcome"])
DECODER_CRASHES = Counter(
    "stylegram_ingest_decoder_crashes_total", "Processes that died over a picture from outside.", ["end"]
)

QUEUE_MESSAGES = Gauge("stylegram_queue_messages", "Messages in a queue, waiting or dead.", ["queue", "state"])
QUEUE_PAUSED = Gauge("stylegram_queue_paused", "Whether a queue is paused.", ["queue"])
OLDEST_QUEUED = Gauge(
    "stylegram_oldest_queued_seconds", "Since the oldest job was submitted that waits; 0 where none does.", ["priority"]
)
LAST_SYNC = Gauge(
    "stylegram_last_sync_timestamp_seconds",
    "When the newest sync ended, under how it ended; absent while one runs, and before the first.",
    ["outcome"],
)

tell_build("ingest")
expect_messages(INGEST_EVENTS)
# A counter that appears with what it counts shows no increase by it; `gauges` sees to those that are named after what
# the processes that decode pictures are not to load.
for _end in ("SIGSEGV", "SIGABRT", "SIGKILL", "SIGALRM"):
    DECODER_CRASHES.labels(f"signal {_end}")
