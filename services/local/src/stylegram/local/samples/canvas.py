"""What all the drawings share: the sheet, its noise fields, colour ramps, lamp light and paper grain.

Every drawing is written in *units*: the long side of a sheet is always 1024 units, so that one set of
lengths gives the same picture at every size.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageFilter

Plane = NDArray[np.floating[Any]]
"""One number per pixel, shape (height, width), or per point."""

Colours = NDArray[np.floating[Any]]
"""sRGB colours, range 0..1, shape (..., 3)."""

_Value = TypeVar("_Value", bound=np.generic)

LONG_SIDE = 1024.0
"""Length of a sheet's long side in units."""


@dataclass(frozen=True)
class Sheet:
    """A blank sheet of `width` by `height` pixels whose long side measures 1024 units."""

    width: int
    height: int

    @classmethod
    def with_long_side(cls, size: int, *, aspect: float) -> "Sheet":
        """Give the sheet with a long side of `size` pixels; `aspect` is width / height."""
        if aspect >= 1:
            return cls(size, round(size / aspect))
        return cls(round(size * aspect), size)

    @property
    def unit(self) -> float:
        """Pixels per unit."""
        return max(self.width, self.height) / LONG_SIDE

    @property
    def span(self) -> tuple[float, float]:
        """Width and height in units."""
        return self.width / self.unit, self.height / self.unit

    @property
    def pixels(self) -> tuple[int, int]:
        """Width and height in pixels, as Pillow wants them."""
        return self.width, self.height

    def finer(self, factor: int) -> "Sheet":
        """Give the same sheet with `factor` times as many pixels along each side, for supersampling."""
        return Sheet(self.width * factor, self.height * factor)

    def grid(self) -> tuple[Plane, Plane]:
        """Give the x and y of all pixel centres in units, each of shape (height, width)."""
        y, x = np.indices((self.height, self.width), dtype=np.float32)
        return (x + 0.5) / self.unit, (y + 0.5) / self.unit

    def sample(self, values: NDArray[_Value], x: Plane, y: Plane) -> NDArray[_Value]:
        """Look up `values` (height, width, ...) at points (x, y) in units; points outside take the edge."""
        column = np.clip((x * self.unit).astype(np.intp), 0, self.width - 1)
        row = np.clip((y * self.unit).astype(np.intp), 0, self.height - 1)
        return values[row, column]

    def window(self, x: float, y: float, reach: float) -> tuple[slice, slice]:
        """Give the rows and columns of all pixels within `reach` of (x, y), in units, along both axes."""
        rows, columns = (
            slice(max(int((middle - reach) * self.unit), 0), max(int((middle + reach) * self.unit) + 2, 0))
            for middle in (y, x)
        )
        return rows, columns

    def noise(
        self,
        rng: np.random.Generator,
        wavelength: float | tuple[float, float],
        *,
        octaves: int = 1,
    ) -> Plane:
        """Give a smooth random plane with a mean of about 0 and a standard deviation of about 0.6.

        `wavelength` is in units: one number, or (along x, along y) for fibres and bristles. Each further
        octave has half of the wavelength and half of the weight.
        """
        along_x, along_y = wavelength if isinstance(wavelength, tuple) else (wavelength, wavelength)
        total = np.zeros((self.height, self.width), np.float32)
        for octave in range(octaves):
            weight = 0.5**octave
            total += weight * self._one_octave(rng, along_x * weight, along_y * weight)
        # The weights' own norm, so that more octaves add detail and no contrast.
        return total / math.sqrt(sum(0.25**octave for octave in range(octaves)))

    def _one_octave(self, rng: np.random.Generator, along_x: float, along_y: float) -> Plane:
        # Two spare knots on each side: the reach of the bicubic kernel. Knots for a whole square, however the
        # sides were rounded to pixels: so chance falls alike at every size.
        columns, rows = (int(LONG_SIDE / along) + 5 for along in (along_x, along_y))
        knots = rng.standard_normal((rows, columns), dtype=np.float32)
        box = (2.0, 2.0, 2.0 + self.span[0] / along_x, 2.0 + self.span[1] / along_y)
        return np.asarray(Image.fromarray(knots).resize(self.pixels, Image.Resampling.BICUBIC, box=box))


