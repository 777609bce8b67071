"""Neural style transfer: the whole of it, from two pictures and hyperparameters to a third one.

>>> from PIL import Image
>>> result = stylize(Image.open("photo.jpg"), Image.open("painting.jpg"))  # doctest: +SKIP
>>> result.image.save("painted.png")  # doctest: +SKIP

After Gatys, Ecker & Bethge (2015, "A neural algorithm of artistic style"). Deviations: losses relative to their
targets' energy; coarse to fine; a feed-forward picture to start from; convolutions in bf16.
"""

import math
import resource
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import torch
from PIL import Image
from torch import Tensor
from torch.nn import functional as F

from stylegram.common.errors import NonFinite, OutOfMemory
from stylegram.common.hyperparameters import Hyperparameters
from stylegram.common.model_cache import DEFAULT_WEIGHTS, default_cache
from stylegram.stylizer.engine.backbone import Backbone, Precision, find_device, native_precision
from stylegram.stylizer.engine.color import transfer_colors
from stylegram.stylizer.engine.images import Size, fit, pyramid, to_image, to_tensor, with_area_of
from stylegram.stylizer.engine.losses import Losses, Objective
from stylegram.stylizer.engine.model_files import load_weights
from stylegram.stylizer.engine.optimize import Minimiser
from stylegram.stylizer.engine.preview import preview
from stylegram.stylizer.engine.weights import Weights

_PREVIEW_SIZES = (512, 2048)
_JUDGED_SIZE = 512


@dataclass(frozen=True)
class Step:
    """One evaluation of loss and gradient.

    Args:
        evaluation: its number in the whole run, from 1.
        evaluations: how many there will be.
        size: width and height of the scale being optimised.
        losses: by name, see `Losses.as_floats`.
        pixels: the picture, shape (1, 3, H, W); `image` turns it into one to look at.
    """

    evaluation: int
    evaluations: int
    size: Size
    losses: dict[str, float]
    pixels: Tensor

    @property
    def image(self) -> Image.Image:
        """The picture as it is now."""
        return to_image(self.pixels)


@dataclass(frozen=True)
class Result:
    """A finished picture and how it came about.

    Args:
        image: RGB, in the content image's proportions.
        losses: of the finished picture, at 512 pixels at most and in fp32, by name.
        evaluations: how many were done.
        precision: of the convolutions at the finest scale.
        device: where it was computed.
        weights: name of the backbone's weights.
        weights_digest: their SHA-256.
        durations: seconds per stage.
        peak_memory_mb: of the process so far; on a GPU, of its memory during this run.
    """

    image: Image.Image
    losses: dict[str, float]
    evaluations: int
    precision: Precision
    device: str
    weights: str
    weights_digest: str
    durations: dict[str, float]
    peak_memory_mb: float


def stylize(
    content: Image.Image,
    style: Image.Image,
    hyperparameters: Hyperparameters | None = None,
    *,
    on_step: Callable[[Step], None] | None = None,
    weights: Weights | None = None,
    cache: Path | None = None,
    device: torch.device | str | None = None,
) -> Result:
    """Paint the content image in the style of the style image.

    Pixels are taken as sRGB and as they lie: EXIF orientation, ICC profiles and transparency are
    `stylegram.common.images.decode_image`'s business.

    Args:
        content: any mode, size and proportions; 16 pixels a side at least.
        style: any mode, size and proportions; 16 pixels a side at least.
        hyperparameters: the defaults where None.
        on_step: called after each evaluation; what it raises ends the work and reaches the caller.
        weights: a loaded backbone; by default `vgg19-gatys`, fetched if need be.
        cache: folder of model files; the user's cache folder where None.
        device: where to compute; a GPU where there is one, if None.

    Raises:
        ConfigurationError: this machine has no such device.
        NonFinite: no finite picture could be made, in fp32 either.
        OutOfMemory: the device's memory does not hold a picture of that size.
        WeightsUnavailable: a model file is neither cached nor to be had.
        WeightsCorrupt: a model file is not the one that was pinned.
    """
    hyperparameters = hyperparameters or Hyperparameters()
    cache = cache or default_cache()
    device = find_device(device)
    durations: dict[str, float] = {}
    if device.type == "cuda":
        torch.cuda.reset_peak_memory_stats(device)
    with _memory_for(hyperparameters.size), _exact_arithmetic():
        content, style = content.convert("RGB"), style.convert("RGB")
        with _timed(durations, "load"):
            weights = weights or load_weights(DEFAULT_WEIGHTS, cache)
        painter = _Painter(content, style, hyperparameters, weights, device, on_step)
        with _timed(durations, "start"):
            image = painter.start(cache)
        with _timed(durations, "optimise"):
            image = painter.paint(image)
        with _timed(durations, "judge"):
            losses = painter.judge(image)
        picture = to_image(image)
        size = fit(content.size, hyperparameters.size)
        if picture.size != size:
            picture = picture.resize(size, Image.Resampling.LANCZOS)
    return Result(
        image=picture,
        losses=losses,
        evaluations=painter.evaluation,
        precision=painter.precision,
        device=_device_name(device),
        weights=weights.name,
        weights_digest=weights.digest,
        durations=durations,
        peak_memory_mb=_peak_memory_mb(device),
    )


