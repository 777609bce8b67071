"""Night Currents: impasto brush strokes that follow the streamlines of a night sky, its hills and its lake.

A stroke is a bundle of bristles. Each bristle leaves its own colour and its own thickness of paint; the
thickness is kept as a fourth band of the picture and lit at the end, which gives the relief of oil paint.
"""

import math
from dataclasses import dataclass
from typing import Any

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

ASPECT = 5 / 4
PLAN_SIZE = 512  # px; strokes of 5 units and more need no finer plan, whatever the size of the picture

SKY = palette("0b0f4a", "1b2fa8", "1478d4", "2fc0cf", "8a4fd0", "e0559a", "2a1272")
MOON = palette("fffbe0", "ffd84a", "ff8a2b")
HILLS = palette("120a3c", "3a1c86", "8a2f8f", "0f6f86", "0b2a52")
LAKE = palette("06143f", "0b3f8a", "0f8fae", "58d6c4", "3a2a96")
SHORE = palette("0d1f1a", "1f5a33", "8a7a12", "f0a521", "a8321e")

MOON_AT = (742.0, 168.0)
MOON_RADIUS = 54.0
STARS = ((110.0, 92.0, 15.0), (452.0, 70.0, 11.0), (596.0, 322.0, 10.0), (930.0, 92.0, 13.0))
"""x, y and radius in units."""

WHORLS = (
    (330.0, 190.0, 120.0, 1.0),
    (560.0, 150.0, 85.0, -0.8),
    (140.0, 250.0, 70.0, -0.7),
    (880.0, 260.0, 90.0, 0.8),
)
"""x, y, reach in units, and strength (the sign is the sense of rotation)."""


@dataclass(frozen=True)
class Plan:
    """What to paint where: colours (height, width, 3) and the stroke direction in radians (height, width)."""

    sheet: Sheet
    colours: Colours
    direction: Plane


@dataclass(frozen=True)
class Brush:
    """One pass over the canvas; lengths in units, `cover` in strokes' areas per area of canvas."""

    width: float
    length: float
    bristles: int
    cover: float
    lightness: float
    """Deviation of the lightness from stroke to stroke."""


# From a broad brush that hides the ground to a fine one that leaves accents only.
BRUSHES = (
    Brush(width=44, length=140, bristles=34, cover=2.6, lightness=0.03),
    Brush(width=25, length=100, bristles=21, cover=1.9, lightness=0.05),
    Brush(width=15, length=66, bristles=13, cover=1.5, lightness=0.07),
    Brush(width=8, length=40, bristles=7, cover=0.55, lightness=0.10),
)


def draw(size: int) -> Image.Image:
    """Draw the painting with a long side of `size` pixels."""
    rng = np.random.default_rng(20260101)
    sheet = Sheet.with_long_side(size, aspect=ASPECT)
    plan = _plan(rng)
    # The underpainting shows where no stroke falls.
    ground = np.dstack([plan.colours, np.full(plan.direction.shape, 0.3, np.float32)])
    paint = Image.fromarray(as_bytes(ground)).resize(sheet.finer(2).pixels, Image.Resampling.NEAREST)
    for brush in BRUSHES:
        _paint_over(paint, plan, brush, rng)
    layers = shrunk(paint, sheet)
    thickness = layers[..., 3] * 5  # units: the ridge of a loaded bristle
    weave = sheet.noise(rng, 3.0) * 0.12
    return picture(light(layers[..., :3], slope(thickness + weave, sheet.unit) * 0.55))


def _plan(rng: np.random.Generator) -> Plan:
    sheet = Sheet.with_long_side(PLAN_SIZE, aspect=ASPECT)
    x, y = sheet.grid()
    colours, stream = _sky(sheet, rng, x, y)
    for colour, own_stream, cover in (
        _hills(sheet, rng, x, y, crest=510, swing=62),
        _hills(sheet, rng, x, y, crest=578, swing=36),
        _lake(sheet, rng, x, y),
        _shore(sheet, rng, x, y),
    ):
        colours = mix(colours, colour, cover)
        stream = np.where(cover > 0.5, own_stream, stream)
    # Strokes run along the lines of equal stream value: at right angles to its gradient.
    down, right = np.gradient(stream)
    return Plan(sheet, colours, np.arctan2(-right, down).astype(np.float32))