def palette(*codes: str) -> Colours:
    """Read colours like "1b2a6b" into an array of shape (number of codes, 3)."""
    return np.array([list(bytes.fromhex(code)) for code in codes], np.float32) / 255


def ramp(colours: Colours, position: Plane) -> Colours:
    """Blend along `colours` (n, 3): 0 gives the first, 1 the last; positions outside 0..1 are clipped."""
    stops = np.linspace(0, 1, len(colours))
    blended = np.stack([np.interp(position, stops, colours[:, channel]) for channel in range(3)], axis=-1)
    return blended.astype(np.float32)


def mix(under: Colours, over: Colours, cover: Plane) -> Colours:
    """Lay `over` on `under` where `cover` (without the colour axis, range 0..1) says so."""
    return under + (over - under) * cover[..., None]


def step(low: float, high: float, value: Plane) -> Plane:
    """Rise smoothly from 0 at `low` to 1 at `high`; `low` may be the larger one."""
    t = np.clip((value - low) / (high - low), 0, 1)
    return np.asarray(t * t * (3 - 2 * t))


def soften(plane: Plane, radius: float) -> Plane:
    """Blur a plane of range 0..1 with a Gaussian of `radius` pixels (in 8 bits: enough for shadows)."""
    blurred = Image.fromarray(as_bytes(plane)).filter(ImageFilter.GaussianBlur(radius))
    return np.asarray(blurred, np.float32) / 255


def slope(height: Plane, unit: float) -> Plane:
    """Tell how much a relief faces the lamp at the upper left: positive on lit flanks, negative on others.

    `height` is in units and `unit` in pixels per unit, so that a relief looks the same at every size.
    """
    down, right = np.gradient(height)
    # The lamp stands a little more above than left, as in a picture gallery.
    return np.asarray(unit * (0.6 * right + 0.8 * down))


def light(colours: Colours, facing: Plane) -> Colours:
    """Brighten (facing > 0) or shade (facing < 0) colours; softly limited, so that no flank burns out."""
    amount = np.tanh(facing)[..., None]
    lit = colours + (1 - colours) * amount * 0.7
    return np.asarray(np.where(amount > 0, lit, colours * (1 + amount)))


def grain(sheet: Sheet, rng: np.random.Generator, strength: float) -> Plane:
    """Give the fibres of a paper as a plane around 0 with a deviation of about `strength`."""
    # Few long fibres, and a tooth of 3 units that breaks them up: crossed fibres alone would look woven.
    fibres = 0.7 * sheet.noise(rng, (24, 2.4)) + 0.4 * sheet.noise(rng, (2.4, 24)) + 1.4 * sheet.noise(rng, 3)
    return np.asarray(strength * fibres)


def as_bytes(values: NDArray[np.floating[Any]]) -> NDArray[np.uint8]:
    """Turn values of range 0..1 into 0..255."""
    return np.asarray(np.clip(values, 0, 1) * 255 + 0.5, np.uint8)


def picture(colours: Colours) -> Image.Image:
    """Turn colours of shape (height, width, 3) into an RGB picture."""
    return Image.fromarray(as_bytes(colours))


def shrunk(image: Image.Image, sheet: Sheet) -> NDArray[np.floating[Any]]:
    """Bring a supersampled picture down to `sheet`: all its channels, range 0..1."""
    # Band by band: Pillow would take a fourth band for transparency and weigh the colours by it.
    bands: Sequence[Image.Image] = image.split()
    reduced = [np.asarray(band.resize(sheet.pixels, Image.Resampling.BOX), np.float32) for band in bands]
    return np.stack(reduced, axis=-1) / 255
