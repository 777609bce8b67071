"""What one evaluation of loss and gradient costs, in time and memory: ours beside the textbook way and other engines.

    python -m bench.cost --neural-style-pt DIR --style-transfer-pytorch DIR

Every engine runs in a process of its own, with one thread. They take turns (a, b, c, c, b, a), so that what disturbs a
shared machine disturbs all alike; a ratio is ours over the other's in one such round, and the median of the rounds is
reported with their range. Ratios hold on any machine; seconds are this one's.

Memory is the largest resident set from the first evaluation on, after the targets have been computed and everything is
loaded. "Added" is less what the process held with torch alone; loading a network can take more than working with it,
so the raw figures also have the peak from the process's start on.

Other people's engines are checked out by whoever runs this; where a folder is not given, that engine is left out. Both
need torchvision, in this environment or on PYTHONPATH. They run with their own defaults. For neural-style-pt those are
Gram matrices of relu1_1 … relu5_1, content at relu4_2, total variation, max pooling; for style-transfer-pytorch the
same layers with a Wasserstein-2 style loss.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory, TemporaryFile
from typing import Any

import numpy as np
from bench import measure
from bench.contestants import CONTENT, STYLE
from PIL import Image
from rich.console import Console
from rich.progress import Progress
from rich.table import Table

OURS, OURS_TILED, OURS_FP32 = "ours", "ours, tiled", "ours, fp32"
TEXTBOOK, NEURAL_STYLE_PT = "textbook", "neural-style-pt"
PEERS = {
    NEURAL_STYLE_PT: "STYLEGRAM_BENCH_NEURAL_STYLE_PT",
    "style-transfer-pytorch": "STYLEGRAM_BENCH_STYLE_TRANSFER_PYTORCH",
}
"""Other engines, and the variable that names the folder of each."""


@dataclass
class Figures:
    """What one engine was measured to need at one size.

    Args:
        rounds: mean seconds per evaluation, by round.
        peak_mb: largest resident set while evaluating.
        added_mb: the same less what torch alone holds.
        peak_with_loading_mb: largest resident set of the process's life until then.
    """

    rounds: list[float] = field(default_factory=list)
    peak_mb: float = 0
    added_mb: float = 0
    peak_with_loading_mb: float = 0

    @property
    def seconds(self) -> float:
        """Median of the rounds."""
        return statistics.median(self.rounds)


class Contestant:
    """The process of one engine.

    Args:
        name: a key of `bench.contestants`.
        size: both sides of the picture, in pixels.
        folder: holds the two pictures.
        code: the folder of an engine by others.
    """

    def __init__(self, name: str, size: int, folder: Path, code: Path | None) -> None:
        self.name = name
        self._errors = TemporaryFile("w+")  # noqa: SIM115  (closed with the process)
        command = [sys.executable, "-m", "bench.contestants", name, str(size), str(folder)]
        self._process = subprocess.Popen(
            [*command, str(code)] if code else command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._errors,
            text=True,
            env={**os.environ, "OMP_NUM_THREADS": "1"},
        )
        self._read()

    def evaluate(self, times: int) -> dict[str, Any]:
        """Durations and memory of that many evaluations."""
        assert self._process.stdin
        print(times, file=self._process.stdin, flush=True)
        return self._read()

    def close(self) -> None:
        """End the process."""
        assert self._process.stdin
        self._process.stdin.close()
        self._process.wait()
        self._errors.close()

    def _read(self) -> dict[str, Any]:
        assert self._process.stdout
        line = self._process.stdout.readline()
        if not line:
            self._errors.seek(0)
            last = self._errors.read().strip().splitlines()[-15:]
            raise SystemExit("\n".join((f"The engine {self.name} ended early; its last words:", *last)))
        answer: dict[str, Any] = json.loads(line)
        return answer


def compete(
    names: Sequence[str], size: int, rounds: int, peers: dict[str, Path], advance: Callable[[], None]
) -> dict[str, Figures]:
    """Let engines take turns at one size.

    Args:
        names: of the engines.
        size: both sides of the picture, in pixels.
        rounds: in each, every engine evaluates twice.
        peers: folders of engines by others.
        advance: called after each evaluation.
    """
    figures = {name: Figures() for name in names}
    with _pictures(size) as folder, ExitStack() as stack:
        contestants = []
        for name in names:
            contestants.append(Contestant(name, size, folder, peers.get(name)))
            stack.callback(contestants[-1].close)
        for contestant in contestants:
            contestant.evaluate(1)  # the first allocates and chooses algorithms
            advance()
        for _ in range(rounds):
            seconds: dict[str, list[float]] = {name: [] for name in names}
            for contestant in (*contestants, *reversed(contestants)):
                answer = contestant.evaluate(1)
                seconds[contestant.name] += answer["seconds"]
                of = figures[contestant.name]
                of.peak_mb, of.added_mb = answer["peak_mb"], answer["added_mb"]
                of.peak_with_loading_mb = answer["peak_with_loading_mb"]
                advance()
            for name in names:
                figures[name].rounds.append(statistics.mean(seconds[name]))
    return figures


def ratios(one: Figures, other: Figures) -> list[float]:
    """How many times the other's seconds one takes, by round."""
    return [a / b for a, b in zip(one.rounds, other.rounds, strict=True)]


