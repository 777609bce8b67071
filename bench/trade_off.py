"""What a picture keeps of the photograph against what it takes of the painting, coarse to fine and at one scale.

    python -m bench.trade_off --pairs 2

Either way paints with a range of content weights: ours with its defaults, and one scale at full size with L-BFGS from
the content image, as many evaluations as cost the same time (an evaluation's cost is proportional to its pixels).
Everything else is the same, the engine too.

The content error is that of relu4_2 at 512 pixels; the style error is the mean of the five layers' Gram matrices', for
the picture at 512, 256 and 128 pixels, the painting being resized alike: the smaller, the larger the strokes that it
tells of. Both are squared and relative to the target's energy, as the engine's losses are. Between the content weights
the style error is interpolated (in logarithms), so that both ways can be compared at the same content error: at each
of either way's content errors that lies within the other's range. Reported is the median of ours / one scale.
"""

import argparse
import math
import statistics
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from bench import measure
from bench.curves import Judge
from bench.objective import default_weights
from bench.pairs import CHOOSING, JUDGED, Pair
from bench.plot import Line, plot
from PIL import Image
from rich.console import Console
from rich.progress import Progress
from rich.table import Table

from stylegram.common.hyperparameters import Hyperparameters
from stylegram.stylizer.engine import stylize

SIZES = (512, 256, 128)
"""At which the style error is taken; the content error only at the first."""
OURS, ONE_SCALE = "ours", "one scale"


@dataclass(frozen=True)
class Outcome:
    """One picture.

    Args:
        content_weight: it was painted with.
        seconds: of the processor, for the whole of `stylize`.
        content: error at 512 pixels.
        style: error by size.
    """

    content_weight: float
    seconds: float
    content: float
    style: dict[int, float]


def one_scale(defaults: Hyperparameters) -> Hyperparameters:
    """At one scale from the content image, with L-BFGS, for as long."""
    evaluations = round(sum(evaluations * (size / defaults.size) ** 2 for size, evaluations in defaults.scales))
    one = {"schedule": ((defaults.size, evaluations),), "start": "content", "optimizer": "lbfgs"}
    return defaults.model_copy(update=one)


def matched_ratios(ours: Sequence[Outcome], others: Sequence[Outcome], size: int) -> list[float]:
    """Our style error over the others', at equal content errors; none where the two have no range in common."""
    (our_content, our_style), (their_content, their_style) = (_logarithms(each, size) for each in (ours, others))
    lowest = max(our_content[0], their_content[0])
    highest = min(our_content[-1], their_content[-1])
    shared = [each for each in sorted({*our_content, *their_content}) if lowest <= each <= highest]
    mine, theirs = np.interp(shared, our_content, our_style), np.interp(shared, their_content, their_style)
    return [math.exp(difference) for difference in mine - theirs]


def _logarithms(outcomes: Sequence[Outcome], size: int) -> tuple[list[float], list[float]]:
    points = sorted((math.log(each.content), math.log(each.style[size])) for each in outcomes)
    return [content for content, _ in points], [style for _, style in points]


def _outcome(pair: Pair, judges: dict[int, Judge], hyperparameters: Hyperparameters) -> tuple[Outcome, Image.Image]:
    start = time.process_time()
    result = stylize(*pair.pictures(), hyperparameters, weights=default_weights())
    seconds = time.process_time() - start
    losses = {size: judge.losses(result.image) for size, judge in judges.items()}
    style = {size: float(each.style) for size, each in losses.items()}
    content = float(losses[SIZES[0]].content)
    return Outcome(hyperparameters.content_weight, seconds, content, style), result.image


def _measure(pair: Pair, weights: Sequence[float], advance: Callable[[], None]) -> dict[str, list[Outcome]]:
    defaults = Hyperparameters()
    judges = {size: Judge(pair, defaults.model_copy(update={"size": size})) for size in SIZES}
    found: dict[str, list[Outcome]] = {}
    for way, settings in ((OURS, defaults), (ONE_SCALE, one_scale(defaults))):
        found[way] = []
        for weight in weights:
            outcome, picture = _outcome(pair, judges, settings.model_copy(update={"content_weight": weight}))
            found[way].append(outcome)
            name = f"{pair.name}-{way.replace(' ', '-')}-{weight:g}.png"
            picture.save(measure.folder("trade_off") / name)
            advance()
    return found


def _draw(pair: Pair, found: dict[str, list[Outcome]]) -> None:
    colors = dict(zip(SIZES, ("#1b6ca8", "#3a8f4d", "#c0392b"), strict=True))
    lines = [
        Line(
            f"{way}, {size}",
            [(each.content, each.style[size]) for each in outcomes],
            colors[size],
            dashed=way == ONE_SCALE,
        )
        for way, outcomes in found.items()
        for size in SIZES
    ]
    image = plot(lines, title=pair.name, x="content error", y="style error")
    image.save(measure.folder("trade_off") / f"{pair.name}.png")


def _table(figures: dict[str, dict[str, list[Outcome]]]) -> Table:
    columns = [column for size in SIZES for column in (f"{size} px", "range")]
    table = Table("pair", *columns, "points", "our s", "its s", title="style error at equal content error")
    medians: dict[int, list[float]] = {size: [] for size in SIZES}
    for name, found in figures.items():
        cells = []
        for size in SIZES:
            ratios = matched_ratios(found[OURS], found[ONE_SCALE], size)
            if ratios:
                medians[size].append(statistics.median(ratios))
            cells += (
                [f"{statistics.median(ratios):.2f}", f"{min(ratios):.2f}–{max(ratios):.2f}"] if ratios else ["", ""]
            )
        seconds = [f"{statistics.median(each.seconds for each in found[way]):.1f}" for way in (OURS, ONE_SCALE)]
        table.add_row(name, *cells, str(len(ratios)), *seconds)
    table.add_section()
    cells = [cell for each in medians.values() for cell in (f"{statistics.median(each):.2f}" if each else "–", "")]
    table.add_row("median", *cells, "", "", "")
    return table


def _arguments(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="bench.trade_off", description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--pairs", type=int, default=len(JUDGED), help="how many")
    parser.add_argument("--choosing", action="store_true", help="the pairs that defaults are chosen by")
    parser.add_argument("--content-weights", type=float, nargs="+", default=[0.01, 0.03, 0.1, 0.3, 1.0])
    return parser.parse_args(arguments)


def main(arguments: Sequence[str] | None = None) -> None:
    """Print a table of ratios at matched content error, and draw a plot for each pair."""
    console = Console()
    options = _arguments(arguments)
    torch.set_num_threads(1)
    pairs = (CHOOSING if options.choosing else JUDGED)[: options.pairs]
    figures: dict[str, dict[str, list[Outcome]]] = {}
    with Progress(console=console, transient=True) as progress:
        task = progress.add_task("", total=2 * len(pairs) * len(options.content_weights))
        for pair in pairs:
            progress.update(task, description=pair.name)
            figures[pair.name] = _measure(pair, options.content_weights, lambda: progress.advance(task))
            _draw(pair, figures[pair.name])
            # After each pair: who interrupts a long run keeps what it has measured.
            path = measure.save("trade_off", {"pairs": _raw(figures)})
    console.print(_table(figures))
    console.print(f"One thread; raw figures in {path}, plots and pictures in {measure.folder('trade_off')}.")


def _raw(figures: dict[str, dict[str, list[Outcome]]]) -> dict[str, Any]:
    return {
        pair: {way: list(map(vars, outcomes)) for way, outcomes in found.items()} for pair, found in figures.items()
    }


if __name__ == "__main__":
    main()
