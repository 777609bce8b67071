"""Paper Lagoon: fronds, stars and pebbles cut from gouache-painted paper and pasted over one another.

Every paper keeps the streaks of the broad brush that coloured it; every cutting throws a soft shadow.
"""

from collections import defaultdict
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from enum import IntEnum
from itertools import cycle
from typing import NamedTuple

import numpy as np
from PIL import Image

from stylegram.local.samples.canvas import (
    LONG_SIDE,
    Colours,
    Plane,
    Sheet,
    grain,
    light,
    mix,
    palette,
    picture,
    slope,
    soften,
)
from stylegram.local.samples.shapes import Curve, filled, placed, smooth

ASPECT = 4 / 5


class Paper(IntEnum):
    """The coloured papers, as indices of `GOUACHES`."""

    VERMILION = 0
    ORANGE = 1
    YELLOW = 2
    FOREST = 3
    MINT = 4
    COBALT = 5
    AZURE = 6
    VIOLET = 7
    PINK = 8
    CREAM = 9
    INK = 10


GOUACHES = palette(
    *("e63a24", "f6871c", "f9c622", "0b6e52", "35b27f", "1238a0"),
    *("2a8edb", "7d2a8c", "f285ae", "f8f0dd", "151d3c"),
)
"""The colours of the papers."""

CHORDS = (
    (Paper.COBALT, Paper.CREAM, Paper.VERMILION),
    (Paper.VERMILION, Paper.PINK, Paper.YELLOW),
    (Paper.YELLOW, Paper.COBALT, Paper.CREAM),
    (Paper.INK, Paper.MINT, Paper.ORANGE),
    (Paper.PINK, Paper.FOREST, Paper.VERMILION),
    (Paper.CREAM, Paper.VERMILION, Paper.COBALT),
    (Paper.AZURE, Paper.YELLOW, Paper.CREAM),
    (Paper.VIOLET, Paper.ORANGE, Paper.PINK),
    (Paper.FOREST, Paper.YELLOW, Paper.CREAM),
    (Paper.MINT, Paper.INK, Paper.CREAM),
    (Paper.ORANGE, Paper.VIOLET, Paper.YELLOW),
    (Paper.COBALT, Paper.YELLOW, Paper.PINK),
    (Paper.VERMILION, Paper.CREAM, Paper.INK),
    (Paper.AZURE, Paper.INK, Paper.ORANGE),
)
"""Papers that sing together: ground, figure and snippets of a block."""

WHOLE_BLOCK = 250.0  # units: a block with shorter sides is not split further


class Piece(NamedTuple):
    """One cutting: its paper and its parts, which may overlap."""

    paper: Paper
    curves: list[Curve]


@dataclass(frozen=True)
class Block:
    """A rectangular ground: its centre, width and height in units."""

    x: float
    y: float
    wide: float
    high: float


def draw(size: int) -> Image.Image:
    """Draw the collage with a long side of `size` pixels."""
    rng = np.random.default_rng(20260704)
    sheet = Sheet.with_long_side(size, aspect=ASPECT)
    gouache = _gouache(sheet, rng)
    grounds, snippets, figures = [], [], []
    wide = LONG_SIDE * ASPECT
    blocks = _split(rng, Block(wide / 2, LONG_SIDE / 2, wide, LONG_SIDE))
    # Chords and cuttings come round in cycles of unlike length, so no pair comes twice.
    for block, chord, cutting in zip(blocks, cycle(CHORDS), cycle(CUTTINGS), strict=False):
        ground, figure, snippet = chord
        grounds.append(Piece(ground, [_ground(rng, block)]))
        figures.append(Piece(figure, _figure(rng, block, cutting)))
        snippets.append(Piece(snippet, list(_snippets(rng, block))))
    colours = _painted(gouache, Paper.CREAM)
    # Snippets lie below the figures and peep out behind them.
    for layer in (grounds, snippets, figures):
        colours = _paste(colours, sheet, gouache, layer)
    return picture(colours + grain(sheet, rng, 0.016)[..., None])


