import base64
import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from ingest_samples import FAST, add_asset, alter, png, say, submit
from stylegram.common.errors import InvalidInput
from stylegram.common.messages import JobStarted, Priority
from stylegram.common.records import Role
from stylegram.ingest.bootstrap import Ingest
from stylegram.ingest.schemas import JobFilter
from stylegram.ingest.tables import JobState

pytestmark = pytest.mark.every_database


def test_pages_have_everything_once_while_jobs_are_added(ingest: Ingest) -> None:
    jobs = [submit(ingest).id for _ in range(7)]
    found: list[str] = []
    cursor = None
    while True:
        page = ingest.jobs(limit=2, cursor=cursor)
        found += [job.id for job in page.items]
        submit(ingest)
        if (cursor := page.next) is None:
            break
    assert found == jobs[::-1]


def test_jobs_of_the_same_moment_are_told_apart(ingest: Ingest) -> None:
    moment = datetime(2026, 11, 20, tzinfo=UTC)
    jobs = {alter(ingest, submit(ingest), created_at=moment).id for _ in range(3)}
    first = ingest.jobs(limit=1)
    second = ingest.jobs(limit=1, cursor=first.next)
    third = ingest.jobs(limit=1, cursor=second.next)
    assert {job.id for page in (first, second, third) for job in page.items} == jobs
    assert third.next is None


def test_the_last_page_may_be_full(ingest: Ingest) -> None:
    submit(ingest)
    assert ingest.jobs(limit=1).next is None
    assert ingest.jobs(JobFilter(states=(JobState.FAILED,)), limit=1).items == []


def test_filters(ingest: Ingest) -> None:
    start = datetime(2026, 11, 20, 12, tzinfo=UTC)
    other = add_asset(ingest, Role.CONTENT, 7), add_asset(ingest, Role.STYLE, 8)
    plain = alter(ingest, submit(ingest), created_at=start)
    batch = alter(ingest, submit(ingest, priority=Priority.BATCH), created_at=start + timedelta(hours=1))
    different = alter(ingest, ingest.submit(*other, FAST), created_at=start + timedelta(hours=2))
    say(ingest, JobStarted(job_id=different.id, worker="worker", attempt=1))

    def ids(**wanted: Any) -> list[str]:
        return [job.id for job in ingest.jobs(JobFilter(**wanted), limit=9).items]

    assert ids() == [different.id, batch.id, plain.id]
    assert ids(states=[JobState.QUEUED]) == [batch.id, plain.id]
    assert ids(states=[JobState.QUEUED, JobState.RUNNING]) == ids()
    assert ids(content=other[0].sha256) == ids(style=other[1].sha256) == [different.id]
    assert ids(priority=Priority.BATCH) == [batch.id]
    assert ids(created_after=start + timedelta(hours=1)) == [different.id, batch.id]
    assert ids(created_before=start + timedelta(hours=1)) == [plain.id]
    assert ids(created_after="2026-11-20T14:00:00+01:00") == [different.id, batch.id]
    page = ingest.jobs(JobFilter(states=(JobState.QUEUED,)), limit=1)
    assert [job.id for job in ingest.jobs(JobFilter(states=(JobState.QUEUED,)), limit=1, cursor=page.next).items] == [
        plain.id
    ]


@pytest.mark.parametrize("time", ["2026-11-20T12:00:00", "9999-12-31T23:59:59-23:59", "0001-01-01T00:00:00+23:59"])
def test_a_time_that_is_none(time: str) -> None:
    with pytest.raises(ValidationError):
        JobFilter.model_validate({"created_after": time})


def encode(value: object) -> str:
    return base64.urlsafe_b64encode(json.dumps(value).encode()).decode()


@pytest.mark.parametrize(
    "cursor",
    [
        "",
        "x",
        "ü",
        "\0",
        encode(None),
        encode([1, 2]),
        encode(["2026-11-20T12:00:00+00:00", "42"]),
        encode(["2026-11-20T12:00:00", "6f9619ff-8b86-4d11-b42d-00c04fc964ff"]),
        encode(["9999-12-31T23:59:59-23:59", "6f9619ff-8b86-4d11-b42d-00c04fc964ff"]),
        encode(["2026-11-20T12:00:00+00:00", {"a": 1}]),
        base64.urlsafe_b64encode(b"[" * 100_000).decode(),
    ],
)
def test_a_cursor_that_is_none(cursor: str, ingest: Ingest) -> None:
    with pytest.raises(InvalidInput, match="is no cursor"):
        ingest.jobs(limit=1, cursor=cursor)


@pytest.mark.parametrize(
    "cursor", ["", "x", encode(None), encode([1]), encode("1"), encode(1.0), encode(True), encode(0), encode(2**31)]
)
def test_a_cursor_that_is_no_assets(cursor: str, ingest: Ingest) -> None:
    with pytest.raises(InvalidInput, match="is no cursor"):
        ingest.assets(limit=1, cursor=cursor)


def test_pages_end_after_the_last_asset(ingest: Ingest, photos: Path, tmp_path: Path) -> None:
    for number in range(4):
        folder = photos if number % 2 else tmp_path / "paintings"
        (folder / f"{number}.png").write_bytes(png(number))
        ingest.sync_all()
    first = ingest.assets(limit=2)
    second = ingest.assets(limit=2, cursor=first.next)
    assert [asset.name for page in (first, second) for asset in page.items] == ["3.png", "2.png", "1.png", "0.png"]
    assert second.next is None
    photographs = ingest.assets(Role.CONTENT, limit=1)
    assert [asset.name for asset in ingest.assets(Role.CONTENT, limit=1, cursor=photographs.next).items] == ["1.png"]
    assert ingest.assets(limit=9, cursor=encode(2**31 - 1)).items == first.items + second.items
