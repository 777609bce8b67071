"""What a database would keep in its own way is kept alike."""

import math
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import pytest

from ingest_samples import alter, open_ingest, say, submit
from stylegram.common.messages import JobFailed, JobProgress, decode, encode
from stylegram.ingest.bootstrap import Ingest

pytestmark = pytest.mark.every_database
# Where the private server's clock is, it shows 01:45 twice that night.
CLOCKS_GO_BACK = datetime(2026, 4, 4, 14, 45, tzinfo=UTC)


@pytest.fixture
def ingest(tmp_path: Path, database_url: str) -> Iterator[Ingest]:
    service = open_ingest(tmp_path, database_url)
    yield service
    service.close()


@pytest.mark.parametrize("hours", [-5.5, 0, 10.5])
def test_a_time_comes_back_as_that_moment_in_utc(hours: float, ingest: Ingest) -> None:
    zone = timezone(timedelta(hours=hours))
    for moment in (CLOCKS_GO_BACK, CLOCKS_GO_BACK + timedelta(minutes=30, microseconds=1)):
        job = alter(ingest, submit(ingest), created_at=moment.astimezone(zone))
        assert (job.created_at, job.created_at.tzinfo) == (moment, UTC)
        said = JobProgress(job_id=job.id, evaluation=1, evaluations=2, size=64, loss=1, sent_at=moment.astimezone(zone))
        assert say(ingest, said).heard_at == moment


@pytest.mark.parametrize("loss", [math.nan, math.inf, -math.inf])
def test_a_loss_that_left_the_finite_numbers_is_unknown(loss: float, ingest: Ingest) -> None:
    job = submit(ingest)
    progress = JobProgress(job_id=job.id, evaluation=1, evaluations=2, size=64, loss=loss)
    told = say(ingest, decode(encode(progress)))
    assert (told.evaluation, told.loss) == (1, None)
    assert ingest.job(job.id) == told


@pytest.mark.parametrize("reason", ["a\0b", "🌉", "\x01\x7f", "x" * 100_000])
def test_whatever_a_reason_says_the_job_ends(reason: str, ingest: Ingest) -> None:
    job = say(ingest, JobFailed(job_id=submit(ingest).id, reason=reason, error_code="e"))
    assert job.state == "failed"
    assert job.reason in (reason, reason.replace("\0", "\N{REPLACEMENT CHARACTER}"))
