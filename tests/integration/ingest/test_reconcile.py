import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path
from typing import NoReturn

import pytest

from ingest_samples import FAST, alter, completed, messages, open_ingest, say, submit
from stylegram.common import artifacts
from stylegram.common.adapters.folder_storage import FolderStorage
from stylegram.common.adapters.sqlite_broker import SqliteBroker
from stylegram.common.clock import utcnow
from stylegram.common.errors import Unavailable
from stylegram.common.messages import JobAlive, JobFailed, JobProgress, JobStarted, Message, Priority
from stylegram.common.records import RunRecord
from stylegram.common.topology import INGEST_EVENTS, LOGGER_EVENTS, STYLIZER_BATCH, STYLIZER_JOBS
from stylegram.ingest.bootstrap import Ingest
from stylegram.ingest.reconcile import Reconciler
from stylegram.ingest.relay import style_job
from stylegram.ingest.schemas import Job, ReconcileReport
from stylegram.ingest.tables import JobState

pytestmark = pytest.mark.every_database

NOTHING = ReconcileReport()
LONG_AGO = timedelta(hours=1)


@pytest.fixture
def ingest(tmp_path: Path, database_url: str) -> Iterator[Ingest]:
    """Ingest that calls a minute's silence long, and does not wait long for a worker that is about to speak."""
    service = open_ingest(tmp_path, database_url, lost_after_seconds=1.0)
    yield service
    service.close()


def silent(ingest: Ingest, job: Job) -> Job:
    """Nothing was heard of the job for an hour."""
    then = utcnow() - LONG_AGO
    return alter(ingest, job, heard_at=then, published_at=job.published_at and then)


def published(ingest: Ingest, priority: Priority = Priority.INTERACTIVE) -> Job:
    job = submit(ingest, priority=priority)
    ingest.relay().relay_once()
    return silent(ingest, ingest.job(job.id))


def running(ingest: Ingest) -> Job:
    job = published(ingest)
    messages(ingest, STYLIZER_JOBS)
    then = utcnow() - LONG_AGO
    return silent(ingest, say(ingest, JobStarted(job_id=job.id, worker="worker", attempt=2, sent_at=then)))


def keep_record(ingest: Ingest, record: RunRecord) -> None:
    data = record.model_dump_json().encode()
    ingest.storage.write(artifacts.record(record.job_id), data, content_type="application/json")


def record_of(ingest: Ingest, job: Job) -> RunRecord:
    return RunRecord.model_validate_json(ingest.storage.read(artifacts.record(job.id)))


def bury(ingest: Ingest) -> None:
    """The oldest message for the stylizers is a dead letter."""
    delivery = ingest.broker.receive(STYLIZER_JOBS.name)
    assert delivery
    ingest.broker.reject(delivery, "Given up.")


def hear(ingest: Ingest) -> None:
    consumer = ingest.consumer(threading.Event())
    while consumer.step():
        pass


def test_nothing_is_wrong_with_what_was_heard_of(ingest: Ingest) -> None:
    service = ingest
    unpublished = submit(service)
    service.relay().relay_once()
    fresh = say(service, JobStarted(job_id=unpublished.id, worker="worker", attempt=1))
    waiting = submit(service)
    assert service.reconcile() == NOTHING
    assert [service.job(job.id) for job in (fresh, waiting)] == [fresh, waiting]


def test_an_end_that_nobody_heard_of_is_said_again(ingest: Ingest) -> None:
    job = running(ingest)
    record = completed(job).record
    keep_record(ingest, record)
    assert ingest.reconcile() == ReconcileReport(retold=1)
    assert ingest.reconcile() == NOTHING, "its event waits"
    hear(ingest)
    assert ingest.job(job.id).state == JobState.SUCCEEDED
    (event,) = messages(ingest, LOGGER_EVENTS)
    assert event.type == "job_completed"
    assert event.record == record
    assert ingest.reconcile() == NOTHING


def test_a_failure_that_nobody_heard_of_is_said_again(ingest: Ingest) -> None:
    job = published(ingest)
    messages(ingest, STYLIZER_JOBS)
    failure = {"outcome": "failed", "reason": "No memory.", "error_code": "out-of-memory"}
    keep_record(ingest, completed(job).record.model_copy(update=failure))
    assert ingest.reconcile() == ReconcileReport(retold=1)
    hear(ingest)
    failed = ingest.job(job.id)
    assert (failed.state, failed.reason, failed.error_code) == ("failed", "No memory.", "out-of-memory")


