"""The record of a million runs: how long questions take, and what it costs to log a run.

    python -m bench.record --mlflow PYTHON

Questions go over HTTP to the logger's real app on loopback, one at a time, each with other values, in random order;
they run against SQLite and against a PostgreSQL server that is started here, both filled with `bench.record_data`.
Times are those of whoever asks, from the request to the last byte of its answer, with 50 items where an answer is a
list; the processor's are those of this process, in which both who asks and the app are, and of the database's server.
PYTHON has MLflow installed, outside this environment; without it, ours is logged alone.
"""

import argparse
import os
import random
import statistics
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import httpx2
import psutil
from bench import measure, record_data, record_logging
from pydantic import SecretStr
from rich.console import Console
from rich.table import Table
from sqlalchemy import Engine, select

from stylegram.common import cursors
from stylegram.common.database import migrate, open_database
from stylegram.common.http.server import listen, serve, url_of
from stylegram.common.logs import configure_logs
from stylegram.logger.bootstrap import bootstrap
from stylegram.logger.http.app import create_app
from stylegram.logger.queries.listing import SORTS
from stylegram.logger.settings import LoggerSettings
from stylegram.logger.tables import runs

if TYPE_CHECKING:  # tools and pytest know the tests' modules without their folder
    from postgres_server import PostgresServer
else:
    from tests.postgres_server import PostgresServer

_NAME = "record"
Parameters = list[tuple[str, str | int | float | bool | None]]
"""As the client has them; all of ours are texts."""
Question = tuple[str, Parameters]
"""A path, and the parameters of its query."""
Times = dict[str, list[tuple[float, float]]]
"""Milliseconds of the clock and of the processor for each question, by group."""


class Asker:
    """Makes questions up, about what is there.

    Args:
        engine: the filled database.
        count: how many runs it has.
    """

    def __init__(self, engine: Engine, count: int) -> None:
        self._chance = random.Random(3)
        self._count = count
        numbers = [self._chance.randrange(count) for _ in range(500)]
        columns = [runs.c.job_id, *(runs.c[name] for name in SORTS)]
        with engine.connect() as connection:
            wanted = select(*columns).where(runs.c.job_id.in_([record_data.job_id(number) for number in numbers]))
            self._known = [row._asdict() for row in connection.execute(wanted)]

    def groups(self) -> dict[str, list[Callable[[], Question]]]:
        """Ways to ask, by what is reported together."""
        board, lists = "/v1/leaderboard", "/v1/runs"
        return {
            "leaderboard, of all": [
                lambda: (board, []),
                *(lambda by=by: (board, [("by", by)]) for by in ("score", "rating", "likes")),
            ],
            "leaderboard, of a style": [
                lambda: (board, [self._style()]),
                lambda: (board, [("style", f"painting_{self._chance.randrange(record_data.STYLES):03d}.jpg")]),
                lambda: (board, [self._style(), ("by", "score")]),
            ],
            "leaderboard, filtered": [
                lambda: (board, [self._hyperparameter()]),
                lambda: (board, [*self._range("learning_rate", 0.01, 10)]),
                lambda: (board, [("by", "score"), self._hyperparameter()]),
                lambda: (board, [("origin", "")]),
                lambda: (board, [("study", f"night-{self._chance.randrange(self._count // 20_000 or 1)}")]),
            ],
            "list, filtered": [
                lambda: (lists, [self._style(), self._sort()]),
                lambda: (lists, [self._content(), self._sort()]),
                lambda: (lists, [self._style(), self._hyperparameter()]),
                lambda: (lists, [self._hyperparameter(), self._hyperparameter(), self._sort()]),
                lambda: (lists, [*self._range("content_weight", 0.003, 30), self._sort()]),
                lambda: (lists, [("outcome", "failed")]),
                lambda: (lists, [("score.max", "1.4"), self._sort()]),
                lambda: (lists, [("style_layers", "relu5_2"), ("recolor", "false")]),
            ],
            "list, a needle": [
                # Of a million runs a few dozen, or none: as many rows are looked at as one answer may.
                lambda: (lists, [*self._range("learning_rate", 0.01, 10, 1.0001), self._sort()]),
                lambda: (lists, [("seed", str(self._chance.getrandbits(31)))]),
            ],
            "list, from deep within": [
                lambda: (lists, [*self._deep(), self._hyperparameter()]),
                lambda: (lists, self._deep()),
            ],
            "comparison": [lambda: ("/v1/runs/compare", [("ids", ",".join(self._some_ids()))])],
            "a run": [lambda: (f"/v1/runs/{self._some_ids()[0]}", [])],
        }

    def _style(self) -> tuple[str, str]:
        return "style", record_data.style_digest(self._chance.randrange(record_data.STYLES))

    def _content(self) -> tuple[str, str]:
        return "content", record_data.content_digest(self._chance.randrange(record_data.CONTENTS))

    def _hyperparameter(self) -> tuple[str, str]:
        return self._chance.choice(
            [("optimizer", "adam"), ("pooling", "max"), ("brush_scale", "8"), ("start", "noise"), ("size", "1080")]
        )

    def _range(self, name: str, low: float, high: float, ratio: float = 1.5) -> Parameters:
        least = low * (high / low) ** self._chance.random()
        return [(f"{name}.min", f"{least:.9g}"), (f"{name}.max", f"{least * ratio:.9g}")]

    def _sort(self) -> tuple[str, str]:
        return "sort", self._chance.choice(list(SORTS))

    def _deep(self) -> Parameters:
        name = self._chance.choice(list(SORTS))
        row = self._chance.choice(self._known)
        return [("sort", name), ("cursor", cursors.written([name, SORTS[name], row[name], row["job_id"]]))]

    def _some_ids(self) -> list[str]:
        chosen = self._chance.sample(range(self._count), self._chance.randint(2, 10))
        return [record_data.job_id(number) for number in chosen]


