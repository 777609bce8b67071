"""Jobs that are interrupted and taken up again: nothing is lost, and the picture is the same."""

import threading
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from stylegram.common import artifacts
from stylegram.common.adapters.folder_storage import FolderStorage
from stylegram.common.errors import DeviceLost, Interrupted, Unavailable
from stylegram.common.messages import JobCompleted, JobFailed, StyleJob
from stylegram.common.ports import StoredObject
from stylegram.common.records import RunRecord
from stylegram.common.topology import STYLIZER_JOBS
from stylegram.stylizer import safekeeping
from stylegram.stylizer.checkpoints import Checkpoints
from stylegram.stylizer.engine.checkpoint import Checkpoint
from stylegram.stylizer.engine.losses import Objective
from stylegram.stylizer.engine.models.weights import Weights
from stylizer_fakes import Studio, open_studio

OPTIMIZERS = ("lbfgs", "adam")
EVALUATIONS = 4


class StopAfter(threading.Event):
    """Is found set at the n-th evaluation and from then on."""

    def __init__(self, evaluations: int) -> None:
        super().__init__()
        self._left = evaluations

    def is_set(self) -> bool:
        self._left -= 1
        return self._left <= 0


class Killed(BaseException):
    """The process is gone."""


class KillingStop(StopAfter):
    """As `StopAfter`, but nobody is asked."""

    def is_set(self) -> bool:
        if super().is_set():
            raise Killed
        return False


class WatchedStorage(FolderStorage):
    """Remembers what was written, and does not write some of it."""

    def __init__(self, root: Path) -> None:
        super().__init__(root)
        self.written: list[str] = []
        self.refused = "nothing"

    def write(
        self, name: str, data: bytes, *, content_type: str, metadata: Mapping[str, str] | None = None
    ) -> StoredObject:
        if self.refused in name:
            raise Unavailable("The storage is away.")
        self.written.append(name)
        return super().write(name, data, content_type=content_type, metadata=metadata)


def unwell(error: Exception) -> Callable[[Checkpoint], bytes]:
    """A checkpoint's `pack` that raises."""

    def pack(_: Checkpoint) -> bytes:
        raise error

    return pack


NO_CHECKPOINTS = [
    MemoryError(),
    OSError(28, "No space left on device"),
    RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried to allocate 1 bytes."),
]


class Hours:
    """A clock on which every look takes an hour."""

    now = 0.0

    def monotonic(self) -> float:
        self.now += 3600
        return self.now


def job_for(studio: Studio, optimizer: str = "lbfgs") -> StyleJob:
    job = studio.job(evaluations=(2, 2))
    settings = job.hyperparameters.model_copy(update={"optimizer": optimizer})
    return job.model_copy(update={"hyperparameters": settings})


def record_of(studio: Studio) -> RunRecord:
    return RunRecord.model_validate_json(studio.storage.read(artifacts.record("42")))


def interrupt(studio: Studio, job: StyleJob, evaluations: int) -> None:
    studio.stop = StopAfter(evaluations)
    with pytest.raises(Interrupted):
        studio.worker(timelapse=True).handle(job, 1)
    studio.stop = threading.Event()


@pytest.fixture(scope="module")
def uninterrupted(tmp_path_factory: pytest.TempPathFactory, weights: Weights) -> dict[str, Studio]:
    studios = {}
    for optimizer in OPTIMIZERS:
        studio = studios[optimizer] = open_studio(tmp_path_factory.mktemp(optimizer), weights)
        studio.worker(timelapse=True).handle(job_for(studio, optimizer), 1)
        studio.broker.close()
    return studios


def assert_same(studio: Studio, other: Studio) -> None:
    for name in (artifacts.result("42"), artifacts.timelapse("42")):
        assert studio.storage.read(name) == other.storage.read(name)
    record, expected = record_of(studio), record_of(other)
    assert (record.curve, record.losses, record.evaluations) == (expected.curve, expected.losses, EVALUATIONS)
    assert studio.runs() == other.runs()


@pytest.mark.parametrize("evaluation", range(1, EVALUATIONS + 1))
@pytest.mark.parametrize("optimizer", OPTIMIZERS)
def test_wherever_it_was_interrupted_another_worker_makes_the_same_of_it(
    studio: Studio, uninterrupted: dict[str, Studio], optimizer: str, evaluation: int
) -> None:
    job = job_for(studio, optimizer)
    interrupt(studio, job, evaluation)
    assert studio.runs() == [artifacts.checkpoint("42", evaluation)]
    studio.worker(timelapse=True).handle(job, 1)
    assert_same(studio, uninterrupted[optimizer])
    assert record_of(studio).resumed_at == (evaluation,)


