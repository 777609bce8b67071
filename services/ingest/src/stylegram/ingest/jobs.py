"""Submitting jobs, cancelling them, trying them again, and asking how they stand."""

import math
import random
import threading
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, tzinfo
from typing import Any
from uuid import uuid4

from sqlalchemy import Engine
from sqlalchemy.orm import Session

from stylegram.common.advice import Advice
from stylegram.common.clock import utcnow
from stylegram.common.database import transaction
from stylegram.common.errors import InvalidHyperparameters, InvalidInput, NotFound, QueueFull, WrongState
from stylegram.common.hyperparameters import Hyperparameters
from stylegram.common.messages import Priority
from stylegram.common.ports import Advisor
from stylegram.common.records import AssetReference, Role
from stylegram.common.schemas import Page
from stylegram.ingest.advice import advice_on
from stylegram.ingest.asset_repository import AssetRepository
from stylegram.ingest.choose import choose_pair
from stylegram.ingest.cursors import cursor_after_job, job_position
from stylegram.ingest.job_repository import JobRepository
from stylegram.ingest.schemas import Job, JobFilter, Submission
from stylegram.ingest.tables import AssetRow, JobRow, JobState

_EVERY_JOB = JobFilter()
DAILY_KEYS = "daily-"
"""What the idempotency keys of daily jobs begin with, and no client's may."""