def test_a_damaged_record_stops_nothing(ingest: Ingest) -> None:
    job = running(ingest)
    ingest.storage.write(artifacts.record(job.id), b"{", content_type="application/json")
    other = running(ingest)
    assert ingest.reconcile() == ReconcileReport(requeued=2)
    assert {ingest.job(each.id).state for each in (job, other)} == {JobState.QUEUED}


@pytest.mark.parametrize("has_started", [False, True])
def test_a_dead_letter_fails_its_job(has_started: bool, ingest: Ingest) -> None:
    job = published(ingest)
    bury(ingest)
    if has_started:
        say(ingest, JobStarted(job_id=job.id, worker="worker", attempt=1, sent_at=utcnow() - LONG_AGO))
        silent(ingest, ingest.job(job.id))
    assert ingest.reconcile() == ReconcileReport(dead=1)
    hear(ingest)
    failed = ingest.job(job.id)
    assert (failed.state, failed.reason, failed.error_code) == ("failed", "Given up.", "dead-letter")
    record = record_of(ingest, job)
    assert (record.outcome, record.reason, record.hyperparameters) == ("failed", "Given up.", job.hyperparameters)
    (event,) = messages(ingest, LOGGER_EVENTS)
    assert isinstance(event, JobFailed)
    assert event.record == record
    assert ingest.reconcile() == NOTHING


def test_a_dead_letter_fails_its_job_whatever_lies_in_its_record(ingest: Ingest) -> None:
    job = published(ingest)
    bury(ingest)
    ingest.storage.write(artifacts.record(job.id), b"{", content_type="application/json")
    assert ingest.reconcile() == ReconcileReport(dead=1)
    hear(ingest)
    assert ingest.job(job.id).reason == "Given up."


def test_a_failure_that_was_recorded_and_not_told_is_told_later(ingest: Ingest, tmp_path: Path) -> None:
    class Away(SqliteBroker):
        """Takes nothing."""

        def publish(self, message: Message) -> NoReturn:
            raise Unavailable("The broker is away.")

    job = published(ingest)
    bury(ingest)
    away = Away(tmp_path / "state" / "broker.sqlite")
    with pytest.raises(Unavailable):
        Reconciler(ingest.engine, away, ingest.storage, 1.0).reconcile()
    away.close()
    silent(ingest, ingest.job(job.id))
    assert ingest.reconcile() == ReconcileReport(retold=1)
    hear(ingest)
    assert ingest.job(job.id).error_code == "dead-letter"


def test_a_dead_letter_of_a_job_that_is_to_be_cancelled(ingest: Ingest) -> None:
    job = running(ingest)
    ingest.cancel(job.id)
    ingest.relay().relay_once()
    ingest.broker.publish(style_job(job))
    bury(ingest)
    hear(ingest)
    silent(ingest, ingest.job(job.id))
    assert ingest.reconcile() == ReconcileReport(cancelled=1)
    assert ingest.job(job.id).state == JobState.CANCELLED
    assert ingest.storage.stat(artifacts.record(job.id)) is None


def test_a_running_job_whose_worker_is_gone_is_queued_again(ingest: Ingest) -> None:
    job = running(ingest)
    assert ingest.reconcile() == ReconcileReport(requeued=1)
    queued = ingest.job(job.id)
    assert (queued.state, queued.attempt, queued.sequence) == (JobState.QUEUED, None, job.sequence + 1)
    assert queued.published_at == job.published_at, "its message is free again by itself"
    assert ingest.reconcile() == NOTHING


def test_whoever_lives_after_all_runs_again(ingest: Ingest) -> None:
    job = running(ingest)
    ingest.reconcile()
    put_back = ingest.job(job.id)
    early = JobProgress(
        job_id=job.id, evaluation=1, evaluations=9, size=64, loss=1, sent_at=utcnow() - timedelta(minutes=30)
    )
    repeated = JobStarted(job_id=job.id, worker="worker", attempt=2, sent_at=job.started_at or utcnow())
    for event in (early, repeated, JobAlive(job_id=job.id, worker="stranger")):
        assert say(ingest, event) == put_back
    alive = say(ingest, JobAlive(job_id=job.id, worker="worker"))
    assert (alive.state, alive.sequence) == (JobState.RUNNING, put_back.sequence + 1)
    silent(ingest, alive)
    ingest.reconcile()
    assert say(ingest, early.model_copy(update={"sent_at": utcnow()})).state == JobState.RUNNING