def test_interrupted_again_and_again_it_goes_on_from_the_last_time(
    studio: Studio, uninterrupted: dict[str, Studio]
) -> None:
    job = job_for(studio)
    for evaluation in (1, 2, 3):
        interrupt(studio, job, 1)
        assert studio.runs() == [artifacts.checkpoint("42", evaluation)]
    studio.worker(timelapse=True).handle(job, 1)
    assert_same(studio, uninterrupted["lbfgs"])
    assert record_of(studio).resumed_at == (1, 2, 3)


def test_long_work_is_kept_from_time_to_time_and_a_killed_worker_costs_what_came_since(
    studio: Studio, uninterrupted: dict[str, Studio], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(safekeeping, "time", Hours())
    job = job_for(studio)
    studio.storage = storage = WatchedStorage(studio.folder / "storage")
    studio.stop = KillingStop(4)
    with pytest.raises(Killed):
        studio.worker(timelapse=True, checkpoint_seconds=3000).handle(job, 1)
    assert storage.written == [artifacts.checkpoint("42", number) for number in (1, 2, 3)]
    assert studio.runs() == [artifacts.checkpoint("42", 3)]
    studio.stop = threading.Event()
    studio.worker(timelapse=True).handle(job, 2)
    assert record_of(studio).resumed_at == (3,)
    assert_same(studio, uninterrupted["lbfgs"])


@pytest.mark.parametrize(("seconds", "expected"), [(0, []), (6000, [2, 4]), (1e6, [])])
def test_checkpoints_come_no_more_often_than_asked_for(
    studio: Studio, monkeypatch: pytest.MonkeyPatch, seconds: float, expected: list[int]
) -> None:
    monkeypatch.setattr(safekeeping, "time", Hours())
    studio.storage = storage = WatchedStorage(studio.folder / "storage")
    studio.worker(checkpoint_seconds=seconds).handle(job_for(studio), 1)
    names = [artifacts.checkpoint("42", number) for number in expected]
    assert [name for name in storage.written if "checkpoints" in name] == names


def test_a_checkpoint_that_cannot_be_written_does_not_end_the_work(
    studio: Studio, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(safekeeping, "time", Hours())
    studio.storage = storage = WatchedStorage(studio.folder / "storage")
    storage.refused = "checkpoints"
    studio.worker(checkpoint_seconds=1).handle(job_for(studio), 1)
    assert record_of(studio).outcome == "succeeded"


@pytest.mark.parametrize("error", NO_CHECKPOINTS, ids=lambda error: type(error).__name__)
def test_a_checkpoint_that_cannot_be_made_does_not_end_the_work(
    studio: Studio, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    monkeypatch.setattr(safekeeping, "time", Hours())
    monkeypatch.setattr(Checkpoint, "pack", unwell(error))
    studio.worker(checkpoint_seconds=1).handle(job_for(studio), 1)
    assert record_of(studio).outcome == "succeeded"


@pytest.mark.parametrize("error", NO_CHECKPOINTS, ids=lambda error: type(error).__name__)
def test_a_stopped_job_whose_checkpoint_cannot_be_made_is_painted_anew(
    studio: Studio, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(Checkpoint, "pack", unwell(error))
        studio.broker.publish(job_for(studio))
        studio.stop.set()
        assert studio.consumer(studio.worker()).step()
    studio.stop.clear()
    assert studio.consumer(studio.worker()).step()
    assert [type(message) for message in studio.events()][-1] is JobCompleted
    assert record_of(studio).resumed_at == ()


def test_a_gpu_that_fails_while_a_checkpoint_is_made_has_failed(
    studio: Studio, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(safekeeping, "time", Hours())
    monkeypatch.setattr(Checkpoint, "pack", unwell(RuntimeError("CUDA error: unspecified launch failure")))
    with pytest.raises(DeviceLost):
        studio.worker(checkpoint_seconds=1).handle(job_for(studio), 1)


def test_a_stopped_job_whose_work_cannot_be_kept_goes_back_all_the_same(studio: Studio) -> None:
    studio.storage = storage = WatchedStorage(studio.folder / "storage")
    storage.refused = "checkpoints"
    studio.broker.publish(job_for(studio))
    studio.stop.set()
    assert studio.consumer(studio.worker()).step()
    delivery = studio.broker.receive(STYLIZER_JOBS.name)
    assert delivery is not None
    assert delivery.count == 1


def without_notes(studio: Studio, data: bytes) -> bytes:
    checkpoint = Checkpoint.unpack(data)
    return Checkpoint(checkpoint.fingerprint, checkpoint.facts, checkpoint.state).pack()


def of_another_run(studio: Studio, data: bytes) -> bytes:
    checkpoint = Checkpoint.unpack(data)
    return Checkpoint("0" * 64, checkpoint.facts, checkpoint.state, checkpoint.notes).pack()


def cut_off(studio: Studio, data: bytes) -> bytes:
    return data[:-1]


def no_longer_as_it_was_written(studio: Studio, data: bytes) -> bytes:
    (studio.folder / "storage" / artifacts.checkpoint("42", 3)).write_bytes(b"x")
    return b""


@pytest.mark.parametrize("spoil", [without_notes, of_another_run, cut_off, no_longer_as_it_was_written])
def test_a_checkpoint_that_is_of_no_use_is_passed_over_and_stands_in_nobodys_way(
    studio: Studio, uninterrupted: dict[str, Studio], spoil: object
) -> None:
    assert callable(spoil)
    job, name = job_for(studio), artifacts.checkpoint("42", 3)
    interrupt(studio, job, 3)
    if data := spoil(studio, studio.storage.read(name)):
        studio.storage.delete(name)
        studio.storage.write(name, data, content_type="application/octet-stream")
    interrupt(studio, job, 3)  # it began anew, and its checkpoint is a good one
    studio.worker(timelapse=True).handle(job, 1)
    assert_same(studio, uninterrupted["lbfgs"])
    assert record_of(studio).resumed_at == (3,)


def test_a_storage_that_is_away_is_no_reason_to_begin_anew(studio: Studio, monkeypatch: pytest.MonkeyPatch) -> None:
    job = job_for(studio)
    interrupt(studio, job, 2)
    read = studio.storage.read

    def away(name: str) -> bytes:
        if "checkpoints" in name:
            raise Unavailable("The storage is away.")
        return read(name)

    monkeypatch.setattr(studio.storage, "read", away)
    with pytest.raises(Unavailable):
        studio.worker().handle(job, 1)
    assert studio.runs() == [artifacts.checkpoint("42", 2)]


def test_a_checkpoint_that_gives_way_to_a_newer_one_meanwhile_costs_nothing(
    studio: Studio, monkeypatch: pytest.MonkeyPatch
) -> None:
    job = job_for(studio)
    interrupt(studio, job, 2)
    read, older, newer = studio.storage.read, artifacts.checkpoint("42", 1), artifacts.checkpoint("42", 2)
    data = read(newer)
    studio.storage.delete(newer)
    studio.storage.write(older, data, content_type="application/octet-stream")

    def hurry(name: str) -> bytes:
        if name == older:
            studio.storage.write(newer, data, content_type="application/octet-stream")
            studio.storage.delete(older)
        return read(name)

    monkeypatch.setattr(studio.storage, "read", hurry)
    studio.worker(timelapse=True).handle(job, 1)
    assert record_of(studio).resumed_at == (2,)


def test_a_worker_that_is_stopped_at_a_job_that_another_has_finished_leaves_no_checkpoint(studio: Studio) -> None:
    job = job_for(studio)
    interrupt(studio, job, 2)
    data = studio.storage.read(artifacts.checkpoint("42", 2))
    studio.worker().handle(job, 1)
    Checkpoints(studio.storage, "42").save(3, data)
    assert studio.runs() == [artifacts.record("42"), artifacts.result("42")]


def test_what_a_worker_that_was_killed_after_the_record_left_behind_is_swept_up(studio: Studio) -> None:
    job = job_for(studio)
    interrupt(studio, job, 2)
    data = studio.storage.read(artifacts.checkpoint("42", 2))
    studio.worker().handle(job, 1)
    studio.storage.write(artifacts.checkpoint("42", 2), data, content_type="application/octet-stream")
    studio.worker().handle(job, 2)
    assert studio.runs() == [artifacts.record("42"), artifacts.result("42")]
    assert [type(message) for message in studio.events()][-1] is JobCompleted


def test_a_job_that_fails_keeps_no_checkpoints_but_its_whole_curve(
    studio: Studio, monkeypatch: pytest.MonkeyPatch
) -> None:
    job = job_for(studio)
    interrupt(studio, job, 2)

    def outgrow(*_: object) -> None:
        raise MemoryError

    monkeypatch.setattr(Objective, "__call__", outgrow)
    studio.worker().handle(job, 1)
    failed = studio.events()[-1]
    assert isinstance(failed, JobFailed)
    assert failed.record is not None
    assert [point.evaluation for point in failed.record.curve] == [1, 2]
    assert failed.record.resumed_at == (2,)
    assert studio.runs() == [artifacts.record("42")]
