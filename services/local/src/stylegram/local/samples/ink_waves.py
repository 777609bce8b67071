"""Tide of Indigo: a woodblock print of waves behind waves, under a vermilion sun.

Each wave is a disc of concentric or spiral grooves with a rim of foam, printed over those behind it. The
colour fades within each wave (bokashi), and the grain of block and paper shows through every ink.
"""

from dataclasses import dataclass

import numpy as np
from PIL import Image

from stylegram.local.samples.canvas import LONG_SIDE, Colours, Plane, Sheet, grain, mix, palette, picture, ramp, step

ASPECT = 3 / 4
HORIZON = 318.0  # units from the top

INDIGO = palette("030822", "071c58", "0f429a", "2c80c8", "86c4dc")
NIGHT = palette("02041a", "050f38", "0b2068", "1c3f98", "6f90c8")
JADE = palette("05222e", "0a5a60", "20a294", "9fdcb8")
DUSK = palette("2a0c34", "9a2440", "ea5428", "f8a860")
FOAM = palette("f6ecd2")[0]
LINE = palette("0a1230")[0]
SKY = palette("16306e", "5f86b4", "e9d3a6", "f3a55e", "e2533a")
SUN = palette("d8301f", "ee6a34")
CLOUD = palette("f9edd0")[0]

SUN_AT = (512.0, 196.0)
SUN_RADIUS = 124.0

FOAM_SHARE = 0.08
"""Breadth of the foam in parts of a wave's radius."""


@dataclass(frozen=True)
class Wave:
    """One disc of grooves; lengths in units, `spiral` is the sense of its turn: -1, 1, or 0 for rings."""

    x: float
    y: float
    radius: float
    groove: float
    spiral: int
    bumps: int
    colours: Colours


def draw(size: int) -> Image.Image:
    """Draw the print with a long side of `size` pixels."""
    rng = np.random.default_rng(20260103)
    sheet = Sheet.with_long_side(size, aspect=ASPECT)
    x, y = sheet.grid()
    colours = _sky(sheet, rng, x, y)
    # A knife wavers: no groove is a true circle.
    carved_x = x + 5 * sheet.noise(rng, 70, octaves=2)
    carved_y = y + 5 * sheet.noise(rng, 70, octaves=2)
    for wave in _waves(rng):
        _print(colours, sheet, carved_x, carved_y, wave)
    return picture(_on_paper(sheet, rng, colours))


def _sky(sheet: Sheet, rng: np.random.Generator, x: Plane, y: Plane) -> Colours:
    drift = sheet.noise(rng, (260, 60), octaves=2)
    colours = ramp(SKY, (y + 22 * drift) / (HORIZON + 40))
    soft = 0.8 / sheet.unit  # units: the width of a soft edge
    aside, below = x - SUN_AT[0], y - SUN_AT[1]
    from_sun = np.hypot(aside, below) - SUN_RADIUS
    colours = mix(colours, ramp(SUN, (y - 80) / 220), step(soft, -soft, from_sun))
    # Cloud grooves: lines whose breadth swells and dies away along the way.
    swell = sheet.noise(rng, (190, 34), octaves=2)
    groove = np.abs(((y + 16 * drift) / 11) % 1 - 0.5) * 11
    colours = mix(colours, CLOUD, step(soft, -soft, groove - np.minimum(0.3 + 3.6 * swell, 3.6)))
    # Rays around the sun, cut at every 6 degrees; they broaden a little outwards.
    ray = np.abs((np.arctan2(below, aside) * 60 / (2 * np.pi) + 0.22 * drift) % 1 - 0.5)
    from_ray = ray * (from_sun + SUN_RADIUS) * (2 * np.pi / 60)
    reach = step(4, 12, from_sun) * step(306, 106, from_sun)
    shine = step(soft, -soft, from_ray - 0.3 - 0.012 * from_sun) * reach
    return mix(colours, SUN[0], shine * 0.8)


