"""The daily job: sync, choose a pair, paint it, post it, record it."""

import random
import time
from collections.abc import Callable

from stylegram.common import artifacts
from stylegram.common.advice import Advice
from stylegram.common.errors import StylegramError
from stylegram.common.hyperparameters import Hyperparameters
from stylegram.common.messages import Priority
from stylegram.common.topology import STYLIZER_BATCH, STYLIZER_JOBS
from stylegram.ingest.schemas import Job
from stylegram.local.house import House
from stylegram.local.job_display import show_progress, what_the_post_waits_for
from stylegram.local.stages import Stage, Stages
from stylegram.local.sync_display import SyncStages

_LOOK_SECONDS = 0.2
# Writing a file and a row takes a moment; this long means that it will not happen.
_RECORD_SECONDS = 60.0


def run_daily(house: House, hyperparameters: Hyperparameters, rng: random.Random, stages: Stages) -> Job:
    """Do the daily job, or finish the one that was interrupted: while it waited, was painted or was posted.

    Args:
        house: the services, not yet running.
        hyperparameters: of a new job, where the record knows none that are better; what was given in them explicitly
            stays so. An interrupted job keeps its own.
        rng: breaks ties among pairs that were not used lately.
        stages: shows how it goes.

    Returns:
        The job as it ended: succeeded, and its post is out, waits or has failed; failed; or cancelled.

    Raises:
        NotFound: no photographs or no paintings.
        StylegramError: a queue is paused, or the job cannot be carried on.
    """
    _sync(house, stages)
    job = _job(house, hyperparameters, rng, stages)
    _check_nothing_is_paused(house, job)
    with house.interruptible(), house.running():
        _paint(house, job.id, stages.begin("Paint"))
        job = house.ingest.job(job.id)
        if job.state == "succeeded":
            _post(house, job.id, stages.begin("Post"))
        # One that was cancelled, or of which no worker ever said a word, has none.
        if house.ingest.storage.stat(artifacts.record(job.id)):
            _record(house, job.id, stages.begin("Record"))
    return house.ingest.job(job.id)


def _sync(house: House, stages: Stages) -> None:
    shown = SyncStages(stages)
    for report in house.ingest.sync_all(shown.show).values():
        shown.end(report)


def _job(house: House, hyperparameters: Hyperparameters, rng: random.Random, stages: Stages) -> Job:
    stage = stages.begin("Choose")
    # One that is being cancelled ends by itself, and nobody waits for it.
    interrupted = [job for job in house.ingest.unposted_jobs() if job.cancel_requested_at is None]
    if interrupted:
        job = interrupted[0]
        stage.done(f"{job.content.name} × {job.style.name}, left unfinished before; it keeps its hyperparameters")
    else:
        advice: list[Advice] = []
        # Again: who gives the command twice on a day wants two pictures.
        job = house.ingest.submit_daily(hyperparameters, again=True, rng=rng, on_advice=advice.append)
        if advice[0].source != "default":
            stage.note(advice[0].reason)
        stage.done(f"{job.content.name} × {job.style.name}, {_origin(advice[0])}")
    return job


def _origin(advice: Advice) -> str:
    """Where the hyperparameters come from."""
    match advice.source:
        case "study":
            return f"as trial {advice.trial}"
        case "best":
            return "as is known to be best"
        case "exploration":
            return "as nobody has tried yet"
        case "default":
            return f"as usual: {advice.reason.rstrip('.')}"


def _check_nothing_is_paused(house: House, job: Job) -> None:
    """Here, with a sentence: whoever paused it may be away, and the job would wait for as long."""
    of_others = STYLIZER_JOBS if job.priority == Priority.BATCH else STYLIZER_BATCH
    paused = [queue.name for queue in house.ingest.queues() if queue.paused and queue.name != of_others.name]
    if paused:
        raise StylegramError(
            f"Job {job.id} waits, for these queues are paused: {', '.join(paused)}.",
            advice=f"Resume each with `stylegram queue resume NAME --state '{house.state}'`.",
        )


def _paint(house: House, job_id: str, stage: Stage) -> None:
    def look() -> bool:
        job = house.ingest.job(job_id)
        show_progress(stage, job)
        return job.finished

    _wait(house, look)


def _post(house: House, job_id: str, stage: Stage) -> None:
    def look() -> bool:
        job = house.ingest.job(job_id)
        # A picture may be posted as several kinds: what is said of the first is not yet what becomes of all.
        entered = {post.key for post in house.publisher.ledger.posts() if post.job_id == job_id}
        if job.post_state is None or not entered <= job.posts.keys():
            return False
        if job.post_state == "published":
            others = sum(post.state == "published" for post in job.posts.values()) - 1
            stage.done(f"{job.post_url or ''}{f' and {others} more posts' if others else ''}")
        elif job.post_state == "waiting":  # perhaps for days; what is to be done for it here is done
            stage.done(what_the_post_waits_for(job, house.state))
        else:
            stage.failed(job.post_reason or "")
        return True

    _wait(house, look)


def _record(house: House, job_id: str, stage: Stage) -> None:
    deadline = time.monotonic() + _RECORD_SECONDS

    def look() -> bool:
        if time.monotonic() > deadline:
            raise StylegramError(f"Job {job_id} was not recorded in time.", advice=f"See {house.log}.")
        run, told = house.logger.runs.get(job_id), house.ingest.job(job_id).post_state
        if run is None or told is None:
            return run is not None
        return run.post is not None and (run.post.state == "published" or told != "published")

    _wait(house, look)
    run = house.logger.runs.get(job_id)
    loss = f", loss {run.record.losses['total']:.4f}" if run and run.record.outcome == "succeeded" else ""
    stage.done(f"{house.logs_csv}{loss}")


def _wait(house: House, done: Callable[[], bool]) -> None:
    while not done():
        house.check()
        time.sleep(_LOOK_SECONDS)
