"""From events on the queue to rows and to `logs.csv`."""

import csv
import itertools
import threading
import time
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from prometheus_client import REGISTRY
from sqlalchemy import Connection, event

from service_processes import wait_until
from stylegram.common import artifacts
from stylegram.common.clock import utcnow
from stylegram.common.errors import Unavailable
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
from stylegram.logger import logs_file
from stylegram.logger.bootstrap import LoggerService, bootstrap
from stylegram.logger.events import RunLogger
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


class StopAtOnce(threading.Event):
    """Lets nobody wait."""

    def wait(self, timeout: float | None = None) -> bool:
        return self.is_set()


def work_off(service: LoggerService, *messages: Message) -> None:
    for message in messages:
        service.broker.publish(message)
    consumer = service.consumer(threading.Event())
    while consumer.step():
        pass
    if service.logs_file:
        service.logs_file.write()
    assert service.broker.dead_letters(LOGGER_EVENTS.name) == []


def table(settings: LoggerSettings) -> list[dict[str, str]]:
    assert settings.logs_csv
    with settings.logs_csv.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def test_the_file_is_there_from_the_start(settings: LoggerSettings, service: LoggerService) -> None:
    assert service.logs_file
    with service.logs_file.following():
        wait_until(lambda: settings.logs_csv is not None and settings.logs_csv.exists())
    assert table(settings) == []


def test_the_file_follows_and_is_complete_at_the_end(
    settings: LoggerSettings, service: LoggerService, record: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(logs_file, "_PAUSE_SECONDS", 0.05)
    stop = threading.Event()
    running = threading.Thread(target=service.run, args=(stop,))
    running.start()
    wait_until(lambda: settings.logs_csv is not None and settings.logs_csv.exists())
    service.broker.publish(completed(record("1")))
    wait_until(lambda: len(table(settings)) == 1)
    # So that it would not be written again by itself.
    monkeypatch.setattr(logs_file, "_PAUSE_SECONDS", 600)
    time.sleep(0.2)
    service.broker.publish(completed(record("2")))
    wait_until(lambda: service.runs.get("2") is not None)
    assert len(table(settings)) == 1
    stop.set()
    running.join()
    assert len(table(settings)) == 2


def test_a_burst_is_one_transaction(service: LoggerService, record: Make) -> None:
    commits = []

    @event.listens_for(service.engine, "commit")
    def _count(connection: Connection) -> None:
        commits.append(connection)

    work_off(service, *(completed(record(str(number), trial=None)) for number in range(20)))
    assert len(commits) == 2, "the other is that of the file"
    assert len(service.runs.newest()) == 20


def test_an_event_that_cannot_be_kept_takes_no_other_along(service: LoggerService, record: Make) -> None:
    for number in range(4):
        service.broker.publish(completed(record(str(number))))
    # SQLite has no number as large.
    service.broker.publish(READ.model_copy(update={"likes": 2**70}))
    service.broker.publish(PUBLISHED)
    assert service.consumer(threading.Event()).step()
    [dead] = service.broker.dead_letters(LOGGER_EVENTS.name)
    assert isinstance(decode(dead.body), PostFeedback)
    assert len(service.runs.newest()) == 4
    service.runs.save(record())
    run = service.runs.get("42")
    assert run
    assert run.post == OUT


def test_a_study_that_cannot_be_told_loses_no_run(service: LoggerService, record: Make) -> None:
    told: list[str] = []

    def tell(made: RunRecord) -> None:
        told.append(made.job_id)
        if told.count(made.job_id) == 1:
            raise Unavailable("The database did not answer.")

    consumer = replace(service, logger=RunLogger(service.runs, tell)).consumer(StopAtOnce())
    for number in range(2):
        service.broker.publish(completed(record(str(number), trial=f"autumn/{number}")))
    assert consumer.step()
    assert len(service.runs.newest()) == 2
    while consumer.step():
        pass
    assert set(told) == {"0", "1"}
    assert told.count("0") > 1, "it is told again"
    assert service.broker.dead_letters(LOGGER_EVENTS.name) == []


def test_in_whatever_order_and_however_often(settings: LoggerSettings, record: Make) -> None:
    service = bootstrap(settings)
    failed = JobFailed(job_id="42", reason="killed", error_code="x", record=record(outcome="failed", reason="killed"))
    events: tuple[Message, ...] = (failed, completed(record()), PUBLISHED, IN_DOUBT, READ)
    for number, order in enumerate(itertools.permutations(events)):
        # Each order is told of a job of its own.
        job_id = f"job-{number}"
        for said in (*order, order[0]):
            renamed = decode(encode(said).replace(b'"job_id":"42"', f'"job_id":"{job_id}"'.encode()))
            service.logger.handle_all([renamed])
        run = service.runs.get(job_id)
        assert run
        assert run.record.outcome == "succeeded"
        assert (run.post, run.feedback) == (OUT, Feedback(likes=7, comments=1))
    assert service.logs_file
    service.logs_file.write()
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


def test_how_good_pictures_are_is_counted(service: LoggerService, record: Make) -> None:
    def counted() -> dict[str, float]:
        sums = {
            "score": ("stylegram_run_score_sum", {}),
            "scores": ("stylegram_run_score_count", {}),
            "content": ("stylegram_run_error_sum", {"of": "content"}),
            "style": ("stylegram_run_error_sum", {"of": "style"}),
        }
        return {name: REGISTRY.get_sample_value(*sample) or 0.0 for name, sample in sums.items()}

    before, judged = counted(), record("judged")
    assert judged.metrics
    unknown = judged.metrics.model_copy(update={"style_baseline": None})
    # A run that was not judged, or not against what it started from, has no score.
    work_off(service, *map(completed, (judged, record("unjudged", metrics=None), record("old", metrics=unknown))))
    grown = {name: now - before[name] for name, now in counted().items()}
    content, style = judged.metrics.relative_content_error, judged.metrics.relative_style_error
    assert content
    assert style
    assert grown == pytest.approx({"score": judged.metrics.score, "scores": 1, "content": 2 * content, "style": style})


def test_a_file_that_cannot_be_written_loses_no_run(
    settings: LoggerSettings, service: LoggerService, record: Make
) -> None:
    path = settings.logs_csv
    assert path
    path.mkdir(parents=True)
    work_off(service, completed(record()))
    assert service.runs.get("42")
    path.rmdir()
    work_off(service)
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
