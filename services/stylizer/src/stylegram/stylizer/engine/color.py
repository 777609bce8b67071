"""Colours of one picture on another, brightness without colours, and what is done to a photograph beforehand.

Tensors are (1, 3, H, W), fp32, sRGB in 0 … 1, on any device.
"""

import math
from collections.abc import Callable, Iterator
from typing import Literal

import torch
from PIL import Image, ImageEnhance, ImageOps
from torch import Tensor

_LUMA = (0.299, 0.587, 0.114)
"""Shares of red, green and blue in the luma of Rec. 601, which is the Y of YIQ."""
# Grey pictures have no variance across their greys: as much as one grey level's keeps the square roots finite.
_REGULARISATION = (1 / 255) ** 2
_CHUNK = 1 << 16
"""Pixels that are mapped at once: what is computed in between stays in the caches."""
_SAMPLES = 100_000
"""Pixels of each picture that a distribution is learnt from, at most."""
_ROTATIONS = 12
"""Further ones bring the colours only a little nearer, and the grain grows with each."""
_NODES = 256
"""Points between which a map of one axis is linear; four times as many bring nothing."""

_ColorMap = Callable[[Tensor], Tensor]
"""From colours to colours, both of shape (3, n), fp32."""


def transfer_colors(image: Tensor, palette: Tensor, *, matching: Literal["linear", "histogram"] = "linear") -> Tensor:
    """Map the image's colours so that they are distributed like the palette's.

    `linear` gives them the palette's mean and covariance, with the symmetric square roots, which move colours least
    (Gatys et al. 2016, "Preserving color in neural artistic style transfer", on colour histogram matching). It keeps
    smooth what is smooth, and colours that differ stay different; take it for photographs.

    `histogram` goes on from there to the whole distribution, by iterative distribution transfer (Pitié, Kokaram &
    Dahyot 2007, "Automated colour grading using colour distribution transfer", section 3): along the axes of one
    rotation after the other, each axis' values are given the palette's distribution. It comes several times nearer
    to the palette, and costs grain and bands wherever few grey levels are spread over many colours, as in a clear sky
    or a picture with hardly any colours; take it for pictures that are as rich as the palette, such as finished
    paintings. Deviations from the paper: the maps are learnt from at most 100 000 pixels of each picture, evenly
    spaced, and the image's are blurred by noise of one grey level, so that no map tears apart what rounding put
    there; their gradients are not restored afterwards (section 5), as that would leave the distribution again.

    The same pictures give the same result. Beside it, memory is needed for the samples and a chunk of pixels only;
    4096² take about a quarter of a second on one processor core, or 2.5 with `histogram`.

    Args:
        image: shape (1, 3, H, W), in 0 … 1.
        palette: shape (1, 3, h, w), in 0 … 1.
        matching: what becomes the palette's: mean and covariance, or the whole distribution.

    Returns:
        Shape (1, 3, H, W), clipped to 0 … 1.
    """
    pixels, target = image.flatten(2)[0], palette.flatten(2)[0]
    to_palette = _linear_map(pixels, target)
    if matching == "histogram":
        to_palette = _distribution_map(_evenly_spaced(pixels), _evenly_spaced(target), to_palette)
    mapped = torch.empty_like(image, memory_format=torch.contiguous_format)
    for chunk, result in zip(pixels.split(_CHUNK, 1), mapped.flatten(2)[0].split(_CHUNK, 1), strict=True):
        result.copy_(to_palette(chunk).clamp_(0, 1))
    return mapped


def luminance(image: Tensor) -> Tensor:
    """The luma of Rec. 601 in each of the three channels, of the image's shape."""
    weights = image.new_tensor(_LUMA).view(1, 3, 1, 1)
    return (image * weights).sum(1, keepdim=True).expand_as(image).contiguous()


def match_luminance(style: Tensor, content: Tensor) -> Tensor:
    """The style's luminance, shifted and scaled to the mean and standard deviation of the content's, so that a dark
    painting suits a bright photograph (Gatys et al. 2016, "Preserving color in neural artistic style transfer", on
    luminance-only transfer).

    Args:
        style: shape (1, 3, h, w), in 0 … 1.
        content: shape (1, 3, H, W), in 0 … 1.

    Returns:
        Shape (1, 3, h, w), the three channels alike, clipped to 0 … 1. A style of one brightness stays flat.
    """
    ours, theirs = luminance(style), luminance(content)
    least = math.sqrt(_REGULARISATION)
    scale = theirs.std(correction=0) / ours.std(correction=0).clamp(min=least)
    return ((ours - ours.mean()) * scale + theirs.mean()).clamp_(0, 1)


