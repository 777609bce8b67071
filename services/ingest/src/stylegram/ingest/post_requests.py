"""Asking for posts of what was painted, by whoever wants one beside, or instead of, the job's own."""

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import uuid4

from sqlalchemy import Engine

from stylegram.common import artifacts
from stylegram.common.database import transaction
from stylegram.common.errors import NotFound, WrongState
from stylegram.common.messages import PostKind, PostRequest
from stylegram.common.ports import Broker
from stylegram.ingest.job_repository import JobRepository, require_readable
from stylegram.ingest.schemas import Job
from stylegram.ingest.tables import JobState


@dataclass(frozen=True, kw_only=True)
class PostRequests:
    """What the publisher is asked for.

    Args:
        engine: the database.
        broker: where the publisher's queue is.
    """

    engine: Engine
    broker: Broker

    def request_posts(self, job_id: str, kinds: Sequence[PostKind] = ()) -> Job:
        """Have a picture posted. What was posted, or asked for, already is not posted again.

        Args:
            job_id: whose picture.
            kinds: what it is posted as; what the publisher is set to where there are none.

        Returns:
            The job as it stood.

        Raises:
            NotFound: no such job.
            WrongState: it has no picture.
            InvalidHyperparameters: they are out of this version's ranges.
            Unavailable: the broker or the database did not answer; asking again does no harm.
        """
        with transaction(self.engine) as session:
            job = JobRepository(session).get(job_id)
        if job is None:
            raise NotFound(f"There is no job '{job_id}'.")
        if job.state is not JobState.SUCCEEDED:
            raise WrongState(f"Job {job_id} is {job.state}; only the picture of one that succeeded can be posted.")
        require_readable(job)
        # At once rather than by way of the relay: who asks is there to be told that it could not be done.
        request = post_request(job).model_copy(update={"message_id": str(uuid4()), "kinds": tuple(kinds)})
        self.broker.publish(request)
        return job


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