@dataclass(frozen=True, kw_only=True)
class Jobs:
    """The job table, for callers.

    Args:
        engine: the database.
        max_queued: jobs that may wait.
        timezone: where the daily picture's day begins.
        advisor: is asked how to paint the daily picture; nobody is where None.
        news: set where there is something for the relay to do.
    """

    engine: Engine
    max_queued: int = 1000
    timezone: tzinfo = UTC
    advisor: Advisor | None = None
    news: threading.Event = field(default_factory=threading.Event, repr=False, compare=False)

    def submit(
        self,
        content: AssetReference,
        style: AssetReference,
        hyperparameters: Hyperparameters,
        *,
        publish: bool = True,
        idempotency_key: str | None = None,
        priority: Priority = Priority.INTERACTIVE,
        further_styles: Sequence[AssetReference] = (),
        masks: Sequence[AssetReference | None] = (),
        start_image: AssetReference | None = None,
        time_limit_seconds: float | None = None,
        trial: str | None = None,
    ) -> Job:
        """Queue a job; the relay sends it on.

        Args:
            content: the picture whose subject is painted.
            style: the picture whose manner is.
            hyperparameters: how.
            publish: whether the result is to be posted.
            idempotency_key: the same key always gives the same job, however often and concurrently it is submitted.
            priority: who waits for it.
            further_styles: the style images after the first.
            masks: for each style image, the first included, where it goes: white where it does, None everywhere. Or
                none.
            start_image: what a start from an image starts from.
            time_limit_seconds: what an attempt may take; the worker's own limit where None.
            trial: the one that a study wants it for, as in study/number.

        Raises:
            NotFound: one of the pictures is no asset.
            InvalidInput: the key belongs to a job with other parameters, the masks are not as many as the style
                images, or the time limit is no time.
            InvalidHyperparameters: they need other pictures than these.
            QueueFull: too many jobs wait.
        """
        submission = Submission(
            content=content,
            style=style,
            further_styles=tuple(further_styles),
            masks=tuple(masks),
            start_image=start_image,
            hyperparameters=hyperparameters,
            publish=publish,
            priority=priority,
            time_limit_seconds=time_limit_seconds,
            trial=trial,
        )
        return self.enqueue(submission, idempotency_key=idempotency_key)

    def enqueue(self, submission: Submission, *, idempotency_key: str | None = None) -> Job:
        """The same, of what is one thing already."""
        _check(submission)
        with self._telling() as session:
            return self._queue(session, submission, idempotency_key)

    def judge(self, submission: Submission, *, idempotency_key: str | None = None) -> Job | None:
        """Refuse what `enqueue` would refuse, as far as that can be said before the pictures are there.

        Args:
            submission: of its pictures only the digests count, and the names in errors.
            idempotency_key: as in `submit`.

        Returns:
            The job of that key, if there is one; then nothing is left to be done.

        Raises:
            InvalidInput: see `submit`.
            InvalidHyperparameters: likewise.
            QueueFull: likewise.
        """
        _check(submission)
        with transaction(self.engine) as session:
            return self._earlier(JobRepository(session), submission, idempotency_key)

    def submit_daily(
        self,
        hyperparameters: Hyperparameters,
        *,
        again: bool = False,
        rng: random.Random | None = None,
        on_advice: Callable[[Advice], object] = lambda _: None,
    ) -> Job:
        """Queue the picture of the day, of a pair that has not been seen lately. It is one, however often it is asked
        for that day.

        Args:
            hyperparameters: how to paint it, where the advisor does not know better; see `advice_on`.
            again: make another one.
            rng: decides between equal pairs.
            on_advice: told what it is painted with, and why; not where the day has its picture already.

        Raises:
            NotFound: there is no photograph, or no painting.
            InvalidHyperparameters: they need other pictures than a pair.
            QueueFull: too many jobs wait.
        """
        key = None if again else f"{DAILY_KEYS}{utcnow().astimezone(self.timezone):%Y-%m-%d}"
        if todays := self._of_key(key):
            return todays
        pair = self.choose_pair(rng or random.Random())
        with transaction(self.engine) as session:
            # Advice may be a study's trial, for which somebody then waits.
            self._find_room(JobRepository(session))
        advice = advice_on(self.advisor, hyperparameters, *pair)
        on_advice(advice)
        try:
            return self.submit(
                *pair, advice.hyperparameters, idempotency_key=key, priority=Priority.BATCH, trial=advice.trial
            )
        except InvalidInput:
            # Somebody else was faster, and chose another pair.
            if todays := self._of_key(key):
                return todays
            raise

    def choose_pair(self, rng: random.Random) -> tuple[AssetReference, AssetReference]:
        """A content and a style image that were not used lately; see `choose.choose_pair`."""
        return choose_pair(self.engine, rng)

    def cancel(self, job_id: str) -> Job:
        """Ask that a job be ended; one that has ended, or of which that was asked, stays as it is.

        Its state becomes `cancelled` when no work is done on it any more, if it does not end otherwise before.

        Raises:
            NotFound: no such job.
        """
        with self._telling() as session:
            jobs = JobRepository(session)
            jobs.request_cancel(job_id)
            return _found(jobs.get(job_id), job_id)

    def retry(self, job_id: str, *, idempotency_key: str | None = None) -> Job:
        """Queue a job like one that failed or was cancelled, unless one is under way already: without a key, that one
        is the answer. It is no trial any more: the study has gone on without it.

        Args:
            job_id: the one that ended.
            idempotency_key: as in `submit`: what it once gave, it gives for ever.

        Raises:
            NotFound: no such job.
            WrongState: it has not ended, or it succeeded; or another retry is under way, which is not the key's.
            InvalidInput: the key belongs to another job.
            QueueFull: too many jobs wait.
        """
        with self._telling() as session:
            jobs = JobRepository(session)
            jobs.lock(job_id)
            job = _found(jobs.get(job_id), job_id)
            if job.state not in (JobState.FAILED, JobState.CANCELLED):
                stands = "has succeeded" if job.finished else f"is {job.state}"
                raise WrongState(
                    f"Job {job_id} {stands}; only one that failed or was cancelled can be tried again.",
                    advice="To paint it once more, submit it anew."
                    if job.finished
                    else "Wait for its end, or cancel it first.",
                )
            key_is_known = idempotency_key is not None and jobs.by_idempotency_key(idempotency_key)
            if not key_is_known and (under_way := jobs.unfinished_retry(job_id)):
                if idempotency_key is None:
                    return under_way
                # Not kept for this key, it would be another one once that has ended.
                raise WrongState(
                    f"Job {under_way.id} tries job {job_id} again already, and not under this key.",
                    advice="Follow that one, or wait for its end.",
                )
            return self._queue(session, job.model_copy(update={"retry_of": job_id, "trial": None}), idempotency_key)

    def job(self, job_id: str) -> Job:
        """The job as it stands.

        Raises:
            NotFound: no such job.
        """
        with transaction(self.engine) as session:
            return _found(JobRepository(session).get(job_id), job_id)

    def jobs(self, wanted: JobFilter = _EVERY_JOB, *, limit: int, cursor: str | None = None) -> Page[Job]:
        """The jobs that are wanted, newest first, a page at a time; jobs that are added meanwhile move nothing.

        Args:
            wanted: which ones.
            limit: how many on a page, at least 1.
            cursor: `next` of the page before; None for the first page.

        Raises:
            InvalidInput: the cursor is none of ours.
        """
        after = None if cursor is None else job_position(cursor)
        with transaction(self.engine) as session:
            found = JobRepository(session).page(wanted, limit + 1, after)
        items = found[:limit]
        return Page[Job](items=items, next=cursor_after_job(items[-1]) if len(found) > limit else None)

    def newest_jobs(self, states: Collection[JobState] = tuple(JobState), *, limit: int) -> list[Job]:
        """Up to `limit` jobs in one of the states, newest first."""
        with transaction(self.engine) as session:
            return JobRepository(session).newest(states, limit)

    def unfinished_jobs(self, *, limit: int | None = None) -> list[Job]:
        """The running and the queued, as their turn is: see `JobRepository.unfinished`."""
        with transaction(self.engine) as session:
            return JobRepository(session).unfinished(limit)

    def count_queued(self) -> int:
        """How many jobs wait."""
        with transaction(self.engine) as session:
            return JobRepository(session).count(JobState.QUEUED)

    def line_before(self, job: Job) -> tuple[int, int]:
        """How many jobs that wait are painted before that one, and how many are being painted now."""
        with transaction(self.engine) as session:
            jobs = JobRepository(session)
            return jobs.before(job), jobs.count(JobState.RUNNING)

    def changed_jobs(self, known: Mapping[str, int]) -> list[Job]:
        """Those of some jobs, oldest first, that have changed.

        Args:
            known: the sequence number of each, as it was.
        """
        with transaction(self.engine) as session:
            return JobRepository(session).changed(known)

    def unposted_jobs(self) -> list[Job]:
        """Those that are to be posted, and of whose posts nothing was heard, oldest first."""
        with transaction(self.engine) as session:
            return JobRepository(session).unposted()

    @contextmanager
    def _telling(self) -> Iterator[Session]:
        """A transaction after which the relay has something to do."""
        with transaction(self.engine) as session:
            yield session
        self.news.set()

    def _of_key(self, key: str | None) -> Job | None:
        if key is None:
            return None
        with transaction(self.engine) as session:
            return JobRepository(session).by_idempotency_key(key)

    def _earlier(self, jobs: JobRepository, submission: Submission, key: str | None) -> Job | None:
        """The job of that key; where there is none, there is room for one."""
        if key is not None and (earlier := jobs.by_idempotency_key(key)):
            return _same(earlier, submission)
        self._find_room(jobs)
        return None

    def _find_room(self, jobs: JobRepository) -> None:
        if jobs.count(JobState.QUEUED) >= self.max_queued:
            raise QueueFull(f"{self.max_queued} jobs wait already.", advice="Submit it later.")

    def _queue(self, session: Session, submission: Submission, key: str | None) -> Job:
        jobs = JobRepository(session)
        if earlier := self._earlier(jobs, submission, key):
            return earlier
        job = JobRow(
            id=str(uuid4()),
            idempotency_key=key,
            content=_asset(session, Role.CONTENT, submission.content),
            style=_asset(session, Role.STYLE, submission.style),
            further_styles=[_kept(session, Role.STYLE, style) for style in submission.further_styles] or None,
            masks=[mask and _kept(session, None, mask) for mask in submission.masks] or None,
            start_image=submission.start_image and _kept(session, None, submission.start_image),
            hyperparameters=submission.hyperparameters.model_dump(mode="json"),
            publish=submission.publish,
            priority=submission.priority,
            time_limit_seconds=submission.time_limit_seconds,
            retry_of=submission.retry_of,
            trial=submission.trial,
            created_at=utcnow(),
            state=JobState.QUEUED,
        )
        if jobs.add(job):
            return _found(jobs.get(job.id), job.id)
        # Nothing but the key is unique and given by the caller, and somebody has just used it.
        return _same(_found(jobs.by_idempotency_key(str(key)), str(key)), submission)