@contextmanager
def _pictures(size: int) -> Iterator[Path]:
    generator = np.random.default_rng(0)
    with TemporaryDirectory(prefix="bench-") as folder:
        for name in (CONTENT, STYLE):
            Image.fromarray(generator.integers(0, 256, (size, size, 3), np.uint8)).save(Path(folder, name))
        yield Path(folder)


def _table(size: int, figures: dict[str, Figures]) -> Table:
    table = Table("engine", "seconds", "ratio", "range", "peak MB", "ratio", "added MB", title=f"{size}²")
    ours = figures[OURS]
    for name, its in figures.items():
        each = ratios(ours, its)
        time = ("", "") if its is ours else (f"{statistics.median(each):.2f}", f"{min(each):.2f}–{max(each):.2f}")
        memory = "" if its is ours else f"{ours.peak_mb / its.peak_mb:.2f}"
        table.add_row(name, f"{its.seconds:.3f}", *time, f"{its.peak_mb:.0f}", memory, f"{its.added_mb:.0f}")
    return table


def _arguments(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="bench.cost", description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--sizes", type=int, nargs="+", default=[256, 512, 1024], help="sides in pixels")
    parser.add_argument("--rounds", type=int, default=3, help="in each, every engine evaluates twice")
    for name, variable in PEERS.items():
        folder = os.environ.get(variable)
        parser.add_argument(f"--{name}", type=Path, default=folder and Path(folder), help=f"its folder; or {variable}")
    return parser.parse_args(arguments)


def main(arguments: Sequence[str] | None = None) -> None:
    """Print a table for each size."""
    console = Console()
    options = _arguments(arguments)
    peers: dict[str, Path] = {}
    for name, variable in PEERS.items():
        if folder := getattr(options, name.replace("-", "_")):
            peers[name] = folder.resolve()
        else:
            console.print(f"{name} is left out: name its folder with --{name} or {variable}.")
    names = (OURS, OURS_TILED, OURS_FP32, TEXTBOOK, *peers)
    found: dict[int, dict[str, Figures]] = {}
    with Progress(console=console, transient=True) as progress:
        task = progress.add_task("", total=len(options.sizes) * len(names) * (1 + 2 * options.rounds))
        for size in options.sizes:
            progress.update(task, description=f"{size}²")
            found[size] = compete(names, size, options.rounds, peers, lambda: progress.advance(task))
            progress.console.print(_table(size, found[size]))
    raw = {str(size): {name: vars(each) for name, each in figures.items()} for size, figures in found.items()}
    earlier = measure.load("cost").get("sizes", {})
    path = measure.save("cost", {"device": str(measure.default_device()), "sizes": {**earlier, **raw}})
    console.print(f"One thread; raw figures in {path}.")


if __name__ == "__main__":
    main()
