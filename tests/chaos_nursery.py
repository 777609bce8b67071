"""Workers for the chaos test, forked from a process that has loaded everything, so that a new one is there at once.

Run as a program: for each line `spawn` on standard input it forks a worker and prints its process id. The workers are
the real ones, but that their storage fails one call in five, and that jobs of 32 pixels are painted by a stand-in for
the engine, which does what the job's seed says.
"""

import os
import random
import signal
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image

from stylegram.common import consumer
from stylegram.common.adapters import open_storage
from stylegram.common.errors import InvalidInput, OutOfMemory, Unavailable
from stylegram.common.hyperparameters import Hyperparameters
from stylegram.common.logs import configure_logs
from stylegram.common.service import read_settings, run_until_signalled
from stylegram.stylizer import bootstrap as stylizer
from stylegram.stylizer import easel
from stylegram.stylizer.engine import Result, Step, stylize
from stylegram.stylizer.engine.models.shelf import WeightsShelf
from stylegram.stylizer.settings import StylizerSettings

FAST, REAL = 32, 64
"""Sizes, in pixels: of jobs for the stand-in, and for the engine."""
FAILS, KILLS = 666, 667
"""Seeds of jobs that fail for good, and that kill whoever paints them."""
_FAILURES = 0.2
_OPERATIONS = ("write", "read", "stat", "list", "delete")


class FlakyStorage:
    """A storage of which one call in five fails: half of these after it was done."""

    def __init__(self, storage: Any, rng: random.Random) -> None:
        self._storage = storage
        self._rng = rng

    def __getattr__(self, name: str) -> Any:
        call = getattr(self._storage, name)
        if name not in _OPERATIONS:
            return call

        def flaky(*args: Any, **options: Any) -> Any:
            fails, done = self._rng.random() < _FAILURES, self._rng.random() < 0.5
            if fails and not done:
                raise Unavailable("The storage did not answer.")
            answer = call(*args, **options)
            if fails:
                raise Unavailable("The storage did not answer.")
            return answer

        return flaky


def stand_in(
    content: Image.Image,
    styles: list[Image.Image],
    hyperparameters: Hyperparameters,
    *,
    on_step: Callable[[Step], None],
    **options: Any,
) -> Result:
    """Paints a picture of one colour, which the seed decides; larger jobs go to the engine."""
    if hyperparameters.size != FAST:
        return stylize(content, styles, hyperparameters, on_step=on_step, **options)
    if hyperparameters.seed == FAILS:
        raise InvalidInput("This picture cannot be painted.")
    if hyperparameters.seed == KILLS:
        os.kill(os.getpid(), signal.SIGKILL)
    losses = dict.fromkeys(("total", "content", "style", "tv"), 1.0)
    evaluations = sum(count for _, count in hyperparameters.scales)
    pixels = torch.full((1, 3, FAST, FAST), hyperparameters.seed % 256 / 255)
    for evaluation in range(1, evaluations + 1):
        time.sleep(0.01)
        on_step(Step(evaluation, evaluations, (FAST, FAST), losses, pixels, lambda pixels: pixels, _no_checkpoint))
    return Result(
        pixels=np.full((FAST, FAST, 3), hyperparameters.seed % 256 / 255, np.float32),
        losses=losses,
        metrics=None,
        evaluations=evaluations,
        precision="fp32",
        tiled_blocks=0,
        device="cpu",
        threads=1,
        weights="stand-in",
        weights_digest="0" * 64,
        durations={"load": 0.0, "optimize": 0.1},
        cpu_seconds=0.1,
        peak_memory_mb=1.0,
    )


def _no_checkpoint(_: object) -> bytes:
    raise OutOfMemory("The stand-in has nothing to go on from.")


def work(settings: StylizerSettings, shelf: WeightsShelf, seed: int) -> None:
    """What a worker process does, until it is told to stop."""
    stop = threading.Event()
    storage = FlakyStorage(open_storage(settings.storage_url), random.Random(seed))
    patches = ((stylizer, "open_storage", lambda _: storage), (stylizer, "WeightsShelf", lambda *_: shelf))
    for module, name, value in (*patches, (easel, "stylize", stand_in)):
        setattr(module, name, value)
    # The storage is away for a call, not for a while.
    consumer._LONGEST_PAUSE = 0.05
    run_until_signalled(lambda: _run(settings, stop), stop=stop)


def _run(settings: StylizerSettings, stop: threading.Event) -> None:
    while not stop.is_set():
        try:
            service = stylizer.bootstrap(settings, stop)
        except Unavailable:  # the broker restarts
            stop.wait(0.2)
        else:
            service.run()
            service.studio.broker.close()


def main() -> None:
    configure_logs(json=True, stream=Path(sys.argv[1]).open("a"))  # noqa: SIM115  (until the process ends)
    rng = random.Random(int(sys.argv[2]))
    torch.set_num_threads(1)
    settings = read_settings(StylizerSettings)
    shelf = WeightsShelf(settings.weights_dir)
    shelf.get(Hyperparameters().backbone)
    # Nobody waits for the dead.
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    for _ in sys.stdin:
        seed = rng.randrange(2**32)
        if (pid := os.fork()) == 0:
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            sys.stdin.close()
            work(settings, shelf, seed)
            os._exit(0)
        print(pid, flush=True)  # noqa: T201


if __name__ == "__main__":
    main()
