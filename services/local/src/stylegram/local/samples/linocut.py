"""Ploughed Hills: a linocut in four inks, carved in lines that follow furrows, crowns and rays.

What the gouge takes away shows the colour below; what it leaves prints black. A cut starts and ends as a
point, so its breadth follows a long noise: that breaks each line into slivers.
"""

from typing import NamedTuple

import numpy as np
from PIL import Image

from stylegram.local.samples.canvas import Colours, Plane, Sheet, grain, mix, palette, picture, step

ASPECT = 4 / 3

INK, CREAM, MUSTARD, BRICK, SAGE = palette("191310", "f5e8cc", "e3a324", "bf3f22", "5f7f5a")

SUN_AT = (690.0, 190.0)
SUN_RADIUS = 92.0


class Hill(NamedTuple):
    """A hill: height of its crest, swing and pitch of the cuts in units, and the colour below them."""

    crest: float
    swing: float
    pitch: float
    colour: Colours
    furrowed: bool
    """Furrows run downhill and spread towards the viewer; otherwise terraces follow the crest."""


class Tree(NamedTuple):
    """A round tree: middle and radius of its crown in units, and the colour below its cuts."""

    x: float
    y: float
    radius: float
    colour: Colours


# Both from the back to the front.
HILLS = (
    Hill(330, 46, 12, BRICK, False),
    Hill(392, 40, 13, MUSTARD, True),
    Hill(462, 44, 14, CREAM, False),
    Hill(540, 40, 16, BRICK, True),
    Hill(632, 34, 17, SAGE, False),
    Hill(704, 26, 19, MUSTARD, True),
)
TREES = (
    Tree(96, 318, 58, SAGE),
    Tree(462, 330, 34, SAGE),
    Tree(196, 356, 38, MUSTARD),
    Tree(930, 372, 64, BRICK),
    Tree(846, 420, 36, SAGE),
    Tree(610, 430, 30, CREAM),
    Tree(330, 452, 52, BRICK),
    Tree(92, 520, 66, CREAM),
    Tree(742, 536, 50, MUSTARD),
    Tree(520, 590, 36, SAGE),
    Tree(952, 602, 62, CREAM),
    Tree(262, 640, 44, BRICK),
)


def draw(size: int) -> Image.Image:
    """Draw the print with a long side of `size` pixels."""
    rng = np.random.default_rng(20260107)
    sheet = Sheet.with_long_side(size, aspect=ASPECT)
    x, y = sheet.grid()
    # The hand on the gouge is not a compass.
    x, y = x + 3 * sheet.noise(rng, 80, octaves=2), y + 3 * sheet.noise(rng, 80, octaves=2)
    printed = _sky(sheet, rng, x, y)
    for hill in HILLS:
        printed = _hill(sheet, rng, printed, x, y, hill)
        for tree in TREES:
            # A tree stands on the hills whose crest is little above its crown's foot; the next ones hide it.
            if hill.crest <= tree.y + tree.radius < hill.crest + 95:
                printed = _tree(sheet, rng, printed, x, y, tree)
    # Ink lies a little thinner where the press missed; the paper's tooth shows.
    missed = step(1.2, 1.9, sheet.noise(rng, 5, octaves=2) + 0.5 * sheet.noise(rng, 140))
    return picture(mix(printed, CREAM, 0.5 * missed) + grain(sheet, rng, 0.018)[..., None])


def _cut(
    sheet: Sheet,
    rng: np.random.Generator,
    below: Colours,
    stream: Plane,
    share: Plane | float,
) -> Colours:
    """Carve one line per whole number of `stream` into a black block; `share` (0..1) of it is taken away."""
    ragged = 0.5 * sheet.noise(rng, 46, octaves=2) + 0.14 * sheet.noise(rng, 6)
    down, right = np.gradient(stream)
    # About a pixel of soft edge, measured in pitches; at most a fifth, where a stream jumps.
    soft = np.clip(np.hypot(down, right), 1e-3, 0.2)
    from_line = np.abs(stream % 1 - 0.5)
    cover = np.clip(0.5 + ((share + 0.3 * ragged) / 2 - from_line) / soft, 0, 1)
    return mix(np.broadcast_to(INK, below.shape), below, cover)


def _sky(sheet: Sheet, rng: np.random.Generator, x: Plane, y: Plane) -> Colours:
    from_sun = np.hypot(x - SUN_AT[0], y - SUN_AT[1])
    angle = np.arctan2(y - SUN_AT[1], x - SUN_AT[0])
    warm = step(430, 110, from_sun + 60 * sheet.noise(rng, 120))
    below = mix(np.broadcast_to(CREAM, (*x.shape, 3)), MUSTARD, warm)
    # Rays double with the distance, or they would grow broader than a gouge: near 8 to 16 units apiece.
    octave = np.log2(np.maximum(from_sun, 8) / SUN_RADIUS)
    rays = _cut(sheet, rng, below, angle * (44 / (2 * np.pi)) * 2 ** np.floor(octave), 0.62)
    # An uncut ring sets off every doubling; the first one is the sun's contour.
    ring = np.abs(from_sun - SUN_RADIUS * 2 ** np.round(octave))
    rays = mix(rays, INK, step(3.5, 2, ring))
    disc = _cut(sheet, rng, np.broadcast_to(BRICK, below.shape), from_sun / 13, 0.86)
    return mix(rays, disc, step(SUN_RADIUS - 2, SUN_RADIUS - 4, from_sun))


def _hill(sheet: Sheet, rng: np.random.Generator, behind: Colours, x: Plane, y: Plane, hill: Hill) -> Colours:
    swing = np.sin(x / 170 + hill.crest) + 0.4 * np.sin(x / 67 + 2 * hill.crest)
    depth = y - hill.crest - hill.swing * swing
    if hill.furrowed:
        stream = (x - 512 + 0.9 * depth) / (hill.pitch * (1 + 0.006 * np.maximum(depth, 0)))
    else:
        stream = depth / hill.pitch
    share = 0.74 - 0.3 * step(30, 120, depth) + 0.14 * np.sin(x / 90)
    carved = _cut(sheet, rng, np.broadcast_to(hill.colour, behind.shape), stream, share)
    contoured = mix(carved, INK, step(8, 6, depth))
    return mix(behind, contoured, step(-1, 1, depth))


def _tree(sheet: Sheet, rng: np.random.Generator, behind: Colours, x: Plane, y: Plane, tree: Tree) -> Colours:
    aside, below = (x - tree.x) / tree.radius, (y - tree.y) / tree.radius
    trunk = step(0.13, 0.1, np.abs(aside)) * step(0, 0.1, below) * step(1.75, 1.7, below)
    # Arcs around the light, which falls on the crown from the upper right; a cut is 9.5 units broad.
    stream = np.hypot(aside - 0.25, below + 0.35) * (tree.radius / 9.5)
    distance = np.hypot(aside, below)
    lit = 0.8 - 0.35 * (below - 0.4 * aside) - 0.25 * distance
    carved = _cut(sheet, rng, np.broadcast_to(tree.colour, behind.shape), stream, lit)
    lobes = 1 + 0.05 * np.sin(9 * np.arctan2(below, aside))
    inset = (lobes - distance) * tree.radius  # units inside the crown's contour
    crown = mix(carved, INK, step(6, 4, inset))
    return mix(mix(behind, INK, trunk), crown, step(-1, 1, inset))
