"""The worker as a process that is killed, stopped and started again."""

import os
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from dataclasses import dataclass
from pathlib import Path

import pytest

from service_processes import ask, free_port, problems, wait_until, wait_until_ready
from stylegram.common import artifacts
from stylegram.common.adapters.sqlite_broker import SqliteBroker
from stylegram.common.messages import (
    JobCancelled,
    JobCompleted,
    JobFailed,
    JobInterrupted,
    JobProgress,
    JobStarted,
    Message,
    StyleJob,
)
from stylegram.common.records import RunRecord
from stylegram.common.topology import QUEUES, STYLIZER_JOBS
from stylizer_fakes import EVENTS, Studio

PATIENCE = 120.0
"""Seconds; far more than anything here takes on a busy machine."""


@dataclass
class Town:
    """A queue and a storage on disk, and worker processes at them."""

    studio: Studio
    environment: dict[str, str]
    processes: ExitStack

    def job(self, evaluations: int) -> StyleJob:
        job = self.studio.job(evaluations=(evaluations,))
        hyperparameters = job.hyperparameters.model_copy(update={"size": 64})
        return job.model_copy(update={"hyperparameters": hyperparameters})

    def start(self, *arguments: str) -> "subprocess.Popen[bytes]":
        arguments = arguments or ("-m", "stylegram.stylizer")
        process = subprocess.Popen([sys.executable, *arguments], env=self.environment)
        self.processes.callback(process.wait)
        self.processes.callback(process.kill)
        return process

    def wait_for(self, found: Callable[[Message], bool], process: "subprocess.Popen[bytes]") -> list[Message]:
        """All that is said until a message is the one that was waited for, which comes last."""
        said: list[Message] = []
        deadline = time.monotonic() + PATIENCE
        while time.monotonic() < deadline:
            for message in self.studio.events():
                said.append(message)
                if found(message):
                    return said
            assert process.poll() is None, f"the worker ended with {process.returncode}; it had said {said}"
            time.sleep(0.05)
        raise AssertionError(f"not said in {PATIENCE} seconds; only {[message.type for message in said[-5:]]}")


@pytest.fixture
def town(studio: Studio, tmp_path: Path, cache: Path) -> Iterator[Town]:
    studio.broker.close()
    studio.broker = SqliteBroker(tmp_path / "broker.sqlite")
    studio.broker.declare([*QUEUES, EVENTS])
    environment = {
        **{name: value for name, value in os.environ.items() if not name.startswith("STYLEGRAM_")},
        "OMP_NUM_THREADS": "1",
        "STYLEGRAM_BROKER_URL": f"sqlite://{tmp_path}/broker.sqlite",
        "STYLEGRAM_STORAGE_URL": f"file://{tmp_path}/storage",
        "STYLEGRAM_WEIGHTS_DIR": str(cache),
        "STYLEGRAM_VISIBILITY_SECONDS": "2",
        "STYLEGRAM_SNAPSHOT_EVERY": "1000",
    }
    with ExitStack() as processes:
        yield Town(studio, environment, processes)


def is_progress(message: Message) -> bool:
    return isinstance(message, JobProgress)


def is_end(message: Message) -> bool:
    return isinstance(message, JobCompleted | JobFailed)


def test_a_job_whose_worker_was_killed_is_painted_once_by_the_next(town: Town) -> None:
    town.studio.broker.publish(town.job(300))
    first = town.start()
    town.wait_for(is_progress, first)
    first.kill()
    first.wait(PATIENCE)
    assert town.studio.runs() == []
    second = town.start()
    said = town.wait_for(is_end, second)
    assert [message.attempt for message in said if isinstance(message, JobStarted)] == [2]
    end = said[-1]
    assert isinstance(end, JobCompleted)
    assert town.studio.runs() == [artifacts.record("42"), artifacts.result("42"), artifacts.timelapse("42")]
    record = RunRecord.model_validate_json(town.studio.storage.read(artifacts.record("42")))
    assert end.record == record
    assert (record.outcome, record.evaluations, len(record.curve)) == ("succeeded", 300, 300)
    second.send_signal(signal.SIGTERM)
    assert second.wait(PATIENCE) == 0
    assert town.studio.broker.depth(STYLIZER_JOBS.name) == 0
    assert town.studio.broker.dead_letters(STYLIZER_JOBS.name) == []
    assert town.studio.events() == []


