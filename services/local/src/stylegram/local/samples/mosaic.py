"""Two Fishes: a mosaic of cut stones whose rows follow the contours (the andamento of a mosaicist).

The rows are laid on level lines of the distance to the nearest contour. Each stone then takes the area that
is nearer to it than to its neighbours, measured square to its row, less the grout: so the stones fit like cut
ones.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from stylegram.local.samples.canvas import Colours, Plane, Sheet, light, mix, palette, picture, ramp, slope, step
from stylegram.local.samples.shapes import Curve, placed, signed_distance, smooth

ASPECT = 1.0
PLAN_SIZE = 512  # px; the rows are laid at this size whatever the size of the picture, so they stay the same

WATER = palette("06224a", "0b4f86", "0f8ea6", "4cc3b5", "bfe8d2", "1a78b0", "0a3a78")
BODY = palette("5e0f14", "c2281c", "f05a1a", "ff9a2e", "ffd277", "fff1d0")
FINS = palette("7a1420", "e0431c", "ffb43c", "fff0c4")
EYE = palette("fff6e0", "f6c23c", "0a0a14")
WEED = palette("0d3b2a", "2e8a3c", "a6c84a")
GROUT = palette("2b2622")[0]

WATER_STONE = 15.0
FISH_STONE = 11.5  # smaller stones draw the figures, as in opus vermiculatum
GROUT_WIDTH = 2.2


@dataclass(frozen=True)
class Figure:
    """A contour to fill: its curve, its stones' colours from the contour inwards, their reach in units."""

    curve: Curve
    colours: Colours
    reach: float


@dataclass(frozen=True)
class Ground:
    """The plan of the floor.

    `level` is the distance to the nearest contour and `stone` the size of the stones, both in units; `figure`
    is the number of the figure, -1 for water.
    """

    sheet: Sheet
    level: Plane
    stone: Plane
    figure: NDArray[np.intp]


@dataclass(frozen=True)
class Stones:
    """The laid stones: centres in units, direction of their rows in radians, half of their edge in units."""

    x: Plane
    y: Plane
    turn: Plane
    half: Plane


def draw(size: int) -> Image.Image:
    """Draw the mosaic with a long side of `size` pixels."""
    rng = np.random.default_rng(20260102)
    figures = _figures()
    ground = _ground(figures, rng)
    stones = _lay(ground, rng)
    colours = _stone_colours(stones, ground, figures, rng)
    return _set_in_grout(Sheet.with_long_side(size, aspect=ASPECT), stones, colours, rng)


def _figures() -> tuple[Figure, ...]:
    """Compose the picture; a later figure lies above an earlier one."""
    weeds = (
        _weed(at=(70, 1040), turn=0.15, size=1.0),
        _weed(at=(190, 1060), turn=0.5, size=0.8),
        _weed(at=(960, 1050), turn=-0.25, size=0.95),
        _weed(at=(850, 1060), turn=-0.6, size=0.62),
        _weed(at=(60, -20), turn=2.7, size=0.62),
        _weed(at=(1000, -30), turn=3.6, size=0.7),
    )
    return (*weeds, *_fish(at=(430, 330), turn=0.32), *_fish(at=(590, 712), turn=0.32 + np.pi))


def _weed(*, at: tuple[float, float], turn: float, size: float) -> Figure:
    right = [(22, -360), (18, -250), (48, -170), (14, -80), (40, 0)]
    blade = smooth([(0, 0), (-34, -80), (4, -170), (-26, -270), *right])
    return Figure(placed(blade, at=at, turn=turn, size=size), WEED, 26)


