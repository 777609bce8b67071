import random
import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from ingest_samples import FAST, add_asset, completed, open_ingest, png, say
from stylegram.common.database import transaction
from stylegram.common.errors import InvalidInput, NotFound, QueueFull, WrongState
from stylegram.common.hyperparameters import Hyperparameters
from stylegram.common.messages import JobFailed, JobStarted, Priority
from stylegram.common.records import AssetReference, Role
from stylegram.ingest.asset_repository import AssetRepository
from stylegram.ingest.bootstrap import Ingest
from stylegram.ingest.schemas import Job, Submission
from stylegram.ingest.tables import JobState

pytestmark = pytest.mark.every_database


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
    ingest: Ingest, pair: tuple[AssetReference, AssetReference], tmp_path: Path, database_url: str
) -> None:
    services = [ingest, open_ingest(tmp_path, database_url)]
    start = threading.Barrier(8)

    def submit(number: int) -> Job:
        start.wait()
        return services[number % 2].submit(*pair, FAST, idempotency_key="today")

    with ThreadPoolExecutor(8) as pool:
        jobs = list(pool.map(submit, range(8)))
    assert len({job.id for job in jobs}) == 1
    assert len(ingest.unfinished_jobs()) == 1
    services[1].close()


def test_a_key_stands_for_further_pictures_too(ingest: Ingest, pair: tuple[AssetReference, AssetReference]) -> None:
    mask, other = add_asset(ingest, Role.STYLE, 3), add_asset(ingest, Role.STYLE, 4)
    job = ingest.submit(*pair, FAST, idempotency_key="k", masks=[mask])
    renamed = mask.model_copy(update={"name": "renamed.jpg"})
    assert ingest.submit(*pair, FAST, idempotency_key="k", masks=[renamed]) == job
    different: list[dict[str, Any]] = [
        {"masks": [other]},
        {"masks": [None]},
        {},
        {"masks": [mask], "priority": Priority.BATCH},
        {"masks": [mask], "time_limit_seconds": 1},
        {"masks": [mask], "trial": "autumn/7"},
        {"further_styles": [mask]},
    ]
    for options in different:
        with pytest.raises(InvalidInput, match="'k' belongs to job"):
            ingest.submit(*pair, FAST, idempotency_key="k", **options)


@pytest.mark.parametrize(
    ("hyperparameters", "options", "complaint"),
    [
        ({"style_weights": (1.0, 2.0)}, {}, "style_weights has 2 numbers for 1 style images"),
        ({}, {"masks": [None, None]}, "2 masks for 1 style images"),
        ({"start": "image"}, {}, "needs a picture to start from"),
        ({}, {"start_image": "style"}, "but start=color_transfer"),
        ({}, {"time_limit_seconds": 0}, "limit of 0.0 seconds"),
        ({}, {"time_limit_seconds": float("nan")}, "limit of nan seconds"),
        ({}, {"time_limit_seconds": float("inf")}, "limit of inf seconds"),
    ],
)
def test_pictures_and_hyperparameters_go_together(
    hyperparameters: dict[str, Any],
    options: dict[str, Any],
    complaint: str,
    ingest: Ingest,
    pair: tuple[AssetReference, AssetReference],
) -> None:
    if "start_image" in options:
        options = {"start_image": pair[1]}
    with pytest.raises(InvalidInput, match=complaint):
        ingest.submit(*pair, FAST.model_copy(update=hyperparameters), **options)
    assert ingest.unfinished_jobs() == []


def test_further_pictures_have_to_be_there(ingest: Ingest, pair: tuple[AssetReference, AssetReference]) -> None:
    content, style = pair
    stranger = style.model_copy(update={"sha256": "f" * 64, "name": "stranger.jpg"})
    with pytest.raises(NotFound, match=r"'content 1\.jpg' .* is no style image"):
        ingest.submit(content, style, FAST, further_styles=[content])
    with pytest.raises(NotFound, match=r"'stranger\.jpg' .* is no image"):
        ingest.submit(content, style, FAST, masks=[stranger])
    job = ingest.submit(content, style, FAST, masks=[content])
    assert job.masks == (content,), "a mask may be of either role"


