"""Everything breaks, again and again, and every job ends once.

Two replicas of ingest, a logger and four workers over a real RabbitMQ node are killed, interrupted and started again at
random; the broker is stopped three times, the database locked, and the storage fails one call in five. What happens is
decided by a seed, when it happens by the machine. `STYLEGRAM_CHAOS_SEEDS=1,2,3 STYLEGRAM_CHAOS_JOBS=300
STYLEGRAM_CHAOS_PICTURES=20` asks for the whole storm (`make chaos`); by default it is a short one.
"""

import os
import random
import signal
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from contextlib import ExitStack, suppress
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from pydantic import SecretStr

from chaos_nursery import FAILS, FAST, KILLS, REAL
from ingest_samples import encoded, folder_url, quarters
from rabbitmq_node import RabbitNode
from service_processes import process_of
from stylegram.common import artifacts
from stylegram.common.database import open_database
from stylegram.common.errors import Unavailable
from stylegram.common.hyperparameters import Hyperparameters
from stylegram.common.messages import (
    JobCancelled,
    JobCompleted,
    JobFailed,
    Message,
    Priority,
    decode,
)
from stylegram.common.ports import Broker
from stylegram.common.records import Role, RunRecord
from stylegram.common.topology import LOGGER_EVENTS, QUEUES, STYLIZER_JOBS, STYLIZER_QUEUES, Queue
from stylegram.ingest.bootstrap import Ingest
from stylegram.ingest.bootstrap import bootstrap as bootstrap_ingest
from stylegram.ingest.schemas import Job
from stylegram.ingest.settings import IngestSettings
from stylegram.ingest.tables import JobState
from stylegram.logger.repository import RunRepository
from stylizer_fakes import SHALLOW

SEEDS = [int(seed) for seed in os.environ.get("STYLEGRAM_CHAOS_SEEDS", "1").split(",")]
JOBS = int(os.environ.get("STYLEGRAM_CHAOS_JOBS", "60"))
PICTURES = int(os.environ.get("STYLEGRAM_CHAOS_PICTURES", "4"))
WORKERS = 4
BROKER_STOPS = 3
# Seconds for all of it: a lost job is a failure, not a long test.
PATIENCE = 900.0
# Everything that is said of jobs, for whoever counts it at the end.
WITNESS = Queue("chaos.witness", ("job.*",))
GIVEN_UP = f"Given up after {STYLIZER_JOBS.attempts} attempts that never ended."


@dataclass
class Town:
    """All that runs, and the means to harm it."""

    folder: Path
    rng: random.Random
    node: RabbitNode
    processes: ExitStack
    settings: dict[str, str]
    ingest: Ingest
    services: "dict[str, subprocess.Popen[bytes]]" = field(default_factory=dict)
    workers: list[int] = field(default_factory=list)
    nursery: "subprocess.Popen[str]" = field(init=False)
    harm: Counter[str] = field(default_factory=Counter)

    def start(self) -> None:
        for name in ("ingest.1", "ingest.2", "logger"):
            self.start_service(name)
        environment = os.environ | {f"STYLEGRAM_{name}": value for name, value in self.settings.items()}
        program = Path(__file__).parent.parent / "chaos_nursery.py"
        self.nursery = subprocess.Popen(
            [sys.executable, str(program), str(self.folder / "workers.log"), str(self.rng.randrange(2**32))],
            env=environment | {"OMP_NUM_THREADS": "1"},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )
        self.processes.callback(self.nursery.wait)
        # Its children with it.
        self.processes.callback(lambda: os.killpg(self.nursery.pid, signal.SIGKILL))
        for _ in range(WORKERS):
            self.spawn()

    def start_service(self, name: str) -> None:
        module = f"stylegram.{name.partition('.')[0]}"
        self.services[name] = self.processes.enter_context(process_of(module, self.settings))

    def spawn(self) -> None:
        assert self.nursery.stdin and self.nursery.stdout
        self.nursery.stdin.write("spawn\n")
        self.nursery.stdin.flush()
        self.workers.append(int(self.nursery.stdout.readline()))

    def end_worker(self, how: signal.Signals) -> None:
        """One dies, or is asked to stop, and another takes its place."""
        worker = self.workers.pop(self.rng.randrange(len(self.workers)))
        with suppress(ProcessLookupError):  # some jobs kill theirs
            os.kill(worker, how)
        self.spawn()

    def kill_service(self) -> None:
        name = self.rng.choice(list(self.services))
        self.services[name].kill()
        self.services[name].wait()
        self.start_service(name)

    def restart_broker(self) -> None:
        self.rng.choice([self.node.stop, self.node.kill])()
        time.sleep(self.rng.uniform(0, 2))
        self.node.start()

    def lock_database(self) -> None:
        with sqlite3.connect(self.folder / "town.sqlite", timeout=60, isolation_level=None) as connection:
            connection.execute("BEGIN EXCLUSIVE")
            time.sleep(self.rng.uniform(0.5, 2))
            connection.execute("ROLLBACK")
        connection.close()

    def hurt(self) -> None:
        """Do some harm."""
        kinds: dict[str, tuple[int, Callable[[], None]]] = {
            "worker killed": (5, lambda: self.end_worker(signal.SIGKILL)),
            "worker stopped": (3, lambda: self.end_worker(signal.SIGTERM)),
            "service killed": (1, self.kill_service),
            "database locked": (1, self.lock_database),
        }
        (kind,) = self.rng.choices(list(kinds), [weight for weight, _ in kinds.values()])
        kinds[kind][1]()
        self.harm[kind] += 1


