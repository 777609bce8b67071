"""MLflow as a peer: logs runs by its fastest way, on request. Runs under a Python that has MLflow, and needs no more.

    PYTHON bench/record_mlflow.py FIELDS STORE

FIELDS is a JSON file with the `params`, `metrics` and `curve` of a run, STORE the URL of a tracking store. Each line on
standard input is a number of runs; the answer is a JSON object with the seconds that one took, of the clock and of the
processor.

Three calls a run: create it, one batch with everything (as many entities as a batch may have), and end it. The
entities are made before the clock starts.
"""

import json
import logging
import sys
import time
from pathlib import Path

logging.disable(logging.WARNING)


def main(fields_file: str, store: str) -> None:
    """Answer until the input ends."""
    from mlflow.entities import Metric, Param
    from mlflow.tracking import MlflowClient

    fields = json.loads(Path(fields_file).read_text(encoding="utf-8"))
    client = MlflowClient(tracking_uri=store)
    experiment = client.create_experiment("runs")
    for line in sys.stdin:
        count, now = int(line), int(time.time() * 1000)
        params = [Param(name, value) for name, value in fields["params"].items()]
        metrics = [Metric(name, value, now, 0) for name, value in fields["metrics"].items()]
        metrics += [Metric(name, value, now, step) for name, value, step in fields["curve"]]
        wall, cpu = time.perf_counter(), time.process_time()
        for _ in range(count):
            run = client.create_run(experiment)
            client.log_batch(run.info.run_id, metrics=metrics, params=params)
            client.set_terminated(run.info.run_id, "FINISHED")
        wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
        print(json.dumps({"wall": wall / count, "cpu": cpu / count}), flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
