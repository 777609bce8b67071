"""What ingest shows of how things stand, beside what it counts; the database knows it, so that a restart changes none
of it and every replica shows the same."""

import structlog
from sqlalchemy import Engine

from stylegram.common.clock import utcnow
from stylegram.common.database import transaction
from stylegram.common.errors import StylegramError
from stylegram.common.messages import Priority
from stylegram.ingest.job_repository import JobRepository
from stylegram.ingest.metrics import JOBS, LAST_SYNC, OLDEST_QUEUED, RECONCILED
from stylegram.ingest.schemas import ReconcileReport
from stylegram.ingest.sync_record import SyncRecord
from stylegram.ingest.tables import JobState

_log = structlog.get_logger(__name__)

# A counter that appears with what it counts shows no increase by it.
for _state in JobState:
    if _state is not JobState.RUNNING:
        JOBS.labels(state=_state)
for _action in ReconcileReport.model_fields:
    RECONCILED.labels(action=_action)


def measure_work(engine: Engine) -> None:
    """Bring the gauges of the jobs that wait and of the newest sync up to date; a database that does not answer leaves
    them without values."""
    OLDEST_QUEUED.clear()
    LAST_SYNC.clear()
    try:
        with transaction(engine) as session:
            oldest = JobRepository(session).oldest_queued()
        sync = SyncRecord(engine).read()
    except StylegramError as error:
        _log.warning("work_not_measured", reason=str(error))
        return
    now = utcnow()
    for priority in Priority:
        waits = now - oldest.get(priority, now)
        # The submission's clock may be another machine's.
        OLDEST_QUEUED.labels(priority=priority).set(max(0.0, waits.total_seconds()))
    if sync.finished_at:
        outcome = "failed" if sync.problem else "succeeded"
        LAST_SYNC.labels(outcome=outcome).set(sync.finished_at.timestamp())
