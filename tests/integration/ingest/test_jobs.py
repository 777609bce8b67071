import random
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from ingest_samples import FAST, add_asset, completed, open_ingest, png
from stylegram.common.errors import InvalidInput, NotFound
from stylegram.common.hyperparameters import Hyperparameters
from stylegram.common.records import AssetReference, Role
from stylegram.ingest.bootstrap import Ingest
from stylegram.ingest.events import EventHandler
from stylegram.ingest.schemas import Job
from stylegram.ingest.tables import JobState


@pytest.fixture
def pair(ingest: Ingest) -> tuple[AssetReference, AssetReference]:
    return add_asset(ingest, Role.CONTENT, 1), add_asset(ingest, Role.STYLE, 2)


def test_a_submitted_job_is_queued(ingest: Ingest, pair: tuple[AssetReference, AssetReference]) -> None:
    job = ingest.submit(*pair, FAST, publish=False)
    assert (job.state, job.sequence, job.published_at, job.publish) == (JobState.QUEUED, 0, None, False)
    assert (job.content, job.style, job.hyperparameters) == (*pair, FAST)
    assert ingest.job(job.id) == job
    assert ingest.unfinished_jobs() == [job]


def test_a_job_needs_pictures_that_are_there(ingest: Ingest, pair: tuple[AssetReference, AssetReference]) -> None:
    content, style = pair
    with pytest.raises(NotFound, match=r"'style 2\.jpg' .* is no content image"):
        ingest.submit(style, content, FAST)
    assert ingest.unfinished_jobs() == []


def test_a_key_gives_one_job(ingest: Ingest, pair: tuple[AssetReference, AssetReference]) -> None:
    job = ingest.submit(*pair, FAST, idempotency_key="2026-11-20")
    assert ingest.submit(*pair, FAST, idempotency_key="2026-11-20") == job
    assert ingest.submit(*pair, FAST, idempotency_key="2026-11-21").id != job.id
    assert ingest.submit(*pair, FAST).id != ingest.submit(*pair, FAST).id
    assert len(ingest.unfinished_jobs()) == 4


def test_a_key_stands_for_its_parameters(ingest: Ingest, pair: tuple[AssetReference, AssetReference]) -> None:
    content, style = pair
    job = ingest.submit(content, style, FAST, idempotency_key="k")
    other = add_asset(ingest, Role.STYLE, 3)
    refused = pytest.raises(InvalidInput, match=f"'k' belongs to job {job.id}")
    with refused:
        ingest.submit(content, other, FAST, idempotency_key="k")
    with refused:
        ingest.submit(content, style, Hyperparameters(), idempotency_key="k")
    with refused:
        ingest.submit(content, style, FAST, idempotency_key="k", publish=False)
    assert ingest.unfinished_jobs() == [job]


def test_a_key_gives_one_job_to_many_at_once(
    ingest: Ingest, pair: tuple[AssetReference, AssetReference], tmp_path: Path
) -> None:
    services = [ingest, open_ingest(tmp_path)]
    start = threading.Barrier(8)

    def submit(number: int) -> Job:
        start.wait()
        return services[number % 2].submit(*pair, FAST, idempotency_key="today")

    with ThreadPoolExecutor(8) as pool:
        jobs = list(pool.map(submit, range(8)))
    assert len({job.id for job in jobs}) == 1
    assert len(ingest.unfinished_jobs()) == 1
    services[1].close()


def test_cancelling_ends_a_job_once(ingest: Ingest, pair: tuple[AssetReference, AssetReference]) -> None:
    job = ingest.submit(*pair, FAST)
    assert ingest.cancel(job.id)
    cancelled = ingest.job(job.id)
    assert (cancelled.state, cancelled.sequence, cancelled.error_code) == (JobState.CANCELLED, 1, "cancelled")
    assert cancelled.finished_at
    assert not ingest.cancel(job.id)
    EventHandler(ingest.engine).handle(completed(job), 1)
    assert ingest.job(job.id) == cancelled
    assert ingest.relay().relay_once() == 0
    assert ingest.unfinished_jobs() == []


def test_an_unknown_job(ingest: Ingest) -> None:
    with pytest.raises(NotFound, match="no job '42'"):
        ingest.job("42")
    with pytest.raises(NotFound, match="no job '42'"):
        ingest.cancel("42")


def test_nothing_to_choose_from(ingest: Ingest, photos: Path) -> None:
    with pytest.raises(NotFound, match="no photographs"):
        ingest.choose_pair(random.Random(0))
    (photos / "a.png").write_bytes(png(1))
    ingest.sync_all()
    with pytest.raises(NotFound, match="no paintings"):
        ingest.choose_pair(random.Random(0))


def test_chosen_pairs_take_turns_whatever_becomes_of_them(ingest: Ingest, photos: Path, tmp_path: Path) -> None:
    for number in range(2):
        (photos / f"{number}.png").write_bytes(png(number))
        (tmp_path / "paintings" / f"{number}.png").write_bytes(png(10 + number))
    ingest.sync_all()
    rng = random.Random(0)
    chosen = []
    for _ in range(8):
        pair = ingest.choose_pair(rng)
        chosen.append(pair)
        ingest.cancel(ingest.submit(*pair, FAST).id)
    assert len(set(chosen[:4])) == 4
    assert chosen[4:] == chosen[:4]
    # A picture that left its source is not chosen any more, though its jobs are remembered.
    (photos / "0.png").unlink()
    ingest.sync_all()
    assert ingest.choose_pair(rng)[0].name == "1.png"
