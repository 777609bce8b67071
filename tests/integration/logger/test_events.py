"""From events on the queue to rows and to `logs.csv`."""

import csv
import itertools
import threading
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from prometheus_client import REGISTRY

from stylegram.common import artifacts
from stylegram.common.clock import utcnow
from stylegram.common.messages import (
    NEEDS_REVIEW,
    JobCompleted,
    JobFailed,
    Message,
    PostFailed,
    PostFeedback,
    PostPublished,
    PostWaiting,
    decode,
    encode,
)
from stylegram.common.ports import Feedback
from stylegram.common.records import RunRecord
from stylegram.common.topology import LOGGER_EVENTS
from stylegram.logger.bootstrap import LoggerService, bootstrap
from stylegram.logger.repository import RunPost
from stylegram.logger.settings import LoggerSettings

Make = Callable[..., RunRecord]


@pytest.fixture
def settings(tmp_path: Path) -> LoggerSettings:
    urls: dict[str, Any] = {
        "broker_url": f"sqlite://{tmp_path}/queue.sqlite",
        "database_url": f"sqlite:///{tmp_path}/events.sqlite",
    }
    return LoggerSettings(logs_csv=tmp_path / "out" / "logs.csv", **urls)


@pytest.fixture
def service(settings: LoggerSettings) -> LoggerService:
    return bootstrap(settings)


def completed(record: RunRecord) -> JobCompleted:
    return JobCompleted(job_id=record.job_id, result=artifacts.result(record.job_id), record=record)


def of_post(minutes: float, kind: str = "photo") -> dict[str, Any]:
    """What every word about a post says."""
    sent_at = NOW + timedelta(minutes=minutes)
    return {"job_id": "42", "account": "@painter", "post": f"key-{kind}", "kind": kind, "sent_at": sent_at}


NOW = utcnow()
WAITING = PostWaiting(reason="waits for a yes", **of_post(0))
IN_DOUBT = PostFailed(reason="who knows", error_code=NEEDS_REVIEW, **of_post(1))
PUBLISHED = PostPublished(media_id="1", url="https://example.org/p/1", **of_post(2))
OUT = RunPost("published", "@painter", "photo", "1", "https://example.org/p/1", said_at=PUBLISHED.sent_at)
READ = PostFeedback(read_at=NOW, likes=7, comments=1, **of_post(3))


def work_off(service: LoggerService, *messages: Message) -> None:
    for message in messages:
        service.broker.publish(message)
    consumer = service.consumer(threading.Event())
    while consumer.step():
        pass
    assert service.broker.dead_letters(LOGGER_EVENTS.name) == []


def table(settings: LoggerSettings) -> list[dict[str, str]]:
    assert settings.logs_csv
    with settings.logs_csv.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def test_the_file_is_there_from_the_start(settings: LoggerSettings, service: LoggerService) -> None:
    assert table(settings) == []


def test_in_whatever_order_and_however_often(settings: LoggerSettings, record: Make) -> None:
    service = bootstrap(settings)
    failed = JobFailed(job_id="42", reason="killed", error_code="x", record=record(outcome="failed", reason="killed"))
    events: tuple[Message, ...] = (failed, completed(record()), PUBLISHED, IN_DOUBT, READ)
    for number, order in enumerate(itertools.permutations(events)):
        # Each order is told of a job of its own.
        job_id = f"job-{number}"
        for event in (*order, order[0]):
            renamed = decode(encode(event).replace(b'"job_id":"42"', f'"job_id":"{job_id}"'.encode()))
            service.logger.handle(renamed, 1)
        run = service.runs.get(job_id)
        assert run
        assert run.record.outcome == "succeeded"
        assert (run.post, run.feedback) == (OUT, Feedback(likes=7, comments=1))
    rows = table(settings)
    assert {(row["success"], row["post_state"], row["post_likes"]) for row in rows} == {("True", "published", "7")}
    assert len(rows) == 120


def test_a_post_that_waits_is_told_of(settings: LoggerSettings, service: LoggerService, record: Make) -> None:
    work_off(service, completed(record()), WAITING)
    [row] = table(settings)
    assert (row["post_state"], row["post_kind"], row["post_reason"]) == ("waiting", "photo", "waits for a yes")


def test_a_post_without_an_address_is_out(service: LoggerService, record: Make) -> None:
    work_off(service, completed(record()), PUBLISHED.model_copy(update={"url": ""}))
    run = service.runs.get("42")
    assert run
    assert run.post
    assert (run.post.state, run.post.url) == ("published", None)


def test_a_failed_run_and_a_post_in_doubt(settings: LoggerSettings, service: LoggerService, record: Make) -> None:
    made = record(outcome="failed", error_code="non-finite", reason="left the numbers", losses={"total": float("nan")})
    work_off(service, JobFailed(job_id="42", reason="left", error_code="non-finite", record=made), IN_DOUBT)
    [row] = table(settings)
    assert (row["success"], row["error_code"], row["loss_total"]) == ("False", "non-finite", "")
    assert (row["post_state"], row["post_reason"]) == ("needs_review", "who knows")
    other = IN_DOUBT.model_copy(update={"error_code": "not-found", "sent_at": NOW + timedelta(minutes=5)})
    work_off(service, other)
    assert table(settings)[0]["post_state"] == "failed"


def test_a_job_that_was_never_run_is_no_run(settings: LoggerSettings, service: LoggerService) -> None:
    work_off(service, JobFailed(job_id="42", reason="not understood", error_code="invalid-message"))
    assert service.runs.get("42") is None
    assert table(settings) == []


def test_a_run_is_counted_once(service: LoggerService, record: Make) -> None:
    def counted(name: str) -> float:
        return REGISTRY.get_sample_value(name, {"outcome": "succeeded"}) or 0

    before = counted("stylegram_runs_total"), counted("stylegram_run_seconds_count")
    work_off(service, *[completed(record())] * 3)
    assert (counted("stylegram_runs_total"), counted("stylegram_run_seconds_count")) == (before[0] + 1, before[1] + 1)


def test_a_file_that_cannot_be_written_loses_no_run(
    settings: LoggerSettings, service: LoggerService, record: Make
) -> None:
    path = settings.logs_csv
    assert path
    path.unlink()
    path.mkdir()
    work_off(service, completed(record()))
    assert service.runs.get("42")
    path.rmdir()
    work_off(service, PUBLISHED)
    assert [row["job_id"] for row in table(settings)] == ["42"]


def test_a_message_that_is_no_event_of_ours_goes_to_the_dead_letters(service: LoggerService) -> None:
    body = encode(PUBLISHED).replace(b'"version":1', b'"version":9')
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("stylegram.common.adapters.sqlite_broker.encode", lambda _: body)
        service.broker.publish(PUBLISHED)
    assert service.consumer(threading.Event()).step()
    [dead] = service.broker.dead_letters(LOGGER_EVENTS.name)
    assert "version" in dead.reason


def test_without_a_file_the_rows_are_all(settings: LoggerSettings, record: Make) -> None:
    service = bootstrap(settings.model_copy(update={"logs_csv": None}))
    work_off(service, completed(record()))
    assert service.runs.get("42")
