"""Submitting jobs, cancelling them, and asking how they stand."""

from collections.abc import Collection
from uuid import uuid4

from sqlalchemy import Engine
from sqlalchemy.orm import Session

from stylegram.common.clock import utcnow
from stylegram.common.database import transaction
from stylegram.common.errors import InvalidHyperparameters, InvalidInput, NotFound
from stylegram.common.hyperparameters import Hyperparameters
from stylegram.common.records import AssetReference, Role
from stylegram.ingest.asset_repository import AssetRepository
from stylegram.ingest.job_repository import JobRepository
from stylegram.ingest.schemas import Job
from stylegram.ingest.tables import JobRow, JobState


class Jobs:
    """The job table, for callers.

    Args:
        engine: the database.
    """

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def submit(
        self,
        content: AssetReference,
        style: AssetReference,
        hyperparameters: Hyperparameters,
        *,
        publish: bool = True,
        idempotency_key: str | None = None,
    ) -> Job:
        """Queue a job; the relay sends it on.

        Args:
            content: the picture whose subject is painted.
            style: the picture whose manner is.
            hyperparameters: how.
            publish: whether the result is to be posted.
            idempotency_key: the same key always gives the same job, however often and concurrently it is submitted.

        Raises:
            NotFound: one of the pictures is no asset.
            InvalidInput: the key belongs to a job with other parameters.
            InvalidHyperparameters: they need more pictures than a job has.
        """
        _check_pictures_suffice(hyperparameters)
        with transaction(self._engine) as session:
            job = JobRow(
                id=str(uuid4()),
                idempotency_key=idempotency_key,
                content_id=_asset_id(session, Role.CONTENT, content),
                style_id=_asset_id(session, Role.STYLE, style),
                hyperparameters=hyperparameters.model_dump(mode="json"),
                publish=publish,
                created_at=utcnow(),
                state=JobState.QUEUED,
            )
            jobs = JobRepository(session)
            if jobs.add(job):
                return _found(jobs.get(job.id), job.id)
            # Nothing but the key is unique and given by the caller.
            earlier = _found(jobs.by_idempotency_key(str(idempotency_key)), str(idempotency_key))
        asked = (content.sha256, style.sha256, hyperparameters, publish)
        if asked != (earlier.content.sha256, earlier.style.sha256, earlier.hyperparameters, earlier.publish):
            raise InvalidInput(
                f"The idempotency key '{idempotency_key}' belongs to job {earlier.id}, which has other parameters.",
                advice="Use a new key for a new job.",
            )
        return earlier

    def cancel(self, job_id: str) -> bool:
        """End a job that has not ended; False if it had.

        No worker is told: one that holds the job finishes its picture, and its events change nothing any more.

        Raises:
            NotFound: no such job.
        """
        with transaction(self._engine) as session:
            jobs = JobRepository(session)
            _found(jobs.get(job_id), job_id)
            return jobs.transition(
                job_id, JobState.CANCELLED, finished_at=utcnow(), reason="Cancelled.", error_code="cancelled"
            )

    def get(self, job_id: str) -> Job:
        """The job as it stands.

        Raises:
            NotFound: no such job.
        """
        with transaction(self._engine) as session:
            return _found(JobRepository(session).get(job_id), job_id)

    def newest(self, states: Collection[JobState], limit: int) -> list[Job]:
        """Up to `limit` jobs in one of the states, newest first."""
        with transaction(self._engine) as session:
            return JobRepository(session).newest(states, limit)

    def unfinished(self) -> list[Job]:
        """The queued and the running, oldest first."""
        with transaction(self._engine) as session:
            return JobRepository(session).unfinished()

    def unposted(self) -> list[Job]:
        """Those that are to be posted and whose post has not come to an end, oldest first."""
        with transaction(self._engine) as session:
            return JobRepository(session).unposted()


def _check_pictures_suffice(hyperparameters: Hyperparameters) -> None:
    """Here, where it costs a sentence: the worker would only find out after the job has waited its turn."""
    missing = []
    if hyperparameters.start == "image":
        missing.append("start=image needs a picture to start from")
    if (styles := len(hyperparameters.style_weights)) > 1:
        missing.append(f"style_weights with {styles} numbers needs {styles} style images")
    if missing:
        raise InvalidHyperparameters(
            f"A job has one content image and one style image: {'; '.join(missing)}.",
            advice="Choose others, or paint with `stylegram stylize`, which takes further pictures.",
        )


def _asset_id(session: Session, role: Role, asset: AssetReference) -> int:
    asset_id = AssetRepository(session).find(role, asset.sha256)
    if asset_id is None:
        raise NotFound(
            f"'{asset.name}' ({asset.sha256[:12]}…) is no {role} image that Stylegram knows.",
            advice="Put the file into the source and sync.",
        )
    return asset_id


def _found(job: Job | None, job_id: str) -> Job:
    if job is None:
        raise NotFound(f"There is no job '{job_id}'.")
    return job
