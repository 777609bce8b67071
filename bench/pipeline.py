"""Our job pipeline with an engine that does nothing, beside Celery and dramatiq over the same RabbitMQ node.

    python -m bench.pipeline --peers PYTHON

PYTHON has Celery and dramatiq[rabbitmq] installed; without it, ours runs alone. The node is started here, in a folder
of its own, and stopped in the end.

Each job goes into a durable quorum queue, confirmed by the server; a worker that takes one at a time says in two other
durable quorum queues that it is done (ours are those of ingest and the logger), waits for that to be confirmed, and
acknowledges the job. Bodies are of one size.
Clients, workers and the collector that counts what is done run in processes of their own. Contestants take turns, in
one order and the other, so that what disturbs a shared machine disturbs all alike; a ratio is ours over the other's in
one such round, and the median of the rounds is reported with their range. Milliseconds a job:

submit      what a client takes for one of many, each confirmed before the next.
throughput  from one completion to the next while a full queue is worked off; the first fifth, in which workers start,
            does not count.
latency     from before a job is submitted until the collector sees it done, one at a time, with short pauses.

Ours whole, for which nobody else has a counterpart, is `bench.pipeline_whole`.
"""

import argparse
import json
import os
import random
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import pika
from bench import measure
from bench.pipeline_messages import completed, style_job
from bench.pipeline_peers import client
from pika.adapters.blocking_connection import BlockingChannel
from rich.console import Console
from rich.progress import Progress
from rich.table import Table

from stylegram.common.adapters import open_broker
from stylegram.common.logs import configure_logs
from stylegram.common.messages import Message, encode
from stylegram.common.topology import INGEST_EVENTS, LOGGER_EVENTS, QUEUES

if TYPE_CHECKING:  # tools and pytest know the tests' modules without their folder
    from rabbitmq_node import RabbitNode
else:
    from tests.rabbitmq_node import RabbitNode

PEERS = "STYLEGRAM_BENCH_PEERS"
"""The variable that names a Python with Celery and dramatiq."""
OURS = "ours"
_CELERY_DONE, _DRAMATIQ_DONE = "celery.done", "dramatiq.done"
_NAME = "pipeline"
_WARM_UP = 20
_PATIENCE = 120.0
_LONGEST_PAUSE = 0.03


@dataclass(frozen=True)
class Contestant:
    """One way of doing jobs.

    Args:
        name: for people.
        client: the command of its client; see `bench.pipeline_peers.client.answer`.
        workers: the commands of so many workers' processes.
        done: the queue in which it says that a job is done.
        leftovers: queues that nobody reads here.
    """

    name: str
    client: Sequence[str]
    workers: Callable[[int], Sequence[Sequence[str]]]
    done: str
    leftovers: Sequence[str] = ()


def contestants(peers: Path | None) -> list[Contestant]:
    """Ours first, and the peers if there is a Python that has them."""
    ours = [sys.executable, "-m", "bench.pipeline_ours"]
    found = [
        Contestant(
            OURS,
            [*ours, "client"],
            lambda count: [[*ours, "worker"]] * count,
            INGEST_EVENTS.name,
            leftovers=[LOGGER_EVENTS.name],
        )
    ]
    if not peers:
        return found
    # Celery's default pool. Its solo pool now and then stops for seconds here, with RabbitMQ 3.10 and kombu 5.7.
    celery, dramatiq = "bench.pipeline_peers.celery_peer", "bench.pipeline_peers.dramatiq_peer"
    worker = [str(peers), "-m", "celery", "--app", celery, "worker", "--loglevel=WARNING"]
    worker += ["--without-gossip", "--without-mingle", "--without-heartbeat"]
    return [
        *found,
        Contestant(
            "Celery",
            [str(peers), "-m", celery],
            lambda count: [[*worker, "--pool=prefork", f"--concurrency={count}"]],
            _CELERY_DONE,
        ),
        Contestant(
            "dramatiq",
            [str(peers), "-m", dramatiq],
            lambda count: [[str(peers), "-m", "dramatiq", dramatiq, f"--processes={count}", "--threads=1"]],
            _DRAMATIQ_DONE,
        ),
    ]


@dataclass
class Figures:
    """Milliseconds a job, by round; latencies by job."""

    submit: list[float] = field(default_factory=list)
    throughput: list[float] = field(default_factory=list)
    latency: list[list[float]] = field(default_factory=list)

    def rounds(self) -> dict[str, list[float]]:
        """What is compared, by name."""
        rounds = {"submit": self.submit, "throughput": self.throughput}
        if self.latency:
            rounds["latency, median"] = [statistics.median(each) for each in self.latency]
            rounds["latency, 95 %"] = [statistics.quantiles(each, n=20)[-1] for each in self.latency]
        return rounds


