"""Between pictures and tensors, and the sizes that a picture takes in the pyramid.

Tensors are (1, 3, height, width), fp32, sRGB in 0 … 1.
"""

import math

import numpy as np
import torch
from PIL import Image
from torch import Tensor

Size = tuple[int, int]
"""Width and height in pixels, as Pillow has them."""

_SHORTEST = 32
"""Shorter side of the smallest picture that is worked on: two pixels in VGG's deepest block."""


def to_tensor(image: Image.Image, size: Size, device: torch.device) -> Tensor:
    """The picture, resized."""
    # reducing_gap: shrink by a whole factor first, so that a 12-megapixel photograph costs no more than its copy
    resized = image if image.size == size else image.resize(size, Image.Resampling.LANCZOS, reducing_gap=3.0)
    pixels = torch.from_numpy(np.array(resized, np.float32)).permute(2, 0, 1)[None] / 255
    return pixels.contiguous().to(device)


def to_image(tensor: Tensor) -> Image.Image:
    """The tensor as an 8-bit picture; values outside 0 … 1 are clipped."""
    pixels = tensor.detach().clamp(0, 1).mul(255).round().to("cpu", torch.uint8)
    return Image.fromarray(pixels[0].permute(1, 2, 0).numpy())


def fit(size: Size, longer_side: int) -> Size:
    """`size` scaled to a longer side, in its own proportions, 1 pixel at least.

    >>> fit((4000, 3000), 512)
    (512, 384)
    """
    factor = longer_side / max(size)
    return max(1, round(size[0] * factor)), max(1, round(size[1] * factor))


def pyramid(size: Size, longer_side: int, levels: int) -> list[Size]:
    """Sizes of the scales, coarse to fine; each is twice the one before, the last has the longer side.

    Where that would make a shorter side of less than 32 pixels, as in the coarse scales of a panorama, the scale is
    larger.

    >>> pyramid((4000, 3000), 512, 3)
    [(128, 96), (256, 192), (512, 384)]
    """
    smallest = math.ceil(_SHORTEST * max(size) / min(size))
    return [fit(size, max(smallest, round(longer_side / 2**level))) for level in reversed(range(levels))]


def with_area_of(size: Size, other: Size) -> Size:
    """`size` scaled to as many pixels as `other` has, so that neither picture's features are the larger.

    >>> with_area_of((100, 100), (400, 100))
    (200, 200)
    """
    factor = max(math.sqrt(other[0] * other[1] / (size[0] * size[1])), _SHORTEST / min(size))
    return round(size[0] * factor), round(size[1] * factor)
