"""From the job table, which is the outbox, into the broker.

At least once: a relay that is killed between publishing and noting it has it published again, once its lease of the row
has run out. Message ids derive from the job's, so that it is seen to be the same message, and whoever receives it is
idempotent. Several relays share the work: a row is leased to one of them at a time.
"""

import threading
import time
from collections.abc import Collection
from contextlib import suppress
from datetime import datetime, timedelta

import structlog
from sqlalchemy import Engine

from stylegram.common import artifacts
from stylegram.common.clock import utcnow
from stylegram.common.database import transaction
from stylegram.common.errors import AlreadyExists, InvalidHyperparameters, StylegramError
from stylegram.common.messages import CancelJob, StyleJob
from stylegram.common.ports import Broker, Storage
from stylegram.ingest.job_repository import Due, JobRepository, require_readable
from stylegram.ingest.post_requests import post_request
from stylegram.ingest.schemas import Job
from stylegram.ingest.tables import PostState

_log = structlog.get_logger(__name__)
# Rows held in memory at once; the rest comes in the next round.
_BATCH = 100


class Relay:
    """Publishes what jobs have to say.

    Args:
        engine: the database.
        broker: where the queues are.
        storage: where the notes of cancellations go.
        poll: seconds between looks into the table.
        lease: seconds for which rows are one relay's.
        news: set by whoever in this process has something to be published, for which it then need not wait.
    """

    def __init__(
        self,
        engine: Engine,
        broker: Broker,
        storage: Storage,
        *,
        poll: float = 0.5,
        lease: float = 30.0,
        news: threading.Event | None = None,
    ) -> None:
        self._engine = engine
        self._broker = broker
        self._storage = storage
        self._poll = poll
        self._lease = lease
        self._news = news or threading.Event()

    def run(self, stop: threading.Event) -> None:
        """Work until `stop` is set; a broker or a database that is away is waited for."""
        while not stop.is_set():
            # Before the look: what comes during it is looked for again.
            self._news.clear()
            try:
                published = self.relay_once()
            except StylegramError as error:
                _log.warning("relay_failed", reason=str(error))
                published = 0
            if not published:
                self._news.wait(self._poll)

    def relay_once(self) -> int:
        """Publish up to a hundred cancellations, queued jobs and requests for posts each; returns how many in all.

        Trouble with one keeps none of the others, and is raised after them.

        Raises:
            NotFound: the queues have not been declared.
            Unavailable: the broker, the storage or the database did not answer; what was published is noted.
        """
        done, trouble = 0, None
        for due in Due:
            try:
                done += self._relay(due)
            except StylegramError as error:
                trouble = error
        if trouble:
            raise trouble
        return done

    def _relay(self, due: Due) -> int:
        until = utcnow() + timedelta(seconds=self._lease)
        # A row is no longer begun with when its lease could run out before it is noted.
        deadline = time.monotonic() + self._lease / 2
        with transaction(self._engine) as session:
            claimed = JobRepository(session).claim(due, _BATCH, until)
        left, trouble = {job.id for job in claimed}, None
        for job in claimed:
            if time.monotonic() > deadline:
                break
            try:
                self._do(job, due)
            except StylegramError as error:
                trouble = error
            else:
                left.remove(job.id)
        with suppress(StylegramError):  # else the lease runs out
            self._let_go(left, until)
        if trouble:
            raise trouble
        return len(claimed) - len(left)

    def _do(self, job: Job, due: Due) -> None:
        # No transaction is open while the broker is asked: it may take long, and others want to write.
        try:
            self._publish(job, due)
        except InvalidHyperparameters as error:
            _log.error("not_relayed", job_id=job.id, due=due, reason=str(error))
            with transaction(self._engine) as session:
                if due is Due.POST:
                    JobRepository(session).record_post(job.id, PostState.FAILED, reason=str(error))
                else:
                    JobRepository(session).refuse(job.id, error)
            return
        with transaction(self._engine) as session:
            JobRepository(session).mark_relayed(job.id, due)

    def _publish(self, job: Job, due: Due) -> None:
        match due:
            case Due.CANCEL:
                # The note first: who has heard the message knows that nobody begins with the job any more.
                with suppress(AlreadyExists):
                    self._storage.write(artifacts.cancellation(job.id), b"cancelled\n", content_type="text/plain")
                self._broker.publish(CancelJob(message_id=f"{job.id}.cancel", job_id=job.id))
            case Due.STYLE:
                require_readable(job)
                self._broker.publish(style_job(job))
            case Due.POST:
                require_readable(job)
                self._broker.publish(post_request(job))

    def _let_go(self, job_ids: Collection[str], until: datetime) -> None:
        if job_ids:
            with transaction(self._engine) as session:
                JobRepository(session).unclaim(job_ids, until)


def style_job(job: Job) -> StyleJob:
    """What the stylizer is told of a job."""
    return StyleJob(
        message_id=f"{job.id}.style",
        job_id=job.id,
        content=job.content,
        style=job.style,
        further_styles=job.further_styles,
        masks=job.masks,
        start_image=job.start_image,
        hyperparameters=job.hyperparameters,
        priority=job.priority,
        time_limit_seconds=job.time_limit_seconds,
        trial=job.trial,
    )