class Collector:
    """Counts what arrives in a queue, on a thread of its own.

    Args:
        url: of the node.
        queue: which one; it is emptied first.
    """

    def __init__(self, url: str, queue: str) -> None:
        self.times: list[float] = []
        self._arrived = threading.Condition()
        self._stop = threading.Event()
        self._connection = pika.BlockingConnection(pika.URLParameters(url))
        channel = self._connection.channel()
        channel.queue_purge(queue)
        channel.basic_consume(queue, self._count, auto_ack=True)
        self._thread = threading.Thread(target=self._collect, daemon=True)
        self._thread.start()

    def wait(self, count: int) -> list[float]:
        """When the first `count` arrived, on the monotonic clock; waits for them."""
        with self._arrived:
            assert self._arrived.wait_for(lambda: len(self.times) >= count, _PATIENCE), (
                f"of {count} jobs {len(self.times)} were done"
            )
        return self.times[:count]

    def close(self) -> None:
        """End the thread and the connection."""
        self._stop.set()
        self._thread.join()
        self._connection.close()

    def _collect(self) -> None:
        while not self._stop.is_set():
            self._connection.process_data_events(time_limit=0.2)

    def _count(self, *_: object) -> None:
        with self._arrived:
            self.times.append(time.monotonic())
            self._arrived.notify_all()


class Client:
    """The process that submits.

    Args:
        command: how to start it.
        environment: its environment.
    """

    def __init__(self, command: Sequence[str], environment: Mapping[str, str]) -> None:
        self._process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environment
        )

    def submit(self, count: int) -> dict[str, float]:
        """When it began, and the seconds that it took."""
        assert self._process.stdin and self._process.stdout
        print(count, file=self._process.stdin, flush=True)
        answer: dict[str, float] = json.loads(self._process.stdout.readline())
        return answer

    def close(self) -> None:
        """End the process."""
        assert self._process.stdin
        self._process.stdin.close()
        self._process.wait()


@contextmanager
def processes(commands: Sequence[Sequence[str]], environment: Mapping[str, str]) -> Iterator[None]:
    """Run them, and end them as an operator would; what they say goes into a file beside the figures."""
    with (measure.folder(_NAME) / "workers.log").open("ab") as log:
        started = [subprocess.Popen(command, env=environment, stdout=log, stderr=log) for command in commands]
        try:
            yield
        finally:
            for process in started:
                process.terminate()
            for process in started:
                process.wait(_PATIENCE)


