"""A job has one end, whoever repeats it: finished, failed, cancelled, or out of time."""

import threading
from collections.abc import Callable, Mapping
from typing import TypeVar

import pytest
import torch
from prometheus_client import REGISTRY

from stylegram.common import artifacts
from stylegram.common.adapters.folder_storage import FolderStorage
from stylegram.common.adapters.sqlite_broker import SqliteBroker
from stylegram.common.errors import Cancelled, Interrupted, StylegramError, Unavailable
from stylegram.common.messages import (
    JobAlive,
    JobCompleted,
    JobFailed,
    JobInterrupted,
    JobProgress,
    JobStarted,
    Message,
    Priority,
)
from stylegram.common.ports import StoredObject
from stylegram.common.records import RunRecord
from stylegram.common.topology import QUEUES, STYLIZER_JOBS
from stylegram.stylizer import metrics
from stylegram.stylizer import watch as watch_module
from stylegram.stylizer.easel import Easel
from stylegram.stylizer.engine.models.weights import Weights
from stylegram.stylizer.metrics import JobAtWork
from stylizer_fakes import EVENTS, Studio, random_state

T = TypeVar("T", bound=Message)


class ListeningBroker(SqliteBroker):
    """Calls somebody before each message of one kind goes out."""

    def __init__(self, kind: type[Message]) -> None:
        super().__init__(None)
        self.declare([*QUEUES, EVENTS])
        self._kind = kind
        self.heard: Callable[[], object] = lambda: None

    def publish(self, message: Message) -> None:
        if isinstance(message, self._kind):
            self.heard()
        super().publish(message)


class WaryStorage(FolderStorage):
    """A storage that is away where certain names are asked for."""

    away = "nothing"

    def write(
        self, name: str, data: bytes, *, content_type: str, metadata: Mapping[str, str] | None = None
    ) -> StoredObject:
        self._answer(name)
        return super().write(name, data, content_type=content_type, metadata=metadata)

    def read(self, name: str) -> bytes:
        self._answer(name)
        return super().read(name)

    def stat(self, name: str) -> StoredObject | None:
        self._answer(name)
        return super().stat(name)

    def _answer(self, name: str) -> None:
        if self.away in name:
            raise Unavailable("The storage is away.")


class Hours:
    """A clock on which every look takes an hour."""

    now = 0.0

    def monotonic(self) -> float:
        self.now += 3600
        return self.now


@pytest.fixture
def broken() -> Weights:
    """Weights with which every job fails."""
    return Weights("broken", {**random_state(), "features.2.bias": torch.full((64,), torch.nan)}, "1" * 64)


def only(messages: list[Message], kind: type[T]) -> list[T]:
    return [message for message in messages if isinstance(message, kind)]


def kinds(messages: list[Message]) -> list[str]:
    return [message.type for message in messages if not isinstance(message, JobProgress)]


def record_of(studio: Studio) -> RunRecord:
    return RunRecord.model_validate_json(studio.storage.read(artifacts.record("42")))


def cancel(studio: Studio) -> None:
    studio.storage.write(artifacts.cancellation("42"), b"", content_type="text/plain")


def ended_with(outcome: str) -> float:
    return REGISTRY.get_sample_value("stylegram_stylizer_jobs_total", {"outcome": outcome}) or 0.0


def listen(studio: Studio, kind: type[Message]) -> ListeningBroker:
    studio.broker.close()
    studio.broker = broker = ListeningBroker(kind)
    return broker


def interrupt(studio: Studio) -> None:
    """Leaves a checkpoint and a snapshot behind, and nothing unheard."""
    studio.stop.set()
    with pytest.raises(Interrupted):
        studio.worker().handle(studio.job(), 1)
    studio.stop.clear()
    studio.storage.write(artifacts.snapshot("42", 1), b"seen", content_type="image/jpeg")
    studio.events()


