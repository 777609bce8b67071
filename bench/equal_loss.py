"""How long ours takes to a picture as good as other engines' ways make.

    python -m bench.equal_loss --pairs 2

The objective is our default one, judged in fp32 at 512 pixels (`bench.curves`). The others' way is one scale, fp32,
from the content image, with L-BFGS or Adam; the loss to be reached is the lowest that it saw within so many
evaluations. It is run on our objective, which is the loss to compare by, and its time is the number of its evaluations
times what one of neural-style-pt costs: as many of ours in fp32 as `bench.cost` found. What its optimiser does between
two evaluations is not counted. Ours is `stylize` with its defaults, but for more evaluations at the finest scale: its
time is all that passes until the first picture that is at least as good.

The others' curves do not depend on how fast anything is and are kept in var/bench/curves; they are made anew where the
objective gives other losses.
"""

import argparse
import statistics
from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

import torch
from bench import measure
from bench.cost import NEURAL_STYLE_PT, OURS_FP32, Figures, ratios
from bench.curves import OPTIMISERS, Advance, Curve, Judge, Point, descend, paint
from bench.pairs import CHOOSING, JUDGED, Pair
from rich.console import Console
from rich.progress import Progress
from rich.table import Table

from stylegram.common.hyperparameters import Hyperparameters

_EVERY = 10
"""Evaluations of the others' way between two judgings."""
_SAME = 1e-3
"""Relative difference up to which a picture's loss is still the same: threads and versions sum in another order."""


def cost_of_neural_style_pt(size: int) -> float | None:
    """Seconds of one of its evaluations over those of one of ours in fp32; None where it was not measured."""
    figures = measure.load("cost").get("sizes", {}).get(str(size), {})
    if NEURAL_STYLE_PT not in figures:
        return None
    theirs, ours = (Figures(**figures[name]) for name in (NEURAL_STYLE_PT, OURS_FP32))
    return statistics.median(ratios(theirs, ours))


def others_curve(judge: Judge, pair: Pair, optimiser: str, evaluations: int, advance: Advance) -> Curve:
    """The curve of another's way, kept from an earlier run if that was long enough and of the same objective."""
    name = f"curves/{pair.name}-{optimiser.lower().replace(' ', '-').replace('/', '_')}"
    kept = measure.load(name)
    # The losses of two pictures tell one objective from another: style and smoothness, and, mirrored, content too.
    with torch.no_grad():
        probes = [float(judge.objective(each).total) for each in (judge.content, judge.content.flip(-1))]
    if (
        kept
        and kept["points"][-1]["evaluations"] >= evaluations
        and all(abs(new / old - 1) < _SAME for new, old in zip(probes, kept["probes"], strict=True))
    ):
        return Curve([Point(**point) for point in kept["points"]])
    curve = descend(judge, optimiser, evaluations, _EVERY, advance)
    measure.save(name, {"probes": probes, **asdict(curve)})
    return curve


def compare(ours: Curve, others: Curve, evaluations: int, cost: float) -> dict[str, float | None]:
    """Time to equal loss.

    Args:
        ours: our curve.
        others: another way's curve.
        evaluations: how many of the others' count.
        cost: of one of the others' evaluations, in ours in fp32.

    Returns:
        The loss to be reached, both times in seconds and their ratio; None for ours where it never got there.
    """
    target = others.lowest(evaluations)
    theirs = target.evaluations * cost * ours.unit
    reached = ours.first(target.loss)
    return {
        "others_evaluations": target.evaluations,
        "loss": target.loss,
        "others_seconds": theirs,
        "our_evaluations": reached.evaluations if reached else None,
        "our_seconds": reached.seconds if reached else None,
        "ratio": reached.seconds / theirs if reached else None,
    }


def _measure(pair: Pair, options: argparse.Namespace, cost: float, advance: Advance) -> dict[str, Any]:
    defaults = Hyperparameters()
    judge = Judge(pair, defaults)
    most = max(options.evaluations)
    others = {each: others_curve(judge, pair, each, most, advance) for each in options.optimisers}
    goal = min(curve.lowest(most).loss for curve in others.values())
    longer = {"schedule": (*defaults.scales[:-1], (defaults.size, options.most))}
    done = sum(evaluations for _, evaluations in defaults.scales)
    ours = paint(judge, pair, defaults.model_copy(update=longer), goal, done, advance)
    default = ours.lowest(done)
    return {
        "pair": pair.name,
        "default": {"loss": default.loss, "seconds": default.seconds, "evaluations": default.evaluations},
        "comparisons": {
            f"{optimiser}, {evaluations}": compare(ours, curve, evaluations, cost)
            for optimiser, curve in others.items()
            for evaluations in options.evaluations
        },
        "ours": asdict(ours),
    }


def _table(figures: Sequence[dict[str, Any]], way: str) -> Table:
    table = Table("pair", "loss", "others s", "our evaluations", "our s", "ratio", "default's loss", title=way)
    ratios = []
    for each in figures:
        row = each["comparisons"][way]
        ratios.append(row["ratio"] if row["ratio"] is not None else float("inf"))
        ours = (
            ("never", "", "")
            if row["ratio"] is None
            else (str(row["our_evaluations"]), f"{row['our_seconds']:.1f}", f"{row['ratio']:.3f}")
        )
        loss = each["default"]["loss"]
        default = f"{loss:.4f} (×{loss / row['loss']:.3f})"
        table.add_row(each["pair"], f"{row['loss']:.4f}", f"{row['others_seconds']:.1f}", *ours, default)
    table.add_section()
    table.add_row("median", "", "", "", "", f"{statistics.median(ratios):.3f}", "")
    return table


def _arguments(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="bench.equal_loss", description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--pairs", type=int, default=len(JUDGED), help="how many")
    parser.add_argument("--choosing", action="store_true", help="the pairs that defaults are chosen by")
    parser.add_argument("--evaluations", type=int, nargs="+", default=[100, 200], help="of the others' ways")
    parser.add_argument("--optimisers", nargs="+", choices=OPTIMISERS, default=list(OPTIMISERS), help="the others'")
    parser.add_argument("--most", type=int, default=100, help="our evaluations at the finest scale before we give up")
    return parser.parse_args(arguments)


def main(arguments: Sequence[str] | None = None) -> None:
    """Print a table for each of the others' ways."""
    console = Console()
    options = _arguments(arguments)
    torch.set_num_threads(1)
    cost = cost_of_neural_style_pt(Hyperparameters().size)
    if cost is None:
        console.print("Skipped: bench.cost has not measured neural-style-pt here; name its folder to it first.")
        return
    pairs = (CHOOSING if options.choosing else JUDGED)[: options.pairs]
    figures: list[dict[str, Any]] = []
    with Progress(console=console, transient=True) as progress:
        task = progress.add_task("", total=len(pairs))
        for pair in pairs:
            evaluations = progress.add_task(pair.name, total=None)
            figures.append(_measure(pair, options, cost, lambda: progress.advance(evaluations)))  # noqa: B023
            progress.remove_task(evaluations)
            progress.advance(task)
            # After each pair: who interrupts a long run keeps what it has measured.
            path = measure.save("equal_loss", {"cost": cost, "pairs": figures})
    for way in figures[0]["comparisons"]:
        console.print(_table(figures, way))
    console.print(f"One thread; an evaluation of neural-style-pt: {cost:.2f} of ours in fp32; raw figures in {path}.")


if __name__ == "__main__":
    main()