def test_a_worker_that_is_asked_to_stop_gives_its_job_back_uncounted(town: Town) -> None:
    town.studio.broker.publish(town.job(10_000))
    process = town.start()
    town.wait_for(is_progress, process)
    process.send_signal(signal.SIGTERM)
    assert process.wait(PATIENCE) == 0
    (left,) = town.studio.runs()
    assert left.startswith(artifacts.checkpoints("42"))
    assert not [message for message in town.studio.events() if is_end(message)]
    delivery = town.studio.broker.receive(STYLIZER_JOBS.name)  # at once: the claim was given back
    assert delivery is not None
    assert delivery.count == 1


def test_what_one_worker_was_stopped_at_the_next_one_finishes_as_if_it_had_done_all(town: Town) -> None:
    town.studio.broker.publish(town.job(200))
    first = town.start()
    said = town.wait_for(is_progress, first)
    first.send_signal(signal.SIGTERM)
    assert first.wait(PATIENCE) == 0
    (started,) = (message for message in said if isinstance(message, JobStarted))
    (interrupted,) = (message for message in town.studio.events() if isinstance(message, JobInterrupted))
    assert interrupted.worker == started.worker
    (left,) = town.studio.runs()
    town.studio.broker.publish(town.job(200).model_copy(update={"job_id": "uninterrupted"}))
    second = town.start()
    ends = [town.wait_for(is_end, second)[-1] for _ in range(2)]
    records = {end.job_id: end.record for end in ends if isinstance(end, JobCompleted)}
    resumed, uninterrupted = records["42"], records["uninterrupted"]
    (evaluation,) = resumed.resumed_at
    assert left == artifacts.checkpoint("42", evaluation)
    assert uninterrupted.resumed_at == ()
    assert (resumed.evaluations, resumed.curve) == (200, uninterrupted.curve)
    for artifact in (artifacts.result, artifacts.timelapse):
        assert town.studio.storage.read(artifact("42")) == town.studio.storage.read(artifact("uninterrupted"))


def test_a_job_that_is_cancelled_ends_at_once_and_its_worker_goes_on(town: Town) -> None:
    town.studio.broker.publish(town.job(10_000))
    worker = town.start()
    town.wait_for(is_progress, worker)
    town.studio.storage.write(artifacts.cancellation("42"), b"", content_type="text/plain")
    town.wait_for(lambda message: isinstance(message, JobCancelled), worker)
    assert [name for name in town.studio.runs() if "snapshots" not in name] == [artifacts.cancellation("42")]
    town.studio.broker.publish(town.job(1).model_copy(update={"job_id": "43"}))
    assert isinstance(town.wait_for(is_end, worker)[-1], JobCompleted)
    assert town.studio.broker.dead_letters(STYLIZER_JOBS.name) == []


HANGS = """
import runpy, time
from stylegram.stylizer import easel, watch
easel.stylize = lambda *_, **__: time.sleep(1000)
watch._GRACE_SECONDS = 0.2
runpy.run_module("stylegram.stylizer", run_name="__main__")
"""


def test_a_worker_whose_job_hangs_ends_and_says_where(town: Town, capfd: pytest.CaptureFixture[str]) -> None:
    town.environment["STYLEGRAM_JOB_SECONDS"] = "0.2"
    town.studio.broker.publish(town.job(1))
    assert town.start("-c", HANGS).wait(PATIENCE) == 1
    log = capfd.readouterr().err
    assert '"job_hangs"' in log
    assert '"job_id": "42"' in log
    assert "easel.py" in log
    delivery = town.studio.broker.receive(STYLIZER_JOBS.name, timeout=PATIENCE)
    assert delivery is not None
    assert delivery.count == 2, "the broker counts the attempt"
    assert town.studio.runs() == []


def test_a_worker_answers_whether_it_lives_and_can_work(town: Town) -> None:
    port = free_port()
    town.environment["STYLEGRAM_METRICS_PORT"] = str(port)
    worker = town.start()
    wait_until_ready(port, worker)
    town.studio.broker.publish(town.job(1))
    town.wait_for(is_end, worker)
    assert b'stylegram_stylizer_jobs_total{outcome="succeeded"} 1.0' in ask(port, "/metrics")[1]
    with closing(sqlite3.connect(town.studio.folder / "broker.sqlite")) as queues, queues:
        queues.execute("DELETE FROM queues")
    wait_until(lambda: ask(port, "/readyz")[0] == 503)
    assert list(problems(port, "/readyz")[1]) == ["broker"]
    assert ask(port, "/healthz")[0] == 200


def test_a_worker_without_its_device_says_so_and_takes_no_job(town: Town) -> None:
    town.studio.broker.publish(town.job(1))
    town.environment["STYLEGRAM_DEVICE"] = "cuda:99"
    assert town.start().wait(PATIENCE) == 1
    assert town.studio.events() == []
    assert town.studio.broker.depth(STYLIZER_JOBS.name) == 1