def _fish(*, at: tuple[float, float], turn: float) -> list[Figure]:
    """Give a fish's parts, the lowest first."""
    lower_tail = [(322, 60), (326, 140), (246, 66)]
    belly = [(206, 0), (160, 30), (70, 72), (-50, 84), (-150, 52)]
    eye = np.linspace(0, 2 * np.pi, 8, endpoint=False)
    parts: tuple[tuple[Sequence[tuple[float, float]], Colours, float], ...] = (
        # Tail, back fin, belly fin, body, side fin and eye.
        ([(170, 0), (250, -60), (330, -128), (318, -40), (290, 6), *lower_tail], FINS, 60),
        ([(-60, -80), (0, -150), (90, -168), (130, -120), (110, -58), (20, -70)], FINS, 50),
        ([(-70, 66), (-40, 130), (20, 168), (40, 120), (20, 66)], FINS, 50),
        ([(-210, 0), (-150, -62), (-40, -98), (80, -76), (170, -26), *belly], BODY, 84),
        ([(-60, 10), (0, 20), (62, 50), (44, 70), (-20, 56)], FINS, 26),
        ([(-138 + 22 * np.cos(angle), -14 + 22 * np.sin(angle)) for angle in eye], EYE, 24),
    )
    return [
        Figure(placed(smooth(corners), at=at, turn=turn, size=1.12), colours, reach)
        for corners, colours, reach in parts
    ]


def _ground(figures: tuple[Figure, ...], rng: np.random.Generator) -> Ground:
    sheet = Sheet.with_long_side(PLAN_SIZE, aspect=ASPECT)
    inside = np.stack([signed_distance(sheet, figure.curve) for figure in figures])
    covering = inside > 0
    top = len(figures) - 1 - np.argmax(covering[::-1], axis=0)
    figure = np.where(covering.any(axis=0), top, -1)
    # A contour counts where no later figure hides it.
    visible = np.where(np.arange(len(figures))[:, None, None] >= figure, np.abs(inside), np.inf)
    level = visible.min(axis=0) + np.where(figure < 0, 5 * sheet.noise(rng, 150), 0)
    stone = np.where(figure < 0, WATER_STONE, FISH_STONE)
    return Ground(sheet, level.astype(np.float32), stone.astype(np.float32), figure)


def _lay(ground: Ground, rng: np.random.Generator) -> Stones:
    """Lay row after row, contours first, until there is no room for a further stone."""
    floor = _Floor(ground)
    rows = floor.row.ravel()
    for start in np.lexsort((rng.random(rows.size), rows)).tolist():
        floor.lay_row_through(*divmod(start, ground.sheet.width))
    return Stones(*np.array(floor.laid, np.float32).T)


class _Floor:
    """A floor under work: the stones laid so far and the room that they leave."""

    def __init__(self, ground: Ground) -> None:
        self.ground = ground
        self.row = np.maximum(np.floor(ground.level / ground.stone), 0)
        self.laid: list[tuple[float, float, float, float]] = []
        down, right = np.gradient(ground.level)
        # Rows run at right angles to the way to the contour.
        self._turn = np.arctan2(right, -down)
        self._free = np.ones(ground.level.shape, bool)

    def lay_row_through(self, i: int, j: int) -> None:
        """Lay the row that pixel (i, j) belongs to in both directions, as far as there is room."""
        if not self._free[i, j]:
            return
        unit, stone = self.ground.sheet.unit, float(self.ground.stone[i, j])
        level = float(self.row[i, j] + 0.5) * stone
        begin = self._on_row((j + 0.5) / unit, (i + 0.5) / unit, level)
        if not self._lay(*begin):
            self._lay((j + 0.5) / unit, (i + 0.5) / unit)  # a gap beside the rows: fill it where it is
            return
        first_turn = self.laid[-1][2]
        for stride in (stone, -stone):
            (x, y), turn = begin, first_turn
            while self._lay(*self._on_row(x + stride * np.cos(turn), y + stride * np.sin(turn), level)):
                x, y, turn, _ = self.laid[-1]

    def _on_row(self, x: float, y: float, level: float) -> tuple[float, float]:
        """Shift a point to the line of that level."""
        at = np.array(x), np.array(y)
        away = level - float(self.ground.sheet.sample(self.ground.level, *at))
        turn = float(self.ground.sheet.sample(self._turn, *at))
        return x + away * np.sin(turn), y - away * np.cos(turn)

    def _lay(self, x: float, y: float) -> bool:
        """Lay a stone with its centre at (x, y) if there is room for it."""
        sheet = self.ground.sheet
        i, j = int(y * sheet.unit), int(x * sheet.unit)
        if not (x >= 0 and y >= 0 and i < sheet.height and j < sheet.width and self._free[i, j]):
            return False
        stone = float(self.ground.stone[i, j])
        # Three quarters of a stone keep neighbours in this row and in the next one possible, and no others.
        reach = 0.75 * stone
        window = sheet.window(x, y, reach)
        rows, columns = np.ogrid[: sheet.height, : sheet.width]
        apart = (rows[window[0]] - i) ** 2 + (columns[:, window[1]] - j) ** 2
        self._free[window] &= apart > (reach * sheet.unit) ** 2
        self.laid.append((x, y, float(self._turn[i, j]), stone / 2))
        return True