def test_a_running_job_that_is_to_be_cancelled_and_whose_worker_is_gone(ingest: Ingest) -> None:
    job = running(ingest)
    ingest.cancel(job.id)
    assert ingest.reconcile() == NOTHING, "the note is not in storage yet"
    ingest.relay().relay_once()
    hear(ingest)
    assert ingest.reconcile() == NOTHING, "the worker has time to answer"
    silent(ingest, ingest.job(job.id))
    assert ingest.reconcile() == ReconcileReport(cancelled=1)
    assert ingest.job(job.id).state == JobState.CANCELLED


def test_a_cancellation_whose_fence_was_lost(ingest: Ingest) -> None:
    job = submit(ingest)
    ingest.cancel(job.id)
    ingest.relay().relay_once()
    messages(ingest, INGEST_EVENTS)
    silent(ingest, ingest.job(job.id))
    assert ingest.reconcile() == ReconcileReport(cancelled=1)


def test_a_message_that_waits_is_not_lost(ingest: Ingest) -> None:
    job = published(ingest)
    assert ingest.reconcile() == NOTHING
    assert ingest.job(job.id) == job


@pytest.mark.parametrize("priority", Priority)
def test_a_message_that_was_lost_is_published_again(priority: Priority, ingest: Ingest) -> None:
    queue = {Priority.INTERACTIVE: STYLIZER_JOBS, Priority.BATCH: STYLIZER_BATCH}[priority]
    job = published(ingest, priority)
    (lost,) = messages(ingest, queue)
    assert ingest.reconcile() == ReconcileReport(republished=1)
    assert ingest.job(job.id).published_at is None
    assert ingest.reconcile() == NOTHING
    assert ingest.relay().relay_once() == 1
    assert [message.message_id for message in messages(ingest, queue)] == [lost.message_id]
    assert ingest.job(job.id).publications == 2


def test_a_message_that_later_ones_passed_is_lost(ingest: Ingest) -> None:
    job = published(ingest)
    messages(ingest, STYLIZER_JOBS)
    later, waiting = submit(ingest), submit(ingest)
    ingest.relay().relay_once()
    assert ingest.reconcile() == NOTHING, "it may be behind what waits"
    say(ingest, JobStarted(job_id=later.id, worker="worker", attempt=1))
    assert ingest.reconcile() == ReconcileReport(republished=1)
    assert ingest.job(job.id).published_at is None
    assert ingest.job(waiting.id).published_at


def test_what_others_of_another_priority_do_says_nothing(ingest: Ingest) -> None:
    batch = published(ingest, Priority.BATCH)
    later = submit(ingest)
    ingest.relay().relay_once()
    say(ingest, JobStarted(job_id=later.id, worker="worker", attempt=1))
    assert ingest.reconcile() == NOTHING
    assert ingest.job(batch.id) == batch


def test_a_message_that_is_lost_again_and_again_fails_its_job(ingest: Ingest) -> None:
    job = published(ingest)
    for _ in range(4):
        messages(ingest, STYLIZER_JOBS)
        assert ingest.reconcile() == ReconcileReport(republished=1)
        ingest.relay().relay_once()
        silent(ingest, ingest.job(job.id))
    messages(ingest, STYLIZER_JOBS)
    assert ingest.reconcile() == ReconcileReport(lost=1)
    hear(ingest)
    failed = ingest.job(job.id)
    assert (failed.state, failed.error_code, failed.publications) == (JobState.FAILED, "lost", 5)
    assert record_of(ingest, job).error_code == "lost", "for a message that turns up after all"


def test_a_worker_that_began_before_its_job_was_noted_as_published(ingest: Ingest) -> None:
    job = submit(ingest)
    silent(ingest, say(ingest, JobStarted(job_id=job.id, worker="worker", attempt=1, sent_at=utcnow() - LONG_AGO)))
    assert ingest.reconcile() == ReconcileReport(requeued=1)
    assert ingest.relay().relay_once() == 1


