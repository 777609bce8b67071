"""Orchard at Evening: dots of unmixed warm and cool colours that the eye blends (divisionism).

No dot has the colour of the place: each is a neighbour of it on the colour wheel, and every fourth or so its
complement, so that orange vibrates beside blue. The dots are small heaps of paint and cast light and shade.
"""

import math
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from stylegram.local.samples.canvas import (
    Colours,
    Plane,
    Sheet,
    as_bytes,
    light,
    mix,
    palette,
    picture,
    ramp,
    shrunk,
    slope,
    step,
)

ASPECT = 3 / 2
PLAN_SIZE = 512  # px; dots of 6 units and more need no finer plan, whatever the size of the picture

SKY = palette("2a5fd0", "5b9be8", "a9c8ea", "ffc48f", "ff9f5a", "ff7f50")
SEA = palette("0b3f9a", "1d74c4", "3fb0cf", "9fe0d0")
MEADOW = palette("2e7a2a", "7fb52c", "d6d83a", "ffcf3a")
SHADE = palette("2a1f7a", "4a3aa8", "1f6a7a")
CROWN = palette("1c3f6a", "1f7a3f", "6fb82e", "f0d33a", "ff9a3a")
PATH = palette("f7b267", "ffe0b0", "f28aa0")
SAIL = palette("fff4e0", "ffb070")
SUN, GLITTER, TRUNK, GROUND = palette("fff2a0", "fff0b0", "4a1f5a", "efe2c6")

SUN_AT = (470.0, 120.0)


class Tree(NamedTuple):
    """A tree: middle, half width and half height of its crown, in units."""

    x: float
    y: float
    wide: float
    high: float


TREES = (
    Tree(120, 300, 150, 132),
    Tree(330, 372, 92, 82),
    Tree(905, 290, 165, 150),
    Tree(716, 384, 78, 70),
    Tree(560, 404, 44, 40),
)


@dataclass(frozen=True)
class Dots:
    """One pass of dots: radius in units, share of the canvas they cover, deviation of hue in turns."""

    radius: float
    cover: float
    hue: float
    complements: float
    """Share of dots in the complementary colour."""


PASSES = (
    Dots(radius=9.5, cover=2.2, hue=0.03, complements=0.10),
    Dots(radius=6.5, cover=1.3, hue=0.05, complements=0.22),
    Dots(radius=4.2, cover=0.6, hue=0.06, complements=0.18),
)

THICKNESS = (110, 180, 225, 250)
"""Height of the contour lines of a dot, of 255, from its rim to its top."""


def draw(size: int) -> Image.Image:
    """Draw the painting with a long side of `size` pixels."""
    rng = np.random.default_rng(20260105)
    sheet = Sheet.with_long_side(size, aspect=ASPECT)
    plan_sheet = Sheet.with_long_side(PLAN_SIZE, aspect=ASPECT)
    plan = _plan(plan_sheet, rng)
    # Red, green, blue, and the thickness of the paint, lit at the end.
    ground = (*as_bytes(GROUND).tolist(), 0)
    paint = Image.new("RGBA", sheet.finer(2).pixels, ground)
    for dots in PASSES:
        _dab(paint, plan_sheet, plan, dots, rng)
    layers = shrunk(paint, sheet)
    height = 2.6 * layers[..., 3] + 0.3 * sheet.noise(rng, 3.5, octaves=2)
    return picture(light(layers[..., :3], slope(height, sheet.unit) * 0.36))


def _plan(sheet: Sheet, rng: np.random.Generator) -> Colours:
    """Compose the picture in plain colours."""
    x, y = sheet.grid()
    soft = sheet.noise(rng, 90, octaves=3)
    colours = ramp(SKY, y / 330 + 0.16 * soft)
    sun = np.hypot(x - SUN_AT[0], y - SUN_AT[1])
    colours = mix(colours, SUN, np.exp(-((sun / 80) ** 2)))
    # The bay, with a glitter path below the sun.
    colours = mix(colours, ramp(SEA, (y - 290) / 150 + 0.2 * sheet.noise(rng, (120, 14))), step(288, 294, y))
    aside = (x - SUN_AT[0]) / (26 + 0.5 * (y - 290))
    glitter = np.exp(-(aside**2)) * step(0.0, 0.7, sheet.noise(rng, (46, 9)))
    colours = mix(colours, GLITTER, glitter * step(290, 298, y))
    for at, foot, tall in ((640, 330, 96), (398, 318, 62), (690, 312, 44)):
        lean = (foot - y) / tall
        sail = step(-2, 2, (1 - lean) * 0.42 * tall - np.abs(x - at - 0.1 * tall)) * step(0, 0.04, lean)
        colours = mix(colours, ramp(SAIL, (x - at) / (0.7 * tall) + 0.4), sail)
    shore = 424 + 26 * np.sin(x / 150 + 0.6) + 8 * soft
    rows = 0.5 + 0.5 * np.sin((y - shore) / (7 + 0.06 * (y - shore)) + 0.012 * x)
    colours = mix(colours, ramp(MEADOW, 0.25 + 0.5 * rows + 0.3 * soft), step(-3, 3, y - shore))
    # A path winds to the viewer.
    bend = 500 + 90 * np.sin((y - 430) / 62) * step(420, 560, y)
    path = step(4, -4, np.abs(x - bend) - (6 + 0.36 * (y - 430))) * step(2, 8, y - shore)
    colours = mix(colours, ramp(PATH, 0.5 + 0.4 * soft), path)
    for tree in TREES:
        colours = _tree(colours, x, y, soft, tree)
    return colours


