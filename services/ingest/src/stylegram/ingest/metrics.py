"""What ingest counts for Prometheus."""

from prometheus_client import Counter

JOBS = Counter("stylegram_jobs_total", "Jobs that were queued, and that ended, by state.", ["state"])
SYNC_FILES = Counter("stylegram_sync_files_total", "Files that syncs dealt with.", ["role", "outcome"])
