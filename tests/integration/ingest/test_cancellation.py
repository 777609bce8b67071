import threading
from datetime import timedelta
from pathlib import Path
from typing import NoReturn

import pytest
from structlog.testing import capture_logs

from ingest_samples import completed, messages, say, submit
from stylegram.common import artifacts
from stylegram.common.adapters.folder_storage import FolderStorage
from stylegram.common.clock import utcnow
from stylegram.common.errors import Unavailable
from stylegram.common.messages import (
    CancelJob,
    JobCancelled,
    JobFailed,
    JobInterrupted,
    JobProgress,
    JobStarted,
    Message,
)
from stylegram.common.topology import INGEST_EVENTS, STYLIZER_JOBS
from stylegram.ingest.bootstrap import Ingest
from stylegram.ingest.relay import Relay
from stylegram.ingest.schemas import Job
from stylegram.ingest.tables import JobState

pytestmark = pytest.mark.every_database


def started(job: Job, attempt: int = 1) -> JobStarted:
    return JobStarted(job_id=job.id, worker="worker", attempt=attempt)


def hear(ingest: Ingest) -> None:
    """Handle the events that wait."""
    consumer = ingest.consumer(threading.Event())
    while consumer.step():
        pass


def noted(ingest: Ingest, job: Job) -> bool:
    return ingest.storage.stat(artifacts.cancellation(job.id)) is not None


def test_cancelling_is_a_request(ingest: Ingest) -> None:
    job = submit(ingest)
    asked = ingest.cancel(job.id)
    assert (asked.state, asked.sequence) == (JobState.QUEUED, 1)
    assert asked.cancel_requested_at
    assert ingest.cancel(job.id) == asked, "it was asked already"


def test_a_job_that_nobody_began_is_cancelled_by_the_fence(ingest: Ingest) -> None:
    job = submit(ingest)
    ingest.relay().relay_once()
    ingest.cancel(job.id)
    ingest.relay().relay_once()
    assert noted(ingest, job)
    assert not ingest.job(job.id).finished, "what was said before has to be heard first"
    hear(ingest)
    cancelled = ingest.job(job.id)
    assert (cancelled.state, cancelled.error_code) == (JobState.CANCELLED, "cancelled")
    assert cancelled.finished_at
    assert ingest.relay().relay_once() == 0


def test_a_job_that_did_not_go_out_is_cancelled_likewise(ingest: Ingest) -> None:
    job = submit(ingest)
    ingest.cancel(job.id)
    assert ingest.relay().relay_once() == 1
    hear(ingest)
    assert ingest.job(job.id).state == JobState.CANCELLED
    assert messages(ingest, STYLIZER_JOBS) == []


def test_a_start_that_was_said_before_the_fence_holds_it_off(ingest: Ingest) -> None:
    job = submit(ingest)
    ingest.relay().relay_once()
    ingest.cancel(job.id)
    ingest.broker.publish(started(job))
    ingest.relay().relay_once()
    hear(ingest)
    running = ingest.job(job.id)
    assert running.state == JobState.RUNNING
    assert running.cancel_requested_at
    assert say(ingest, JobCancelled(job_id=job.id, worker="worker")).state == JobState.CANCELLED


def test_nobody_publishes_a_cancellation_twice(ingest: Ingest) -> None:
    job = submit(ingest)
    ingest.cancel(job.id)
    ingest.storage.write(artifacts.cancellation(job.id), b"by a relay that crashed", content_type="text/plain")
    assert [ingest.relay().relay_once() for _ in range(2)] == [1, 0]
    assert [message.type for message in messages(ingest, INGEST_EVENTS)] == ["cancel_job"]


@pytest.mark.parametrize("end", ["succeeded", "failed", "cancelled"])
def test_a_worker_that_comes_to_a_job_that_ended_changes_nothing(end: str, ingest: Ingest) -> None:
    job = submit(ingest)
    events: dict[str, Message] = {
        "succeeded": completed(job),
        "failed": JobFailed(job_id=job.id, reason="r", error_code="e"),
        "cancelled": JobCancelled(job_id=job.id, worker="worker"),
    }
    ended = say(ingest, events[end])
    assert ended.state == end
    assert say(ingest, started(job)) == ended


