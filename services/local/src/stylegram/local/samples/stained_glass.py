"""Morning Rondels: leaded panes of jewel-coloured glass, cut along rings and rays of overlapping wheels."""

from dataclasses import dataclass

import numpy as np
from PIL import Image

from stylegram.local.samples.canvas import Colours, Plane, Sheet, light, mix, palette, picture, slope, soften, step

ASPECT = 2 / 3

GLASS = palette(
    *("b80f2e", "f0461e", "ff9a1f", "ffd84a", "f7f0c8", "1fa35a"),
    *("0b6a5a", "19b8c8", "1a62d8", "14207f", "5a1f9a", "c02a8a"),
)
"""Around the colour wheel from ruby by amber and emerald to cobalt and violet."""

LEAD = palette("15171c")[0]
LEAD_BREADTH = 3.2  # units: half of a came between two panes
RIM_BREADTH = 5.0  # units: half of a came around a wheel


@dataclass(frozen=True)
class Wheel:
    """A disc of panes: hub and radius in units, number of rings, of rays at the hub, and the first colour."""

    x: float
    y: float
    radius: float
    rings: int
    rays: int
    first: int


# From the back to the front; the first reaches over the whole window.
WHEELS = (
    Wheel(330, 430, 980, 15, 10, 8),
    Wheel(660, 950, 350, 7, 9, 10),
    Wheel(40, 800, 300, 6, 8, 6),
    Wheel(610, 130, 270, 6, 8, 7),
    Wheel(90, 110, 175, 4, 7, 0),
    Wheel(330, 430, 262, 6, 9, 2),
    Wheel(560, 640, 158, 4, 8, 4),
    Wheel(300, 860, 128, 4, 7, 11),
    Wheel(120, 610, 84, 3, 6, 3),
    Wheel(540, 300, 88, 3, 6, 9),
)


def draw(size: int) -> Image.Image:
    """Draw the window with a long side of `size` pixels."""
    rng = np.random.default_rng(20260306)
    sheet = Sheet.with_long_side(size, aspect=ASPECT)
    x, y = sheet.grid()
    # Cut by hand: no came is quite straight or round.
    x, y = x + 2.2 * sheet.noise(rng, 60, octaves=2), y + 2.2 * sheet.noise(rng, 60, octaves=2)
    colours = np.zeros((*x.shape, 3), np.float32)
    inset = np.full(x.shape, np.inf, np.float32)
    chance = np.zeros_like(x)
    for wheel in WHEELS:
        tones, own_inset, own_chance, from_rim = _panes(wheel, x, y, rng)
        inside = from_rim > 0
        colours = np.where(inside[..., None], tones, colours)
        chance = np.where(inside, own_chance, chance)
        # All cames are drawn with one breadth; a rim counts as nearer by what it is broader.
        to_rim = np.abs(from_rim) - (RIM_BREADTH - LEAD_BREADTH)
        inset = np.minimum(np.where(inside, own_inset, inset), to_rim)
    return picture(_leaded(sheet, rng, _glass(sheet, rng, colours, inset, chance), inset))


def _panes(wheel: Wheel, x: Plane, y: Plane, rng: np.random.Generator) -> tuple[Colours, Plane, Plane, Plane]:
    """Cut a wheel.

    Gives per pixel the colour, the distance to the next came's middle in units, the pane's random number in
    0..1, and the depth within the rim in units (negative outside).
    """
    distance = np.hypot(x - wheel.x, y - wheel.y)
    angle = np.arctan2(y - wheel.y, x - wheel.x) + np.pi
    # Rings of unequal breadth, the last one ending at the rim.
    edges = np.cumsum(rng.uniform(0.7, 1.4, wheel.rings))
    edges = (edges * (wheel.radius / edges[-1])).astype(np.float32)
    ring = np.minimum(np.searchsorted(edges, distance), wheel.rings - 1)
    # The rays double where the panes would grow too long: from the third and from the seventh ring on.
    numbers = np.arange(wheel.rings)
    rays = wheel.rays * 2 ** ((numbers >= 2).astype(int) + (numbers >= 6))
    turned = angle + rng.uniform(0, 1, wheel.rings).astype(np.float32)[ring]
    place = turned * (rays[ring] / (2 * np.pi))
    ray = np.floor(place).astype(np.intp) % rays[ring]
    to_ray = (0.5 - np.abs(place % 1 - 0.5)) * (2 * np.pi / rays[ring]) * distance
    outer = edges[ring]
    inner = np.concatenate([[-1e3], edges[:-1]])[ring]  # the hub has no inner edge
    inset = np.minimum(np.minimum(outer - distance, distance - inner), to_ray).astype(np.float32)

    table = _colour_table(wheel, rng, int(rays.max()))
    chance = rng.random((wheel.rings, int(rays.max()))).astype(np.float32)
    return table[ring, ray], inset, chance[ring, ray], (wheel.radius - distance).astype(np.float32)


def _colour_table(wheel: Wheel, rng: np.random.Generator, rays: int) -> Colours:
    """Choose the glass of every pane (rings, rays, 3): rings step around the colour wheel, rays stay near."""
    # Steps of 5 of 12 lead nearly to the opposite colour: each ring stands off the one before.
    along = wheel.first + 5 * np.arange(wheel.rings)[:, None]
    near = rng.choice([-1, 0, 0, 1, 1, 4], size=(wheel.rings, rays))
    shade = rng.uniform(0.74, 1.15, (wheel.rings, rays, 1))
    return np.asarray(GLASS[(along + near) % len(GLASS)] * shade, np.float32)


def _glass(sheet: Sheet, rng: np.random.Generator, colours: Colours, inset: Plane, chance: Plane) -> Colours:
    # Rolled glass has streaks; each pane was cut with them upright or lying.
    upright, lying = (sheet.noise(rng, wavelength, octaves=3) for wavelength in ((16, 110), (110, 16)))
    streaks = np.where(chance < 0.5, upright, lying)
    seeds = step(1.25, 1.6, sheet.noise(rng, 6))  # bubbles that the glass makers call seeds
    daylight = 0.72 + 0.4 * step(0, 34, inset) + 0.2 * streaks
    glowing = colours * daylight[..., None]
    # Thick light: brightness bleaches the colour a little.
    glowing = glowing + 0.22 * np.clip(daylight - 0.95, 0, 1)[..., None]
    ripples = 1.4 * streaks + 0.5 * sheet.noise(rng, 9, octaves=2) + seeds
    return light(glowing, slope(ripples, sheet.unit) * 0.7)


def _leaded(sheet: Sheet, rng: np.random.Generator, glass: Colours, inset: Plane) -> Colours:
    edge = 0.7 / sheet.unit  # units: a soft edge of a bit more than one pixel
    covered = step(LEAD_BREADTH + edge, LEAD_BREADTH - edge, inset)
    bulge = np.sqrt(np.clip(1 - (inset / LEAD_BREADTH) ** 2, 0, 1)) + 0.12 * sheet.noise(rng, 4, octaves=2)
    came = light(np.broadcast_to(LEAD, glass.shape), slope(bulge * 2.2, sheet.unit) * 0.45)
    # Light creeps around the cames, as it does in the eye.
    shining = glass * (1 - covered)[..., None]
    halo = np.stack([soften(shining[..., channel], 5 * sheet.unit) for channel in range(3)], axis=-1)
    return mix(glass, came, covered) + 0.10 * halo
