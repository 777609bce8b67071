"""Between pictures and tensors, and the sizes that a picture takes in the pyramid.

Tensors are (1, 3, height, width), fp32, sRGB in 0 … 1.
"""

import math

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor
from torch.nn import functional as F

from stylegram.common import encoders

Size = tuple[int, int]
"""Width and height in pixels, as Pillow has them."""

_SHORTEST = 32
"""Shorter side of the smallest picture that is worked on: two pixels in VGG's deepest block."""
_LONGEST = 8192
"""Longer side of the largest style image that is looked at, unless it is too narrow for that."""


def resize_image(image: Image.Image, size: Size) -> Image.Image:
    """The picture in that size; itself if it has it."""
    # reducing_gap: shrink by a whole factor first, so that a 12-megapixel photograph costs no more than its copy
    return image if image.size == size else image.resize(size, Image.Resampling.LANCZOS, reducing_gap=3.0)


def to_tensor(image: Image.Image, size: Size, device: torch.device) -> Tensor:
    """The picture, resized."""
    pixels = torch.from_numpy(np.array(resize_image(image, size), np.float32)).permute(2, 0, 1)[None] / 255
    return pixels.contiguous().to(device)


def resized(image: Tensor, size: Size) -> Tensor:
    """The picture in that size; itself if it has it."""
    if image.shape[-2:] == size[::-1]:
        return image
    return F.interpolate(image, size[::-1], mode="bicubic", antialias=True).clamp_(0, 1)


def to_mask(image: Image.Image, device: torch.device) -> Tensor:
    """The greyscale picture as shape (1, 1, height, width), in 0 … 1."""
    return torch.from_numpy(np.array(image, np.float32))[None, None].to(device) / 255


def to_pixels(tensor: Tensor) -> NDArray[np.float32]:
    """The tensor as shape (height, width, 3); values outside 0 … 1 are clipped."""
    return tensor.detach().clamp(0, 1)[0].permute(1, 2, 0).cpu().contiguous().numpy()


def to_image(tensor: Tensor) -> Image.Image:
    """The tensor as an 8-bit picture; values outside 0 … 1 are clipped."""
    return encoders.to_image(to_pixels(tensor))


def fit(size: Size, longer_side: int) -> Size:
    """`size` scaled to a longer side, in its own proportions, 1 pixel at least.

    >>> fit((4000, 3000), 512)
    (512, 384)
    """
    factor = longer_side / max(size)
    return max(1, round(size[0] * factor)), max(1, round(size[1] * factor))


def at_least(size: Size, longer_side: int) -> Size:
    """`size` scaled to a longer side; larger where that would leave less than 32 pixels across, as of a panorama.

    >>> at_least((4000, 3000), 512), at_least((4000, 400), 256)
    ((512, 384), (320, 32))
    """
    return fit(size, max(math.ceil(_SHORTEST * max(size) / min(size)), longer_side))


def with_area_of(size: Size, other: Size, *, scale: float = 1.0) -> Size:
    """`size` scaled to as many pixels as `other` has, so that neither picture's features are the larger; or to sides
    that are `scale` times as long. Never to sides of more than 8192 pixels, but to no less than 32 pixels across.

    >>> with_area_of((100, 100), (400, 100))
    (200, 200)
    """
    wanted = scale * math.sqrt(other[0] * other[1] / (size[0] * size[1]))
    factor = max(min(wanted, _LONGEST / max(size)), _SHORTEST / min(size))
    return round(size[0] * factor), round(size[1] * factor)