def _waves(rng: np.random.Generator) -> list[Wave]:
    """Set out the waves from the horizon to the viewer."""
    waves = []
    y, row = HORIZON + 24, 0
    while y < LONG_SIDE + 130:  # the crests of the last row are still in sight
        nearness = (y - HORIZON) / (LONG_SIDE - HORIZON)
        pitch = 62 + 118 * nearness
        for column in range(-1, int(LONG_SIDE * ASPECT / pitch) + 2):
            x = (column + 0.5 * (row % 2)) * pitch + rng.normal(0, 0.1 * pitch)
            radius = pitch * rng.uniform(0.58, 0.9)
            kind = rng.random() + 0.5 * np.exp(-(((x - SUN_AT[0]) / 130) ** 2)) * (nearness < 0.4)
            # Most waves are indigo, light or deep; some are jade; below the sun the dusk is mirrored.
            colours = DUSK if kind > 0.94 else JADE if kind > 0.78 else NIGHT if kind > 0.45 else INDIGO
            waves.append(
                Wave(
                    x=x,
                    y=y + 0.2 * pitch * np.sin(x / 120 + row) + rng.normal(0, 0.05 * pitch),
                    radius=radius,
                    groove=radius / rng.integers(5, 9),
                    spiral=int(rng.integers(-1, 2)),
                    bumps=int(rng.integers(13, 20)),
                    colours=colours,
                )
            )
        y += 0.5 * pitch
        row += 1
    return sorted(waves, key=lambda wave: wave.y)


def _print(colours: Colours, sheet: Sheet, x: Plane, y: Plane, wave: Wave) -> None:
    """Print one wave over `colours`, in place; x and y are the carved coordinates of the pixels."""
    reach = wave.radius * 1.15 + 25  # foam bumps and the knife's wavering
    rows, columns = sheet.window(wave.x, wave.y, reach)
    aside, below = x[rows, columns] - wave.x, y[rows, columns] - wave.y
    distance, angle = np.hypot(aside, below), np.arctan2(below, aside)
    soft = 0.8 / sheet.unit

    rim = wave.radius * (1 + 0.06 * np.abs(np.sin(angle * wave.bumps * 0.5)))
    foam_edge = wave.radius * (1 - FOAM_SHARE - 0.08 * np.abs(np.sin(angle * wave.bumps * 0.5 + 0.9)))
    # Grooves: spirals advance by one groove per turn; they broaden towards the shaded foot of the wave.
    turns = (distance + wave.spiral * wave.groove * angle / (2 * np.pi)) / wave.groove
    share = 0.24 + 0.16 * np.clip(below / wave.radius, -1, 1)
    groove = (np.abs(turns % 1 - 0.5) - (0.5 - share)) * wave.groove

    fade = np.clip(0.42 - 0.6 * below / wave.radius, 0, 1)
    body = ramp(wave.colours, 0.15 + 0.75 * fade)
    ink = mix(body, ramp(wave.colours, 0.55 * fade), step(-soft, soft, groove))
    # Every second groove is left uncut near the crest, where the paper shines through.
    crest = step(0.35, 0.9, fade) * (np.floor(turns) % 2)
    ink = mix(ink, FOAM, 0.8 * crest * step(soft, -soft, groove + 0.12 * wave.groove))
    shaded = step(0.93, 0.86, distance / wave.radius)
    foam = mix(np.broadcast_to(FOAM, ink.shape), wave.colours[-1], 0.8 * shaded)
    ink = mix(ink, foam, step(-soft, soft, distance - foam_edge))
    for outline, breadth in ((rim, 1.0 + 0.012 * wave.radius), (foam_edge, 0.7 + 0.006 * wave.radius)):
        ink = mix(ink, LINE, step(soft, -soft, np.abs(distance - outline) - breadth))
    inside = step(soft, -soft, distance - rim - 1.0)
    colours[rows, columns] = mix(colours[rows, columns], ink, inside)


def _on_paper(sheet: Sheet, rng: np.random.Generator, colours: Colours) -> Colours:
    # The baren leaves the block's grain: long streaks along x, with bare specks where the ink did not take.
    wood = sheet.noise(rng, (420, 5), octaves=2) + 0.7 * sheet.noise(rng, (90, 2.5))
    bare = step(1.3, 2.2, wood + 0.9 * sheet.noise(rng, 4))
    printed = colours * (1 + 0.045 * wood)[..., None]
    return mix(printed, FOAM, 0.42 * bare) + grain(sheet, rng, 0.018)[..., None]
