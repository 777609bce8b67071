"""What a thousand pictures cost, by what was measured and by prices that you give; see docs/operations/costs.md.

    python -m bench.costs
    python -m bench.costs --price l4=0.71 --price cpu=0.033 --as-of 2026-12-01 --per-start 1

A picture's work is its evaluations, each times its megapixels. On a processor a picture was measured, and others take
as much longer as they are more work. No GPU was measured: there it is floating point operations over a share of what
the maker's data sheet promises, and some seconds beside it; both are guesses, a good one and a poor one. Prices are
examples, in any currency: whoever plans with them puts in those of the day.
"""

import argparse
from collections.abc import Mapping
from dataclasses import dataclass

from stylegram.common.hyperparameters import Hyperparameters
from stylegram.stylizer.engine.models.weights import shapes_of

PRICES = {"cpu": 0.04, "l4": 0.80, "a100": 4.00, "h100": 10.00, "storage": 0.02, "class-a": 0.005, "class-b": 0.0005}
"""Examples, round figures: the hour of a thread, and of a machine with a GPU; a GB's month; a thousand requests."""
START_SECONDS = 900.0
"""Paid for each time that a first worker is started: for node and image (about 300), and idle after its work (600)."""

# 2026-11-20, `make demo`, chelsea × Paper Lagoon on two threads (bench/RESULTS.md): all of it, by the clock.
_MEASURED = Hyperparameters(size=1080, evaluations=(40, 40, 20, 10))
_MEASURED_SECONDS, _MEASURED_THREADS = 57.0, 2
# The same picture: 1.70 of it, 1.92 of its film, 0.35 of ten snapshots, 0.02 of its record.
_STORED_MB = 4.0
# Picture, record, film, ten snapshots, two checkpoints. A worker looks for a cancellation every two seconds.
_WRITES, _READS, _READS_A_SECOND = 15, 10, 0.5
# Of the photograph measured.
_PROPORTIONS = 2 / 3
# The last kernel before relu5_1, behind which the default layers end; and those that a pooling comes before.
_DEEPEST = "features.28.weight"
_POOLED = ("features.5.weight", "features.10.weight", "features.19.weight", "features.28.weight")
_CHANNELS = (64, 128, 256, 512, 512)


@dataclass(frozen=True)
class Guess:
    """How a GPU fares.

    Args:
        share: of its peak that it reaches. Convolutions of 64 channels wait for memory, those of 512 compute.
        beside: seconds of a picture in which it waits for the rest, as for the film, files and metrics.
    """

    share: float
    beside: float


GOOD, POOR = Guess(0.4, 3.0), Guess(0.1, 10.0)


@dataclass(frozen=True)
class Gpu:
    """What a data sheet says.

    Args:
        price: its name among the prices.
        words: its name for people.
        teraflops: its peak at products in bf16 without sparsity, 10¹² operations a second.
    """

    price: str
    words: str
    teraflops: float


GPUS = (Gpu("l4", "NVIDIA L4", 121), Gpu("a100", "NVIDIA A100", 312), Gpu("h100", "NVIDIA H100 SXM", 989))


def operations_per_pixel() -> float:
    """Floating point operations of an evaluation, a pixel: VGG-19 up to relu5_1, forward and back, and Gram matrices.

    >>> round(operations_per_pixel() / 1e6, 2)
    1.51
    """
    area, products = 1.0, 0.0
    for name, shape in shapes_of("vgg19").items():
        if len(shape) != 4:
            continue  # a bias
        if name in _POOLED:
            area /= 4
        outputs, inputs, height, width = shape
        products += area * (outputs * inputs * height * width)
        if name == _DEEPEST:
            break
    products += sum(channels**2 / 4.0**block for block, channels in enumerate(_CHANNELS))
    # Each is a multiplication and an addition; and once more for the gradient, which the weights need none of.
    return 2 * 2 * products


def work(hyperparameters: Hyperparameters) -> float:
    """Megapixels, each counted once an evaluation, of a photograph in the proportions 3:2."""
    return sum(count * side * side for side, count in hyperparameters.scales) * _PROPORTIONS / 1e6


def seconds_on_processor(hyperparameters: Hyperparameters) -> float:
    """For which a picture has the two threads."""
    return _MEASURED_SECONDS * work(hyperparameters) / work(_MEASURED)


def seconds_on_gpu(hyperparameters: Hyperparameters, gpu: Gpu, guess: Guess) -> float:
    """For which a picture has the machine."""
    operations = operations_per_pixel() * work(hyperparameters) * 1e6
    return operations / (gpu.teraflops * 1e12 * guess.share) + guess.beside


def table(hyperparameters: Hyperparameters, prices: Mapping[str, float], *, per_start: int) -> str:
    """The costs of a thousand pictures, as Markdown.

    Args:
        hyperparameters: how they are painted.
        prices: see `PRICES`.
        per_start: pictures for which a first worker is started once.
    """

    def cost(seconds: float, hour: float) -> float:
        return 1000 * (seconds + START_SECONDS / per_start) / 3600 * hour

    lines = ["| on | seconds a picture | price of an hour | a thousand pictures |", "|---|---|---|---|"]
    seconds, hour = seconds_on_processor(hyperparameters), prices["cpu"] * _MEASURED_THREADS
    requests = _WRITES * prices["class-a"] + (_READS + _READS_A_SECOND * seconds) * prices["class-b"]
    lines.append(
        f"| {_MEASURED_THREADS} threads of an AMD EPYC | {seconds:.0f} | {hour:.2f} | {cost(seconds, hour):.2f} |"
    )
    for gpu in GPUS:
        good, poor = (seconds_on_gpu(hyperparameters, gpu, guess) for guess in (GOOD, POOR))
        hour = prices[gpu.price]
        costs = f"{cost(good, hour):.2f} – {cost(poor, hour):.2f}"
        lines.append(f"| {gpu.words}, not measured | {good:.1f} – {poor:.1f} | {hour:.2f} | {costs} |")
    lines.append(f"| storage, each month | | | {_STORED_MB * prices['storage']:.2f} |")
    lines.append(f"| requests to it, once | | | {requests:.2f} |")
    return "\n".join(lines)


def main() -> None:
    """Print the table that the command line asks for."""
    parser = argparse.ArgumentParser(description="What a thousand pictures cost.")
    parser.add_argument("--size", type=int, default=_MEASURED.size, help="longer side, in pixels")
    parser.add_argument("--evaluations", default="40,40,20,10", help="of each scale, coarse to fine")
    parser.add_argument("--price", action="append", default=[], metavar="NAME=PRICE", help=f"of {', '.join(PRICES)}")
    parser.add_argument("--as-of", metavar="DATE", help="when the prices were looked up")
    parser.add_argument("--per-start", type=int, default=1000, metavar="N", help="pictures for which a worker starts")
    given = parser.parse_args()
    prices = dict(PRICES)
    for price in given.price:
        name, _, value = price.partition("=")
        if name not in PRICES:
            parser.error(f"there is no price '{name}'")
        prices[name] = float(value)
    evaluations = tuple(int(count) for count in given.evaluations.split(","))
    print(f"Prices as of {given.as_of}.\n" if given.as_of else "Prices are examples.\n")
    print(table(Hyperparameters(size=given.size, evaluations=evaluations), prices, per_start=given.per_start))


if __name__ == "__main__":
    main()