def _split(rng: np.random.Generator, block: Block) -> Iterable[Block]:
    """Cut a block in two, again and again, across its longer side."""
    if max(block.wide, block.high) < WHOLE_BLOCK:
        yield block
        return
    share = rng.uniform(0.4, 0.6)
    for part, middle in ((share, share / 2), (1 - share, (1 + share) / 2)):
        if block.wide > block.high:
            x = block.x + (middle - 0.5) * block.wide
            yield from _split(rng, Block(x, block.y, part * block.wide, block.high))
        else:
            y = block.y + (middle - 0.5) * block.high
            yield from _split(rng, Block(block.x, y, block.wide, part * block.high))


def _paste(colours: Colours, sheet: Sheet, gouache: Plane, layer: Iterable[Piece]) -> Colours:
    """Paste all pieces of a layer, paper by paper."""
    by_paper: dict[Paper, list[Curve]] = defaultdict(list)
    for piece in layer:
        by_paper[piece.paper] += piece.curves
    for paper, curves in by_paper.items():
        cover = filled(sheet, *curves)
        # The lamp at the upper left throws the shadow 4 units right and 6 down, some 5 units soft.
        shadow = soften(filled(sheet, *(placed(curve, at=(4, 6)) for curve in curves)), 5 * sheet.unit)
        # The cut edge has a thickness: it is lit on one side.
        edge = slope(2 * soften(cover, 1.2 * sheet.unit), sheet.unit) * 0.5
        colours = mix(colours * (1 - 0.55 * shadow)[..., None], light(_painted(gouache, paper), edge), cover)
    return colours


def _gouache(sheet: Sheet, rng: np.random.Generator) -> Plane:
    """Give the lightness of a brushed coat around 0: streaks of the bristles, swaths and clouds."""
    streaks = sheet.noise(rng, (170, 5), octaves=2) + 0.8 * sheet.noise(rng, (300, 34))
    return (0.065 * streaks + 0.06 * sheet.noise(rng, 90, octaves=3)).astype(np.float32)


def _painted(gouache: Plane, paper: Paper) -> Colours:
    """Coat a sheet with the colour of a paper; mirrored, so that not all papers show the same streaks."""
    coat = gouache[:: 1 if paper % 2 else -1, :: 1 if paper % 3 else -1]
    return np.asarray(GOUACHES[paper] * (1 + coat[..., None]))


def _ground(rng: np.random.Generator, block: Block) -> Curve:
    # 8 units of overlap hide the joints.
    half = np.array([block.wide, block.high]) / 2 + 8
    corners = np.array([(-1, -1), (0, -1), (1, -1), (1, 0), (1, 1), (0, 1), (-1, 1), (-1, 0)]) * half
    # Scissors, not a ruler: corners are off by some 5 units.
    return (corners + rng.normal(0, 5, corners.shape) + (block.x, block.y)).astype(np.float32)


def _figure(
    rng: np.random.Generator, block: Block, cutting: Callable[[np.random.Generator], list[Curve]]
) -> list[Curve]:
    """Cut a figure so that it fills its block and reaches a little beyond."""
    curves = cutting(rng)
    turn = rng.uniform(-0.25, 0.25) + (np.pi / 2 if block.wide > block.high else 0)
    size = 0.53 * max(block.wide, block.high)
    lean = min(block.wide, block.high) / max(block.wide, block.high)
    # A figure is 2 high and about 1.5 wide: long blocks take slim figures.
    slim = np.array([1.3 * lean, 1], np.float32)
    return [placed(curve * slim, at=(block.x, block.y), turn=turn, size=size) for curve in curves]


def _snippets(rng: np.random.Generator, block: Block) -> Iterable[Curve]:
    """Strew pebbles and slivers along the rim of a block."""
    for angle in np.arange(0, 2 * np.pi, 0.75) + rng.uniform(0, 0.7):
        at = (block.x + 0.43 * block.wide * np.cos(angle), block.y + 0.43 * block.high * np.sin(angle))
        turn = rng.uniform(0, 2 * np.pi)
        if rng.random() < 0.5:
            yield placed(_pebble(rng), at=at, turn=turn, size=rng.uniform(14, 27))
        else:
            yield placed(POD, at=at, turn=turn, size=rng.uniform(40, 70))


_POD_SIDE = [(0.13, 0.3), (0.2, 0.66), (0.12, 0.93)]
POD = smooth([(0, 0), *_POD_SIDE, (0, 1), *((-x, y) for x, y in reversed(_POD_SIDE))])
"""A drop from (0, 0) to (0, 1)."""


