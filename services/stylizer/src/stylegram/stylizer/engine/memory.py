"""How much memory there is, how much a picture takes, and so how many of the backbone's blocks are to be tiled."""

import ctypes
import resource
import sys
from collections.abc import Collection, Sequence
from pathlib import Path

import psutil
import torch

from stylegram.stylizer.engine.backbone import Block

_SHARE = 0.7
"""Of the free memory that a run may plan with; the rest is for what the plan does not know."""
_PICTURES = 16
"""Copies of the picture in fp32 that the optimiser and its surroundings hold at the most, beside its history."""
_TILES = 200_000_000
"""What a tile takes, in bytes: some ten layers of it, forward and backward."""
_CGROUP = Path("/sys/fs/cgroup")
_WORDS = (
    # torch's allocator for CPUs, and oneDNN
    "can't allocate memory",
    "not enough memory",
    "could not create a memory",
    # The driver and NVIDIA's libraries, whose own memory torch's allocator does not give.
    "cuda error: out of memory",
    "cublas_status_alloc_failed",
    "cudnn_status_alloc_failed",
)
"""In which it is said that there is none left, by those who raise nothing of their own kind."""


def blocks_to_tile(
    blocks: Sequence[Block], size: tuple[int, int], *, bytes_per_feature: int, held_bytes: int, device: torch.device
) -> int:
    """The smallest number of blocks, the shallow ones first, that must be tiled for a picture to fit; all of them if
    it does not fit then either.

    Args:
        blocks: of the backbone.
        size: width and height of the picture.
        bytes_per_feature: 4 in fp32, 2 in bf16.
        held_bytes: what is held all the while: the optimiser's history, and the content image's features.
        device: where to compute.
    """
    room = _SHARE * free_bytes(device)
    for tiled in range(len(blocks)):
        if held_bytes + needed_bytes(blocks, size, tiled, bytes_per_feature) <= room:
            return tiled
    return len(blocks)


def needed_bytes(blocks: Sequence[Block], size: tuple[int, int], tiled: int, bytes_per_feature: int) -> int:
    """What one evaluation of a picture takes, roughly.

    Args:
        blocks: of the backbone.
        size: width and height of the picture.
        tiled: how many blocks are tiled.
        bytes_per_feature: 4 in fp32, 2 in bf16.
    """
    pixels = size[0] * size[1]
    kept = _PICTURES * 12 * pixels + (_TILES if tiled else 0)
    widest = 0
    for index, block in enumerate(blocks):
        layer = block.channels * (pixels >> 2 * index) * bytes_per_feature
        # Its input for the next block, with its gradient.
        kept += layer // 2
        if index >= tiled:
            kept += layer * len(block.names)
            # The gradients of a layer and of the one behind it, the Gram matrix's share of it, and what the
            # convolution needs besides.
            widest = max(widest, 4 * layer)
    return kept + widest


def features_bytes(
    blocks: Sequence[Block], size: tuple[int, int], layers: Collection[str], bytes_per_feature: int
) -> int:
    """What the features of these layers take.

    Args:
        blocks: of the backbone.
        size: width and height of the picture.
        layers: names, as in `relu4_1`.
        bytes_per_feature: 4 in fp32, 2 in bf16.
    """
    return sum(
        block.channels * (size[0] >> index) * (size[1] >> index) * bytes_per_feature
        for index, block in enumerate(blocks)
        for name in block.names
        if name in layers
    )


def free_bytes(device: torch.device) -> int:
    """What can still be had: of the GPU's memory, or of this process's or its container's."""
    if device.type == "cuda":
        free, _ = torch.cuda.mem_get_info(device)
        # What torch keeps for itself, it can use again.
        return int(free + torch.cuda.memory_reserved(device) - torch.cuda.memory_allocated(device))
    rooms = [int(psutil.virtual_memory().available), *_below(_CGROUP)]
    if (limit := resource.getrlimit(resource.RLIMIT_AS)[0]) != resource.RLIM_INFINITY:
        rooms.append(max(0, limit - int(psutil.Process().memory_info().vms)))
    return min(rooms)


def peak_mb(device: torch.device) -> float:
    """The most that was taken so far: by the process, or on a GPU since its count was last reset."""
    if device.type == "cuda":
        return torch.cuda.max_memory_allocated(device) / 1e6
    # Linux counts kibibytes, macOS bytes.
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024) / 1e6


def release(device: torch.device) -> None:
    """Give memory that nothing uses back to the system, as far as the allocators can."""
    if device.type == "cuda":
        torch.cuda.empty_cache()
    elif trim := getattr(ctypes.CDLL(None), "malloc_trim", None):  # glibc's, which keeps what lies between
        trim(0)


def is_out_of_memory(error: BaseException) -> bool:
    """Whether it is one of the several ways of saying that there is no memory left."""
    said = str(error).lower()
    return isinstance(error, torch.OutOfMemoryError | MemoryError) or (
        isinstance(error, RuntimeError) and any(words in said for words in _WORDS)
    )


def _below(cgroup: Path) -> list[int]:
    """What is left below the container's limit (cgroup v2), the file cache not counted; nothing if it has none."""
    try:
        limit, used = (int((cgroup / f"memory.{name}").read_text()) for name in ("max", "current"))
        stat = dict(line.split() for line in (cgroup / "memory.stat").read_text().splitlines())
    except (OSError, ValueError):  # "max" is no number, nor a limit
        return []
    return [max(0, limit - used + int(stat.get("inactive_file", 0)))]
