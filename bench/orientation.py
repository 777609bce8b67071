"""How often the way up of a photograph is found, and how often a photograph would be turned wrongly.

    python -m bench.orientation_photographs --archive URL
    python -m bench.orientation var/bench/orientation/test/*

Judges the scorer in ingest by folders of upright photographs that it was not trained on. A judgement looks at all four
rotations of a photograph, so that in whichever of them it comes, the judgement is the same but for rounding: it is
pictures that are counted, not rotations, and each is judged once. Every tenth is judged in all four, to see that they
do agree; a picture counts as turned wrongly when it is in any rotation that was tried.

Coverage is the share of pictures that are judged rightly with enough confidence; the false turns are the share of all
pictures, and of those that a turn is proposed for, that would be turned wrongly, with the ends of the 95 % interval
(Clopper & Pearson 1934). Memory is the process's largest resident set.
"""

import argparse
import time
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import numpy as np
from bench import measure
from bench.orientation_train import FALSE_TURNS, Floats, photographs, upper_bound
from bench.plot import Line, plot
from PIL import Image
from rich.console import Console
from rich.progress import track
from rich.table import Table

from stylegram.common.model_cache import default_cache
from stylegram.ingest.orientation import Orientation

_BINS = (0.25, 0.5, 0.7, 0.8, 0.9, 0.95, 0.99, 1.0)
_CHECKED = 10
_TRANSPOSITIONS = (Image.Transpose.ROTATE_90, Image.Transpose.ROTATE_180, Image.Transpose.ROTATE_270)


@dataclass(frozen=True)
class Judged:
    """A photograph.

    Args:
        source: its folder.
        number: its place among those.
        found: for each rotation that it came in, probabilities that it is upright once it is set back and rotated by
            0, 90, 180, 270 degrees counter-clockwise; the first is right. Shape (rotations tried, 4).
        seconds: of the processor, for one judgement.
    """

    source: str
    number: int
    found: Floats
    seconds: float


def judge(orientation: Orientation, source: str, number: int, pixels: Image.Image) -> Judged:
    """Judge the photograph as it is, and some rotated too."""
    began = time.process_time()
    found = [orientation.probabilities(pixels).astype(np.float64)]
    seconds = time.process_time() - began
    if number % _CHECKED == 0:
        for turns, transposition in enumerate(_TRANSPOSITIONS, 1):
            # What was rotated by 90 degrees is upright once it is rotated by 270.
            found.append(np.roll(orientation.probabilities(pixels.transpose(transposition)), turns))
    return Judged(source, number, np.array(found), seconds)


def reliability(judged: Sequence[Judged]) -> list[tuple[float, float, int]]:
    """By bins of confidence: its mean, the share of judgements that are right, how many there are."""
    first = np.stack([each.found[0] for each in judged])
    confidence, right = first.max(1), first.argmax(1) == 0
    bins = []
    for low, high in pairwise(_BINS):
        inside = (confidence >= low) & ((confidence < high) | (high == 1))
        if inside.any():
            bins.append((float(confidence[inside].mean()), float(right[inside].mean()), int(inside.sum())))
    return bins


def figures(judged: Sequence[Judged], confidence: float) -> dict[str, float]:
    """Shares of the pictures.

    Args:
        judged: at least one.
        confidence: from which on a judgement is one.
    """
    sure = [each.found.max(1) >= confidence for each in judged]
    right = [each.found.argmax(1) == 0 for each in judged]
    both = list(zip(sure, right, strict=True))
    wrong = sum(bool((s & ~r).any()) for s, r in both)
    spoken = sum(bool(s.any()) for s in sure)
    return {
        "pictures": len(judged),
        "accuracy": float(np.mean([r[0] for r in right])),
        "coverage": float(np.mean([(s & r).all() for s, r in both])),
        "turned wrongly": wrong,
        "false turns": wrong / len(judged),
        "false turns, upper bound": upper_bound(wrong, len(judged)),
        "false turns of those proposed": wrong / max(1, spoken),
        "false turns of those proposed, upper bound": upper_bound(wrong, spoken) if spoken else 1.0,
        "judged in all rotations": sum(len(each.found) > 1 for each in judged),
        "of these, judged differently": sum(len(set(each.found.argmax(1).tolist())) > 1 for each in judged),
    }


def main(arguments: Sequence[str] | None = None) -> None:
    """Print the figures, and draw the reliability."""
    parser = argparse.ArgumentParser(prog="bench.orientation", description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("folders", type=Path, nargs="+", help="of upright photographs, a source each")
    options = parser.parse_args(arguments)
    console = Console()
    orientation = Orientation.load(default_cache() / "vgg19-gatys.safetensors")
    judged = [
        judge(orientation, folder.name, number, pixels)
        for folder in track(options.folders, "judging", console=console, transient=True)
        for number, pixels in enumerate(photographs(folder))
    ]
    if not judged:
        raise SystemExit("There is no photograph in these folders.")
    table = Table("source", "pictures", "found", "coverage", "turned wrongly", title=f"at {orientation.confidence:.3f}")
    for source in sorted({each.source for each in judged}):
        its = figures([each for each in judged if each.source == source], orientation.confidence)
        shares = (f"{its[name]:.1%}" for name in ("accuracy", "coverage"))
        table.add_row(source, f"{its['pictures']:.0f}", *shares, f"{its['turned wrongly']:.0f}")
    console.print(table)
    found = figures(judged, orientation.confidence)
    directions = np.bincount([int(each.found[0].argmax()) for each in judged], minlength=4).tolist()
    for name, value in found.items():
        console.print(f"{name}: {value:.2%}" if isinstance(value, float) else f"{name}: {value}")
    console.print(f"upright pictures taken for being rotated by 0, 90, 180, 270 degrees: {directions}")
    seconds = float(np.median([each.seconds for each in judged]))
    peak = measure.peak_mb(measure.default_device())
    console.print(f"{seconds:.2f} processor seconds a picture, {peak:.0f} MB at most with torch loaded")
    bins = reliability(judged)
    lines = [
        Line("held out", [(mean, max(right, 0.01)) for mean, right, _ in bins], "#1f77b4"),
        Line("as it says", [(0.25, 0.25), (1, 1)], "#999999", dashed=True),
    ]
    picture = measure.folder("orientation") / "reliability.png"
    plot(lines, title="Orientation: how far to believe it", x="probability it gives", y="share that is right").save(
        picture
    )
    errors = [
        {
            "source": each.source,
            "number": each.number,
            "turn": int(each.found[0].argmax()),
            "p": float(each.found[0].max()),
        }
        for each in judged
        if each.found[0].argmax() != 0
    ]
    raw = {"confidence": orientation.confidence, "seconds": seconds, "directions": directions, **found}
    path = measure.save(
        "orientation-judged", {**raw, "bins": bins, "errors": sorted(errors, key=lambda e: -float(str(e["p"])))}
    )
    verdict = "holds" if found["false turns, upper bound"] < FALSE_TURNS else "is not shown"
    console.print(f"Fewer than {FALSE_TURNS:.0%} turned wrongly: {verdict}. Plot in {picture}, raw figures in {path}.")


if __name__ == "__main__":
    main()
