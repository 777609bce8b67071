"""What a picture looks like, in a few numbers: what is learned of one picture is tried on others that look like it.

They are measured on a small copy, so that they say the same of a picture and of a larger version of it, and rounded, so
that the last digits of a processor's arithmetic make no difference.
"""

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray
from PIL import Image

# Hygiene's processes, which measure, have nothing loaded that they do not need, and pydantic is much.
if TYPE_CHECKING:
    from stylegram.common.records import PictureFeatures

_SIDE = 256
"""Longer side of the copy, in pixels: enough for a painting's strokes, and milliseconds of work."""
_DIGITS = 6
# The variance that rounding to 8 bits adds; below it there is nothing to see.
_ROUNDING = 1 / 12 / 255**2
# Mean chroma up to which a picture is more or less grey: compression tints by some of 255 levels.
_GREY = 4 / 255
_HUES = 72
"""Bins round the circle, of 5 degrees."""
# Hues 30 degrees apart, half its width, have hardly anything in common. A Hann window, of sum 1.
_LIKENESS = np.hanning(2 * _HUES // 12 + 1)[1:-1]
_LIKENESS /= _LIKENESS.sum()

_Plane = NDArray[np.float64]


def features_of(image: Image.Image) -> "PictureFeatures":
    """What the picture looks like; see `measure_features`.

    >>> features_of(Image.new("RGB", (40, 30), "grey")).contrast
    0.0
    """
    from stylegram.common.records import PictureFeatures

    return PictureFeatures(**measure_features(image))


def measure_features(image: Image.Image) -> dict[str, float]:
    """The fields of `PictureFeatures`, by name, of a copy of at most 256 pixels on the longer side.

    Args:
        image: of any size from one pixel on; of another mode than RGB, it is converted.

    Returns:
        Finite numbers in the ranges that the fields' descriptions give, the same at any time.
    """
    small = _small(image)
    red, green, blue = np.moveaxis(np.asarray(small, np.float64) / 255, -1, 0)
    # Rec. 601, as the engine's.
    brightness = np.asarray(small.convert("L"), np.float64) / 255
    detail, direction = _texture(brightness)
    opponents = red - green, (red + green) / 2 - blue
    features = {
        "brightness": brightness.mean(),
        "contrast": brightness.std(),
        "colorfulness": _colorfulness(*opponents),
        "detail": detail,
        "direction": direction,
        "hue_variety": _hue_variety(*opponents),
    }
    return {name: round(float(value), _DIGITS) for name, value in features.items()}


def _small(image: Image.Image) -> Image.Image:
    if image.mode != "RGB":  # Pillow would copy it, and it may have 100 megapixels
        image = image.convert("RGB")
    scale = _SIDE / max(image.size)
    if scale >= 1:
        return image
    width, height = (max(1, round(side * scale)) for side in image.size)
    # Down to twice the size by whole pixels, which is fast; from there on by a filter that sees all alike.
    return image.resize((width, height), Image.Resampling.BICUBIC, reducing_gap=2)


def _colorfulness(red_green: _Plane, yellow_blue: _Plane) -> float:
    """Hasler & Süsstrunk (2003), "Measuring colourfulness in natural images", their M̂(3), of colours in 0 … 1."""
    spread = np.hypot(red_green.std(), yellow_blue.std())
    return float(spread + 0.3 * np.hypot(red_green.mean(), yellow_blue.mean()))


def _texture(brightness: _Plane) -> tuple[float, float]:
    """Detail and direction, of what is within all windows of 2×2 pixels.

    In each it is three differences of an orthogonal transform (Haar's); the mean of their squares and the variance of
    the windows' means make up the whole variance, and the first one's share of it is the detail. Two of them are the
    gradient, whose structure tensor has the direction as its coherence (Bigün & Granlund 1987, "Optimal orientation
    detection of linear symmetry"), taken over the picture.
    """
    # A line of pixels becomes two, with nothing between them.
    plane = np.pad(brightness, [(0, int(side == 1)) for side in brightness.shape], mode="edge")
    a, b, c, d = plane[:-1, :-1], plane[:-1, 1:], plane[1:, :-1], plane[1:, 1:]
    across, down, crosswise = (a - b + c - d) / 4, (a + b - c - d) / 4, (a - b - c + d) / 4
    tensor_xx, tensor_yy, tensor_xy = (across**2).mean(), (down**2).mean(), (across * down).mean()
    within = tensor_xx + tensor_yy + (crosswise**2).mean()
    between = ((a + b + c + d) / 4).var()
    coherent = np.hypot(tensor_xx - tensor_yy, 2 * tensor_xy)
    return (
        float(within / max(within + between, _ROUNDING)),
        float(coherent / max(tensor_xx + tensor_yy, _ROUNDING)),
    )


def _hue_variety(red_green: _Plane, yellow_blue: _Plane) -> float:
    """The entropy of the hues, each counted by its chroma, between that of one hue (0) and of all alike (1).

    Hue and chroma are the angle and the length in the plane of the opponent colours. Neighbouring hues are spread into
    each other, so that shades of one hue are few and those of several are many.
    """
    chroma = np.hypot(red_green, yellow_blue)
    turns = np.arctan2(yellow_blue, red_green) / (2 * np.pi) % 1
    counts = np.bincount((turns * _HUES).astype(np.int64).ravel() % _HUES, chroma.ravel(), _HUES)
    if not (total := counts.sum()):
        return 0.0
    spread = sum(share * np.roll(counts / total, shift) for shift, share in enumerate(_LIKENESS))
    least, most = _entropy(_LIKENESS), float(np.log(_HUES))
    variety = (_entropy(np.asarray(spread)) - least) / (most - least)
    return min(1.0, max(0.0, variety)) * min(1.0, float(chroma.mean()) / _GREY)


def _entropy(shares: _Plane) -> float:
    shares = shares[shares > 0]
    return -float((shares * np.log(shares)).sum())
