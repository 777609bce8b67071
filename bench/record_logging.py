"""What it costs to log a run: ours beside MLflow, with the same fields, each into a SQLite file of its own.

Ours is what the logger does with an event: `RunRepository.save` of the whole record, one transaction for the row and
the curve. MLflow is asked for the same facts by its fastest way (`bench.record_mlflow`): what is a number is a metric,
everything else a parameter, and the curve is the history of four metrics. Both databases are as their program has them.

Each works in a process of its own; they take turns, in one order and the other. A ratio is ours over MLflow's in one
such round. Seconds of the clock count waiting for the disk, seconds of the processor are not disturbed by others.
"""

import itertools
import json
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from bench.record_data import record
from rich.table import Table

from stylegram.common.database import migrate, open_database
from stylegram.logger.repository import RunRepository
from stylegram.logger.rows import to_row

PEER = "STYLEGRAM_BENCH_MLFLOW"
"""The variable that names a Python with MLflow."""
OURS, MLFLOW = "ours", "MLflow"
_CURVE = ("total", "content", "style", "tv")

Figures = dict[str, dict[str, list[float]]]
"""By contestant and clock, milliseconds a run in each round."""


def fields() -> dict[str, object]:
    """The facts of a record as MLflow takes them."""
    whole = record()
    row = to_row(whole)
    assert whole.metrics
    numbers = {
        name: value for name, value in row.items() if name.startswith(("metric_", "loss_")) and value is not None
    }
    numbers |= whole.metrics.layer_errors
    numbers |= {f"loss.{name}": value for name, value in whole.losses.items() if "." in name}
    numbers |= {name: row[name] for name in ("seconds", "cpu_seconds", "peak_memory_mb", "score")}
    metrics = {name: float(value) for name, value in numbers.items() if isinstance(value, int | float)}
    params = {
        name: str(value)
        for name, value in row.items()
        if value is not None and name not in numbers and name != "layer_losses"
    }
    curve = [(f"curve.{name}", getattr(point, name), point.evaluation) for point in whole.curve for name in _CURVE]
    return {"params": params, "metrics": metrics, "curve": curve}


class Process:
    """One of the two, which logs so many runs when it is told to.

    Args:
        command: how to start it.
    """

    def __init__(self, *command: str) -> None:
        self._process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def log(self, count: int) -> dict[str, float]:
        """Seconds that one run took, by clock."""
        assert self._process.stdin and self._process.stdout
        print(count, file=self._process.stdin, flush=True)
        answer: dict[str, float] = json.loads(self._process.stdout.readline())
        return answer

    def close(self) -> None:
        """End the process."""
        assert self._process.stdin
        self._process.stdin.close()
        self._process.wait()


def compete(mlflow: Path | None, rounds: int, count: int) -> Figures:
    """Let them take turns; without MLflow, ours alone."""
    with tempfile.TemporaryDirectory(prefix="bench") as folder:
        told = Path(folder, "fields.json")
        told.write_text(json.dumps(fields()), encoding="utf-8")
        ours = (sys.executable, "-m", "bench.record_logging", f"sqlite:///{folder}/ours.sqlite")
        commands = {OURS: ours}
        if mlflow:
            store = f"sqlite:///{folder}/mlflow.sqlite"
            commands[MLFLOW] = (str(mlflow), str(Path(__file__).with_name("record_mlflow.py")), str(told), store)
        processes = {name: Process(*command) for name, command in commands.items()}
        figures: Figures = {name: {"wall": [], "cpu": []} for name in processes}
        try:
            for process in processes.values():
                process.log(5)  # imports, migrations, and whatever else is done once
            for number in range(rounds):
                for name in list(processes)[:: 1 if number % 2 else -1]:
                    for clock, seconds in processes[name].log(count).items():
                        figures[name][clock].append(1000 * seconds)
        finally:
            for process in processes.values():
                process.close()
    return figures


def table(figures: Figures) -> Table:
    """Medians, and what ours is of MLflow's: the median of the rounds with their range."""
    result = Table("ms a run", *(f"{name}, {clock}" for name in figures for clock in ("clock", "processor")), "ratio")
    cells = [f"{statistics.median(values):.2f}" for clocks in figures.values() for values in clocks.values()]
    ratios = []
    for clock in ("wall", "cpu") if MLFLOW in figures else ():
        pairs = zip(figures[OURS][clock], figures[MLFLOW][clock], strict=True)
        each = [mine / other for mine, other in pairs]
        ratios.append(f"{clock} {statistics.median(each):.3f} ({min(each):.3f} – {max(each):.3f})")
    result.add_row("one run", *cells, "\n".join(ratios))
    return result


def main(url: str) -> None:
    """Ours: log as many runs as each line says, and answer as MLflow's process does."""
    engine = open_database(url)
    migrate(engine, "logger")
    repository = RunRepository(engine)
    numbers = itertools.count()
    for line in sys.stdin:
        records = [record(next(numbers)) for _ in range(int(line))]
        wall, cpu = time.perf_counter(), time.process_time()
        for each in records:
            repository.save(each)
        wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
        print(json.dumps({"wall": wall / len(records), "cpu": cpu / len(records)}), flush=True)


if __name__ == "__main__":
    main(sys.argv[1])
