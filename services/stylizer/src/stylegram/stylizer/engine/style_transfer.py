"""Neural style transfer: the whole of it, from two pictures and hyperparameters to a third one.

>>> from PIL import Image
>>> result = stylize(Image.open("photo.jpg"), Image.open("painting.jpg"))  # doctest: +SKIP
>>> result.image.save("painted.png")  # doctest: +SKIP

After Gatys, Ecker & Bethge (2015, "A neural algorithm of artistic style"). Deviations: losses relative to their
targets' energy; coarse to fine; convolutions in bf16. Read on in `motif` (the pictures), `painter` (the scales),
`optimize` (the pixels), `losses` and `statistics` (what is minimised), `tiles` and `backbone` (the network).
"""

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property, lru_cache, partial
from hashlib import sha256
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor

from stylegram.common import encoders
from stylegram.common.errors import InvalidCheckpoint, InvalidHyperparameters, OutOfMemory
from stylegram.common.hyperparameters import Hyperparameters
from stylegram.common.model_cache import default_cache
from stylegram.common.records import Metrics
from stylegram.stylizer.engine.backbone import Precision, find_device
from stylegram.stylizer.engine.checkpoint import Checkpoint, fingerprint
from stylegram.stylizer.engine.images import Size, fit, resized, to_image, to_pixels
from stylegram.stylizer.engine.losses import Losses
from stylegram.stylizer.engine.memory import is_out_of_memory, peak_mb
from stylegram.stylizer.engine.metrics import measure
from stylegram.stylizer.engine.models.shelf import WeightsShelf
from stylegram.stylizer.engine.models.weights import Weights
from stylegram.stylizer.engine.motif import Motif
from stylegram.stylizer.engine.painter import FromListener, Painter


@dataclass(frozen=True)
class Step:
    """One evaluation of loss and gradient.

    Args:
        evaluation: its number in the whole run, from 1.
        evaluations: how many there will be.
        size: width and height of the scale being optimised.
        losses: by name, see `Losses.as_floats`.
        pixels: the picture as losses see it, shape (1, 3, H, W); `image` turns it into one to look at.
        finish: gives such a picture its final colours.
        checkpoint: given notes, all that it takes to go on from here, as bytes; only while `on_step` runs.
    """

    evaluation: int
    evaluations: int
    size: Size
    losses: dict[str, float]
    pixels: Tensor
    finish: Callable[[Tensor], Tensor]
    checkpoint: Callable[[Mapping[str, bytes]], bytes]

    @cached_property
    def image(self) -> Image.Image:
        """The picture as it is now; the same one at each call, so copy it before you change it."""
        return to_image(self.finish(self.pixels))


@dataclass(frozen=True)
class Result:
    """A finished picture and how it came about.

    Args:
        pixels: shape (height, width, 3), sRGB in 0 … 1, in the content image's proportions.
        losses: of the painted picture, before its final colours, by the objective that was minimised; by name.
        metrics: how good it is; None where the memory did not suffice to tell.
        evaluations: how many were done.
        precision: of the convolutions at the finest scale.
        tiled_blocks: how many of the backbone's blocks were tiled at the finest scale.
        device: where it was computed.
        threads: of the processor.
        weights: name of the backbone's weights.
        weights_digest: their SHA-256.
        durations: seconds per stage.
        cpu_seconds: of the processor, over all threads.
        peak_memory_mb: of the process so far; on a GPU, of its memory during this run.
    """

    pixels: NDArray[np.float32]
    losses: dict[str, float]
    metrics: Metrics | None
    evaluations: int
    precision: Precision
    tiled_blocks: int
    device: str
    threads: int
    weights: str
    weights_digest: str
    durations: dict[str, float]
    cpu_seconds: float
    peak_memory_mb: float

    @property
    def image(self) -> Image.Image:
        """The picture, mode RGB, 8 bits."""
        return encoders.to_image(self.pixels)

    @property
    def sha256(self) -> str:
        """Digest of `image`'s pixels."""
        return sha256(self.image.tobytes()).hexdigest()