@pytest.fixture(params=SEEDS)
def town(request: pytest.FixtureRequest, rabbitmq: RabbitNode) -> Iterator[Town]:
    with ExitStack() as processes:
        folder = Path(processes.enter_context(tempfile.TemporaryDirectory(prefix="chaos")))
        node = RabbitNode(folder / "node")
        node.start()
        processes.callback(node.kill)
        settings = {
            "BROKER_URL": f"{node.url}?heartbeat=5",
            "DATABASE_URL": f"sqlite:///{folder / 'town.sqlite'}",
            "STORAGE_URL": folder_url(folder / "storage"),
            "CONTENT_SOURCE_URL": folder_url(folder / "photos"),
            "STYLE_SOURCE_URL": folder_url(folder / "paintings"),
            "HTTP_PORT": "0",
            "LOST_AFTER_SECONDS": "15",
            "RECONCILE_SECONDS": "3",
            "TIMELAPSE": "false",
            "LOG_LEVEL": "error",
        }
        ingest = bootstrap_ingest(
            IngestSettings(
                **{  # type: ignore[arg-type]
                    name.lower(): SecretStr(value) if name in ("BROKER_URL", "DATABASE_URL") else value
                    for name, value in settings.items()
                    if name.lower() in IngestSettings.model_fields
                }
            )
        )
        processes.callback(ingest.close)
        yield Town(folder, random.Random(request.param), node, processes, settings, ingest)


def submit_all(town: Town) -> list[Job]:
    """Fast ones, pictures, one that fails and one that kills, in any order."""
    content = town.ingest.upload(Role.CONTENT, "me.png", encoded(quarters(), "PNG"))
    style = town.ingest.upload(Role.STYLE, "storm.png", encoded(quarters(), "PNG"))
    fast = [Hyperparameters(size=FAST, evaluations=(5,), seed=seed) for seed in range(JOBS)]
    real = [Hyperparameters(size=REAL, evaluations=(10, 20), **SHALLOW)] * PICTURES
    odd = [Hyperparameters(size=FAST, evaluations=(5,), seed=seed) for seed in (FAILS, KILLS)]
    orders = [*fast, *real, *odd]
    town.rng.shuffle(orders)
    return [
        town.ingest.submit(content, style, order, publish=False, priority=town.rng.choice(list(Priority)))
        for order in orders
    ]


