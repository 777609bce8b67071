import asyncio
import threading
from collections.abc import Mapping
from typing import Any

import pytest

from ingest_samples import FAST
from stylegram.common.clock import utcnow
from stylegram.common.errors import Unavailable
from stylegram.common.records import AssetReference
from stylegram.ingest.http.watch import JobWatch, Reader
from stylegram.ingest.schemas import Job

LONG = 20.0
SOON = 0.01


def job_at(sequence: int, job_id: str = "a") -> Job:
    picture = AssetReference(sha256="0" * 64, object_name="x", name="x")
    known: dict[str, Any] = dict.fromkeys(Job.model_fields)
    known |= {"id": job_id, "content": picture, "style": picture, "hyperparameters": FAST, "publish": False}
    known |= {"created_at": utcnow(), "state": "running", "sequence": sequence, "priority": "batch", "publications": 1}
    return Job.model_validate(known)


class Table:
    """Jobs with their sequence numbers, and what was asked of them."""

    def __init__(self, **sequences: int) -> None:
        self.sequences = sequences
        self.asked: list[Mapping[str, int]] = []
        self.threads: set[str] = set()
        self.error: Exception | None = None

    def look(self, known: Mapping[str, int]) -> list[Job]:
        self.asked.append(known)
        self.threads.add(threading.current_thread().name)
        if self.error:
            raise self.error
        return [job_at(self.sequences[id_], id_) for id_, number in known.items() if self.sequences[id_] != number]


async def sequence_of(reader: Reader) -> int:
    job = await reader.next(LONG)
    assert job
    return job.sequence


def test_one_look_serves_all_readers() -> None:
    table = Table(a=1, b=5)

    async def follow() -> None:
        watch = JobWatch(table.look, interval=SOON)
        with watch.reader(job_at(1)) as first, watch.reader(job_at(1)) as second, watch.reader(job_at(5, "b")) as other:
            table.sequences["a"] = 2
            assert [await sequence_of(first), await sequence_of(second)] == [2, 2]
            assert await other.next(3 * SOON) is None
            table.sequences["b"] = 6
            assert await sequence_of(other) == 6
        assert all(set(known) == {"a", "b"} for known in table.asked)

    asyncio.run(follow())
    assert threading.main_thread().name not in table.threads


def test_nothing_is_asked_while_nobody_reads() -> None:
    table = Table(a=1)

    async def follow() -> None:
        watch = JobWatch(table.look, interval=SOON)
        with watch.reader(job_at(1)):
            await asyncio.sleep(5 * SOON)
        await asyncio.sleep(2 * SOON)
        asked = len(table.asked)
        assert asked
        await asyncio.sleep(5 * SOON)
        assert len(table.asked) == asked
        table.sequences["a"] = 2
        with watch.reader(job_at(1)) as later:
            assert await sequence_of(later) == 2

    asyncio.run(follow())


def test_who_reads_slowly_misses_what_is_old() -> None:
    table = Table(a=1)

    async def follow() -> None:
        watch = JobWatch(table.look, interval=SOON)
        with watch.reader(job_at(1)) as slow, watch.reader(job_at(1)) as quick:
            for number in range(2, 6):
                table.sequences["a"] = number
                assert await sequence_of(quick) == number
            assert await sequence_of(slow) == 5
            assert await slow.next(3 * SOON) is None

    asyncio.run(follow())


def test_who_comes_with_an_old_state_hears_the_newest() -> None:
    """It read the job before the others heard of a change, which is not new to the watch any more."""
    table = Table(a=1)

    async def follow() -> None:
        watch = JobWatch(table.look, interval=SOON)
        with watch.reader(job_at(1)) as early:
            table.sequences["a"] = 2
            assert await sequence_of(early) == 2
            with watch.reader(job_at(1)) as late:
                assert await sequence_of(late) == 2
            assert await early.next(3 * SOON) is None

    asyncio.run(follow())


def test_a_database_that_is_away_is_waited_for() -> None:
    table = Table(a=2)
    table.error = Unavailable("The database did not answer.")

    async def follow() -> None:
        watch = JobWatch(table.look, interval=SOON)
        with watch.reader(job_at(1)) as reader:
            assert await reader.next(5 * SOON) is None
            assert not reader.ended
            table.error = None
            assert await sequence_of(reader) == 2

    asyncio.run(follow())


def test_a_defect_ends_the_readers_instead_of_leaving_them_in_silence() -> None:
    table = Table(a=1)
    table.error = RuntimeError("a defect")

    async def follow() -> None:
        watch = JobWatch(table.look, interval=SOON)
        with watch.reader(job_at(1)) as reader:
            assert await reader.next(LONG) is None
            assert reader.ended
        table.error = None
        table.sequences["a"] = 2
        with watch.reader(job_at(1)) as again:
            assert await sequence_of(again) == 2

    asyncio.run(follow())


def test_closing_ends_everybody() -> None:
    async def follow() -> None:
        watch = JobWatch(Table(a=1).look, interval=SOON)
        with watch.reader(job_at(1)) as reader:
            watch.close()
            assert await reader.next(LONG) is None
            assert reader.ended
        with pytest.raises(Unavailable, match="about to end"), watch.reader(job_at(1)):
            pass

    asyncio.run(follow())


def test_there_is_room_for_so_many() -> None:
    async def follow() -> None:
        watch = JobWatch(Table(a=1).look, interval=SOON, capacity=2)
        with watch.reader(job_at(1)):
            refused = pytest.raises(Unavailable, match="2 others follow jobs already")
            with watch.reader(job_at(1)), refused, watch.reader(job_at(1)):
                pass
            with watch.reader(job_at(1)):
                pass

    asyncio.run(follow())