class _Painter:
    """The stages of one run, and what they share."""

    def __init__(
        self,
        content: Image.Image,
        style: Image.Image,
        hyperparameters: Hyperparameters,
        weights: Weights,
        device: torch.device,
        on_step: Callable[[Step], None] | None,
    ) -> None:
        self._content, self._style = content, style
        self._hyperparameters = hyperparameters
        self._weights = weights
        self._device = device
        self._on_step = on_step
        self._sizes = pyramid(content.size, hyperparameters.size, len(hyperparameters.evaluations))
        self._minimiser = Minimiser(hyperparameters, self._report)
        self.precision = native_precision(device) if hyperparameters.precision == "auto" else hyperparameters.precision
        self.evaluation = 0

    def start(self, cache: Path) -> Tensor:
        """The picture that the coarsest scale starts from."""
        size = self._sizes[0]
        content, style = self._tensors(size)
        match self._hyperparameters.start:
            case "preview":
                # Its strokes are a few pixels wide at any size: made at the coarsest, they would drown the content.
                # Its memory grows with its pixels, though: four million take 4 GB.
                smallest, largest = _PREVIEW_SIZES
                wanted = fit(self._content.size, min(max(*size, smallest), largest))
                resized = self._content.resize(wanted, Image.Resampling.LANCZOS, reducing_gap=3.0)
                painted = preview(resized, self._style, cache)
                return transfer_colors(to_tensor(painted, size, self._device), style)
            case "content":
                return content
            case "color_transfer":
                return transfer_colors(content, style)
            case "noise":
                # On the CPU, whose generator gives the same numbers to every device.
                generator = torch.Generator().manual_seed(self._hyperparameters.seed)
                return torch.rand(content.shape, generator=generator).to(self._device)

    def paint(self, image: Tensor) -> Tensor:
        """The picture after all scales."""
        for size, evaluations in zip(self._sizes, self._hyperparameters.evaluations, strict=True):
            image = _resized(image, size)
            if not evaluations:
                continue
            before = self.evaluation
            try:
                image = self._minimiser.minimise(image, self._objective(size), evaluations)
            except NonFinite:
                if self.precision == "fp32":
                    raise
                # bf16 has fp32's range but not its digits: what overflows in one can be finite in the other.
                self.precision, self.evaluation = "fp32", before
                image = self._minimiser.minimise(image, self._objective(size), evaluations)
        return image

    def judge(self, image: Tensor) -> dict[str, float]:
        """The losses of the finished picture at 512 pixels and in fp32, whatever it was painted at, so that the
        records of runs compare."""
        (size,) = pyramid(self._content.size, min(self._hyperparameters.size, _JUDGED_SIZE), 1)
        self.precision, painted_in = "fp32", self.precision
        with torch.no_grad():
            losses = self._objective(size)(_resized(image, size)).as_floats()
        self.precision = painted_in
        if not all(map(math.isfinite, losses.values())):
            raise NonFinite("The finished picture's losses are not finite numbers.")
        return losses

    def _objective(self, size: Size) -> Objective:
        settings = self._hyperparameters
        backbone = Backbone(
            self._weights.state,
            {*settings.content_layers, *settings.style_layers},
            pooling=settings.pooling,
            precision=self.precision,
            device=self._device,
        )
        return Objective(backbone, *self._tensors(size), settings)

    def _tensors(self, size: Size) -> tuple[Tensor, Tensor]:
        style_size = with_area_of(self._style.size, size)
        return to_tensor(self._content, size, self._device), to_tensor(self._style, style_size, self._device)

    def _report(self, losses: Losses, pixels: Tensor) -> None:
        self.evaluation += 1
        if self._on_step:
            size = (pixels.shape[-1], pixels.shape[-2])
            evaluations = sum(self._hyperparameters.evaluations)
            self._on_step(Step(self.evaluation, evaluations, size, losses.as_floats(), pixels))


def _resized(image: Tensor, size: Size) -> Tensor:
    if image.shape[-2:] == size[::-1]:
        return image
    return F.interpolate(image, size[::-1], mode="bicubic", antialias=True).clamp_(0, 1)


@contextmanager
def _exact_arithmetic() -> Iterator[None]:
    """Have a GPU compute fp32 in fp32, or records would not compare: by itself cuDNN rounds it to TF32, of 10 bits.
    And have it sum in a fixed order, for the same seed is to make the same picture."""
    with torch.backends.cudnn.flags(
        enabled=True, benchmark=False, deterministic=True, allow_tf32=False, fp32_precision="ieee"
    ):
        yield


@contextmanager
def _memory_for(size: int) -> Iterator[None]:
    """Turn the several ways of saying that there is no memory left into one."""
    try:
        yield
    except (RuntimeError, MemoryError) as error:
        words = str(error).lower()
        # torch's allocator for CPUs raises nothing of its own kind.
        on_cpu = "can't allocate memory" in words or "not enough memory" in words
        if not (on_cpu or isinstance(error, torch.OutOfMemoryError | MemoryError)):
            raise
        raise OutOfMemory(
            f"There is not enough memory for a picture of {size} pixels.", advice="Choose a smaller size."
        ) from error


@contextmanager
def _timed(durations: dict[str, float], stage: str) -> Iterator[None]:
    start = time.perf_counter()
    yield
    durations[stage] = round(time.perf_counter() - start, 3)


def _device_name(device: torch.device) -> str:
    return torch.cuda.get_device_name(device) if device.type == "cuda" else device.type


def _peak_memory_mb(device: torch.device) -> float:
    if device.type == "cuda":
        return torch.cuda.max_memory_allocated(device) / 1e6
    # Linux counts kibibytes, macOS bytes.
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024) / 1e6