def test_every_job_ends_once(town: Town) -> None:
    town.ingest.broker.declare([WITNESS])
    jobs = submit_all(town)
    unwanted = town.rng.sample([job for job in jobs if job.hyperparameters.seed not in (FAILS, KILLS)], 5)
    town.start()
    began = time.monotonic()
    stops = [len(jobs) * (number + 1) // (BROKER_STOPS + 1) for number in range(BROKER_STOPS)]
    while (left := unfinished(town)) and time.monotonic() - began < PATIENCE:
        if stops and len(jobs) - left >= stops[0]:
            stops.pop(0)
            town.restart_broker()
            town.harm["broker restarted"] += 1
        elif left > len(jobs) // 20:
            town.hurt()
        if unwanted and town.rng.random() < 0.5:
            town.ingest.cancel(unwanted.pop().id)
        time.sleep(town.rng.uniform(0.2, 1.0))
    for job in unwanted:
        town.ingest.cancel(job.id)
    seconds = time.monotonic() - began
    settle(town)
    ends = Counter(str(town.ingest.job(job.id).state) for job in jobs)
    print(f"{len(jobs)} jobs in {seconds:.0f} s; {dict(town.harm)}; {dict(ends)}")  # noqa: T201  (pytest -s)
    assert town.harm["broker restarted"] == BROKER_STOPS
    check(town, [town.ingest.job(job.id) for job in jobs])


def unfinished(town: Town) -> int:
    return len(town.ingest.unfinished_jobs())


def settle(town: Town) -> None:
    """Wait until nobody has anything to do any more."""
    deadline = time.monotonic() + 60
    while True:
        try:
            if not any(town.ingest.broker.depth(queue.name) for queue in QUEUES) and not unfinished(town):
                break
        except Unavailable:
            pass
        assert time.monotonic() < deadline, f"{unfinished(town)} jobs never ended"
        time.sleep(0.2)
    time.sleep(2)  # for what was taken and is being done


def check(town: Town, jobs: list[Job]) -> None:
    said = words(town.ingest.broker)
    dead = {
        decode(letter.body).job_id
        for queue in STYLIZER_QUEUES
        for letter in town.ingest.broker.dead_letters(queue.name)
    }
    runs = RunRepository(open_database(town.settings["DATABASE_URL"]))
    pictures = set()
    for job in jobs:
        ends = [message for message in said[job.id] if isinstance(message, JobCompleted | JobFailed | JobCancelled)]
        names = {stored.name for stored in town.ingest.storage.list(f"runs/{job.id}/")}
        run = runs.get(job.id)
        match job.state:
            case JobState.SUCCEEDED:
                record = recorded(town, job)
                assert all(
                    end == ends[0].model_copy(update=fresh(end)) for end in ends if isinstance(end, JobCompleted)
                )
                assert not [end for end in ends if isinstance(end, JobFailed)]
                assert artifacts.result(job.id) in names
                assert run and run.record.outcome == "succeeded"
                assert len(runs.curve(job.id)) == record.evaluations
                if record.hyperparameters.size == REAL:
                    pictures.add(record.result_sha256)
            case JobState.FAILED:
                assert recorded(town, job).reason == job.reason
                assert run and run.record.outcome == "failed"
                if job.hyperparameters.seed == FAILS:
                    assert job.reason == "This picture cannot be painted."
                else:
                    assert job.reason == GIVEN_UP
                    assert job.id in dead, "what was given up is there to be looked at"
            case JobState.CANCELLED:
                assert job.cancel_requested_at
                assert artifacts.cancellation(job.id) in names
                if artifacts.record(job.id) in names:
                    assert job.finished_at
                    assert recorded(town, job).finished_at < job.finished_at, "it had ended, unheard, and ended again"
                else:
                    assert not run, "nobody recorded it"
            case state:
                raise AssertionError(f"{job.id} is {state}")
        expected = {artifacts.result(job.id), artifacts.record(job.id), artifacts.cancellation(job.id)}
        expected |= {artifacts.snapshot(job.id, evaluation) for evaluation in range(1, 31)}
        assert {name for name in names if "/checkpoints/" not in name} <= expected
    assert len(pictures) == 1, "an interrupted picture came out otherwise than one that was not"
    given_up = [job for job in jobs if job.reason == GIVEN_UP]
    assert any(job.hyperparameters.seed == KILLS for job in given_up)
    assert len(given_up) <= 1 + len(jobs) // 20, "kills alone do not explain that"
    assert not town.ingest.broker.dead_letters(LOGGER_EVENTS.name)


def fresh(message: Message) -> dict[str, object]:
    """What differs where the same thing is said twice."""
    return {"message_id": message.message_id, "sent_at": message.sent_at}


def recorded(town: Town, job: Job) -> RunRecord:
    return RunRecord.model_validate_json(town.ingest.storage.read(artifacts.record(job.id)))


def words(broker: Broker) -> dict[str, list[Message]]:
    said: defaultdict[str, list[Message]] = defaultdict(list)
    while delivery := broker.receive(WITNESS.name):
        message = decode(delivery.body)
        said[message.job_id].append(message)
        broker.ack(delivery)
    return said