def stylize(
    content: Image.Image,
    style: Image.Image | Sequence[Image.Image],
    hyperparameters: Hyperparameters | None = None,
    *,
    masks: Sequence[Image.Image | None] = (),
    start_image: Image.Image | None = None,
    on_step: Callable[[Step], None] | None = None,
    resume: bytes | None = None,
    weights: Weights | None = None,
    cache: Path | None = None,
    device: torch.device | str | None = None,
) -> Result:
    """Paint the content image in the style of the style image, or of several.

    Pixels are taken as sRGB and as they lie: EXIF orientation, ICC profiles and transparency are
    `stylegram.common.images.decode_image`'s business.

    Args:
        content: any mode, size and proportions; 16 pixels a side at least.
        style: any mode, size and proportions; 16 pixels a side at least. Of several, each counts by
            `hyperparameters.style_weights`.
        hyperparameters: the defaults where None.
        masks: for each style image where in the picture it counts, white where it does, stretched to the content
            image; None for one that counts everywhere.
        start_image: what `start="image"` starts from, stretched to the content image.
        on_step: called after each evaluation; what it raises ends the work and reaches the caller as it is.
        resume: what `Step.checkpoint` gave in an earlier run of the same pictures, hyperparameters and weights; the
            first evaluation is then the one after it.
        weights: a loaded backbone; by default the pinned one of `hyperparameters.backbone`, fetched if need be.
        cache: folder of model files; the user's cache folder where None.
        device: where to compute; a GPU where there is one, if None.

    Raises:
        ConfigurationError: this machine has no such device.
        InvalidInput: see `Motif`.
        InvalidHyperparameters: `weights` are of another backbone, or there are too many or few `style_weights`.
        InvalidCheckpoint: damaged, of another run, or of other versions or another kind of device.
        NonFinite: no finite picture could be made, in fp32 either.
        OutOfMemory: the device's memory does not hold a picture of that size.
        WeightsUnavailable: a model file is neither cached nor to be had.
        WeightsCorrupt: a model file is not the one that was pinned.
    """
    hyperparameters = hyperparameters or Hyperparameters()
    cache = cache or default_cache()
    device = find_device(device)
    durations: dict[str, float] = {}
    cpu_seconds = time.process_time()
    if device.type == "cuda":
        torch.cuda.reset_peak_memory_stats(device)
    content, *others = (image.convert("RGB") for image in (content, *_several(style), *filter(None, [start_image])))
    styles = others[: len(_several(style))]
    start_image = others[len(styles)] if start_image else None
    with (
        _unwrapped(),
        _memory_for(hyperparameters.size),
        _arithmetic(deterministic=hyperparameters.deterministic),
    ):
        motif = Motif(content, styles, masks, start_image, hyperparameters, device)
        with _timed(durations, "load"):
            weights = weights or WeightsShelf(cache).get(hyperparameters.backbone)
        if weights.backbone != hyperparameters.backbone:
            raise InvalidHyperparameters(
                f"The weights '{weights.name}' are a {weights.backbone}, not a {hyperparameters.backbone}.",
                advice=f"Set backbone={weights.backbone}, or give other weights.",
            )
        # A mask for each, if need be none, or one more style image would look like one with a mask.
        everywhere = [None] * len(styles)
        images = [content, *styles, start_image, *(masks or everywhere)]
        # All images are hashed, for which only a checkpoint gives reason.
        mark = lru_cache(partial(fingerprint, hyperparameters, weights.digest, images, device))

        def report(losses: Losses, pixels: Tensor) -> None:
            if on_step:
                evaluations = sum(count for _, count in hyperparameters.scales)
                size = (pixels.shape[-1], pixels.shape[-2])

                def checkpoint(notes: Mapping[str, bytes]) -> bytes:
                    return painter.checkpoint(mark(), notes).pack()

                on_step(
                    Step(painter.evaluation, evaluations, size, losses.as_floats(), pixels, motif.finish, checkpoint)
                )

        painter = Painter(motif, hyperparameters, weights, device, report)
        if resume is not None:
            painter.resume(_matching(resume, mark()))
        with _timed(durations, "paint"):
            painted = painter.paint(cache)
        with _timed(durations, "judge"):
            losses = painter.judge(painted)
            picture = motif.finish(resized(painted, fit(content.size, hyperparameters.size)))
            metrics = _metrics(picture, motif, weights)
    return Result(
        pixels=to_pixels(picture),
        losses=losses,
        metrics=metrics,
        evaluations=painter.evaluation,
        precision=painter.precision,
        tiled_blocks=painter.tiled_blocks,
        device=torch.cuda.get_device_name(device) if device.type == "cuda" else device.type,
        threads=torch.get_num_threads(),
        weights=weights.name,
        weights_digest=weights.digest,
        durations=durations,
        cpu_seconds=round(time.process_time() - cpu_seconds, 3),
        peak_memory_mb=peak_mb(device),
    )


def _several(style: Image.Image | Sequence[Image.Image]) -> Sequence[Image.Image]:
    return [style] if isinstance(style, Image.Image) else style


def _matching(data: bytes, mark: str) -> Checkpoint:
    checkpoint = Checkpoint.unpack(data)
    if checkpoint.fingerprint != mark:
        raise InvalidCheckpoint(
            "The checkpoint is of another run: other pictures, hyperparameters, weights, versions or kind of device.",
            advice="Start anew without it, or give what it was made with.",
        )
    return checkpoint


def _metrics(picture: Tensor, motif: Motif, weights: Weights) -> Metrics | None:
    """None if they are beyond the memory: after hours of painting they are no reason to lose the picture."""
    try:
        return measure(picture, motif, weights)
    except (RuntimeError, MemoryError) as error:
        if not is_out_of_memory(error):
            raise
        return None


@contextmanager
def _unwrapped() -> Iterator[None]:
    """What the listener raised, as it raised it."""
    try:
        yield
    except FromListener as wrapped:
        raise wrapped.original from wrapped.original.__cause__


@contextmanager
def _arithmetic(*, deterministic: bool) -> Iterator[None]:
    """Have a GPU compute fp32 in fp32, or records would not compare: by itself cuDNN rounds it to TF32, of 10 bits.
    And have it sum in a fixed order, if the same seed is to make the same picture."""
    with torch.backends.cudnn.flags(
        enabled=True,
        benchmark=not deterministic,
        deterministic=deterministic,
        allow_tf32=False,
        fp32_precision="ieee",
    ):
        yield


@contextmanager
def _memory_for(size: int) -> Iterator[None]:
    try:
        yield
    except (RuntimeError, MemoryError) as error:
        if not is_out_of_memory(error):
            raise
        raise OutOfMemory(
            f"There is not enough memory for a picture of {size} pixels.", advice="Choose a smaller size."
        ) from error


@contextmanager
def _timed(durations: dict[str, float], stage: str) -> Iterator[None]:
    start = time.perf_counter()
    yield
    durations[stage] = round(time.perf_counter() - start, 3)
