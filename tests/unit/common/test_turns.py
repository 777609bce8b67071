"""Work in turns, and who has to wait for his."""

import threading

import anyio
import pytest

from stylegram.common.errors import Unavailable
from stylegram.common.http.turns import Turns


def test_nobody_waits_behind_too_many() -> None:
    go_on = threading.Event()
    done: list[int] = []

    def work(number: int) -> None:
        assert go_on.wait(20)
        done.append(number)

    async def ask() -> None:
        turns = Turns(2, most_waiting=3)
        try:
            async with anyio.create_task_group() as group:
                for number in range(5):
                    group.start_soon(turns.run, work, number)
                await anyio.wait_all_tasks_blocked()
                with pytest.raises(Unavailable, match="Too many"):
                    await turns.run(work, 5)
                go_on.set()
        finally:
            go_on.set()
        await turns.run(work, 6)

    anyio.run(ask)
    assert sorted(done) == [0, 1, 2, 3, 4, 6]


def test_any_number_waits_where_nobody_says_how_many() -> None:
    done: list[int] = []

    async def ask() -> None:
        turns = Turns(1)
        async with anyio.create_task_group() as group:
            for number in range(50):
                group.start_soon(turns.run, done.append, number)

    anyio.run(ask)
    assert sorted(done) == list(range(50))