def _stalk(rng: np.random.Generator, sway: float) -> tuple[Plane, Plane]:
    """Give x and y of a swaying line from the foot (y = 1) to the tip (y = -1)."""
    y = np.linspace(1, -1, 13, dtype=np.float32)
    return (sway * np.sin(y * rng.uniform(1.6, 2.4) + rng.uniform(0, 6))).astype(np.float32), y


def _ribbon(x: Plane, y: Plane, half: Plane) -> Curve:
    """Give the outline of a line with the half breadths `half`."""
    right, left = np.stack([x + half, y], axis=-1), np.stack([x - half, y], axis=-1)
    return smooth(np.concatenate([right, left[::-1]]), knots=6)


def _frond(rng: np.random.Generator) -> list[Curve]:
    """Cut a frond: pods on both sides of a swaying stalk."""
    x, y = _stalk(rng, 0.16)
    curves = [_ribbon(x, y, np.linspace(0.09, 0.05, len(y), dtype=np.float32))]
    for place in range(1, len(y), 2):
        reach = 0.36 + 0.42 * np.sin(np.pi * (place + 1) / (len(y) + 1))
        for side in (-1, 1):
            # Pods point upwards, away from the stalk, by some 65 degrees.
            turn = np.pi + side * rng.normal(1.1, 0.1)
            at = (float(x[place]), float(y[place]))
            curves.append(placed(POD * np.array([0.95, 1], np.float32), at=at, turn=turn, size=reach))
    return [*curves, placed(POD, at=(float(x[-1]), float(y[-1]) + 0.2), turn=np.pi, size=0.4)]


def _star(rng: np.random.Generator) -> list[Curve]:
    """Cut a sea star with blunt arms of unequal length."""
    arms = int(rng.integers(7, 11))
    angle = np.repeat(np.arange(arms) * 2 * np.pi / arms, 3) + np.tile([-0.09, 0.09, np.pi / arms], arms)
    radius = np.repeat(rng.uniform(0.8, 1.02, arms), 3) * np.tile([1, 1, 0.42], arms)
    return [smooth(np.stack([radius * np.cos(angle), radius * np.sin(angle)], axis=-1))]


def _wave(rng: np.random.Generator) -> list[Curve]:
    """Cut two ribbons that wind upwards side by side."""
    y = np.linspace(1.05, -1.05, 14, dtype=np.float32)
    x = (0.24 * np.sin(y * rng.uniform(4.6, 5.6) + rng.uniform(0, 6))).astype(np.float32)
    half = (0.16 * np.sqrt(1.15 - y**2)).astype(np.float32)
    return [_ribbon(x + shift, y, half) for shift in (-0.33, 0.3)]


def _fan(rng: np.random.Generator) -> list[Curve]:
    """Cut a coral: pods that fan out from one foot, in two tiers."""
    curves = []
    for tier, (reach, count) in enumerate(((1.95, 11), (1.0, 6))):
        for turn in np.linspace(-1.2, 1.2, count) + rng.normal(0, 0.03, count):
            pod = POD * np.array([0.34 + 0.16 * tier, 1], np.float32)
            curves.append(placed(pod, at=(0, 0.95), turn=np.pi + turn, size=reach * (1 - 0.28 * abs(turn))))
    return curves


def _leaf(rng: np.random.Generator) -> list[Curve]:
    """Cut a leaf with lobes on both sides, like an oak's."""
    y = np.linspace(1, -1, 11, dtype=np.float32)
    lobes = np.where(np.arange(11) % 2 == 0, 0.3, 0.7) * rng.uniform(0.9, 1.1, 11)
    return [_ribbon(0.1 * np.sin(2 * y), y, (lobes * np.sqrt(1.04 - y**2)).astype(np.float32))]


def _pebble(rng: np.random.Generator) -> Curve:
    """Cut a rounded pebble with a radius of about 1."""
    angle = np.linspace(0, 2 * np.pi, 6, endpoint=False)
    radius = rng.uniform(0.7, 1.15, 6)
    return smooth(np.stack([radius * np.cos(angle), 0.8 * radius * np.sin(angle)], axis=-1))


CUTTINGS = (_frond, _star, _wave, _fan, _leaf)
