import json
from datetime import UTC, datetime, timedelta, timezone
from math import inf, isnan, nan
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from stylegram.common.clock import utcnow
from stylegram.common.errors import InvalidMessage
from stylegram.common.hyperparameters import Hyperparameters
from stylegram.common.messages import (
    CancelJob,
    JobAlive,
    JobCancelled,
    JobCompleted,
    JobFailed,
    JobInterrupted,
    JobProgress,
    JobStarted,
    Message,
    PostFailed,
    PostFeedback,
    PostKind,
    PostPublished,
    PostRequest,
    PostWaiting,
    Priority,
    StyleJob,
    decode,
    encode,
    end_of,
)
from stylegram.common.records import AssetReference, LossPoint, Metrics, PictureFeatures, RunRecord

LOOKS = PictureFeatures(brightness=0.5, contrast=0.25, colorfulness=0.1, detail=1e-300, direction=0, hue_variety=1)
PICTURE = AssetReference(sha256="0" * 64, object_name="assets/a.png", name="Zürich, «Limmat» 🌉.jpg", features=LOOKS)
HYPERPARAMETERS = Hyperparameters(size=256, evaluations=(30, 10), learning_rate=0.1, seed=2**63 - 1)
METRICS = Metrics(
    content_error=0.5,
    style_error_512=0.4,
    style_error_256=0.3,
    style_error_128=0.2,
    held_out_style_error=0.1,
    ssim=-1,
    color_distance=0,
    high_frequency_ratio=1e300,
    layer_errors={"relu1_1@512": 1e-300},
    content_baseline=1 / 3,
    style_baseline=1e-300,
)
RECORD = RunRecord(
    job_id="1",
    outcome="succeeded",
    content=PICTURE,
    style=PICTURE,
    hyperparameters=HYPERPARAMETERS,
    engine_version="1",
    torch_version="2",
    weights="vgg19",
    device="cpu",
    started_at=datetime(2026, 11, 20, 8, tzinfo=UTC),
    finished_at=datetime(2026, 11, 20, 8, 1, 0, 1, tzinfo=timezone(timedelta(hours=1))),
    durations={"decode": 0.1},
    losses={"total": 0.5, "style.relu1_1": 1e-300},
    further_styles=(PICTURE,),
    masks=(None, PICTURE),
    start_image=PICTURE,
    resumed_at=(3, 5),
    metrics=METRICS,
    curve=(LossPoint(evaluation=1, size=128, total=1, content=0.5, style=0.25, tv=0),),
)
EXAMPLES: tuple[Message, ...] = (
    StyleJob(job_id="1", content=PICTURE, style=PICTURE, hyperparameters=HYPERPARAMETERS),
    StyleJob(
        job_id="1",
        content=PICTURE,
        style=PICTURE,
        further_styles=(PICTURE,),
        masks=(None, PICTURE),
        start_image=PICTURE,
        hyperparameters=Hyperparameters(schedule=((64, 3), (128, 1)), start="image", style_weights=(1, 2)),
        priority=Priority.BATCH,
        time_limit_seconds=0.5,
        trial="autumn/7",
    ),
    CancelJob(job_id="1"),
    JobStarted(job_id="1", worker="w", attempt=1),
    JobProgress(job_id="1", evaluation=0, evaluations=1, size=32, loss=0.1),
    JobAlive(job_id="1", worker="w"),
    JobInterrupted(job_id="1", worker="w"),
    JobCancelled(job_id="1", worker="w"),
    JobCompleted(job_id="1", result="runs/1/result.png", record=RECORD),
    JobFailed(job_id="1", reason="no", error_code="error", record=RECORD),
    JobFailed(job_id="1", reason="no", error_code="error"),
    PostRequest(
        job_id="1", artifact="a", record="b", content_name="c", style_name="d", hyperparameters=HYPERPARAMETERS
    ),
    PostRequest(
        job_id="1",
        artifact="a",
        record="b",
        content_name="c",
        style_name="d",
        hyperparameters=HYPERPARAMETERS,
        kinds=(PostKind.GRID, PostKind.REEL),
    ),
    PostWaiting(job_id="1", account="a", post="k", kind="grid-9", reason="b"),
    PostFeedback(job_id="1", account="a", post="k", kind="reel", read_at=utcnow(), likes=1),
    PostPublished(job_id="1", account="a", media_id="b", url="c"),
    PostFailed(job_id="1", account="a", reason="b", error_code="c"),
)