def with_colors_of(image: Tensor, content: Tensor) -> Tensor:
    """The image's luminance with the content's chroma, the I and Q of YIQ (Gatys et al. 2016, "Preserving color in
    neural artistic style transfer", on luminance-only transfer).

    Where the two make a colour that does not exist, its chroma shrinks until it does. Clipping the channels one by
    one instead would change brightness, which is what was painted, and hue.

    Args:
        image: shape (1, 3, H, W), in 0 … 1.
        content: of the same shape and range.

    Returns:
        Shape (1, 3, H, W), in 0 … 1.
    """
    brightness = luminance(image).clamp_(0, 1)
    # Luma's weights add up to 1: what remains beside it is the chroma, whatever axes it is written in.
    chroma = content - luminance(content)
    room = torch.where(chroma > 0, 1 - brightness, brightness)
    share = (room / chroma.abs().clamp(min=1e-6)).amin(1, keepdim=True).clamp_(max=1)
    return (brightness + share * chroma).clamp_(0, 1)


def prepare_photograph(image: Image.Image, *, brightness: float = 1.0, greyscale: bool = False) -> Image.Image:
    """The photograph without its colours, or brighter, or both, before it is painted.

    Args:
        image: RGB, 8 bits a channel.
        brightness: factor on every channel, clipped at white; 0 is black.
        greyscale: whether red, green and blue become the luma of Rec. 601.

    Returns:
        RGB; the very image that came, where nothing is asked for.
    """
    if greyscale:
        image = ImageOps.grayscale(image).convert("RGB")
    return image if brightness == 1 else ImageEnhance.Brightness(image).enhance(brightness)


def _linear_map(pixels: Tensor, target: Tensor) -> _ColorMap:
    mean, covariance = _moments(pixels)
    target_mean, target_covariance = _moments(target)
    matrix = _power(target_covariance, 0.5) @ _power(covariance, -0.5)
    return lambda colors: (matrix @ (colors - mean) + target_mean).float()


def _moments(pixels: Tensor) -> tuple[Tensor, Tensor]:
    """Mean and covariance, shapes (3, 1) and (3, 3), fp64; chunk by chunk, for in fp64 a copy weighs two pictures."""
    mean = pixels.mean(1, keepdim=True, dtype=torch.float64)
    covariance = _REGULARISATION * torch.eye(3, dtype=mean.dtype, device=mean.device)
    for chunk in pixels.split(_CHUNK, 1):
        centred = chunk - mean
        covariance += centred @ centred.T / pixels.shape[1]
    return mean, covariance


def _power(matrix: Tensor, exponent: float) -> Tensor:
    values, vectors = torch.linalg.eigh(matrix)
    powers = values.clamp(min=_REGULARISATION).pow(exponent)
    power: Tensor = (vectors * powers) @ vectors.T
    return power


def _evenly_spaced(pixels: Tensor) -> Tensor:
    return pixels[:, :: math.ceil(pixels.shape[1] / _SAMPLES)]


def _distribution_map(samples: Tensor, targets: Tensor, start: _ColorMap) -> _ColorMap:
    """From `start` on, rotation by rotation, nearer to the distribution of `targets`; shapes (3, n) and (3, m)."""
    generator = torch.Generator().manual_seed(0)
    # As much as the covariances are regularised by: what `start` spreads, it spreads for the samples too.
    noise = torch.randn(samples.shape, generator=generator).to(samples) * math.sqrt(_REGULARISATION)
    steps = [start]
    samples = start(samples + noise)
    for rotation in _rotations(generator):
        steps.append(_marginals_map(samples, targets, rotation.to(samples)))
        samples = steps[-1](samples)

    def apply(colors: Tensor) -> Tensor:
        for step in steps:
            colors = step(colors)
        return colors

    return apply


def _rotations(generator: torch.Generator) -> Iterator[Tensor]:
    """The channels as they are, then orthogonal matrices at random (reflections among them, which do no harm)."""
    yield torch.eye(3)
    for _ in range(_ROTATIONS - 1):
        yield torch.linalg.qr(torch.randn((3, 3), generator=generator))[0]


def _marginals_map(samples: Tensor, targets: Tensor, rotation: Tensor) -> _ColorMap:
    """Gives each axis of the rotated samples the distribution that it has in the targets.

    What is kept and interpolated is by how much a value moves, so that values beyond the samples move with the last.
    """
    ours, theirs = (rotation @ samples).sort(1).values, (rotation @ targets).sort(1).values
    low, high = ours[:, :1], ours[:, -1:]
    spacing = ((high - low) / (_NODES - 1)).clamp(min=1e-6)
    nodes = low + spacing * torch.arange(_NODES, device=samples.device)
    below = torch.searchsorted(ours, nodes) + torch.searchsorted(ours, nodes, right=True)
    ranks = below / (2 * ours.shape[1])  # equal values count half
    moves = _interpolate(theirs, ranks * theirs.shape[1] - 0.5) - nodes
    return lambda colors: colors + rotation.T @ _interpolate(moves, (rotation @ colors - low) / spacing)


def _interpolate(table: Tensor, positions: Tensor) -> Tensor:
    """Each row of `table` at fractional positions, shapes (3, k) and (3, n); at its ends beyond them."""
    last = table.shape[1] - 1
    positions = positions.clamp(0, last)
    left = positions.long()
    return torch.lerp(table.gather(1, left), table.gather(1, (left + 1).clamp_(max=last)), positions - left)