def test_a_full_queue_refuses_more_but_knows_its_keys(
    ingest: Ingest, pair: tuple[AssetReference, AssetReference], tmp_path: Path, database_url: str
) -> None:
    small = open_ingest(tmp_path, database_url, max_queued=2)
    first = small.submit(*pair, FAST, idempotency_key="k")
    second = small.submit(*pair, FAST)
    for key in (None, "other"):
        with pytest.raises(QueueFull, match="2 jobs wait already") as refused:
            small.submit(*pair, FAST, idempotency_key=key)
        assert refused.value.retryable
    assert small.submit(*pair, FAST, idempotency_key="k") == first
    say(ingest, JobStarted(job_id=second.id, worker="w", attempt=1))
    assert small.submit(*pair, FAST).state == JobState.QUEUED, "one has begun"
    small.close()


def test_a_job_is_judged_before_its_pictures_are_there(
    ingest: Ingest, pair: tuple[AssetReference, AssetReference]
) -> None:
    job = ingest.submit(*pair, FAST, idempotency_key="k")
    wanted = Submission.model_validate(job.model_dump())
    absent = wanted.model_copy(update={"style": AssetReference(sha256="f" * 64, object_name="", name="")})
    assert ingest.judge(wanted, idempotency_key="k") == job
    assert ingest.judge(absent, idempotency_key="new") is None
    with pytest.raises(InvalidInput, match="'k' belongs to job"):
        ingest.judge(absent, idempotency_key="k")
    with pytest.raises(InvalidInput, match="1 masks for 2 style images"):
        ingest.judge(absent.model_copy(update={"masks": (None,), "further_styles": (pair[1],)}))
    full = replace(ingest, max_queued=1)
    with pytest.raises(QueueFull):
        full.judge(absent)
    assert full.judge(wanted, idempotency_key="k") == job
    assert ingest.unfinished_jobs() == [job]


def test_a_retry_is_a_new_job_with_the_same_parameters(
    ingest: Ingest, pair: tuple[AssetReference, AssetReference]
) -> None:
    options: dict[str, Any] = {"priority": Priority.BATCH, "masks": [pair[0]], "time_limit_seconds": 7.5}
    job = ingest.submit(*pair, FAST, publish=False, idempotency_key="k", trial="autumn/7", **options)
    assert job.trial == "autumn/7"
    for state in ("queued", "running"):
        with pytest.raises(WrongState, match=f"is {state}"):
            ingest.retry(job.id)
        say(ingest, JobStarted(job_id=job.id, worker="w", attempt=1))
    say(ingest, JobFailed(job_id=job.id, reason="r", error_code="e"))
    again = ingest.retry(job.id)
    assert (again.retry_of, again.state, again.idempotency_key, again.sequence) == (job.id, "queued", None, 0)
    assert again.trial is None, "of which the study has heard that it failed"
    same = set(Submission.model_fields) - {"retry_of", "trial"}
    assert again.model_dump(include=same) == job.model_dump(include=same)
    assert ingest.retry(job.id) == again, "it is under way"
    with pytest.raises(WrongState, match=f"Job {again.id} tries job {job.id} again already"):
        ingest.retry(job.id, idempotency_key="new")
    say(ingest, completed(again))
    third = ingest.retry(job.id, idempotency_key="third")
    assert third.id not in (job.id, again.id)
    say(ingest, completed(third))
    fourth = ingest.retry(job.id)
    assert fourth.id != third.id
    assert ingest.retry(job.id, idempotency_key="third").id == third.id, "whatever else is under way"
    with pytest.raises(InvalidInput, match="'k' belongs to job"):
        ingest.retry(job.id, idempotency_key="k")
    with pytest.raises(WrongState, match="has succeeded"):
        ingest.retry(third.id)
    with pytest.raises(NotFound, match="no job '42'"):
        ingest.retry("42")