def test_a_worker_whose_clock_is_far_off_is_noticed(ingest: Ingest) -> None:
    job = submit(ingest)
    with capture_logs() as logs:
        say(ingest, started(job))
        assert not [line for line in logs if line["event"] == "clocks_differ"]
        say(ingest, started(job, 2).model_copy(update={"sent_at": utcnow() + timedelta(hours=1)}))
    (line,) = [line for line in logs if line["event"] == "clocks_differ"]
    assert (line["worker"], line["seconds"] > 3000) == ("worker", True)


def test_a_job_that_ended_stays_as_it_ended(ingest: Ingest) -> None:
    job = submit(ingest)
    done = say(ingest, completed(job))
    assert ingest.cancel(job.id) == done
    assert say(ingest, CancelJob(job_id=job.id), JobCancelled(job_id=job.id, worker="worker")) == done


def test_nothing_changes_a_cancelled_job(ingest: Ingest) -> None:
    job = submit(ingest)
    ingest.cancel(job.id)
    cancelled = say(ingest, CancelJob(job_id=job.id))
    late: list[Message] = [
        started(job),
        JobProgress(job_id=job.id, evaluation=1, evaluations=2, size=64, loss=1.0),
        JobInterrupted(job_id=job.id, worker="worker"),
        JobFailed(job_id=job.id, reason="r", error_code="e"),
        completed(job),
        JobCancelled(job_id=job.id, worker="worker"),
    ]
    for event in late:
        assert say(ingest, event) == cancelled


def test_a_picture_that_was_faster_is_kept_but_not_posted(ingest: Ingest) -> None:
    job = submit(ingest)
    ingest.relay().relay_once()
    say(ingest, started(job))
    ingest.cancel(job.id)
    done = say(ingest, completed(job))
    assert (done.state, done.post_state) == (JobState.SUCCEEDED, "failed")
    assert "cancelled before it was posted" in str(done.post_reason)
    assert ingest.relay().relay_once() == 0
    assert ingest.unposted_jobs() == []


def test_an_interrupted_worker_leaves_the_end_to_the_next(ingest: Ingest) -> None:
    job = submit(ingest)
    ingest.relay().relay_once()
    say(ingest, started(job))
    ingest.cancel(job.id)
    ingest.relay().relay_once()
    hear(ingest)
    assert say(ingest, JobInterrupted(job_id=job.id, worker="worker")).state == JobState.QUEUED
    assert say(ingest, started(job), JobCancelled(job_id=job.id, worker="other")).state == JobState.CANCELLED


@pytest.mark.parametrize("first", ["cancelled", "completed"])
def test_the_first_end_counts(first: str, ingest: Ingest) -> None:
    job = submit(ingest)
    say(ingest, started(job))
    ingest.cancel(job.id)
    events: dict[str, Message] = {
        "cancelled": JobCancelled(job_id=job.id, worker="worker"),
        "completed": completed(job),
    }
    end = say(ingest, events.pop(first))
    assert end.state == {"cancelled": "cancelled", "completed": "succeeded"}[first]
    assert say(ingest, *events.values()) == end


def test_nobody_hears_of_a_cancellation_before_its_note_is_there(ingest: Ingest, tmp_path: Path) -> None:
    class Away(FolderStorage):
        """Takes nothing."""

        def write(self, *_: object, **__: object) -> NoReturn:
            raise Unavailable("The storage is away.")

    job = submit(ingest)
    ingest.cancel(job.id)
    with pytest.raises(Unavailable):
        Relay(ingest.engine, ingest.broker, Away(tmp_path / "storage")).relay_once()
    assert messages(ingest, INGEST_EVENTS) == []
    assert ingest.relay().relay_once() == 1
    assert noted(ingest, job)
