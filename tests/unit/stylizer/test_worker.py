import json
import threading
from collections.abc import Mapping
from dataclasses import replace
from hashlib import sha256
from io import BytesIO
from pathlib import Path
from typing import TypeVar

import av
import pytest
import torch
from PIL import Image

from stylegram.common import artifacts
from stylegram.common.adapters.folder_storage import FolderStorage
from stylegram.common.adapters.sqlite_broker import SqliteBroker
from stylegram.common.errors import (
    ConfigurationError,
    DeviceLost,
    Interrupted,
    InvalidMessage,
    NotFound,
    Unavailable,
    WeightsUnavailable,
)
from stylegram.common.images import encode_png
from stylegram.common.messages import (
    CancelJob,
    JobCompleted,
    JobFailed,
    JobProgress,
    JobStarted,
    Message,
    StyleJob,
)
from stylegram.common.picture_features import features_of
from stylegram.common.ports import StoredObject
from stylegram.common.records import AssetReference, RunRecord
from stylegram.common.topology import QUEUES, STYLIZER_JOBS
from stylegram.stylizer import easel
from stylegram.stylizer.bootstrap import bootstrap
from stylegram.stylizer.device import device_errors
from stylegram.stylizer.engine import Step, stylize
from stylegram.stylizer.engine.losses import Losses, Objective
from stylegram.stylizer.engine.models.shelf import WeightsShelf
from stylegram.stylizer.engine.models.weights import Weights
from stylegram.stylizer.run_record import is_snapshot_due
from stylegram.stylizer.settings import StylizerSettings
from stylegram.stylizer.timelapse import Timelapse
from stylegram.stylizer.worker import Worker
from stylizer_fakes import EVENTS, Studio, picture, random_state

T = TypeVar("T")


class Clock:
    """A clock that a test moves."""

    def __init__(self, *, tick: float = 0.0) -> None:
        self.now = 100.0
        self.tick = tick

    def monotonic(self) -> float:
        self.now += self.tick
        return self.now


class FailingBroker(SqliteBroker):
    """A broker that does not take messages of one kind."""

    def __init__(self, refused: type) -> None:
        super().__init__(None)
        self.refused: type | None = refused

    def publish(self, message: Message) -> None:
        if self.refused and isinstance(message, self.refused):
            raise Unavailable("The broker is away.")
        super().publish(message)


class FailingStorage(FolderStorage):
    """A storage in which some names cannot be written."""

    refused = ""

    def write(
        self, name: str, data: bytes, *, content_type: str, metadata: Mapping[str, str] | None = None
    ) -> StoredObject:
        if self.refused and self.refused in name:
            raise Unavailable("The storage is away.")
        return super().write(name, data, content_type=content_type, metadata=metadata)


def only(messages: list[Message], kind: type[T]) -> list[T]:
    return [message for message in messages if isinstance(message, kind)]


def record_of(studio: Studio, job_id: str = "42") -> RunRecord:
    return RunRecord.model_validate_json(studio.storage.read(artifacts.record(job_id)))


def test_a_job_leaves_its_picture_and_a_complete_record(studio: Studio) -> None:
    job = studio.job(size=64, evaluations=(2, 3))
    studio.worker().handle(job, 1)
    assert studio.runs() == [artifacts.record("42"), artifacts.result("42")]
    image = Image.open(BytesIO(studio.storage.read(artifacts.result("42"))))
    assert (image.format, image.mode, image.size) == ("PNG", "RGB", (64, 64))
    record = record_of(studio)
    assert (record.job_id, record.outcome, record.evaluations) == ("42", "succeeded", 5)
    assert (record.content, record.style, record.hyperparameters) == (job.content, job.style, job.hyperparameters)
    assert (record.width, record.height) == (64, 64)
    assert (record.weights, record.weights_digest, record.device) == ("random", "0" * 64, "cpu")
    assert [(point.evaluation, point.size) for point in record.curve] == [(1, 32), (2, 32), (3, 64), (4, 64), (5, 64)]
    assert record.losses["total"] > 0
    assert record.seconds > 0
    unset = {name for name in RunRecord.model_fields if getattr(record, name) in (None, (), {})}
    assert unset == {"error_code", "reason", "further_styles", "masks", "start_image", "resumed_at", "trial"}
    assert (record.threads, record.tiled_blocks) == (torch.get_num_threads(), 0)
    assert record.result_sha256 == sha256(image.tobytes()).hexdigest()
    stored = studio.storage.stat(artifacts.record("42"))
    assert stored is not None
    assert stored.metadata == {"job_id": "42"}


