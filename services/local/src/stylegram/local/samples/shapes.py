"""Closed curves: smooth outlines through a few points, their filled areas and the distance to them.

The last point of a curve joins the first.
"""

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from PIL import Image, ImageDraw

from stylegram.local.samples.canvas import Plane, Sheet, shrunk

Curve = NDArray[np.floating[Any]]
"""Closed curve: x and y of its points in units, shape (points, 2)."""

DISTANCE_SIZE = 192
"""Long side in pixels of the grid on which distances are measured: they are smooth and enlarge well."""


def smooth(corners: ArrayLike, *, knots: int = 10) -> Curve:
    """Give the closed Catmull-Rom spline through `corners` (n, 2), with `knots` points per corner."""
    at = np.asarray(corners, np.float64)
    before, after, beyond = (np.roll(at, shift, axis=0)[:, None] for shift in (1, -1, -2))
    here = at[:, None]
    t = np.linspace(0, 1, knots, endpoint=False)[None, :, None]
    cubic = 3 * (here - after) + beyond - before
    square = 2 * before - 5 * here + 4 * after - beyond
    curve = here + 0.5 * t * (after - before + t * (square + t * cubic))
    return curve.reshape(-1, 2).astype(np.float32)


def placed(curve: Curve, *, at: tuple[float, float], turn: float = 0, size: float = 1) -> Curve:
    """Enlarge a curve around (0, 0) by `size`, turn it by `turn` radians and move it to `at`."""
    cos, sin = np.cos(turn), np.sin(turn)
    turned = size * curve @ np.array([[cos, sin], [-sin, cos]], np.float32) + np.array(at, np.float32)
    return turned.astype(np.float32)


def filled(sheet: Sheet, *curves: Curve) -> Plane:
    """Give the curves' common area as a plane: 1 inside any of them, 0 outside, in between along the edge."""
    fine = sheet.finer(3)  # 9 samples per pixel: no visible steps in an edge
    mask = Image.new("L", fine.pixels)
    pencil = ImageDraw.Draw(mask)
    for curve in curves:
        pencil.polygon((curve * fine.unit).ravel().tolist(), fill=255)
    return shrunk(mask, sheet)[..., 0]


def signed_distance(sheet: Sheet, curve: Curve) -> Plane:
    """Give the distance to the curve in units for every pixel: positive inside, negative outside."""
    aspect = sheet.width / sheet.height
    coarse = Sheet.with_long_side(DISTANCE_SIZE, aspect=aspect)
    x, y = coarse.grid()
    nearest = np.full(x.shape, np.inf, np.float32)
    for (from_x, from_y), (to_x, to_y) in zip(curve, np.roll(curve, -1, axis=0), strict=True):
        along_x, along_y = to_x - from_x, to_y - from_y
        # A tiny length keeps a doubled point from dividing by zero.
        squared = max(float(along_x**2 + along_y**2), 1e-9)
        t = np.clip(((x - from_x) * along_x + (y - from_y) * along_y) / squared, 0, 1)
        np.minimum(nearest, (x - from_x - t * along_x) ** 2 + (y - from_y - t * along_y) ** 2, out=nearest)
    signed = np.where(filled(coarse, curve) > 0.5, 1, -1) * np.sqrt(nearest)
    plane = Image.fromarray(signed.astype(np.float32))
    return np.asarray(plane.resize(sheet.pixels, Image.Resampling.BICUBIC))