def _sky(sheet: Sheet, rng: np.random.Generator, x: Plane, y: Plane) -> tuple[Colours, Plane]:
    stream = y + 26 * sheet.noise(rng, 300, octaves=2)
    for at_x, at_y, reach, strength in WHORLS:
        distance = np.hypot(x - at_x, y - at_y)
        stream = stream + 2.2 * strength * reach * np.exp(-((distance / reach) ** 2) / 1.4)
    # Bands of colour along the streamlines: about one light band per 85 units.
    bands = 0.5 + 0.5 * np.sin(stream / 13.5 + 1.2 * sheet.noise(rng, 160))
    colours = ramp(SKY, 0.62 * bands + 0.16 * sheet.noise(rng, 120, octaves=2) + 0.10)
    colours = mix(colours, palette("ffc08a")[0], 0.55 * step(330, 560, y))
    for at_x, at_y, radius in ((*MOON_AT, MOON_RADIUS), *STARS):
        distance = np.hypot(x - at_x, y - at_y)
        # Rings in the halo make the strokes circle the light.
        halo = np.exp(-distance / (1.5 * radius)) * (0.75 + 0.25 * np.cos(distance / radius * 4.2))
        colours = mix(colours, ramp(MOON, distance / (2.6 * radius)), np.clip(2.2 * halo, 0, 1))
        near = step(3.4 * radius, 1.8 * radius, distance)
        stream = stream * (1 - near) + distance * near
    return colours, stream.astype(np.float32)


def _hills(
    sheet: Sheet, rng: np.random.Generator, x: Plane, y: Plane, *, crest: float, swing: float
) -> tuple[Colours, Plane, Plane]:
    phase = rng.uniform(0, 6.28)
    line = crest + swing * (np.sin(x / 150 + phase) * 0.6 + np.sin(x / 61 + 2 * phase) * 0.35)
    depth = (y - line).astype(np.float32)
    tone = 0.5 + 0.42 * np.sin(depth / 11 + 1.5 * sheet.noise(rng, 130)) + 0.2 * sheet.noise(rng, 60)
    colours = ramp(HILLS, tone)
    # Moonlight grazes the crests.
    colours = mix(colours, palette("e9c46a")[0], 0.75 * step(16, 2, depth) * step(0, 500, x))
    return colours, depth + 14 * sheet.noise(rng, 120), step(-2, 2, depth)


def _lake(sheet: Sheet, rng: np.random.Generator, x: Plane, y: Plane) -> tuple[Colours, Plane, Plane]:
    depth = y - 618
    ripple = 0.5 + 0.5 * np.sin(y / 6.5 + 2.2 * sheet.noise(rng, (240, 40)))
    colours = ramp(LAKE, 0.75 * ripple + 0.22 * sheet.noise(rng, (150, 24)) + 0.05)
    # The moon's path on the water widens towards the viewer.
    aside = np.abs(x - MOON_AT[0] + 30 * sheet.noise(rng, (200, 16))) / (34 + 0.45 * depth)
    colours = mix(colours, ramp(MOON, np.clip(aside, 0, 1)), step(1.1, 0.2, aside) * (0.25 + 0.75 * ripple))
    return colours, (y + 6 * sheet.noise(rng, (260, 60))).astype(np.float32), step(-2, 2, depth)


def _shore(sheet: Sheet, rng: np.random.Generator, x: Plane, y: Plane) -> tuple[Colours, Plane, Plane]:
    line = 770 - 150 * np.exp(-(((x - 90) / 190) ** 2)) - 26 * np.sin(x / 90)
    depth = (y - line).astype(np.float32)
    blades = sheet.noise(rng, (26, 90), octaves=2)
    colours = ramp(SHORE, 0.45 + 0.3 * blades + 0.25 * np.sin(depth / 24))
    # Grass leans to the right: the stream rises along x, hence strokes stand up.
    return colours, x + 0.45 * y + 16 * sheet.noise(rng, 110), step(-3, 3, depth + 14 * blades)