def test_retries_at_once_are_one(
    ingest: Ingest, pair: tuple[AssetReference, AssetReference], tmp_path: Path, database_url: str
) -> None:
    job = ingest.submit(*pair, FAST)
    say(ingest, JobFailed(job_id=job.id, reason="r", error_code="e"))
    services = [ingest, open_ingest(tmp_path, database_url)]
    start = threading.Barrier(6)

    def retry(number: int) -> str:
        start.wait()
        return services[number % 2].retry(job.id).id

    with ThreadPoolExecutor(6) as pool:
        assert len(set(pool.map(retry, range(6)))) == 1
    services[1].close()


def test_the_daily_picture_is_one_a_day(ingest: Ingest, photos: Path, tmp_path: Path, database_url: str) -> None:
    for number in range(3):
        (photos / f"{number}.png").write_bytes(png(number))
        (tmp_path / "paintings" / f"{number}.png").write_bytes(png(10 + number))
    ingest.sync_all()
    daily = ingest.submit_daily(FAST, rng=random.Random(1))
    assert daily.priority == Priority.BATCH
    assert daily.publish
    for seed in range(5):
        assert ingest.submit_daily(FAST, rng=random.Random(seed)) == daily
    assert ingest.submit_daily(Hyperparameters()) == daily
    other = ingest.submit_daily(FAST, again=True)
    assert other.id != daily.id
    assert (other.content, other.style) != (daily.content, daily.style)
    assert ingest.submit_daily(FAST, again=True).id != other.id
    # A day apart at any time: it is a day later there already.
    east, west = (open_ingest(tmp_path, database_url, timezone=zone) for zone in ("Pacific/Kiritimati", "Etc/GMT+12"))
    assert len({service.submit_daily(FAST).id for service in (east, west)}) == 2
    for service in (east, west):
        service.close()


def test_daily_pictures_at_once_are_one_whatever_pair_each_chooses(
    ingest: Ingest, photos: Path, tmp_path: Path
) -> None:
    for number in range(8):
        (photos / f"{number}.png").write_bytes(png(number))
    (tmp_path / "paintings" / "a.png").write_bytes(png(10))
    ingest.sync_all()
    start = threading.Barrier(8)

    def daily(number: int) -> str:
        start.wait()
        return ingest.submit_daily(FAST, rng=random.Random(number)).id

    with ThreadPoolExecutor(8) as pool:
        assert len(set(pool.map(daily, range(8)))) == 1


def test_who_chooses_another_pair_too_late_gets_the_first(ingest: Ingest, photos: Path, tmp_path: Path) -> None:
    for number in range(2):
        (photos / f"{number}.png").write_bytes(png(number))
    (tmp_path / "paintings" / "a.png").write_bytes(png(10))
    ingest.sync_all()
    faster: list[Job] = []

    class Undecided(random.Random):
        """While it chooses, somebody else has the other picture painted."""

        def choice(self, pictures: Any) -> Any:
            if not faster:
                faster.append(ingest.submit_daily(FAST, rng=random.Random(0)))
            return next(each for each in pictures if each != used(faster[0])) if len(pictures) > 1 else pictures[0]

    def used(job: Job) -> int:
        with transaction(ingest.engine) as session:
            row = AssetRepository(session).row(Role.CONTENT, job.content.sha256)
            assert row
            return row.id

    assert [ingest.submit_daily(FAST, rng=Undecided()).id] == [job.id for job in faster]


def test_the_daily_picture_needs_pictures(ingest: Ingest) -> None:
    with pytest.raises(NotFound, match="no photographs"):
        ingest.submit_daily(FAST)


def test_only_what_has_changed_is_told(ingest: Ingest, pair: tuple[AssetReference, AssetReference]) -> None:
    first, second, third = (ingest.submit(*pair, FAST) for _ in range(3))
    known = {job.id: job.sequence for job in (third, second)} | {"42": 0}
    assert ingest.changed_jobs(known) == ingest.changed_jobs({}) == []
    for job in (first, second):
        say(ingest, JobStarted(job_id=job.id, worker="w", attempt=1))
    assert ingest.changed_jobs(known) == [ingest.job(second.id)]
    assert ingest.changed_jobs({second.id: 99}) == [ingest.job(second.id)], "whichever way the number differs"


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
