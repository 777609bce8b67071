"""The queues: how long they are, holding them up, their dead letters, and putting the job table right."""

from datetime import datetime
from typing import Annotated

from fastapi import APIRouter, Path, Query
from pydantic import BaseModel, ConfigDict, Field

from stylegram.common import ports
from stylegram.common.http.problems import responses
from stylegram.common.schemas import Listing
from stylegram.common.topology import QUEUES
from stylegram.ingest.bootstrap import Ingest
from stylegram.ingest.http.dependencies import IngestDep
from stylegram.ingest.schemas import QueueStatus, ReconcileReport

router = APIRouter(prefix="/v1", tags=["queues"])

QueueName = Annotated[str, Path(description="The queue's name.", examples=[queue.name for queue in QUEUES])]


class DeadLetter(BaseModel):
    """A message that nobody could use, and why."""

    model_config = ConfigDict(frozen=True)

    queue: str = Field(description="Where it died.")
    body: str = Field(description="The message as text; what is none of it is replaced by U+FFFD.")
    reason: str = Field(description="Why nobody could use it.")
    count: int = Field(description="How often it was delivered.")
    died_at: datetime = Field(description="When it was given up.")


@router.get("/queues")
def list_queues(ingest: IngestDep) -> Listing[QueueStatus]:
    """How every queue stands: messages that wait, dead letters, and whether it is paused."""
    return Listing(items=ingest.queues())


@router.post("/queues/{name}/pause", responses=responses(404))
def pause_queue(name: QueueName, ingest: IngestDep) -> QueueStatus:
    """Have nobody receive from the queue until it is resumed; what is being worked on goes on."""
    ingest.pause(name)
    return _status(ingest, name)


@router.post("/queues/{name}/resume", responses=responses(404))
def resume_queue(name: QueueName, ingest: IngestDep) -> QueueStatus:
    """End a pause; a queue that is not paused stays as it is."""
    ingest.resume(name)
    return _status(ingest, name)


@router.get("/queues/{name}/dead", responses=responses(404))
def list_dead_letters(name: QueueName, ingest: IngestDep) -> Listing[DeadLetter]:
    """The queue's dead letters, oldest first."""
    return _listed(ingest.dead_letters(name))


@router.post("/queues/{name}/drain-dead", responses=responses(404))
def drain_dead_letters(
    name: QueueName,
    ingest: IngestDep,
    requeue: Annotated[
        bool, Query(description="Put them back into the queue, for another try, instead of away.")
    ] = False,
) -> Listing[DeadLetter]:
    """Take the queue's dead letters out, and answer with them, oldest first: nobody else has them then."""
    return _listed(ingest.drain_dead(name, requeue=requeue))


@router.post("/reconcile")
def reconcile(ingest: IngestDep) -> ReconcileReport:
    """Look after the jobs of which nothing was heard for long, now, and report what was put right."""
    return ingest.reconcile()


def _status(ingest: Ingest, name: str) -> QueueStatus:
    return next(queue for queue in ingest.queues() if queue.name == name)


def _listed(letters: list[ports.DeadLetter]) -> Listing[DeadLetter]:
    return Listing(
        items=[
            DeadLetter(
                queue=letter.queue,
                body=letter.body.decode(errors="replace"),
                reason=letter.reason,
                count=letter.count,
                died_at=letter.died_at,
            )
            for letter in letters
        ]
    )