def body(**changes: Any) -> bytes:
    """A cancelled job as JSON, changed."""
    return json.dumps({"type": "cancel_job", "version": 1, "job_id": "1", **changes}).encode()


def refusal(data: bytes) -> str:
    with pytest.raises(InvalidMessage) as caught:
        decode(data)
    return str(caught.value)


def test_there_is_an_example_of_every_type() -> None:
    assert {type(example) for example in EXAMPLES} == set(Message.__args__)


@pytest.mark.parametrize("message", EXAMPLES, ids=lambda message: message.type)
def test_every_type_survives_the_journey(message: Message) -> None:
    received = decode(encode(message))
    assert received == message
    assert type(received) is type(message)
    assert encode(received) == encode(message)


@given(
    job_id=st.text(st.characters(exclude_categories=["Cs"])),
    loss=st.floats(allow_nan=False),
    sent_at=st.datetimes(timezones=st.just(UTC)),
    evaluation=st.integers(min_value=0),
)
@settings(deadline=None, max_examples=60)
def test_every_value_survives_the_journey(job_id: str, loss: float, sent_at: datetime, evaluation: int) -> None:
    message = JobProgress(
        job_id=job_id, loss=loss, sent_at=sent_at, evaluation=evaluation, evaluations=1, size=32, snapshot=job_id
    )
    assert decode(encode(message)) == message


def test_losses_that_left_the_finite_numbers_survive_the_journey() -> None:
    record = RECORD.model_copy(
        update={
            "losses": {"total": nan, "style": inf, "content": -inf},
            "metrics": METRICS.model_copy(update={"ssim": nan, "layer_errors": {"relu1_1@512": inf}}),
            "curve": (LossPoint(evaluation=1, size=128, total=nan, content=inf, style=0, tv=0),),
        }
    )
    sent = JobFailed(job_id="1", reason="NaN", error_code="non-finite", record=record)
    json.loads(encode(sent), parse_constant=lambda constant: pytest.fail(f"{constant} is no JSON"))
    received = decode(encode(sent))
    assert isinstance(received, JobFailed)
    assert received.record is not None
    assert isnan(received.record.losses["total"])
    assert received.record.losses["content"] == -inf
    assert isnan(received.record.curve[0].total)
    assert received.record.metrics is not None
    assert isnan(received.record.metrics.ssim)
    assert received.record.metrics.layer_errors == {"relu1_1@512": inf}
    # The record is also kept as a file of its own.
    assert isnan(RunRecord.model_validate_json(record.model_dump_json()).losses["total"])


def test_a_job_is_routed_by_who_waits_for_it() -> None:
    interactive, batch = EXAMPLES[:2]
    assert (interactive.topic, batch.topic) == ("command.style.interactive", "command.style.batch")
    fields = json.loads(encode(interactive))
    del fields["priority"], fields["time_limit_seconds"]  # of a writer that knows neither
    assert decode(json.dumps(fields).encode()) == interactive


@pytest.mark.parametrize("change", [{"priority": "urgent"}, {"time_limit_seconds": 0}, {"time_limit_seconds": -1}])
def test_a_job_of_no_known_priority_or_without_time_is_refused(change: dict[str, object]) -> None:
    (field,) = change
    assert f"style_job.{field}" in refusal(json.dumps(json.loads(encode(EXAMPLES[0])) | change).encode())


def test_messages_are_told_apart() -> None:
    first, second = CancelJob(job_id="1"), CancelJob(job_id="1")
    assert first.message_id != second.message_id
    assert first.sent_at.tzinfo is not None


def test_messages_do_not_change() -> None:
    with pytest.raises(ValidationError, match="frozen"):
        CancelJob(job_id="1").job_id = "2"  # type: ignore[misc]