def compete(
    contestant: Contestant, workers: int, jobs: int, single: int, figures: Figures, environment: Mapping[str, str]
) -> None:
    """One turn.

    Args:
        contestant: whose.
        workers: how many.
        jobs: submitted before the workers start.
        single: submitted one at a time afterwards.
        figures: takes what was measured.
        environment: of all processes.
    """
    pauses = random.Random(0)
    with ExitStack() as stack:
        with _channel(environment[client.BROKER_URL]) as channel:
            for queue in contestant.leftovers:
                channel.queue_purge(queue)
        collector = Collector(environment[client.BROKER_URL], contestant.done)
        stack.callback(collector.close)
        submitter = Client(contestant.client, environment)
        stack.callback(submitter.close)
        submitter.submit(_WARM_UP)
        figures.submit.append(1000 * submitter.submit(jobs)["seconds"] / jobs)
        stack.enter_context(processes(contestant.workers(workers), environment))
        done = _WARM_UP + jobs
        times = collector.wait(done)[done // 5 :]
        figures.throughput.append(1000 * (times[-1] - times[0]) / (len(times) - 1))
        latencies = []
        for _ in range(single):
            time.sleep(pauses.uniform(0, _LONGEST_PAUSE))
            started = submitter.submit(1)["started"]
            done += 1
            latencies.append(1000 * (collector.wait(done)[-1] - started))
        assert len(collector.times) == done, f"{contestant.name} did some jobs twice"
        if latencies:
            figures.latency.append(latencies)


@contextmanager
def node() -> Iterator[dict[str, str]]:
    """A node with all queues, and the two messages in files; gives the environment that tells of them."""
    with tempfile.TemporaryDirectory(prefix="bench") as folder, ExitStack() as stack:
        server = RabbitNode(Path(folder, "node"))
        stack.callback(server.kill)
        server.start()
        broker = open_broker(server.url)
        broker.declare(QUEUES)
        broker.close()
        with _channel(server.url) as channel:
            channel.exchange_declare(client.EXCHANGE, "topic", durable=True)
            for done in (_CELERY_DONE, _DRAMATIQ_DONE):
                for queue in (done, f"{done}.recorded"):
                    channel.queue_declare(queue, durable=True, arguments={"x-queue-type": "quorum"})
                    channel.queue_bind(queue, client.EXCHANGE, done)
        job = style_job("")
        messages: dict[str, Message] = {client.JOB: job, client.COMPLETED: completed(job)}
        for name, message in messages.items():
            Path(folder, name).write_bytes(encode(message))
        # dramatiq takes two at a time otherwise.
        yield os.environ | {client.BROKER_URL: server.url, client.MESSAGES: folder, "dramatiq_queue_prefetch": "1"}


@contextmanager
def _channel(url: str) -> Iterator[BlockingChannel]:
    connection = pika.BlockingConnection(pika.URLParameters(url))
    try:
        yield connection.channel()
    finally:
        connection.close()


def whole(jobs: int, single: int, environment: Mapping[str, str]) -> dict[str, list[float]]:
    """One turn of ours whole; see `bench.pipeline_whole`. Milliseconds."""
    command = [sys.executable, "-m", "bench.pipeline_whole"]
    with (
        tempfile.TemporaryDirectory(prefix="bench") as folder,
        processes([[*command, "stylizer", folder]], environment),
    ):
        run = subprocess.run(
            [*command, "ingest", folder, str(jobs), str(single)],
            env=environment,
            check=True,
            stdout=subprocess.PIPE,
            text=True,
        )
    answer: dict[str, list[float]] = json.loads(run.stdout)
    return answer


def table(title: str, figures: Mapping[str, Figures]) -> Table:
    """Medians, and below them ours over each of the others."""
    ours = figures[OURS].rounds()
    result = Table("ms a job", *ours, title=title)
    for name, its in figures.items():
        cells = []
        for column, values in its.rounds().items():
            cell = f"{statistics.median(values):.2f}"
            if name != OURS:
                ratios = [mine / other for mine, other in zip(ours[column], values, strict=True)]
                cell += f"\n{statistics.median(ratios):.2f} ({min(ratios):.2f} – {max(ratios):.2f})"
            cells.append(cell)
        result.add_row(name, *cells)
    return result


def _arguments(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="bench.pipeline", description=(__doc__ or "").partition("\n")[0])
    peers = os.environ.get(PEERS)
    parser.add_argument("--peers", type=Path, default=peers and Path(peers), help=f"a Python that has them; or {PEERS}")
    parser.add_argument("--rounds", type=int, default=4, help="in each, everybody has a turn")
    parser.add_argument("--workers", type=int, nargs="+", default=[1, 2], help="how many at a time")
    parser.add_argument("--jobs", type=int, default=1000, help="of a full queue")
    parser.add_argument("--single", type=int, default=200, help="jobs one at a time, with one worker")
    return parser.parse_args(arguments)


def main(arguments: Sequence[str] | None = None) -> None:
    """Print a table for each number of workers."""
    configure_logs(level="warning")
    console = Console()
    options = _arguments(arguments)
    if not options.peers:
        console.print(f"The peers are left out: name a Python that has them with --peers or {PEERS}.")
    everybody = contestants(options.peers)
    figures = {count: {each.name: Figures() for each in everybody} for count in options.workers}
    ours_whole: dict[str, list[float]] = {}
    turns = options.rounds * (1 + len(everybody) * len(options.workers))
    with Progress(console=console, transient=True) as progress, node() as environment:
        task = progress.add_task("", total=turns)
        for number in range(options.rounds):
            for count in options.workers:
                for each in everybody if number % 2 == 0 else reversed(everybody):
                    progress.update(task, description=f"{each.name}, {count}")
                    single = options.single if count == 1 else 0
                    compete(each, count, options.jobs, single, figures[count][each.name], environment)
                    progress.advance(task)
            progress.update(task, description="ours whole")
            # Its steps are many: a quarter as many jobs take as long.
            for name, values in whole(options.jobs // 4, options.single // 4, environment).items():
                ours_whole.setdefault(name, []).extend(values)
            progress.advance(task)
    for count, its in figures.items():
        console.print(table(f"{count} worker{'s' * (count > 1)}", its))
    console.print("Ours whole, ms a job:")
    for name, values in ours_whole.items():
        console.print(f"  {name}: {statistics.median(values):.2f} ({min(values):.2f} – {max(values):.2f})")
    raw = {str(count): {name: vars(each) for name, each in its.items()} for count, its in figures.items()}
    path = measure.save(_NAME, {"workers": raw, "whole": ours_whole})
    console.print(f"Raw figures in {path}.")


if __name__ == "__main__":
    main()
