"""From the job table, which is the outbox, into the broker.

At least once: a relay that is killed between publishing and noting it publishes again. Message ids derive from the
job's, so that it is seen to be the same message, and whoever receives it is idempotent.
"""

import threading

import structlog
from sqlalchemy import Engine

from stylegram.common import artifacts
from stylegram.common.database import transaction
from stylegram.common.errors import StylegramError
from stylegram.common.messages import PostRequest, StyleJob
from stylegram.common.ports import Broker
from stylegram.ingest.job_repository import JobRepository
from stylegram.ingest.schemas import Job

_log = structlog.get_logger(__name__)
# Rows held in memory at once; the rest comes in the next round.
_BATCH = 100


class Relay:
    """Publishes what jobs have to say.

    Args:
        engine: the database.
        broker: where the queues are.
        poll: seconds between looks into the table.
    """

    def __init__(self, engine: Engine, broker: Broker, *, poll: float = 0.5) -> None:
        self._engine = engine
        self._broker = broker
        self._poll = poll

    def run(self, stop: threading.Event) -> None:
        """Work until `stop` is set; a broker or a database that is away is waited for."""
        while not stop.is_set():
            try:
                published = self.relay_once()
            except StylegramError as error:
                _log.warning("relay_failed", reason=str(error))
                published = 0
            if not published:
                stop.wait(self._poll)

    def relay_once(self) -> int:
        """Publish up to a hundred queued jobs and as many requests for posts; returns how many messages that were.

        Raises:
            NotFound: the queues have not been declared.
            Unavailable: the broker or the database did not answer; what was published before is noted.
        """
        with transaction(self._engine) as session:
            jobs = JobRepository(session)
            to_publish, to_post = jobs.to_publish(_BATCH), jobs.to_post(_BATCH)
        # No transaction is open while the broker is asked: it may take long, and others want to write.
        for job in to_publish:
            self._broker.publish(style_job(job))
            with transaction(self._engine) as session:
                JobRepository(session).mark_published(job.id)
        for job in to_post:
            self._broker.publish(post_request(job))
            with transaction(self._engine) as session:
                JobRepository(session).mark_post_requested(job.id)
        return len(to_publish) + len(to_post)


def style_job(job: Job) -> StyleJob:
    """What the stylizer is told of a job."""
    return StyleJob(
        message_id=f"{job.id}.style",
        job_id=job.id,
        content=job.content,
        style=job.style,
        hyperparameters=job.hyperparameters,
    )


def post_request(job: Job) -> PostRequest:
    """What the publisher is told of a job that succeeded."""
    return PostRequest(
        message_id=f"{job.id}.post",
        job_id=job.id,
        artifact=job.result or artifacts.result(job.id),
        record=artifacts.record(job.id),
        content_name=job.content.name,
        style_name=job.style.name,
        hyperparameters=job.hyperparameters,
    )