@pytest.mark.parametrize("message", EXAMPLES, ids=lambda message: message.type)
def test_fields_of_a_newer_writer_are_ignored(message: Message) -> None:
    fields = json.loads(encode(message))
    fields["since_then"] = {"nested": [1, 2]}
    for picture in ("content", "style", "record"):
        if isinstance(fields.get(picture), dict):
            fields[picture]["since_then"] = True
    assert decode(json.dumps(fields).encode()) == message


def test_a_hyperparameter_of_another_writer_is_ignored() -> None:
    fields = json.loads(encode(EXAMPLES[0]))
    # Refused, a deployment in the wrong order would bury every job that is under way.
    fields["hyperparameters"]["since_then"] = 1
    assert decode(json.dumps(fields).encode()) == EXAMPLES[0]


@pytest.mark.parametrize("version", [0, 2, "2", None, 1.5, [1]])
def test_an_unknown_version_is_refused_with_its_reason(version: object) -> None:
    assert "cancel_job.version: Input should be 1" in refusal(body(version=version))


def test_an_unknown_type_is_refused_with_its_reason() -> None:
    assert "'paint_house'" in refusal(body(type="paint_house"))
    assert "type" in refusal(body(type=None))


def test_a_missing_and_a_wrong_field_are_named() -> None:
    assert "job_started.worker: Field required" in refusal(body(type="job_started", attempt=1))
    assert "job_started.attempt" in refusal(body(type="job_started", worker="w", attempt=0))
    assert "cancel_job.job_id: Input should be a valid string" in refusal(body(job_id=1))
    assert "cancel_job.sent_at" in refusal(body(sent_at="yesterday"))


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b" ",
        b"hello",
        b"null",
        b"42",
        b'"cancel_job"',
        b"[]",
        b"{}",
        b"\xff\xfe\x00",
        b"\x80\x04\x95pickle",
        b'{"type": "cancel_job"',
        b'{"type": "cancel_job", "job_id": "\xff"}',
        b'{"type": "cancel_job", "job_id": "\\ud800"}',
        b'{"type": ["cancel_job"], "job_id": "1"}',
        b'{"cancel_job": {"job_id": "1"}}',
        b'[{"type": "cancel_job", "job_id": "1"}]',
        b'{"type": "cancel_job", "job_id": {"job_id": "1"}}',
        b"[" * 100_000,
        b'{"a":' * 100_000,
        b'{"type": "cancel_job", "job_id": "1", "x": ' + b"[" * 100_000 + b"]" * 100_000 + b"}",
        b'{"type": "job_progress", "job_id": "1", "size": ' + b"9" * 10_000 + b"}",
        b'{"type": "' + b"x" * 5_000_000 + b'", "job_id": "1"}',
        b"\x00" * 5_000_000,
    ],
    ids=lambda data: ascii(data[:32]),
)
def test_what_is_no_message_is_refused_in_a_sentence(data: bytes) -> None:
    reason = refusal(data)
    assert reason.startswith("Not a message that this version understands: ")
    assert reason.endswith(".")
    assert 60 < len(reason) < 1_000
    assert reason.isprintable()


@settings(deadline=None)
@given(st.binary(max_size=200))
def test_no_bytes_raise_anything_else(data: bytes) -> None:
    with pytest.raises(InvalidMessage):
        decode(data)


def test_the_end_is_told_from_the_record() -> None:
    completed = end_of(RECORD)
    assert isinstance(completed, JobCompleted)
    assert (completed.job_id, completed.result, completed.record) == ("1", "runs/1/result.png", RECORD)
    reason = {"outcome": "failed", "reason": "No canvas.", "error_code": "out-of-memory"}
    failed = end_of(RECORD.model_copy(update=reason))
    assert isinstance(failed, JobFailed)
    assert (failed.job_id, failed.reason, failed.error_code) == ("1", "No canvas.", "out-of-memory")
    assert failed.record and failed.record.outcome == "failed"
    silent = end_of(RECORD.model_copy(update={"outcome": "failed"}))
    assert isinstance(silent, JobFailed)
    assert (silent.reason, silent.error_code) == ("The run failed.", "error")