def _paint_over(paint: Image.Image, plan: Plan, brush: Brush, rng: np.random.Generator) -> None:
    wide, high = plan.sheet.span
    count = int(brush.cover * wide * high / (brush.width * brush.length))
    points = max(9, int(brush.length / 6))  # a knot per 6 units follows the tightest whorl
    x = rng.uniform(-20, wide + 20, count).astype(np.float32)
    y = rng.uniform(-20, high + 20, count).astype(np.float32)
    colours = plan.sheet.sample(plan.colours, x, y)
    stride = (brush.length * rng.uniform(0.6, 1.2, count) / (points - 1)).astype(np.float32)
    path_x, path_y, direction = _follow(plan, x, y, stride, points)

    offset = np.linspace(-0.5, 0.5, brush.bristles, dtype=np.float32) * brush.width
    bristle_x = path_x[:, None, :] - offset[None, :, None] * np.sin(direction)[:, None, :]
    bristle_y = path_y[:, None, :] + offset[None, :, None] * np.cos(direction)[:, None, :]

    scale = max(paint.size) / max(plan.sheet.span)
    pen = max(1, round(1.5 * scale * brush.width / brush.bristles))
    knots = (np.stack([bristle_x, bristle_y], axis=-1) * scale).reshape(count, brush.bristles, -1)
    # Bristles touch down and lift off one by one, which frays both ends of a stroke.
    fray = points // 4
    starts = rng.integers(0, fray, (count, brush.bristles)).tolist()
    ends = (points - rng.integers(0, fray, (count, brush.bristles))).tolist()
    inks = as_bytes(_loaded(brush, colours, rng)).tolist()
    pencil = ImageDraw.Draw(paint)
    for lines, fills, firsts, lasts in zip(knots.tolist(), inks, starts, ends, strict=True):
        for line, fill, first, last in zip(lines, fills, firsts, lasts, strict=True):
            pencil.line(line[2 * first : 2 * last], fill=tuple(fill), width=pen)


def _loaded(brush: Brush, colours: Colours, rng: np.random.Generator) -> NDArray[np.floating[Any]]:
    """Load the brush for strokes of `colours` (strokes, 3): colour and thickness (strokes, bristles, 4)."""
    # Paint lies in clots: neighbouring bristles carry much the same of it.
    clots = _runs(rng.normal(0, 1, (len(colours), brush.bristles)))
    lightness = rng.normal(0, brush.lightness, (len(colours), 1)) + 0.05 * clots
    tint = rng.normal(0, 0.025, (len(colours), 1, 3))  # an imperfectly mixed palette
    dome = 1 - np.linspace(-1, 1, brush.bristles) ** 2
    thickness = 0.3 + 0.35 * dome + 0.14 * clots + rng.normal(0, 0.07, clots.shape)
    return np.dstack([colours[:, None, :] + lightness[..., None] + tint, thickness])


def _runs(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Smooth random values over three neighbours along the last axis, keeping their deviation."""
    around = np.pad(values, ((0, 0), (1, 1)), mode="edge")
    return (around[:, :-2] + around[:, 1:-1] + around[:, 2:]) / math.sqrt(3)


def _follow(plan: Plan, x: Plane, y: Plane, stride: Plane, points: int) -> tuple[Plane, Plane, Plane]:
    """Walk along the plan's direction through (x, y), the strokes' middles, with steps of `stride` units.

    Gives x, y and direction of all knots, each of shape (strokes, points).
    """
    half = points // 2
    back = _walk(plan, x, y, -stride, half + 1)
    forth = _walk(plan, x, y, stride, points - half)
    knots = back[:0:-1] + forth
    path_x, path_y, direction = (np.stack(column, axis=1) for column in zip(*knots, strict=True))
    return path_x, path_y, direction


def _walk(plan: Plan, x: Plane, y: Plane, stride: Plane, points: int) -> list[tuple[Plane, Plane, Plane]]:
    knots = []
    for _ in range(points):
        direction = plan.sheet.sample(plan.direction, x, y)
        knots.append((x, y, direction))
        # Look half a step ahead: plain steps along the tangent would leave every circle outwards.
        ahead = plan.sheet.sample(
            plan.direction, x + stride / 2 * np.cos(direction), y + stride / 2 * np.sin(direction)
        )
        x, y = x + stride * np.cos(ahead), y + stride * np.sin(ahead)
    return knots