def test_the_trial_and_what_the_pictures_look_like_arrive_in_the_record_of_success_and_failure(studio: Studio) -> None:
    looks = features_of(picture(seed=1))
    broken = Weights("broken", {**random_state(), "features.2.bias": torch.full((64,), torch.nan)}, "1" * 64)
    for outcome, weights in (("succeeded", None), ("failed", broken)):
        job = studio.job(outcome)
        content = job.content.model_copy(update={"features": looks})
        studio.broker.publish(job.model_copy(update={"trial": "sky/3", "content": content}))
        assert studio.consumer(studio.worker(weights=weights)).step()
        record = record_of(studio, outcome)
        assert (record.outcome, record.trial) == (outcome, "sky/3")
        assert (record.content.features, record.style.features) == (looks, None)


def test_the_record_counts_what_it_took_to_load_the_weights(studio: Studio, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(easel, "time", Clock(tick=7.5))
    studio.worker().handle(studio.job(), 1)
    assert record_of(studio).durations["load"] == pytest.approx(7.5, abs=1)


def test_a_job_tells_of_its_start_its_way_and_its_end(studio: Studio) -> None:
    studio.worker().handle(studio.job(), 3)
    said = studio.events()
    assert isinstance(said[0], JobStarted)
    assert isinstance(said[-1], JobCompleted)
    started, completed = only(said, JobStarted)[0], only(said, JobCompleted)[0]
    assert (started.job_id, started.attempt) == ("42", 3)
    assert (completed.result, completed.record) == (artifacts.result("42"), record_of(studio))
    assert all(isinstance(message, JobProgress) for message in said[1:-1])


def test_progress_is_told_at_most_twice_a_second_but_first_and_last_always(
    studio: Studio, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(easel, "time", Clock(tick=0.2))
    studio.worker().handle(studio.job(evaluations=(5, 6)), 1)
    told = only(studio.events(), JobProgress)
    assert [progress.evaluation for progress in told] == [1, 4, 7, 10, 11]
    assert {progress.evaluations for progress in told} == {11}
    monkeypatch.setattr(easel, "time", Clock())
    studio.worker().handle(studio.job("still", evaluations=(5,)), 1)
    assert [progress.evaluation for progress in only(studio.events(), JobProgress)] == [1, 5]


def test_a_snapshot_is_taken_every_so_often_at_300_pixels_at_most(
    studio: Studio, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(easel, "time", Clock(tick=1))
    wide = studio.asset("wide.png", picture(320, 64))
    job = studio.job(size=320, evaluations=(3, 2)).model_copy(update={"content": wide})
    studio.worker(snapshot_every=2).handle(job, 1)
    names = [artifacts.snapshot("42", number) for number in (2, 4)]
    assert [name for name in studio.runs() if "snapshots" in name] == names
    sizes = [Image.open(BytesIO(studio.storage.read(name))).size for name in names]
    assert sizes == [(160, 32), (300, 60)]
    told = {progress.evaluation: progress.snapshot for progress in only(studio.events(), JobProgress)}
    assert told == {1: None, 2: names[0], 3: names[0], 4: names[1], 5: names[1]}


def test_a_request_to_stop_ends_the_work_and_leaves_snapshots_and_a_checkpoint(studio: Studio) -> None:
    worker = studio.worker(snapshot_every=1)
    job = studio.job(evaluations=(50,))
    publish = studio.broker.publish

    def stop_at_the_first_word(message: Message) -> None:
        publish(message)
        if isinstance(message, JobProgress):
            studio.stop.set()

    studio.broker.publish = stop_at_the_first_word  # type: ignore[method-assign]
    with pytest.raises(Interrupted, match="after 2 of 50 evaluations"):
        worker.handle(job, 1)
    assert studio.runs() == [artifacts.checkpoint("42", 2), artifacts.snapshot("42", 1)]
    assert not only(studio.events(), JobCompleted) + only(studio.events(), JobFailed)


def test_a_stopped_job_goes_back_uncounted_and_is_finished_by_the_next_worker(studio: Studio) -> None:
    studio.broker.publish(studio.job())
    studio.stop.set()
    assert studio.consumer(studio.worker()).step()
    assert studio.runs() == [artifacts.checkpoint("42", 1)]
    studio.stop.clear()
    assert studio.consumer(studio.worker()).step()
    said = studio.events()
    assert [started.attempt for started in only(said, JobStarted)] == [1, 1]
    assert len(only(said, JobCompleted)) == 1
    assert record_of(studio).resumed_at == (1,)
    assert studio.broker.depth(STYLIZER_JOBS.name) == 0


def test_a_job_that_is_done_is_only_announced_again(studio: Studio) -> None:
    job = studio.job()
    studio.worker().handle(job, 1)
    first = only(studio.events(), JobCompleted)[0]
    studio.storage.delete(job.content.object_name)  # it could not be painted again
    before = {name: studio.storage.read(name) for name in studio.runs()}
    studio.worker().handle(job, 2)
    said = studio.events()
    assert [message.type for message in said] == ["job_started", "job_completed"]
    assert only(said, JobCompleted)[0].record == first.record
    assert {name: studio.storage.read(name) for name in studio.runs()} == before


def test_what_an_attempt_that_was_killed_left_behind_is_no_hindrance(studio: Studio) -> None:
    job = studio.job()
    studio.worker(snapshot_every=2).handle(job, 1)
    picture_before = studio.storage.read(artifacts.result("42"))
    studio.storage.delete(artifacts.record("42"))
    studio.worker(snapshot_every=2).handle(job, 2)
    assert studio.storage.read(artifacts.result("42")) == picture_before
    assert record_of(studio).outcome == "succeeded"


def test_where_another_worker_was_faster_its_record_counts(studio: Studio) -> None:
    job = studio.job()
    other = studio.worker()

    class Slower(SqliteBroker):
        done = False

        def publish(self, message: Message) -> None:
            studio.broker.publish(message)
            if isinstance(message, JobProgress) and not self.done:
                self.done = True
                other.handle(job, 2)

    slow = Studio(studio.folder, studio.weights, Slower(None), studio.storage, studio.stop)
    slow.worker().handle(job, 1)
    completed = only(studio.events(), JobCompleted)
    assert len(completed) == 2
    assert completed[0].record == completed[1].record == record_of(studio)


def test_a_failure_of_the_engine_is_told_with_its_record_and_not_tried_again(studio: Studio) -> None:
    state = {**random_state(), "features.2.bias": torch.full((64,), torch.nan)}
    studio.broker.publish(studio.job())
    assert studio.consumer(studio.worker(weights=Weights("broken", state, "1" * 64))).step()
    said = studio.events()
    failed = only(said, JobFailed)[0]
    assert (failed.error_code, failed.job_id) == ("non-finite", "42")
    assert failed.record is not None
    assert (failed.record.outcome, failed.record.error_code) == ("failed", "non-finite")
    assert failed.record.reason == failed.reason
    assert (failed.record.weights, failed.record.weights_digest) == ("broken", "1" * 64)
    assert studio.runs() == [artifacts.record("42")]
    assert record_of(studio) == failed.record
    assert studio.broker.depth(STYLIZER_JOBS.name) == 0
    assert studio.broker.dead_letters(STYLIZER_JOBS.name) == []


def test_a_job_that_outgrows_the_memory_fails_with_its_reason_and_its_curve(
    studio: Studio, monkeypatch: pytest.MonkeyPatch
) -> None:
    evaluate = Objective.__call__

    def outgrow(objective: Objective, image: torch.Tensor) -> Losses:
        if image.shape[-1] == 64:
            raise torch.OutOfMemoryError("CUDA out of memory.")
        return evaluate(objective, image)

    monkeypatch.setattr(Objective, "__call__", outgrow)
    studio.worker().handle(studio.job(size=64, evaluations=(3, 2)), 1)
    failed = only(studio.events(), JobFailed)[0]
    assert failed.error_code == "out-of-memory"
    assert "64 pixels. Choose a smaller size." in failed.reason
    assert failed.record is not None
    assert [point.evaluation for point in failed.record.curve] == [1, 2, 3]


def test_a_missing_asset_fails_the_job_by_name(studio: Studio) -> None:
    job = studio.job()
    studio.storage.delete(job.style.object_name)
    studio.worker().handle(job, 1)
    failed = only(studio.events(), JobFailed)[0]
    assert failed.error_code == NotFound.code
    assert "assets/storm.png" in failed.reason


def test_an_asset_that_is_no_picture_fails_the_job(studio: Studio) -> None:
    job = studio.job()
    studio.storage.write("assets/bad.png", b"not a picture", content_type="image/png")
    bad = AssetReference(sha256="0" * 64, object_name="assets/bad.png", name="bad.png")
    studio.worker().handle(job.model_copy(update={"content": bad}), 1)
    assert only(studio.events(), JobFailed)[0].error_code == "invalid-image"


def test_a_defect_makes_a_dead_letter_and_a_failed_job(studio: Studio) -> None:
    studio.broker.publish(studio.job())
    # Weights that lack a layer cannot come out of `read_weights`.
    assert studio.consumer(studio.worker(weights=Weights("half", {}, "2" * 64))).step()
    failed = only(studio.events(), JobFailed)
    assert len(failed) == 1
    assert "KeyError" in failed[0].reason
    assert failed[0].record is not None
    assert failed[0].record.outcome == "failed"
    (dead,) = studio.broker.dead_letters(STYLIZER_JOBS.name)
    assert dead.reason == failed[0].reason


def test_a_message_of_another_kind_becomes_a_dead_letter(studio: Studio) -> None:
    with pytest.raises(InvalidMessage, match="cancel_job"):
        studio.worker().handle(CancelJob(job_id="42"), 1)
    studio.worker().give_up(CancelJob(job_id="42"), InvalidMessage("no"))
    assert studio.events() == []


def test_a_job_whose_attempts_were_all_killed_fails(studio: Studio) -> None:
    studio.broker = broker = SqliteBroker(None, visibility=0)
    broker.declare([*QUEUES, EVENTS])
    broker.publish(studio.job())
    for _ in range(STYLIZER_JOBS.attempts):
        assert broker.receive(STYLIZER_JOBS.name)
    assert studio.consumer(studio.worker()).step()
    failed = only(studio.events(), JobFailed)[0]
    assert f"{STYLIZER_JOBS.attempts} attempts" in failed.reason
    assert studio.runs() == [artifacts.record("42")]
    assert record_of(studio) == failed.record


def test_a_job_whose_picture_is_there_is_never_called_failed(studio: Studio) -> None:
    job = studio.job()
    worker = studio.worker()
    worker.handle(job, 3)
    studio.events()
    worker.give_up(job, Unavailable("The word of its end did not get through."))
    assert [type(message) for message in studio.events()] == [JobCompleted]


@pytest.mark.parametrize("damaged", [b"{}", b"not JSON", None])
def test_a_record_that_cannot_be_read_does_not_keep_a_job_from_ending(studio: Studio, damaged: bytes | None) -> None:
    studio.broker.publish(studio.job())
    studio.storage.write(artifacts.record("42"), damaged or b"{}", content_type="application/json")
    if damaged is None:  # other bytes than were written
        (studio.folder / "storage" / artifacts.record("42")).write_bytes(b"x")
    consumer = studio.consumer(studio.worker())
    assert consumer.step()
    assert len(only(studio.events(), JobFailed)) == 1
    assert len(studio.broker.dead_letters(STYLIZER_JOBS.name)) == 1


@pytest.mark.parametrize("name", ["../../etc", "/etc/passwd", "a\nb", ""])
def test_a_job_whose_number_is_no_name_fails_without_leaving_the_storage(studio: Studio, name: str) -> None:
    studio.broker.publish(studio.job(name))
    assert studio.consumer(studio.worker()).step()
    assert [failed.error_code for failed in only(studio.events(), JobFailed)] == ["invalid-object-name"]
    assert studio.runs() == []
    assert studio.broker.depth(STYLIZER_JOBS.name) == 0


def test_progress_that_nobody_can_be_told_does_not_end_the_work(studio: Studio) -> None:
    broker = FailingBroker(JobProgress)
    broker.declare([STYLIZER_JOBS])
    studio.broker = broker
    studio.worker().handle(studio.job(), 1)
    assert record_of(studio).outcome == "succeeded"


def test_a_snapshot_that_cannot_be_written_does_not_end_the_work(studio: Studio) -> None:
    storage = FailingStorage(studio.folder / "storage")
    storage.refused = "snapshots"
    studio.storage = storage
    studio.worker(snapshot_every=2).handle(studio.job(evaluations=(2, 3)), 1)
    assert record_of(studio).outcome == "succeeded"
    assert {progress.snapshot for progress in only(studio.events(), JobProgress)} == {None}


@pytest.mark.parametrize("refused", ["result.png", "record.json"])
def test_a_picture_that_cannot_be_stored_is_tried_again(studio: Studio, refused: str) -> None:
    storage = FailingStorage(studio.folder / "storage")
    storage.refused = refused
    studio.storage = storage
    job = studio.job()
    with pytest.raises(Unavailable):
        studio.worker().handle(job, 1)
    assert not only(studio.events(), JobCompleted)
    storage.refused = ""
    studio.worker().handle(job, 2)
    assert len(only(studio.events(), JobCompleted)) == 1


def test_a_record_is_json_that_reads_back(studio: Studio) -> None:
    studio.worker().handle(studio.job(), 1)
    data = studio.storage.read(artifacts.record("42"))
    assert json.loads(data)["job_id"] == "42"
    assert RunRecord.model_validate_json(data).model_dump_json(indent=1).encode() == data


def test_panoramas_are_painted_as_jobs_too(studio: Studio) -> None:
    wide = studio.asset("wide.png", picture(320, 16))
    job: StyleJob = studio.job(evaluations=(1,)).model_copy(update={"content": wide})
    studio.worker(snapshot_every=1).handle(job, 1)
    assert (record_of(studio).width, record_of(studio).height) == (32, 2)


def test_everything_that_a_job_names_is_painted_with_and_recorded(studio: Studio) -> None:
    half = Image.new("L", (64, 64))
    half.paste(255, (0, 0, 32, 64))
    images = {"dots.png": picture(48, 64, seed=5), "left.png": half, "start.png": picture(40, 40, seed=6)}
    dots, left, start = (studio.asset(name, image) for name, image in images.items())
    job = studio.job()
    job = job.model_copy(
        update={
            "further_styles": (dots,),
            "masks": (left, None),
            "start_image": start,
            "hyperparameters": job.hyperparameters.model_copy(update={"start": "image"}),
        }
    )
    studio.worker().handle(job, 1)
    expected = stylize(
        picture(seed=1),
        [picture(seed=2), images["dots.png"]],
        job.hyperparameters,
        masks=[half, None],
        start_image=images["start.png"],
        weights=studio.weights,
        device="cpu",
    )
    assert studio.storage.read(artifacts.result("42")) == encode_png(expected.image)
    record = record_of(studio)
    assert (record.further_styles, record.masks, record.start_image) == ((dots,), (left, None), start)
    assert (record.result_sha256, record.metrics) == (expected.sha256, expected.metrics)


def test_the_backbone_is_the_jobs(studio: Studio) -> None:
    weights = Weights("random-16", random_state(backbone="vgg16"), "6" * 64)
    job = studio.job(evaluations=(1,))
    job = job.model_copy(update={"hyperparameters": job.hyperparameters.model_copy(update={"backbone": "vgg16"})})
    studio.worker(weights=weights).handle(job, 1)
    record = record_of(studio)
    assert (record.weights, record.weights_digest) == ("random-16", "6" * 64)


def test_a_backbone_that_is_not_to_be_had_fails_only_the_jobs_that_ask_for_it(studio: Studio) -> None:
    class Bare(WeightsShelf):
        def get(self, backbone: str) -> Weights:
            raise WeightsUnavailable(f"There is no {backbone}.")

    Worker(replace(studio.equipment(), shelf=Bare(studio.folder))).handle(studio.job(), 1)
    failed = only(studio.events(), JobFailed)[0]
    assert (failed.error_code, failed.reason) == ("weights-unavailable", "There is no vgg19.")
    assert failed.record is not None
    assert (failed.record.weights, failed.record.weights_digest) == ("unknown", None)


@pytest.mark.parametrize(
    ("evaluations", "every", "expected"),
    [
        pytest.param(1000, None, [*range(100, 1001, 100)], id="every hundred"),
        pytest.param(60, None, [*range(6, 61, 6)], id="ten of a short run"),
        pytest.param(7, None, [*range(1, 8)], id="all of a very short run"),
        pytest.param(60, 20, [20, 40, 60], id="as told"),
        pytest.param(60, 100, [], id="as told, none"),
    ],
)
def test_snapshots_come_every_hundred_evaluations_and_ten_times_a_short_run(
    evaluations: int, every: int | None, expected: list[int]
) -> None:
    picture = torch.zeros(1, 3, 2, 2)
    steps = [
        Step(number, evaluations, (2, 2), {}, picture, lambda pixels: pixels, lambda _: b"")
        for number in range(1, evaluations + 1)
    ]
    assert [step.evaluation for step in steps if is_snapshot_due(step, every)] == expected


def test_a_film_lies_beside_the_picture(studio: Studio) -> None:
    studio.worker(timelapse=True).handle(studio.job(), 1)
    assert studio.runs() == [artifacts.record("42"), artifacts.result("42"), artifacts.timelapse("42")]
    with av.open(BytesIO(studio.storage.read(artifacts.timelapse("42")))) as film:
        stream = film.streams.video[0]
        assert (stream.width, stream.height) == (32, 32)
    stored = studio.storage.stat(artifacts.timelapse("42"))
    assert stored is not None
    assert stored.content_type == "video/mp4"


def test_a_film_that_cannot_be_made_costs_only_the_film(studio: Studio, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(_: Timelapse) -> bytes:
        raise ValueError("There is no codec 'libx264'.")

    monkeypatch.setattr(Timelapse, "mp4", fail)
    studio.worker(timelapse=True).handle(studio.job(), 1)
    assert studio.runs() == [artifacts.record("42"), artifacts.result("42")]
    assert len(only(studio.events(), JobCompleted)) == 1


def fail_on_the_gpu(monkeypatch: pytest.MonkeyPatch, error: RuntimeError) -> None:
    def fail(objective: Objective, image: torch.Tensor) -> Losses:
        raise error

    monkeypatch.setattr(Objective, "__call__", fail)


@pytest.mark.parametrize(
    "error",
    [
        torch.AcceleratorError("CUDA error: device-side assert triggered\nCompile with `TORCH_USE_CUDA_DSA` …"),
        RuntimeError("CUDA error: an illegal memory access was encountered"),
    ],
)
def test_a_gpu_that_failed_ends_the_worker_and_not_its_jobs(
    studio: Studio, monkeypatch: pytest.MonkeyPatch, error: RuntimeError
) -> None:
    fail_on_the_gpu(monkeypatch, error)
    studio.broker.publish(studio.job("1"))
    studio.broker.publish(studio.job("2"))
    words = str(error).partition("\n")[0]
    with pytest.raises(DeviceLost, match=f"The GPU failed, .*: {words}\\. A new process can"):
        studio.consumer(studio.worker()).run()
    assert not only(studio.events(), JobFailed)
    assert studio.broker.depth(STYLIZER_JOBS.name) == 2
    assert studio.broker.dead_letters(STYLIZER_JOBS.name) == []
    monkeypatch.undo()
    assert studio.consumer(studio.worker()).step()
    said = studio.events()
    assert [started.attempt for started in only(said, JobStarted)] == [2]
    assert [completed.job_id for completed in only(said, JobCompleted)] == ["1"]


def test_a_job_that_breaks_one_gpu_after_the_other_is_given_up(studio: Studio, monkeypatch: pytest.MonkeyPatch) -> None:
    fail_on_the_gpu(monkeypatch, RuntimeError("CUDA error: unspecified launch failure"))
    studio.broker.publish(studio.job())
    for _ in range(STYLIZER_JOBS.attempts):
        with pytest.raises(DeviceLost):
            studio.consumer(studio.worker()).run()
    assert studio.consumer(studio.worker()).step()
    assert f"{STYLIZER_JOBS.attempts} attempts" in only(studio.events(), JobFailed)[0].reason


def test_an_error_that_only_sounds_like_the_gpus_is_another() -> None:
    with pytest.raises(RuntimeError, match="a word"), device_errors():
        raise RuntimeError("CUDA is a word.")


@pytest.mark.parametrize("words", ["out of memory", "CUBLAS_STATUS_ALLOC_FAILED when calling `cublasCreate(handle)`"])
def test_a_gpu_whose_memory_is_full_is_not_lost(words: str) -> None:
    with pytest.raises(torch.AcceleratorError, match="CUDA error"), device_errors():
        raise torch.AcceleratorError(f"CUDA error: {words}")


def test_a_backbone_that_is_broken_keeps_the_worker_from_taking_jobs(tmp_path: Path) -> None:
    settings = StylizerSettings(
        broker_url="memory://",
        storage_url=f"file://{tmp_path}/storage",
        weights_dir=tmp_path,
        weights=str(tmp_path / "none.safetensors"),
    )
    with pytest.raises(WeightsUnavailable, match="no weights"):
        bootstrap(settings, threading.Event())


def test_a_device_that_is_not_there_keeps_the_worker_from_taking_jobs(tmp_path: Path) -> None:
    settings = StylizerSettings(
        broker_url="memory://", storage_url=f"file://{tmp_path}/storage", weights_dir=tmp_path, device="cuda:99"
    )
    with pytest.raises(ConfigurationError, match="no device 'cuda:99'"):
        bootstrap(settings, threading.Event())