@contextmanager
def served(url: str, engine: Engine) -> Iterator[str]:
    """The logger's API over that database, on a port of its own."""
    settings = LoggerSettings(broker_url=SecretStr("memory://"), database_url=SecretStr(url))
    logger = bootstrap(settings, engine=engine)
    listener, stop = listen("127.0.0.1", 0), threading.Event()
    server = threading.Thread(target=serve, args=(create_app(logger), listener, stop))
    server.start()
    try:
        yield url_of(listener)
    finally:
        stop.set()
        server.join()


def processor_seconds(server: Sequence[psutil.Process]) -> float:
    """Of this process and of the database's server."""
    # Nanoseconds on a processor, where the system counts so finely.
    spent = [Path("/proc", str(each.pid), "schedstat") for each in server]
    return time.process_time() + sum(int(path.read_text().split()[0]) / 1e9 for path in spent if path.exists())


def ask(url: str, asker: Asker, rounds: int, warm_up: int, server: psutil.Process | None) -> Times:
    """Milliseconds that each question took; every way to ask has so many turns.

    Args:
        url: of the app.
        asker: makes them up.
        rounds: in each, every way to ask has a turn.
        warm_up: so many before those, which do not count.
        server: the database's, where it has one.
    """
    groups = asker.groups()
    turns = [(group, way) for group, ways in groups.items() for way in ways]
    times: Times = {group: [] for group in groups}
    with httpx2.Client(base_url=url, timeout=60, trust_env=False) as client:
        for number in range(warm_up + rounds):
            random.Random(number).shuffle(turns)
            for group, way in turns:
                path, parameters = way()
                backends = server.children() if server else []
                worked, begun = processor_seconds(backends), time.perf_counter()
                answer = client.get(path, params=parameters)
                took, worked = time.perf_counter() - begun, processor_seconds(backends) - worked
                assert answer.status_code == 200, f"{path} {parameters}: {answer.text}"
                if number >= warm_up:
                    times[group].append((1000 * took, 1000 * worked))
    return times


@contextmanager
def databases(folder: Path, count: int) -> Iterator[dict[str, tuple[str, Engine, psutil.Process | None]]]:
    """Both of them, filled: the URL of each, its engine, and its server where it has one."""
    # The server runs as another user, who has to get there.
    folder.chmod(0o755)
    postgres = folder / "postgres"
    postgres.mkdir()
    server = PostgresServer(postgres)
    server.start()
    try:
        with server.database() as url:
            sqlite = f"sqlite:///{folder}/runs.sqlite"
            pid = int((postgres / "data" / "postmaster.pid").read_text().splitlines()[0])
            opened = {
                "PostgreSQL": (url, open_database(url), psutil.Process(pid)),
                "SQLite": (sqlite, open_database(sqlite), None),
            }
            for _, engine, _ in opened.values():
                migrate(engine, "logger")
                record_data.load(engine, count)
            yield opened
            for _, engine, _ in opened.values():
                engine.dispose()
    finally:
        server.stop()


def percentiles(values: Sequence[float]) -> tuple[float, float, float]:
    """Median, 95th percentile and the largest."""
    return statistics.median(values), statistics.quantiles(values, n=20, method="inclusive")[-1], max(values)


def table(name: str, times: Times) -> Table:
    """Milliseconds, by group and of all."""
    columns = [f"{clock}{value}" for clock in ("", "processor ") for value in ("p50", "p95", "max")]
    result = Table(name, "asked", *columns)
    of_all = [each for asked in times.values() for each in asked]
    for group, asked in {**times, "all": of_all}.items():
        clocks = zip(*asked, strict=True)
        result.add_row(group, str(len(asked)), *(f"{value:.0f}" for clock in clocks for value in percentiles(clock)))
    return result


def _arguments(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="bench.record", description=(__doc__ or "").partition("\n")[0])
    peer = os.environ.get(record_logging.PEER)
    help_ = f"a Python that has MLflow; or {record_logging.PEER}"
    parser.add_argument("--mlflow", type=Path, default=peer and Path(peer), help=help_)
    parser.add_argument("--runs", type=int, default=1_000_000, help="in each database; 0 leaves the questions out")
    parser.add_argument("--rounds", type=int, default=40, help="in each, every way to ask has a turn")
    parser.add_argument("--logged", type=int, default=20, help="runs that are logged in a turn; 0 leaves that out")
    parser.add_argument("--turns", type=int, default=10, help="of each who logs")
    return parser.parse_args(arguments)


def main(arguments: Sequence[str] | None = None) -> None:
    """Print a table for each database, and one on logging."""
    configure_logs(level="warning")
    console = Console()
    options = _arguments(arguments)
    figures: dict[str, Any] = {}
    if options.logged:
        if not options.mlflow:
            console.print(f"MLflow is left out: name a Python that has it with --mlflow or {record_logging.PEER}.")
        logging = record_logging.compete(options.mlflow, options.turns, options.logged)
        console.print(record_logging.table(logging))
        figures["logging"] = logging
    if options.runs:
        with (
            tempfile.TemporaryDirectory(prefix="bench-record") as folder,
            databases(Path(folder), options.runs) as opened,
        ):
            for name, (url, engine, server) in opened.items():
                with served(url, engine) as address:
                    times = ask(address, Asker(engine, options.runs), options.rounds, warm_up=3, server=server)
                console.print(table(name, times))
                figures[name] = times
    path = measure.save(_NAME, figures)
    console.print(f"Raw figures in {path}.")


if __name__ == "__main__":
    main()