def test_a_message_that_was_put_back_may_be_behind_others(ingest: Ingest) -> None:
    job = running(ingest)
    assert ingest.reconcile() == ReconcileReport(requeued=1)
    later, waiting = submit(ingest), submit(ingest)
    ingest.relay().relay_once()
    say(ingest, JobStarted(job_id=later.id, worker="worker", attempt=1))
    put_back = silent(ingest, ingest.job(job.id))
    assert ingest.broker.depth(STYLIZER_JOBS.name)
    assert ingest.reconcile() == NOTHING
    assert ingest.job(job.id) == put_back
    assert ingest.job(waiting.id).published_at


def test_trouble_with_one_job_keeps_no_other(ingest: Ingest, tmp_path: Path) -> None:
    troubled, other = running(ingest), running(ingest)

    class Wary(FolderStorage):
        """Is away where it is asked for the first job."""

        def read(self, name: str) -> bytes:
            if troubled.id in name:
                raise Unavailable("The storage is away.")
            return super().read(name)

    with pytest.raises(Unavailable):
        Reconciler(ingest.engine, ingest.broker, Wary(tmp_path / "storage"), 1.0).reconcile()
    assert [ingest.job(job.id).state for job in (troubled, other)] == [JobState.RUNNING, JobState.QUEUED]


def test_hyperparameters_of_another_version(ingest: Ingest) -> None:
    job, other = running(ingest), running(ingest)
    odd = alter(ingest, job, hyperparameters={**FAST.model_dump(mode="json"), "optimizer": "newton"})
    assert dict(odd.hyperparameters)["optimizer"] == "newton"
    assert {listed.id for listed in ingest.unfinished_jobs()} == {job.id, other.id}
    ingest.broker.publish(style_job(other).model_copy(update={"job_id": job.id}))
    bury(ingest)
    assert ingest.reconcile() == ReconcileReport(dead=1, requeued=1)
    failed = ingest.job(job.id)
    assert (failed.state, failed.error_code) == (JobState.FAILED, "invalid-hyperparameters")
    assert "This version cannot read its hyperparameters: optimizer: " in str(failed.reason)
    assert ingest.job(other.id).state == JobState.QUEUED


def test_jobs_of_a_paused_queue_wait(ingest: Ingest) -> None:
    job = published(ingest)
    messages(ingest, STYLIZER_JOBS)
    ingest.pause(STYLIZER_JOBS.name)
    assert ingest.reconcile() == NOTHING
    assert ingest.job(job.id) == job
    ingest.resume(STYLIZER_JOBS.name)
    assert ingest.reconcile() == ReconcileReport(republished=1)


def test_what_was_said_is_heard_first(ingest: Ingest) -> None:
    job = published(ingest)
    messages(ingest, STYLIZER_JOBS)
    ingest.broker.publish(JobFailed(job_id=job.id, reason="r", error_code="e"))
    assert ingest.reconcile() == NOTHING
    hear(ingest)
    assert ingest.job(job.id).error_code == "e"


def test_reconcilers_at_once_do_everything_once(ingest: Ingest, tmp_path: Path, database_url: str) -> None:
    jobs = [running(ingest) for _ in range(4)]
    lost = [published(ingest, Priority.BATCH) for _ in range(4)]
    messages(ingest, STYLIZER_BATCH)
    other = open_ingest(tmp_path, database_url, lost_after_seconds=1.0)
    start = threading.Barrier(4)

    def reconcile(number: int) -> ReconcileReport:
        start.wait()
        return (ingest, other)[number % 2].reconcile()

    with ThreadPoolExecutor(4) as pool:
        reports = list(pool.map(reconcile, range(4)))
    other.close()
    assert sum(report.requeued for report in reports) == len(jobs)
    assert sum(report.republished for report in reports) == len(lost)
    assert {ingest.job(job.id).sequence - job.sequence for job in jobs + lost} == {1}


def test_it_looks_from_time_to_time_until_it_is_stopped(ingest: Ingest) -> None:
    job = running(ingest)
    stop = threading.Event()
    thread = threading.Thread(target=ingest.reconcile_periodically, args=(stop, 0.01))
    thread.start()
    deadline = utcnow() + timedelta(seconds=10)
    while ingest.job(job.id).state == JobState.RUNNING and utcnow() < deadline:
        stop.wait(0.01)
    stop.set()
    thread.join(10)
    assert not thread.is_alive()
    assert ingest.job(job.id).state == JobState.QUEUED
