"""Puts right what the events left wrong: jobs whose messages, workers or ends were lost on the way.

It looks at unfinished jobs of which nothing was heard for a while, and trusts what can be seen elsewhere: the record
in storage, the dead letters, the queues. Every change is conditional on nothing having been heard meanwhile, so that it
may run as often and in as many places at once as one likes.
"""

import json
import time
from collections import Counter
from collections.abc import Mapping
from contextlib import suppress
from datetime import timedelta
from typing import Any

import structlog
from pydantic import ValidationError
from sqlalchemy import Engine

from stylegram.common import artifacts, topology
from stylegram.common.clock import utcnow
from stylegram.common.database import transaction
from stylegram.common.errors import NotFound, StylegramError
from stylegram.common.messages import Priority, StyleJob, end_of
from stylegram.common.ports import Broker, DeadLetter, Storage
from stylegram.common.records import RunRecord
from stylegram.ingest.job_repository import CANCELLATION, JobRepository
from stylegram.ingest.metrics import RECONCILED
from stylegram.ingest.schemas import Job, ReconcileReport
from stylegram.ingest.tables import JobRow, JobState

_log = structlog.get_logger(__name__)
# A queue that loses a message so many times loses it always.
_MOST_PUBLICATIONS = 5
# From taking a message to the word that the job was started: a look into storage and a publication.
_TAKING_SECONDS = 2.0


class Reconciler:
    """Looks after jobs of which nothing is heard.

    Args:
        engine: the database.
        broker: where the queues are.
        storage: where the records are.
        lost_after: seconds of silence after which a job is looked after.
    """

    def __init__(self, engine: Engine, broker: Broker, storage: Storage, lost_after: float) -> None:
        self._engine = engine
        self._broker = broker
        self._storage = storage
        self._lost_after = timedelta(seconds=lost_after)
        self._pause = min(_TAKING_SECONDS, lost_after / 60)

    def reconcile(self) -> ReconcileReport:
        """Look once.

        Raises:
            Unavailable: the database, the broker or the storage did not answer; what was put right before stays so.
        """
        if self._has_unread():
            return ReconcileReport()
        with transaction(self._engine) as session:
            silent = JobRepository(session).unheard(utcnow() - self._lost_after)
        waiting = [job for job in silent if job.state == JobState.QUEUED and not job.cancel_requested_at]
        suspects = [job for job in silent if job not in waiting] + self._without_message(waiting)
        if not suspects:
            return ReconcileReport()
        dead = self._dead()
        done: Counter[str] = Counter()
        for job in suspects:
            if action := self._settle(job, dead.get(job.id)):
                _log.warning("job_reconciled", job_id=job.id, action=action)
                RECONCILED.labels(action=action).inc()
                done[action] += 1
        return ReconcileReport(**done)

    def _has_unread(self) -> bool:
        """Whether an event waits that may be the word which is missed."""
        return self._broker.depth(topology.INGEST_EVENTS.name) > 0

    def _without_message(self, waiting: list[Job]) -> list[Job]:
        """Those whose message is in no queue any more."""
        without = [
            job for priority in Priority for job in self._lost([job for job in waiting if job.priority == priority])
        ]
        if not without:
            return []
        # A worker may have taken the message just now, and be about to say so.
        time.sleep(self._pause)
        return [] if self._has_unread() else without

    def _lost(self, waiting: list[Job]) -> list[Job]:
        """The same, for jobs of one priority, oldest first."""
        if not waiting or self._broker.paused(queue := _queue_of(waiting[0].priority)):
            return []
        if not self._broker.depth(queue):
            return waiting
        with transaction(self._engine) as session:
            latest = JobRepository(session).newest_start(waiting[0].priority, waiting[0].created_at)
        return [job for job in waiting if latest and job.published_at and job.published_at + self._lost_after < latest]

    def _dead(self) -> dict[str, DeadLetter]:
        """The stylizers' dead letters by job, of messages too that this version does not understand."""
        letters = {}
        for queue in topology.STYLIZER_QUEUES:
            for letter in self._broker.dead_letters(queue.name):
                with suppress(ValueError, LookupError, TypeError):
                    letters[str(json.loads(letter.body)["job_id"])] = letter
        return letters

    def _settle(self, job: Job, dead: DeadLetter | None) -> str | None:
        if record := self._record(job.id):
            self._broker.publish(end_of(record))
            return "retold"
        action, state, values = _remedy(job, dead)
        # Whoever hears of the job in between knows better.
        silent = (JobRow.state == job.state, JobRow.heard_at == job.heard_at)
        with transaction(self._engine) as session:
            return action if JobRepository(session).transition(job.id, state, *silent, **values) else None

    def _record(self, job_id: str) -> RunRecord | None:
        try:
            return RunRecord.model_validate_json(self._storage.read(artifacts.record(job_id)))
        except NotFound:
            return None
        except (StylegramError, ValidationError) as error:
            if isinstance(error, StylegramError) and error.retryable:
                raise
            # The worker that comes to the job meets it too, and says so.
            _log.error("record_damaged", job_id=job_id, reason=str(error))
            return None


def _remedy(job: Job, dead: DeadLetter | None) -> tuple[str, JobState, Mapping[str, Any]]:
    """What is done for a job that has no record: the action, the state, and the columns that change along."""
    if dead:
        return "dead", JobState.FAILED, {"reason": dead.reason, "error_code": "dead-letter"}
    if job.cancel_requested_at:
        return "cancelled", JobState.CANCELLED, CANCELLATION
    if job.state == JobState.RUNNING:
        # Its message is free again, or is found to be lost when nothing comes of it.
        return "requeued", JobState.QUEUED, {"heard_at": utcnow(), "attempt": None}
    if job.publications >= _MOST_PUBLICATIONS:
        reason = f"Its message was lost {job.publications} times."
        return "lost", JobState.FAILED, {"reason": reason, "error_code": "lost"}
    return "republished", JobState.QUEUED, {"heard_at": utcnow(), "published_at": None}


def _queue_of(priority: Priority) -> str:
    topic = f"{StyleJob.subject}.{priority}"
    return next(queue.name for queue in topology.STYLIZER_QUEUES if queue.hears(topic))
