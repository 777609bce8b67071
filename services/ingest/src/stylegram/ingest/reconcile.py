"""Puts right what the events left wrong: jobs whose messages, workers or ends were lost on the way.

It looks at unfinished jobs of which nothing was heard for a while, and trusts what can be seen elsewhere: the record
in storage, the dead letters, the queues. Every change is conditional on nothing having been heard meanwhile, so that it
may run as often and in as many places at once as one likes.
"""

import json
import time
from collections import Counter
from collections.abc import Callable, Mapping
from contextlib import suppress
from datetime import timedelta
from typing import Any

import structlog
from pydantic import ValidationError
from sqlalchemy import Engine

from stylegram.common import topology
from stylegram.common.clock import utcnow
from stylegram.common.database import transaction
from stylegram.common.errors import InvalidHyperparameters, StylegramError
from stylegram.common.messages import Priority, StyleJob, end_of
from stylegram.common.ports import Broker, DeadLetter, Storage
from stylegram.common.records import RunRecord
from stylegram.common.run_ends import enter_end, read_end
from stylegram.ingest.job_repository import CANCELLATION, JobRepository, require_readable
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
        """Look once. Trouble with one job keeps none of the others, and is raised after them.

        Raises:
            Unavailable: the database, the broker or the storage did not answer; what was put right stays so.
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
        trouble = None
        for job in suspects:
            try:
                action = self._settle(job, dead.get(job.id))
            except StylegramError as error:
                _log.warning("not_reconciled", job_id=job.id, reason=str(error))
                trouble = error
                continue
            if action:
                _log.warning("job_reconciled", job_id=job.id, action=action)
                RECONCILED.labels(action=action).inc()
                done[action] += 1
        if trouble:
            raise trouble
        return ReconcileReport(**done)

    def _has_unread(self) -> bool:
        """Whether an event waits that may be the word which is missed.

        One that a consumer has in hand cannot be seen. To overlook it costs time and no end: it is heard a moment
        later, and what it says then counts unless the job has ended.
        """
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
        if not latest:
            return []
        before = latest - self._lost_after
        # The message of one that has started may have been put back since, behind others.
        return [job for job in waiting if not job.started_at and job.published_at and job.published_at < before]

    def _dead(self) -> dict[str, DeadLetter]:
        """The stylizers' dead letters by job, of messages too that this version does not understand."""
        letters = {}
        for queue in topology.STYLIZER_QUEUES:
            for letter in self._broker.dead_letters(queue.name):
                with suppress(ValueError, LookupError, TypeError):
                    letters[str(json.loads(letter.body)["job_id"])] = letter
        return letters

    def _settle(self, job: Job, dead: DeadLetter | None) -> str | None:
        if record := self._unless_damaged(job.id, lambda: read_end(self._storage, job.id)):
            self._broker.publish(end_of(record))
            return "retold"
        action, state, values = _remedy(job, dead)
        # Whoever hears of the job in between knows better.
        silent = (JobRow.state == job.state, JobRow.heard_at == job.heard_at)
        with transaction(self._engine) as session:
            jobs = JobRepository(session)
            if state != JobState.FAILED:
                return action if jobs.transition(job.id, state, *silent, **values) else None
            try:
                require_readable(job)
            except InvalidHyperparameters as error:
                _log.error("not_recorded", job_id=job.id, reason=str(error))
                return action if jobs.refuse(job.id, error, *silent) else None
            if not jobs.hear(job.id, utcnow(), *silent):
                return None
        self._record_failure(job, **values)
        return action

    def _record_failure(self, job: Job, reason: str, error_code: str) -> None:
        """End the job as a worker does: its message may turn up yet, and the logger is to know of it too."""
        record = RunRecord(
            job_id=job.id,
            outcome="failed",
            reason=reason,
            error_code=error_code,
            content=job.content,
            style=job.style,
            further_styles=job.further_styles,
            masks=job.masks,
            start_image=job.start_image,
            hyperparameters=job.hyperparameters,
            engine_version="unknown",
            torch_version="unknown",
            weights="unknown",
            device="unknown",
            started_at=job.started_at or job.created_at,
            finished_at=utcnow(),
        )
        earlier = self._unless_damaged(job.id, lambda: enter_end(self._storage, record))
        self._broker.publish(end_of(earlier or record))

    def _unless_damaged(self, job_id: str, ask: Callable[[], RunRecord | None]) -> RunRecord | None:
        """The record that is asked for; one that cannot be read is none."""
        try:
            return ask()
        except (StylegramError, ValidationError) as error:
            if isinstance(error, StylegramError) and error.retryable:
                raise
            # The worker that comes to the job meets it too, and says so.
            _log.error("record_damaged", job_id=job_id, reason=str(error))
            return None


def _remedy(job: Job, dead: DeadLetter | None) -> tuple[str, JobState, Mapping[str, Any]]:
    """What is done for a job that has no record: the action, the state, and the columns that change along."""
    if job.cancel_requested_at:
        return "cancelled", JobState.CANCELLED, CANCELLATION
    if dead:
        return "dead", JobState.FAILED, {"reason": dead.reason, "error_code": "dead-letter"}
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
