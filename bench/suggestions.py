"""What suggestions are worth: how many real runs they need for what random search finds in sixty.

`python -m bench.suggestions` makes the runs that are missing (half an hour of each of two cores for every thousand; it
goes on where it was interrupted), prints the figures and draws `var/bench/suggestions/hypervolume.png`.

The record that suggestions begin with is 300 random tries on the `TUNING` pairs, of which each seed knows another
half. They are judged on the `HELD_OUT` pairs, which share neither photograph nor painting with those. The quality is
the hypervolume of relative content and style error; see `front.hypervolume`.
"""

import argparse
import itertools
import math
import multiprocessing
from collections.abc import Sequence
from statistics import mean, median

from bench.pairs import Pair
from bench.plot import Line, plot
from bench.suggestion_runs import HELD_OUT, RECORD, RUNS, SEEDS, Chain, errors_of, extend, tries_of

from stylegram.logger.suggestions.front import hypervolume

_TRIES = {"random": 60, "transfer": 20, "tpe": 20, "tpe-cold": 20, "nsga-cold": 20, "first-system": 20}
# Of a logarithmic axis.
_LEAST = 0.01
_COLORS = {
    "random": "#555555",
    "first-system": "#c0392b",
    "transfer": "#0b6e4f",
    "tpe": "#1f6fb2",
    "tpe-cold": "#7fb3d5",
    "nsga-cold": "#b9770e",
}


def main() -> None:
    """Run what is missing, and show what is there."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("contestants", nargs="*", metavar="NAME", help=f"{', '.join(_TRIES)}; random and transfer")
    parser.add_argument("--seeds", type=int, default=len(SEEDS), help="how many of each")
    parser.add_argument("--processes", type=int, default=2)
    parser.add_argument("--draw", action="store_true", help="only show what is there")
    arguments = parser.parse_args()
    contestants = arguments.contestants or ["random", "transfer"]
    if not arguments.draw:
        # The record first: the others know it.
        _extend(RECORD, arguments.processes)
        _extend(
            [_chain(name, pair, seed) for seed in range(arguments.seeds) for name in contestants for pair in HELD_OUT],
            arguments.processes,
        )
    for name in contestants:
        if name != "random":
            _report(name)
    _draw([name for name in _TRIES if any(_curve(_chain(name, pair, 0)) for pair in HELD_OUT)])


def _chain(contestant: str, pair: Pair, seed: int) -> Chain:
    return Chain(contestant, pair, seed, _TRIES[contestant])


def _extend(chains: Sequence[Chain], processes: int) -> None:
    with multiprocessing.get_context("spawn").Pool(processes) as pool:
        for number, _ in enumerate(pool.imap_unordered(extend, chains), 1):
            print(f"{number} of {len(chains)} chains", flush=True)


def _curve(chain: Chain) -> list[float]:
    """Hypervolume after each try; empty where the chain is not whole."""
    tries = tries_of(chain)
    errors = [errors_of(each) for each in tries]
    if len(tries) < chain.tries:
        return []
    return [hypervolume([each for each in errors[:number] if each]) for number in range(1, chain.tries + 1)]


def _report(name: str) -> None:
    """Against random search of the same seed: what it has after 60 tries, and when the contestant has as much."""
    print(f"\n{name}: tries until the hypervolume of 60 random tries")
    medians = []
    for pair in HELD_OUT:
        needed, goals, reached = [], [], []
        for seed in SEEDS:
            goal, curve = _curve(_chain("random", pair, seed)), _curve(_chain(name, pair, seed))
            if goal and curve:
                goals.append(goal[-1])
                reached.append(curve[-1])
                needed.append(_first(curve, goal[-1]))
        if needed:
            medians.append(median(needed))
            after = f"{mean(goals):.3f} by 60 random tries, {mean(reached):.3f} by {_TRIES[name]} of {name}"
            print(f"  {pair.name:<28} {needed!s:<14} median {medians[-1]:g}; {after}")
    if medians:
        print(f"  median over the pairs: {median(medians):g}")


def _first(curve: Sequence[float], goal: float) -> float:
    """The number of the try after which the goal is reached; infinity where none does."""
    return next((number for number, area in enumerate(curve, 1) if area >= goal), math.inf)


def _draw(names: Sequence[str]) -> None:
    """Mean over pairs and seeds of the hypervolume, as a share of the best that anybody has of that pair."""
    of_pairs = {
        pair: {(name, seed): _curve(_chain(name, pair, seed)) for name, seed in itertools.product(names, SEEDS)}
        for pair in HELD_OUT
    }
    shares: dict[str, list[list[float]]] = {name: [] for name in names}
    for curves in of_pairs.values():
        best = max((curve[-1] for curve in curves.values() if curve), default=1.0)
        for (name, _), curve in curves.items():
            if curve:
                shares[name].append([area / best for area in curve])
    lines = [
        Line(
            name,
            [(number, max(mean(column), _LEAST)) for number, column in enumerate(zip(*every, strict=True), 1)],
            color,
        )
        for name, color in _COLORS.items()
        if (every := shares.get(name))
    ]
    image = plot(lines, title="What is found after so many runs", x="runs", y="share of the best hypervolume")
    image.save(RUNS / "hypervolume.png")


if __name__ == "__main__":
    main()
