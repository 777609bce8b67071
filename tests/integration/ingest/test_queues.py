from collections.abc import Callable
from typing import Any

import pytest
from prometheus_client import REGISTRY

from ingest_samples import submit
from stylegram.common.adapters.sqlite_broker import SqliteBroker
from stylegram.common.errors import NotFound
from stylegram.common.topology import QUEUES, STYLIZER_JOBS
from stylegram.ingest.bootstrap import Ingest
from stylegram.ingest.queues import Queues
from stylegram.ingest.schemas import QueueStatus


def kill_one(ingest: Ingest) -> None:
    delivery = ingest.broker.receive(STYLIZER_JOBS.name)
    assert delivery
    ingest.broker.reject(delivery, "Nobody can use it.")


def stylizer_jobs(ingest: Ingest) -> QueueStatus:
    return next(status for status in ingest.queues() if status.name == STYLIZER_JOBS.name)


def test_how_queues_stand(ingest: Ingest) -> None:
    assert [status.name for status in ingest.queues()] == [queue.name for queue in QUEUES]
    for _ in range(3):
        submit(ingest)
    ingest.relay().relay_once()
    kill_one(ingest)
    ingest.pause(STYLIZER_JOBS.name)
    assert stylizer_jobs(ingest) == QueueStatus(name=STYLIZER_JOBS.name, waiting=2, dead=1, paused=True)
    assert ingest.broker.receive(STYLIZER_JOBS.name) is None
    ingest.resume(STYLIZER_JOBS.name)
    assert not stylizer_jobs(ingest).paused


def test_dead_letters_are_shown_drained_and_put_back(ingest: Ingest) -> None:
    submit(ingest)
    ingest.relay().relay_once()
    kill_one(ingest)
    (letter,) = ingest.dead_letters(STYLIZER_JOBS.name)
    assert letter.reason == "Nobody can use it."
    assert ingest.drain_dead(STYLIZER_JOBS.name, requeue=True) == [letter]
    assert (stylizer_jobs(ingest).waiting, stylizer_jobs(ingest).dead) == (1, 0)
    kill_one(ingest)
    assert len(ingest.drain_dead(STYLIZER_JOBS.name)) == 1
    assert (stylizer_jobs(ingest).waiting, stylizer_jobs(ingest).dead) == (0, 0)


@pytest.mark.parametrize("do", [Queues.pause, Queues.resume, Queues.dead_letters, Queues.drain_dead])
def test_an_unknown_queue(do: Callable[..., Any], ingest: Ingest) -> None:
    with pytest.raises(NotFound, match=r"no queue 'stylizer\.cats'\. The queues are stylizer\.jobs, "):
        do(ingest, "stylizer.cats")


def gauge(name: str, **labels: str) -> float | None:
    return REGISTRY.get_sample_value(name, {"queue": STYLIZER_JOBS.name, **labels})


def test_gauges_say_how_queues_stand_or_nothing(ingest: Ingest) -> None:
    for _ in range(2):
        submit(ingest)
    ingest.relay().relay_once()
    kill_one(ingest)
    ingest.pause(STYLIZER_JOBS.name)
    ingest.measure_queues()
    assert gauge("stylegram_queue_messages", state="waiting") == 1
    assert gauge("stylegram_queue_messages", state="dead") == 1
    assert gauge("stylegram_queue_paused") == 1
    away = SqliteBroker(None)
    away.close()
    Queues(broker=away).measure_queues()
    assert gauge("stylegram_queue_messages", state="waiting") is None
    assert gauge("stylegram_queue_paused") is None
