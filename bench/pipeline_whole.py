"""Our jobs' whole way, as `bench.pipeline` measures it: `python -m bench.pipeline_whole stylizer|ingest FOLDER …`.

Ingest commits a row to its table, the relay publishes it, the real worker says that it begins, loads two pictures, has
an engine that does nothing hand it a third, puts that and the record into storage and says that the job is done;
ingest hears of it, and the row says `succeeded`. The database is SQLite, the storage a folder.

`ingest FOLDER JOBS SINGLE` prints what that took, as JSON, in milliseconds.
"""

import json
import random
import sqlite3
import statistics
import sys
import threading
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np
from bench.pipeline_ours import until_terminated
from bench.pipeline_peers import client
from PIL import Image
from pydantic import SecretStr

from stylegram.common.adapters import open_broker, open_storage
from stylegram.common.consumer import Consumer
from stylegram.common.hyperparameters import Hyperparameters
from stylegram.common.images import encode_png
from stylegram.common.logs import configure_logs
from stylegram.common.model_cache import default_cache
from stylegram.common.records import Role
from stylegram.common.topology import QUEUES, STYLIZER_QUEUES
from stylegram.ingest.bootstrap import bootstrap
from stylegram.ingest.settings import IngestSettings
from stylegram.stylizer import easel
from stylegram.stylizer.engine import Result
from stylegram.stylizer.engine.models.shelf import WeightsShelf
from stylegram.stylizer.engine.models.weights import Weights
from stylegram.stylizer.studio import Studio
from stylegram.stylizer.worker import Worker

_SIDE = 64
_PATIENCE = 300.0
_LONGEST_PAUSE = 0.03


class _EmptyShelf(WeightsShelf):
    def get(self, backbone: str) -> Weights:
        return Weights(backbone, {}, "0" * 64)


def _do_nothing(*_: object, **__: object) -> Result:
    return Result(
        pixels=np.zeros((_SIDE, _SIDE, 3), np.float32),
        losses={},
        metrics=None,
        evaluations=0,
        precision="fp32",
        tiled_blocks=0,
        device="none",
        threads=1,
        weights="none",
        weights_digest="0" * 64,
        durations={"load": 0.0},
        cpu_seconds=0.0,
        peak_memory_mb=0.0,
    )


def stylizer(folder: Path) -> None:
    """The worker, until told to stop."""
    easel.stylize = _do_nothing  # type: ignore[attr-defined]
    broker = open_broker(client.broker_url())
    broker.declare(QUEUES)
    stop = until_terminated()
    studio = Studio(
        broker=broker,
        storage=open_storage(f"file://{folder}/storage"),
        shelf=_EmptyShelf(default_cache()),
        cache=default_cache(),
        device="cpu",
        snapshot_every=None,
        checkpoint_seconds=300,
        job_seconds=3600,
        timelapse=False,
        stop=stop,
    )
    worker = Worker(studio)
    Consumer(broker, STYLIZER_QUEUES, worker.handle, stop=stop, on_dead=worker.give_up).run()
    broker.close()


def ingest(folder: Path, jobs: int, single: int) -> dict[str, list[float]]:
    """Milliseconds: `submit` and `work off`, per job of many; `latency`, of jobs one at a time.

    Args:
        folder: of the database and the storage.
        jobs: submitted before the relay starts.
        single: submitted one at a time afterwards.
    """
    database = folder / "ingest.sqlite"
    service = bootstrap(
        IngestSettings(
            broker_url=SecretStr(client.broker_url()),
            database_url=SecretStr(f"sqlite:///{database}"),
            storage_url=f"file://{folder}/storage",
            max_queued=10 * jobs,
        )
    )
    noise = np.random.default_rng(0).integers(0, 256, (_SIDE, _SIDE, 3), np.uint8)
    content, style = (service.upload(role, f"{role}.png", encode_png(Image.fromarray(noise))) for role in Role)

    def submit() -> str:
        return service.submit(content, style, Hyperparameters(), publish=False).id

    stop = threading.Event()
    running = [threading.Thread(target=service.relay().run, args=(stop,))]
    running.append(threading.Thread(target=service.consumer(stop).run))
    with sqlite3.connect(database) as reader:

        def succeeded() -> int:
            count: int = reader.execute("SELECT count(*) FROM jobs WHERE state = 'succeeded'").fetchone()[0]
            return count

        def has_succeeded(job_id: str) -> bool:
            found: str = reader.execute("SELECT state FROM jobs WHERE id = ?", (job_id,)).fetchone()[0]
            return found == "succeeded"

        started = time.monotonic()
        for _ in range(jobs):
            submit()
        submitted = time.monotonic()
        for thread in running:
            thread.start()
        # The first tells when the worker is there.
        _wait_until(lambda: succeeded() > 0)
        first, before = time.monotonic(), succeeded()
        _wait_until(lambda: succeeded() == jobs, every=0.02)
        done = time.monotonic()
        latencies = []
        pauses = random.Random(0)
        for _ in range(single):
            time.sleep(pauses.uniform(0, _LONGEST_PAUSE))
            begun = time.monotonic()
            _wait_until(partial(has_succeeded, submit()))
            latencies.append(time.monotonic() - begun)
    stop.set()
    for thread in running:
        thread.join()
    service.close()
    return {
        "submit": [1000 * (submitted - started) / jobs],
        "work off": [1000 * (done - first) / (jobs - before)],
        "latency, median": [1000 * statistics.median(latencies)],
        "latency, 95 %": [1000 * statistics.quantiles(latencies, n=20)[-1]],
    }


def _wait_until(come_true: Callable[[], bool], every: float = 0.001) -> None:
    deadline = time.monotonic() + _PATIENCE
    while not come_true():
        assert time.monotonic() < deadline, "the jobs are not done"
        time.sleep(every)


if __name__ == "__main__":
    configure_logs(level="warning")
    role, folder, *counts = sys.argv[1:]
    if role == "stylizer":
        stylizer(Path(folder))
    else:
        print(json.dumps(ingest(Path(folder), *map(int, counts))))
