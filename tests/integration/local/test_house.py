"""The house, without a worker: what it refuses before it begins, and how it hears its own last words."""

import random
import threading
from collections.abc import Iterator
from io import StringIO
from pathlib import Path

import pytest
from rich.console import Console

from ingest_samples import FAST, png
from stylegram.common.errors import StylegramError
from stylegram.common.messages import JobInterrupted, JobStarted, Priority
from stylegram.local import house as house_module
from stylegram.local.daily import run_daily
from stylegram.local.house import House
from stylegram.local.stages import Stages
from stylegram.stylizer.settings import StylizerSettings


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    for seed, folder in enumerate(("photos", "styles")):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / f"{folder}.png").write_bytes(png(seed))
    house = House(tmp_path / "state", (tmp_path / "photos").as_uri(), (tmp_path / "styles").as_uri())
    yield house
    house.close()


@pytest.fixture
def stages() -> Stages:
    return Stages(Console(file=StringIO()))


@pytest.mark.parametrize("queue", ["stylizer.batch", "publisher.posts", "ingest.events", "logger.events"])
def test_a_daily_job_whose_queue_is_paused_says_so_instead_of_waiting(house: House, stages: Stages, queue: str) -> None:
    house.ingest.pause(queue)
    with pytest.raises(StylegramError, match=rf"paused: {queue}.*queue resume"):
        run_daily(house, FAST, random.Random(0), stages)
    (job,) = house.ingest.unposted_jobs()
    assert (job.state, job.priority, job.idempotency_key) == ("queued", Priority.BATCH, None)


def test_a_daily_job_that_was_asked_for_elsewhere_is_finished_first_whoever_waits_for_it(
    house: House, stages: Stages
) -> None:
    house.ingest.sync_all()
    earlier = house.ingest.submit(*house.ingest.choose_pair(random.Random(0)), FAST)
    for queue in ("stylizer.batch", "stylizer.jobs"):
        house.ingest.pause(queue)
    with pytest.raises(StylegramError, match=rf"Job {earlier.id} waits, .* paused: stylizer\.jobs\."):
        run_daily(house, FAST, random.Random(0), stages)
    assert house.ingest.unposted_jobs() == [earlier]


def test_what_is_said_while_the_house_closes_is_heard(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    house.ingest.sync_all()
    job = house.ingest.submit(*house.ingest.choose_pair(random.Random(0)), FAST, publish=False)
    begun = threading.Event()

    def work(_settings: StylizerSettings, _log: Path, stop: threading.Event) -> None:
        house.ingest.broker.publish(JobStarted(job_id=job.id, worker="w", attempt=1))
        begun.set()
        stop.wait()
        house.ingest.broker.publish(JobInterrupted(job_id=job.id, worker="w"))

    monkeypatch.setattr(house_module, "keep_worker", work)
    with house.running():
        assert begun.wait(30)
    house.check()
    ended = house.ingest.job(job.id)
    assert (ended.state, ended.attempt) == ("queued", 1)
