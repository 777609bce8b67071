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
        news: what the page's script begins with, as in the events of `/v1/jobs/{job_id}/events`; and `scales`, each
            one's longer side and evaluations, and `elapsed`, the seconds since this attempt began.
    """

    snapshot: int | None
    ahead: int
    painted: int
    paused: bool
    news: dict[str, Any]


def standing_of(ingest: Ingest, job: Job) -> Standing:
    """How the job stands, as far as its row does not say so.

    Raises:
        Unavailable: the database or the storage did not answer.
    """
    ahead, painted = ingest.line_before(job) if job.state is JobState.QUEUED else (0, 0)
    return Standing(_newest_snapshot(ingest, job), ahead, painted, _is_paused(ingest, job), _news(job))


def _newest_snapshot(ingest: Ingest, job: Job) -> int | None:
    if job.state is JobState.QUEUED and not job.started_at:
        return None
    folder = artifacts.snapshot(job.id, 0).rpartition("/")[0]
    # Names sort as texts, which differs from ten thousand on.
    taken = (stored.name.rpartition("/")[2].partition(".")[0] for stored in ingest.storage.list(f"{folder}/"))
    return max(map(int, taken), default=None)


def _is_paused(ingest: Ingest, job: Job) -> bool:
    queue = topology.STYLIZER_BATCH if job.priority is Priority.BATCH else topology.STYLIZER_JOBS
    # Worth a word on the page, and no error page.
    with suppress(Unavailable):
        return job.state is JobState.QUEUED and ingest.broker.paused(queue.name)
    return False


def _news(job: Job) -> dict[str, Any]:
    names = {"id", "sequence", "state", "attempt", "evaluation", "evaluations", "loss"}
    elapsed = (utcnow() - job.started_at).total_seconds() if job.started_at else None
    # A row that this version cannot read is never painted.
    scales = job.hyperparameters.scales if job.state is JobState.RUNNING else ()
    return job.model_dump(mode="json", include=names) | {"scales": scales, "elapsed": elapsed}