def test_a_job_that_was_cancelled_before_it_began_is_not_painted(studio: Studio) -> None:
    before = ended_with("cancelled")
    cancel(studio)
    studio.broker.publish(studio.job())
    assert studio.consumer(studio.worker()).step()
    assert kinds(studio.events()) == ["job_started", "job_cancelled"]
    assert studio.runs() == [artifacts.cancellation("42")]
    assert studio.broker.receive(STYLIZER_JOBS.name) is None
    assert studio.broker.dead_letters(STYLIZER_JOBS.name) == []
    assert ended_with("cancelled") == before + 1


def test_a_job_that_is_cancelled_while_it_is_painted_ends_and_has_not_failed(
    studio: Studio, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(watch_module, "_LOOK_SECONDS", 0.001)
    broker = listen(studio, JobProgress)
    job = studio.job(evaluations=(5000,))

    def cancel_once() -> None:
        broker.heard = lambda: None
        cancel(studio)

    broker.heard = cancel_once
    broker.publish(job)
    assert studio.consumer(studio.worker(snapshot_every=1, checkpoint_seconds=1e-9)).step()
    said = studio.events()
    assert kinds(said) == ["job_started", "job_cancelled"]
    assert artifacts.snapshot("42", 1) in studio.runs()
    assert not [name for name in studio.runs() if "snapshots" not in name and name != artifacts.cancellation("42")]
    assert broker.dead_letters(STYLIZER_JOBS.name) == []


def test_an_interrupted_job_that_is_cancelled_is_not_taken_up_again(studio: Studio) -> None:
    interrupt(studio)
    cancel(studio)
    studio.worker().handle(studio.job(), 1)
    assert kinds(studio.events()) == ["job_started", "job_cancelled"]
    assert studio.runs() == [artifacts.cancellation("42"), artifacts.snapshot("42", 1)]


def test_a_worker_that_is_to_stop_at_a_cancelled_job_leaves_nothing_for_the_next(studio: Studio) -> None:
    def check() -> None:
        if len(at_work) == 1:
            raise Cancelled("The job was cancelled.")

    at_work: list[object] = []

    class Noted(JobAtWork):
        def follow(self, step: object) -> None:
            at_work.append(step)

    studio.stop.set()
    with pytest.raises(Cancelled):
        Easel(studio.job(), studio.equipment(), check, Noted()).paint()
    assert studio.runs() == []


def test_a_job_that_is_done_cannot_be_cancelled(studio: Studio) -> None:
    studio.worker().handle(studio.job(), 1)
    cancel(studio)
    studio.events()
    studio.worker().handle(studio.job(), 2)
    assert kinds(studio.events()) == ["job_started", "job_completed"]


def test_where_nobody_can_tell_whether_it_was_cancelled_it_is_tried_again(studio: Studio) -> None:
    studio.storage = storage = WaryStorage(studio.folder / "storage")
    job = studio.job()
    storage.away = artifacts.cancellation("42")
    with pytest.raises(Unavailable):
        studio.worker().handle(job, 1)
    assert kinds(studio.events()) == ["job_started"]
    storage.away = "nothing"
    studio.worker().handle(job, 1)
    assert kinds(studio.events()) == ["job_started", "job_completed"]


def test_a_worker_at_a_job_says_that_it_is_alive(studio: Studio, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(watch_module, "_ALIVE_SECONDS", 0.001)
    broker, alive = listen(studio, JobProgress), threading.Event()
    publish = broker.publish

    def notice(message: Message) -> None:
        publish(message)
        if isinstance(message, JobAlive):
            alive.set()

    monkeypatch.setattr(broker, "publish", notice)
    broker.heard = lambda: None if alive.wait(20) else pytest.fail("nobody said so")
    studio.worker().handle(studio.job(), 1)
    said = studio.events()
    assert {message.worker for message in only(said, JobAlive)} == {only(said, JobStarted)[0].worker}
    assert isinstance(said[-1], JobCompleted)


def test_a_worker_that_is_to_stop_says_so_before_its_job_is_free(studio: Studio) -> None:
    before = ended_with("interrupted")
    broker = listen(studio, JobInterrupted)
    freed: list[bool] = []
    broker.heard = lambda: freed.append(broker.receive(STYLIZER_JOBS.name) is not None)
    broker.publish(studio.job())
    studio.stop.set()
    assert studio.consumer(studio.worker()).step()
    assert freed == [False]
    delivery = broker.receive(STYLIZER_JOBS.name)
    assert delivery is not None
    assert delivery.count == 1
    started, interrupted = [message for message in studio.events() if not isinstance(message, JobProgress)]
    assert isinstance(started, JobStarted)
    assert isinstance(interrupted, JobInterrupted)
    assert interrupted.worker == started.worker
    assert ended_with("interrupted") == before + 1


def test_a_worker_that_is_to_stop_and_cannot_say_so_puts_its_job_back_all_the_same(studio: Studio) -> None:
    broker = listen(studio, JobInterrupted)

    def away() -> None:
        raise Unavailable("The broker is away.")

    broker.heard = away
    broker.publish(studio.job())
    studio.stop.set()
    assert studio.consumer(studio.worker()).step()
    delivery = broker.receive(STYLIZER_JOBS.name)
    assert delivery is not None
    assert delivery.count == 1


@pytest.mark.parametrize(("of_the_job", "of_the_worker"), [(None, 4 * 3600), (4 * 3600, 1e9)])
def test_a_job_that_takes_too_long_fails_with_what_it_has(
    studio: Studio, monkeypatch: pytest.MonkeyPatch, of_the_job: float | None, of_the_worker: float
) -> None:
    monkeypatch.setattr(watch_module, "time", Hours())
    job = studio.job(evaluations=(50,)).model_copy(update={"time_limit_seconds": of_the_job})
    studio.broker.publish(job)
    assert studio.consumer(studio.worker(job_seconds=of_the_worker, checkpoint_seconds=1e-9)).step()
    said = studio.events()
    assert kinds(said) == ["job_started", "job_failed"]
    (failed,) = only(said, JobFailed)
    assert failed.error_code == "deadline-exceeded"
    assert "14400 seconds" in failed.reason
    # An hour each: the two pictures, and this many evaluations.
    assert failed.record is not None
    assert failed.record.evaluations == 2
    assert studio.runs() == [artifacts.record("42")]
    assert record_of(studio) == failed.record


def test_a_job_that_has_failed_fails_no_second_time(studio: Studio, broken: Weights) -> None:
    before = ended_with("failed")
    job = studio.job()
    studio.worker(weights=broken).handle(job, 1)
    (failed,) = only(studio.events(), JobFailed)
    studio.worker().handle(job, 2)  # which could paint it
    (again,) = only(studio.events(), JobFailed)
    assert (again.record, again.reason, again.error_code) == (failed.record, failed.reason, "non-finite")
    assert studio.runs() == [artifacts.record("42")]
    assert ended_with("failed") == before + 1


def test_a_job_that_was_given_up_stays_so(studio: Studio) -> None:
    job = studio.job()
    studio.worker().give_up(job, StylegramError("Given up."))
    studio.worker().handle(job, 1)
    said = studio.events()
    assert kinds(said) == ["job_failed", "job_started", "job_failed"]
    first, second = only(said, JobFailed)
    assert (first.record, first.reason) == (second.record, second.reason)


def test_a_job_that_was_cancelled_is_not_given_up(studio: Studio) -> None:
    studio.broker = broker = SqliteBroker(None, visibility=0)
    broker.declare([*QUEUES, EVENTS])
    broker.publish(studio.job())
    cancel(studio)
    for _ in range(STYLIZER_JOBS.attempts):
        assert broker.receive(STYLIZER_JOBS.name)
    assert studio.consumer(studio.worker()).step()
    assert kinds(studio.events()) == ["job_cancelled"]
    assert studio.runs() == [artifacts.cancellation("42")]


def test_a_job_that_failed_before_it_was_cancelled_has_failed(studio: Studio) -> None:
    worker = studio.worker()
    worker.give_up(studio.job(), StylegramError("Given up."))
    cancel(studio)
    worker.give_up(studio.job(), StylegramError("Given up again."))
    assert [failed.reason for failed in only(studio.events(), JobFailed)] == ["Given up."] * 2


def test_a_worker_whose_storage_is_away_is_heard(studio: Studio) -> None:
    studio.storage = storage = WaryStorage(studio.folder / "storage")
    job = studio.job()
    storage.away = "record.json"
    with pytest.raises(Unavailable):
        studio.worker().handle(job, 1)
    assert kinds(studio.events()) == ["job_started"]


@pytest.mark.parametrize("first_fails", [True, False])
def test_of_two_workers_at_a_job_the_first_decides_how_it_ended(
    studio: Studio, broken: Weights, first_fails: bool
) -> None:
    broker = listen(studio, JobStarted)
    job = studio.job()
    first, second = studio.worker(weights=broken), studio.worker()
    if not first_fails:
        first, second = second, first

    def go_first() -> None:
        broker.heard = lambda: None
        first.handle(job, 1)

    broker.heard = go_first
    second.handle(job, 2)
    end = JobFailed if first_fails else JobCompleted
    ends = [message for message in studio.events() if isinstance(message, JobFailed | JobCompleted)]
    assert [type(message) for message in ends] == [end, end]
    assert [message.record for message in ends] == [record_of(studio)] * 2


def test_a_failure_that_cannot_be_recorded_is_not_told_of_yet(studio: Studio, broken: Weights) -> None:
    studio.storage = storage = WaryStorage(studio.folder / "storage")
    job = studio.job()

    def go_away() -> None:
        storage.away = "record.json"

    broker = listen(studio, JobStarted)
    broker.heard = go_away
    worker = studio.worker(weights=broken)
    with pytest.raises(Unavailable):
        worker.handle(job, 1)
    with pytest.raises(Unavailable):
        worker.give_up(job, StylegramError("Given up."))
    assert not only(studio.events(), JobFailed)
    storage.away = "nothing"
    broker.heard = lambda: None
    worker.handle(job, 2)
    assert len(only(studio.events(), JobFailed)) == 1


def test_whoever_waits_for_a_job_is_served_first(studio: Studio) -> None:
    for job_id, priority in (("1", Priority.BATCH), ("2", Priority.INTERACTIVE), ("3", Priority.BATCH)):
        studio.broker.publish(studio.job(job_id, evaluations=(1,)).model_copy(update={"priority": priority}))
    consumer = studio.consumer(studio.worker())
    while consumer.step():
        pass
    assert [message.job_id for message in only(studio.events(), JobCompleted)] == ["2", "1", "3"]


def shown() -> dict[str, float | None]:
    prefix = "stylegram_stylizer_"
    terms = {term: ("loss", {"term": term}) for term in ("total", "content", "style", "tv", "style.relu2_1")}
    samples = {"working": ("working", {}), "rate": ("evaluations_per_second", {}), **terms}
    return {key: REGISTRY.get_sample_value(prefix + name, labels) for key, (name, labels) in samples.items()}


def test_a_job_shows_while_it_is_at_work_and_not_afterwards(studio: Studio, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(metrics, "time", Hours())
    before, evaluations = ended_with("succeeded"), "stylegram_stylizer_evaluations_total"
    evaluations_before = REGISTRY.get_sample_value(evaluations) or 0
    seen = []
    broker = listen(studio, JobProgress)
    broker.heard = lambda: seen.append(shown())
    studio.worker().handle(studio.job(), 1)
    curve = {point.evaluation: point for point in record_of(studio).curve}
    last = seen[-1]
    assert last["working"] == 1
    assert last["rate"] == pytest.approx(1 / 3600)
    assert last["total"] == curve[4].total
    assert None not in last.values()
    nothing = dict.fromkeys(last, None)
    assert shown() == {**nothing, "working": 0, "rate": 0}
    assert ended_with("succeeded") == before + 1
    assert REGISTRY.get_sample_value(evaluations) == evaluations_before + 4
    studio.worker().handle(studio.job(), 2)
    assert ended_with("succeeded") == before + 1, "it has ended once"


def test_a_job_that_is_interrupted_does_not_show_any_more(studio: Studio) -> None:
    interrupt(studio)
    assert shown() == {**dict.fromkeys(shown(), None), "working": 0, "rate": 0}
