"""How a picture stands that is not finished: what is before it, and what is to be seen of it already."""

from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from stylegram.common import artifacts, topology
from stylegram.common.clock import utcnow
from stylegram.common.errors import Unavailable
from stylegram.common.messages import Priority
from stylegram.ingest.bootstrap import Ingest
from stylegram.ingest.schemas import Job
from stylegram.ingest.tables import JobState


@dataclass(frozen=True)
class Standing:
    """How it stands.

    Args:
        snapshot: after how many evaluations the newest picture of the way there was taken; None before the first.
        ahead: how many are painted before it that wait, too.
        painted: how many are being painted, other than this one.
        paused: whether its queue is.
        unheard: whether nobody hears what its worker says, as that queue is paused.
        news: what the page's script begins with, as in the events of `/v1/jobs/{job_id}/events`; and `scales`, each
            one's longer side and evaluations, and `elapsed`, the seconds since this attempt began.
    """

    snapshot: int | None
    ahead: int
    painted: int
    paused: bool
    unheard: bool
    news: dict[str, Any]


def standing_of(ingest: Ingest, job: Job) -> Standing:
    """How the job stands, as far as its row does not say so.

    Raises:
        Unavailable: the database or the storage did not answer.
    """
    ahead, painted = ingest.line_before(job) if job.state is JobState.QUEUED else (0, 0)
    paused = job.state is JobState.QUEUED and _is_paused(ingest, queue_of(job))
    unheard = not job.finished and _is_paused(ingest, topology.INGEST_EVENTS.name)
    return Standing(_newest_snapshot(ingest, job), ahead, painted, paused, unheard, _news(job))


def queue_of(job: Job) -> str:
    """Name of the queue in which it waits."""
    return (topology.STYLIZER_BATCH if job.priority is Priority.BATCH else topology.STYLIZER_JOBS).name


def _newest_snapshot(ingest: Ingest, job: Job) -> int | None:
    if job.state is JobState.QUEUED and not job.started_at:
        return None
    folder = artifacts.snapshot(job.id, 0).rpartition("/")[0]
    # Names sort as texts, which differs from ten thousand on.
    taken = (stored.name.rpartition("/")[2].partition(".")[0] for stored in ingest.storage.list(f"{folder}/"))
    return max(map(int, taken), default=None)


def _is_paused(ingest: Ingest, queue: str) -> bool:
    # Worth a word on the page, and no error page.
    with suppress(Unavailable):
        return ingest.broker.paused(queue)
    return False


def _news(job: Job) -> dict[str, Any]:
    names = {"id", "sequence", "state", "attempt", "evaluation", "evaluations", "loss"}
    elapsed = (utcnow() - job.started_at).total_seconds() if job.started_at else None
    # A row that this version cannot read is never painted.
    scales = job.hyperparameters.scales if job.state is JobState.RUNNING else ()
    return job.model_dump(mode="json", include=names) | {"scales": scales, "elapsed": elapsed}
