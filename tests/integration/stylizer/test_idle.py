"""A worker that is started for jobs that wait, and ends when there are no more; on RabbitMQ."""

import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from rabbitmq_node import RabbitNode
from service_processes import ask, free_port, process_of
from stylegram.common import artifacts
from stylegram.common.adapters import open_broker
from stylegram.common.messages import Priority, StyleJob
from stylegram.common.ports import Broker
from stylegram.common.records import RunRecord
from stylegram.common.topology import QUEUES, STYLIZER_QUEUES
from stylizer_fakes import Studio

PATIENCE = 180.0
"""Seconds; far more than anything here takes on a busy machine."""
_IDLE_SECONDS = 0.5


@dataclass
class Town:
    """A RabbitMQ node, a storage, and what a worker process is told of them."""

    studio: Studio
    broker: Broker
    settings: dict[str, str]

    def job(self, job_id: str, priority: Priority, *, evaluations: int) -> StyleJob:
        job = self.studio.job(job_id, size=64, evaluations=(evaluations,))
        return job.model_copy(update={"priority": priority})


@pytest.fixture
def town(studio: Studio, rabbitmq: RabbitNode, tmp_path: Path, cache: Path) -> Iterator[Town]:
    rabbitmq.forget(QUEUES)
    broker = open_broker(rabbitmq.url)
    broker.declare(QUEUES)
    settings = {
        "BROKER_URL": rabbitmq.url,
        "STORAGE_URL": f"file://{tmp_path}/storage",
        "WEIGHTS_DIR": str(cache),
        "TIMELAPSE": "false",
    }
    yield Town(studio, broker, settings)
    broker.close()


def answers_until_it_ends(port: int, process: "subprocess.Popen[bytes]") -> set[int]:
    """What `/healthz` said meanwhile."""
    said: set[int] = set()
    deadline = time.monotonic() + PATIENCE
    while process.poll() is None:
        assert time.monotonic() < deadline, "it does not end"
        try:
            said.add(ask(port, "/healthz")[0])
        except OSError:  # it does not listen yet, or no more
            time.sleep(0.01)
    return said


def test_a_worker_does_all_jobs_that_wait_and_ends_well(town: Town) -> None:
    jobs = [
        town.job("batch", Priority.BATCH, evaluations=5),
        town.job("interactive", Priority.INTERACTIVE, evaluations=50),
    ]
    for job in jobs:
        town.broker.publish(job)
    port = free_port()
    settings = town.settings | {"IDLE_SECONDS": str(_IDLE_SECONDS), "METRICS_PORT": str(port)}
    with process_of("stylegram.stylizer", settings) as worker:
        assert answers_until_it_ends(port, worker) == {200}
        assert worker.returncode == 0
    for job in jobs:
        record = RunRecord.model_validate_json(town.studio.storage.read(artifacts.record(job.job_id)))
        assert (record.outcome, record.evaluations) == ("succeeded", *job.hyperparameters.evaluations)
    for queue in STYLIZER_QUEUES:
        assert town.broker.receive(queue.name) is None
        assert town.broker.dead_letters(queue.name) == []


def test_a_worker_without_patience_and_without_a_job_ends_well(town: Town) -> None:
    with process_of("stylegram.stylizer", town.settings | {"IDLE_SECONDS": "0"}) as worker:
        assert worker.wait(PATIENCE) == 0
    assert town.studio.runs() == []