def _tree(colours: Colours, x: Plane, y: Plane, soft: Plane, tree: Tree) -> Colours:
    at_x, at_y, wide, high = tree
    foot = at_y + 1.75 * high
    # Its shadow is violet, the complement of the evening light, and falls to the side away from the sun.
    side = 1 if at_x > SUN_AT[0] else -1
    away = (x - at_x - side * 0.5 * wide) / (1.15 * wide)
    shadow = step(1.1, 0.8, np.hypot(away, (y - foot) / (0.26 * high)) + 0.15 * soft)
    colours = mix(colours, ramp(SHADE, 0.5 + 0.4 * soft), 0.9 * shadow)
    trunk = step(0.11, 0.08, np.abs(x - at_x - 6 * soft) / wide)
    colours = mix(colours, TRUNK, trunk * step(at_y, at_y + 4, y) * step(foot, foot - 4, y))
    around = np.hypot((x - at_x) / wide, (y - at_y) / high) + 0.16 * soft
    facing = -side * (x - at_x) / wide * 0.5 - (y - at_y) / high * 0.6
    leaves = ramp(CROWN, 0.46 + 0.42 * facing + 0.24 * soft)
    return mix(colours, leaves, step(1.0, 0.92, around))


def _dab(paint: Image.Image, sheet: Sheet, plan: Colours, dots: Dots, rng: np.random.Generator) -> None:
    wide, high = sheet.span
    # A shaken grid: chance alone would leave holes and heaps.
    pitch = dots.radius * math.sqrt(math.pi / dots.cover)
    grid = np.meshgrid(np.arange(0, wide + pitch, pitch), np.arange(0, high + pitch, pitch))
    x, y = (axis.ravel() + rng.normal(0, 0.4 * pitch, axis.size) for axis in grid)
    radius = dots.radius * rng.uniform(0.75, 1.2, x.shape)
    colours = _divided(sheet.sample(plan, x, y), dots, rng)

    order = rng.permutation(len(x))
    heaps = _outlines(x[order], y[order], radius[order], rng) * (max(paint.size) / max(wide, high))
    fills = as_bytes(colours[order]).tolist()
    pencil = ImageDraw.Draw(paint)
    for outlines, fill in zip(heaps.tolist(), fills, strict=True):
        for outline, thickness in zip(outlines, THICKNESS, strict=True):
            pencil.polygon(outline, fill=(*fill, thickness))


def _outlines(x: Plane, y: Plane, radius: Plane, rng: np.random.Generator) -> NDArray[np.floating[Any]]:
    """Give the contour lines of the heaps of paint, from rim to top: (dots, levels, 2 * corners)."""
    corners = np.arange(11) * (2 * np.pi / 11)
    turn = rng.uniform(0, np.pi, (len(x), 1, 1))
    share = np.linspace(1, 0.35, len(THICKNESS))[None, :, None]
    # The bristles pull a dot to an oval whose rim is never quite round.
    wavering = 1 + rng.normal(0, 0.07, (len(x), 1, len(corners)))
    along = 1.2 * wavering * np.cos(corners)
    across = 0.88 * wavering * np.sin(corners)
    reach = radius[:, None, None] * share
    at_x = x[:, None, None] + reach * (along * np.cos(turn) - across * np.sin(turn))
    at_y = y[:, None, None] + reach * (along * np.sin(turn) + across * np.cos(turn))
    return np.stack([at_x, at_y], axis=-1).reshape(len(x), len(THICKNESS), -1)


def _divided(colours: Colours, dots: Dots, rng: np.random.Generator) -> Colours:
    """Replace each place's colour by a neighbour or the complement of it on the colour wheel."""
    opposite = (rng.random(len(colours)) < dots.complements)[:, None]
    angle = 2 * np.pi * (rng.normal(0, dots.hue, opposite.shape) + 0.5 * opposite)
    grey = colours.mean(axis=1, keepdims=True)
    # Unmixed paint is purer than the place it stands for, by about a third; complements stay muted beside it.
    chroma = np.where(opposite, 0.7, 1.35) * (colours - grey)
    # The hue turns around the grey axis (1, 1, 1) of the colour cube.
    sideways = (np.roll(chroma, 1, axis=1) - np.roll(chroma, -1, axis=1)) / math.sqrt(3)
    lightness = rng.normal(0, 0.06, grey.shape)
    divided = grey + lightness + chroma * np.cos(angle) + sideways * np.sin(angle)
    return np.asarray(np.clip(divided, 0, 1))
