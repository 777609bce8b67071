"""Where the eye goes in a picture, judged on a small copy of it with nothing but means and Fourier transforms.

Two cues are added up that fail in different places.

Spectral residual (Hou and Zhang, "Saliency Detection: A Spectral Residual Approach", CVPR 2007, sections 2 and 3): the
log amplitudes of pictures are smooth, and what stands out of their local mean is what this picture has and others have
not. It finds the outlines of things, hardly their insides.

Distance from the margin's colours (Zhang et al., "Minimum Barrier Salient Object Detection at 80 FPS", ICCV 2015, the
backgroundness map of section 5): what lies along a picture's edges is mostly background, so what has other colours is
mostly not. It fills things in, where they have colours of their own.

Deviations: the residual is that of three opponent colours and not of grey alone, and places near the middle count for
more, as photographers point at what they mean. Of faces it knows nothing.
"""

import numpy as np
from numpy.typing import NDArray
from PIL import Image

Map = NDArray[np.float64]

LONGER_SIDE = 128
"""Of the copy, in pixels: twice that of Hou and Zhang, for a window is to be placed with it."""

# Standard deviations of the smoothing, as shares of the copy's longer side.
_RESIDUAL_SMOOTHING = 0.04
_COLOUR_SMOOTHING = 0.01
# Levels by which colours deviate at least, or nothing stands out: what there is is noise.
_FLAT = 1.5
# Width of the margin, as a share of each side.
_MARGIN = 0.06
# Of what is as far from the middle as the corners, this share counts; and by this share of half the height the middle
# lies higher up: a crop that loses somebody's feet is forgiven, one that loses the head is not.
_CORNER = 0.4
_ABOVE = 0.3


def saliency(image: Image.Image) -> Map:
    """How much each place of the picture draws the eye.

    Args:
        image: mode RGB, of any size.

    Returns:
        height × width, at most 128 on the longer side; 0 or more each and 1 on average, or all 0 if nothing stands out.
    """
    colours = _opponent_colours(_small(image))
    height, width = colours.shape[1:]
    if colours.std(axis=(1, 2)).max() < _FLAT:
        return np.zeros((height, width))
    longer = max(height, width)
    residual = _smooth(np.sum([_spectral_residual(colour) for colour in colours], axis=0), _RESIDUAL_SMOOTHING * longer)
    distance = _distance_from_margins(np.stack([_smooth(colour, _COLOUR_SMOOTHING * longer) for colour in colours]))
    return _normalised((_normalised(residual) + _normalised(distance)) * _preference_for_the_middle(height, width))


def _small(image: Image.Image) -> Image.Image:
    scale = min(1.0, LONGER_SIDE / max(image.size))
    size = max(1, round(image.width * scale)), max(1, round(image.height * scale))
    return image.resize(size, Image.Resampling.BOX)


def _opponent_colours(image: Image.Image) -> Map:
    """3 × height × width: light, red against green, blue against yellow."""
    red, green, blue = np.moveaxis(np.asarray(image, dtype=np.float64), 2, 0)
    return np.stack([(red + green + blue) / 3, red - green, blue - (red + green) / 2])


def _spectral_residual(channel: Map) -> Map:
    spectrum = np.fft.fft2(channel)
    log_amplitude = np.log(np.abs(spectrum) + 1)
    neighbours = [(y, x) for y in (-1, 0, 1) for x in (-1, 0, 1)]
    mean = sum(np.roll(log_amplitude, shift, axis=(0, 1)) for shift in neighbours) / len(neighbours)
    power = np.abs(np.fft.ifft2(np.exp(log_amplitude - mean + 1j * np.angle(spectrum)))) ** 2
    # A channel that is flat has a residual too, of its noise: it counts by how much there is to see in it.
    return np.asarray(power / (power.mean() or 1) * channel.std())


def _distance_from_margins(colours: Map) -> Map:
    """Mahalanobis distance from the colours along the picture's edges, but for the one that the subject may touch."""
    _, height, width = colours.shape
    rows, columns = max(1, round(_MARGIN * height)), max(1, round(_MARGIN * width))
    margins = colours[:, :rows], colours[:, -rows:], colours[:, :, :columns], colours[:, :, -columns:]
    distances = []
    for margin in margins:
        samples = margin.reshape(3, -1)
        covariance = np.cov(samples) + _FLAT**2 * np.eye(3) if samples.shape[1] > 1 else np.eye(3)
        apart = colours - samples.mean(axis=1)[:, None, None]
        squared = np.einsum("ihw,ij,jhw->hw", apart, np.linalg.inv(covariance), apart)
        distance = np.sqrt(squared.clip(0))
        distances.append(distance / (distance.max() or 1))
    return np.asarray(sum(distances) - np.max(distances, axis=0))


def _preference_for_the_middle(height: int, width: int) -> Map:
    across, down = np.linspace(-1, 1, width + 2)[1:-1], np.linspace(-1, 1, height + 2)[1:-1] + _ABOVE
    return np.asarray(np.exp(np.log(_CORNER) * (across[None, :] ** 2 + down[:, None] ** 2) / 2))


def _smooth(channel: Map, sigma: float) -> Map:
    """A Gaussian blur that knows nothing beyond the edges, so that they get neither darker nor lighter."""
    return np.asarray(_gaussian(channel.shape[0], sigma) @ channel @ _gaussian(channel.shape[1], sigma).T)


def _gaussian(size: int, sigma: float) -> Map:
    apart = np.subtract.outer(np.arange(size), np.arange(size))
    weights = np.exp(-0.5 * (apart / max(sigma, 0.3)) ** 2)
    return np.asarray(weights / weights.sum(axis=1, keepdims=True))


def _normalised(values: Map) -> Map:
    return np.asarray(values / (values.mean() or 1))
