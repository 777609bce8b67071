"""What ingest shows of how things stand, whoever counted it."""

from datetime import timedelta
from pathlib import Path

import pytest
from prometheus_client import REGISTRY
from sqlalchemy import Engine, create_engine

from ingest_samples import alter, submit
from stylegram.common.clock import utcnow
from stylegram.common.errors import NotFound
from stylegram.common.messages import Priority
from stylegram.ingest.bootstrap import Ingest
from stylegram.ingest.gauges import measure_work
from stylegram.ingest.tables import JobState


def oldest(priority: Priority) -> float | None:
    return REGISTRY.get_sample_value("stylegram_oldest_queued_seconds", {"priority": priority})


def last_sync(outcome: str) -> float | None:
    return REGISTRY.get_sample_value("stylegram_last_sync_timestamp_seconds", {"outcome": outcome})


@pytest.mark.every_database
def test_the_oldest_job_that_waits_is_shown_by_priority(ingest: Ingest) -> None:
    measure_work(ingest.engine)
    assert oldest(Priority.INTERACTIVE) == oldest(Priority.BATCH) == 0
    jobs = [submit(ingest, priority=Priority.BATCH) for _ in range(3)]
    for job, minutes in zip(jobs, (5, 90, 30), strict=True):
        alter(ingest, job, created_at=utcnow() - timedelta(minutes=minutes))
    measure_work(ingest.engine)
    assert oldest(Priority.BATCH) == pytest.approx(90 * 60, abs=60)
    assert oldest(Priority.INTERACTIVE) == 0
    # What is painted waits no more.
    alter(ingest, jobs[1], state=JobState.RUNNING)
    measure_work(ingest.engine)
    assert oldest(Priority.BATCH) == pytest.approx(30 * 60, abs=60)


@pytest.mark.every_database
def test_the_newest_sync_is_shown_under_how_it_ended(ingest: Ingest, photos: Path) -> None:
    measure_work(ingest.engine)
    assert last_sync("succeeded") is last_sync("failed") is None
    ingest.sync_all()
    measure_work(ingest.engine)
    assert last_sync("succeeded") == pytest.approx(utcnow().timestamp(), abs=60)
    photos.rmdir()
    with pytest.raises(NotFound):
        ingest.sync_all()
    measure_work(ingest.engine)
    assert last_sync("succeeded") is None
    assert last_sync("failed") == pytest.approx(utcnow().timestamp(), abs=60)


def test_while_the_database_is_away_nothing_is_shown(ingest: Ingest) -> None:
    measure_work(ingest.engine)
    assert oldest(Priority.BATCH) is not None
    away: Engine = create_engine("sqlite:////nowhere/at/all.sqlite")
    measure_work(away)
    assert oldest(Priority.BATCH) is None
    assert last_sync("succeeded") is None


@pytest.mark.parametrize(
    "sample",
    [
        ("stylegram_jobs_total", {"state": "failed"}),
        ("stylegram_reconciled_total", {"action": "lost"}),
        ("stylegram_ingest_decoder_crashes_total", {"end": "signal SIGSEGV"}),
        ("stylegram_messages_total", {"queue": "ingest.events", "outcome": "claim_lost"}),
        ("stylegram_build_info", {"component": "ingest", "version": "0.1.0"}),
    ],
    ids=lambda sample: sample[0],
)
def test_counters_are_there_before_they_count(sample: tuple[str, dict[str, str]]) -> None:
    assert REGISTRY.get_sample_value(*sample) is not None
