"""From a picture to sums over its positions, through the backbone: each block whole, or tile by tile.

All that a loss looks at are such sums: Gram matrices, means, squared distances. A sum over tiles is the sum over the
picture, so that a block's features need never exist all at once: a tiled block keeps its input only, and computes each
tile's features twice, once for the sums and once more for the gradient. A block has two to four convolutions, so that a
tile needs a halo of as many positions for its core to be exact: no seams, and the gradient of the untiled picture.

Deviation from checkpointing (Chen et al. 2016, arXiv 1604.06174), which computes whole layers twice: the shallow
blocks, which hold three quarters of all features and cost a quarter of the time, can be tiled alone.
"""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import torch
from torch import Tensor

from stylegram.stylizer.engine.backbone import Backbone, Block

_TILE_ELEMENTS = 1 << 22
"""Features of one layer in one tile: 8 MB in bf16. Smaller ones have more halo, larger ones more memory."""


@dataclass(frozen=True)
class Region:
    """A part of a layer's positions.

    Args:
        rows: from where to where.
        columns: likewise.
        height: of the whole layer.
        width: likewise.
    """

    rows: slice
    columns: slice
    height: int
    width: int

    def of(self, whole: Tensor) -> Tensor:
        """This part of a tensor of shape (…, height, width)."""
        return whole[..., self.rows, self.columns]


class Probe(Protocol):
    """Looks at a layer and sums something up."""

    @property
    def layer(self) -> str:
        """Its name."""

    def __call__(self, features: Tensor, region: Region) -> Tensor:
        """The sum over the region.

        Args:
            features: those of the region, shape (1, C, h, w).
            region: where they are.
        """


def probe(backbone: Backbone, image: Tensor, probes: Sequence[Probe], *, tiled_blocks: int = 0) -> list[Tensor]:
    """Each probe's sum over the whole picture, with its graph.

    Args:
        backbone: has the probes' layers.
        image: shape (1, 3, H, W), sRGB in 0 … 1, each side 16 pixels or more.
        probes: what to sum up.
        tiled_blocks: how many blocks, the shallow ones first, to compute tile by tile.
    """
    sums: dict[int, Tensor] = {}
    x = image
    for block in backbone.blocks:
        if len(sums) == len(probes):
            break
        mine = {index: each for index, each in enumerate(probes) if each.layer in block.names}
        task = _Task(block, tuple(mine.values()), goes_on=len(sums) + len(mine) < len(probes))
        tiled = block.number <= tiled_blocks
        found = _TiledBlock.apply(x, task) if tiled else task(x, _Window.whole(x))  # type: ignore[no-untyped-call]
        sums |= zip(mine, found, strict=False)
        x = found[-1]
    return [sums[index] for index in range(len(probes))]


@dataclass(frozen=True)
class _Window:
    """A tile: what it computes exactly, and the larger part of the block's input that it computes it from."""

    core: Region
    crop: Region

    @classmethod
    def whole(cls, x: Tensor) -> "_Window":
        height, width = x.shape[-2:]
        region = Region(slice(0, height), slice(0, width), height, width)
        return cls(region, region)

    @property
    def inner(self) -> tuple[slice, slice]:
        """Where the core lies in the crop."""
        rows, columns = self.core.rows, self.core.columns
        above, left = self.crop.rows.start, self.crop.columns.start
        return slice(rows.start - above, rows.stop - above), slice(columns.start - left, columns.stop - left)

    @property
    def pooled(self) -> tuple[slice, slice]:
        """Where the core's pooled features lie in those of the whole."""
        rows, columns = self.core.rows, self.core.columns
        return slice(rows.start // 2, rows.stop // 2), slice(columns.start // 2, columns.stop // 2)


@dataclass(frozen=True)
class _Task:
    """What is wanted of a block: its probes' sums and, if there is a next one, that one's input."""

    block: Block
    probes: tuple[Probe, ...]
    goes_on: bool

    @property
    def depth(self) -> int:
        """How many convolutions it takes, and so how wide a halo."""
        if self.goes_on:
            return len(self.block.names)
        return 1 + max(self.block.names.index(each.layer) for each in self.probes)

    def __call__(self, x: Tensor, window: _Window) -> tuple[Tensor, ...]:
        """The sums over the window's core, and its pooled features.

        Args:
            x: the block's input in the window's crop.
            window: where that is.
        """
        sums: dict[int, Tensor] = {}
        core = x
        for name, features in self.block.features(x, self.depth):
            core = features[..., *window.inner]
            sums |= {index: each(core, window.core) for index, each in enumerate(self.probes) if each.layer == name}
        results = [sums[index] for index in range(len(self.probes))]
        return (*results, self.block.pool(core)) if self.goes_on else tuple(results)

    def windows(self, x: Tensor) -> Iterator[_Window]:
        """The tiles that cover the block's input; their cores begin at even positions, as its pooling does."""
        side = math.isqrt(_TILE_ELEMENTS // self.block.channels) // 2 * 2
        height, width = x.shape[-2:]
        halo = self.depth
        for top, bottom in _spans(height, side):
            for left, right in _spans(width, side):
                crop_rows = slice(max(0, top - halo), min(height, bottom + halo))
                crop_columns = slice(max(0, left - halo), min(width, right + halo))
                yield _Window(
                    Region(slice(top, bottom), slice(left, right), height, width),
                    Region(crop_rows, crop_columns, height, width),
                )


def _spans(length: int, step: int) -> list[tuple[int, int]]:
    """From where to where each tile goes; the last takes along a single position that is left over, for that could not
    be pooled."""
    starts = range(0, max(length - 1, 1), step)
    return [(start, min(start + step, length) if start < starts[-1] else length) for start in starts]


class _TiledBlock(torch.autograd.Function):
    """A task, tile by tile."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, task: _Task) -> tuple[Tensor, ...]:  # noqa: ANN401  (torch does not name its type)
        ctx.save_for_backward(x)
        ctx.task = task
        sums: list[Tensor] = []
        output = x.new_empty(0)
        for window in task.windows(x):
            found = list(task(window.crop.of(x), window))
            if task.goes_on:
                pooled = found.pop()
                if not output.numel():
                    size = (1, task.block.channels, x.shape[-2] // 2, x.shape[-1] // 2)
                    output = torch.empty(size, dtype=pooled.dtype, device=x.device, memory_format=torch.channels_last)
                output[..., *window.pooled] = pooled
            sums = [total + part for total, part in zip(sums, found, strict=True)] if sums else found
        return (*sums, output) if task.goes_on else tuple(sums)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None]:  # noqa: ANN401
        (x,) = ctx.saved_tensors
        task: _Task = ctx.task
        result = torch.zeros_like(x)
        for window in task.windows(x):
            crop = window.crop.of(x).detach().requires_grad_()
            with torch.enable_grad():
                found = task(crop, window)
            slopes = list(gradients)
            if task.goes_on:
                slopes[-1] = slopes[-1][..., *window.pooled]
            (part,) = torch.autograd.grad(found, crop, slopes)
            window.crop.of(result).add_(part)
        return result, None