def _check(submission: Submission) -> None:
    """Here, where it costs a sentence: the worker would only find out after the job has waited its turn."""
    styles = 1 + len(submission.further_styles)
    start = submission.hyperparameters.start
    submission.hyperparameters.shares_of_styles(styles)
    if submission.masks and len(submission.masks) != styles:
        raise InvalidInput(
            f"There are {len(submission.masks)} masks for {styles} style images.",
            advice="Give one for each, or none.",
        )
    if start == "image" and submission.start_image is None:
        raise InvalidHyperparameters("start=image needs a picture to start from.", advice="Give a start image.")
    if start != "image" and submission.start_image is not None:
        raise InvalidHyperparameters(
            f"There is a picture to start from, '{submission.start_image.name}', but start={start}.",
            advice="Choose start=image, or leave the picture out.",
        )
    limit = submission.time_limit_seconds
    if limit is not None and not 0 < limit < math.inf:
        raise InvalidInput(f"A time limit of {limit} seconds is none.", advice="Give a number above 0, or none.")


def _same(job: Job, submission: Submission) -> Job:
    """The job, if it is what is asked for."""
    if _parameters(job) != _parameters(submission):
        raise InvalidInput(
            f"The idempotency key '{job.idempotency_key}' belongs to job {job.id}, which has other parameters.",
            advice="Use a new key for a new job.",
        )
    return job


def _parameters(submission: Submission) -> tuple[object, ...]:
    """What a key stands for: pictures by what they are, not by what they are called."""
    pictures = (*submission.masks, submission.start_image, submission.content, submission.style)
    return (
        [picture and picture.sha256 for picture in (*pictures, *submission.further_styles)],
        len(submission.masks),
        submission.hyperparameters,
        submission.publish,
        submission.priority,
        submission.time_limit_seconds,
        submission.retry_of,
        submission.trial,
    )


def _asset(session: Session, role: Role | None, asset: AssetReference) -> AssetRow:
    row = AssetRepository(session).row(role, asset.sha256)
    if row is None:
        raise NotFound(
            f"'{asset.name}' ({asset.sha256[:12]}…) is no {f'{role} ' if role else ''}image that Stylegram knows.",
            advice="Put the file into the source and sync, or upload it.",
        )
    return row


def _kept(session: Session, role: Role | None, asset: AssetReference) -> dict[str, Any]:
    """The reference as the table keeps it; assets stay as they are, and so it is good for ever."""
    row = _asset(session, role, asset)
    return AssetReference.model_validate(row, from_attributes=True).model_dump()


def _found(job: Job | None, job_id: str) -> Job:
    if job is None:
        raise NotFound(f"There is no job '{job_id}'.")
    return job