def _stone_colours(
    stones: Stones,
    ground: Ground,
    figures: tuple[Figure, ...],
    rng: np.random.Generator,
) -> Colours:
    sheet = ground.sheet
    level = sheet.sample(ground.level, stones.x, stones.y)
    drift = sheet.sample(sheet.noise(rng, 170, octaves=2), stones.x, stones.y)
    # A pale row sets the figures off; farther out come ripples of some 80 units.
    ripple = 0.42 - 0.4 * np.cos(level / 13 + 0.8 * drift) + 0.12 * drift
    colours = ramp(WATER, ripple)
    number = sheet.sample(ground.figure, stones.x, stones.y)
    for index, figure in enumerate(figures):
        own = ramp(figure.colours, level / figure.reach + 0.08 * drift)
        colours = np.where((number == index)[:, None], own, colours)
    # Every stone comes from another piece of glass; now and then one is gold.
    colours = colours + rng.normal(0, 0.055, (len(colours), 1)) + rng.normal(0, 0.02, colours.shape)
    gold = (rng.random(len(colours)) < 0.03) & (number < 0)
    return np.where(gold[:, None], palette("f2c14e")[0], colours).astype(np.float32)


def _set_in_grout(sheet: Sheet, stones: Stones, colours: Colours, rng: np.random.Generator) -> Image.Image:
    x, y = sheet.grid()
    # Chipped edges: the stones' outlines waver by about one unit.
    x, y = x + 0.9 * sheet.noise(rng, 7), y + 0.9 * sheet.noise(rng, 7)
    nearest = np.full(x.shape, np.inf, np.float32)
    second = nearest.copy()
    owner = np.zeros(x.shape, np.intp)
    laid = zip(stones.x, stones.y, stones.turn, stones.half, strict=True)
    for number, (at_x, at_y, turn, half) in enumerate(laid):
        rows, columns = sheet.window(at_x, at_y, 3.6 * half)  # beyond it another stone is always nearer
        aside_x, aside_y = x[rows, columns] - at_x, y[rows, columns] - at_y
        along = np.abs(aside_x * np.cos(turn) + aside_y * np.sin(turn))
        across = np.abs(aside_y * np.cos(turn) - aside_x * np.sin(turn))
        distance = np.maximum(along, across) - half
        closest, next_closest, own = nearest[rows, columns], second[rows, columns], owner[rows, columns]
        np.minimum(next_closest, np.maximum(distance, closest), out=next_closest)
        own[distance < closest] = number
        np.minimum(closest, distance, out=closest)

    # The difference grows by two units per unit away from a joint's middle line, hence half of it.
    inset = np.minimum((second - nearest) / 2, 4 - nearest) - GROUT_WIDTH / 2
    tilt = rng.normal(0, 0.16, len(colours)).astype(np.float32)  # each stone glints in its own way
    height = 2.2 * step(0, 3.2, inset) + 0.25 * sheet.noise(rng, 4, octaves=2)
    face = light(colours[owner], slope(height, sheet.unit) * 0.75 + tilt[owner])
    grout = GROUT * (1 + 0.3 * sheet.noise(rng, 3, octaves=2)[..., None])
    edge = 0.7 / sheet.unit  # units: a soft edge of a bit more than one pixel
    return picture(mix(grout, face, step(-edge, edge, inset)))
