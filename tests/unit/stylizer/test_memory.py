import resource
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import psutil
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from engine_fakes import backbone_for
from stylegram.common.hyperparameters import LAYERS
from stylegram.stylizer.engine import memory
from stylegram.stylizer.engine.backbone import Block
from stylegram.stylizer.engine.memory import (
    blocks_to_tile,
    features_bytes,
    free_bytes,
    is_out_of_memory,
    needed_bytes,
    peak_mb,
)
from stylegram.stylizer.engine.models.weights import Weights
from stylizer_fakes import CPU

GIB = 1 << 30
CUDA = torch.device("cuda")


@pytest.fixture(scope="module")
def blocks(weights: Weights) -> list[Block]:
    return backbone_for(weights, LAYERS).blocks


@pytest.fixture
def plenty(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """A machine of 64 GiB and no limits; the folder of its container's."""
    monkeypatch.setattr(psutil, "virtual_memory", lambda: SimpleNamespace(available=64 * GIB))
    monkeypatch.setattr(resource, "getrlimit", lambda _: (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
    monkeypatch.setattr(memory, "_CGROUP", tmp_path)
    return tmp_path


def limit(cgroup: Path, most: str, used: int, stat: str = "anon 5\ninactive_file 0\n") -> None:
    (cgroup / "memory.max").write_text(f"{most}\n")
    (cgroup / "memory.current").write_text(f"{used}\n")
    (cgroup / "memory.stat").write_text(stat)


def test_without_limits_it_is_the_machines_memory(plenty: Path) -> None:
    assert free_bytes(CPU) == 64 * GIB


def test_a_containers_limit_counts_and_its_file_cache_does_not(plenty: Path) -> None:
    limit(plenty, str(8 * GIB), 5 * GIB, f"anon {3 * GIB}\ninactive_file {2 * GIB}\nactive_file 9\n")
    assert free_bytes(CPU) == 5 * GIB


def test_a_container_that_is_over_its_limit_has_nothing_left(plenty: Path) -> None:
    limit(plenty, str(4 * GIB), 5 * GIB)
    assert free_bytes(CPU) == 0


@pytest.mark.parametrize("most", ["max", "", "a lot"])
def test_a_container_without_a_limit_has_the_machines(plenty: Path, most: str) -> None:
    limit(plenty, most, 5 * GIB)
    assert free_bytes(CPU) == 64 * GIB


def test_a_statistic_that_is_missing_is_no_obstacle(plenty: Path) -> None:
    limit(plenty, str(8 * GIB), 5 * GIB, "anon 5\n")
    assert free_bytes(CPU) == 3 * GIB
    (plenty / "memory.stat").unlink()
    assert free_bytes(CPU) == 64 * GIB


def test_a_limit_of_the_address_space_counts(plenty: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    taken = psutil.Process().memory_info().vms
    monkeypatch.setattr(resource, "getrlimit", lambda _: (taken + GIB, resource.RLIM_INFINITY))
    assert 0 < free_bytes(CPU) <= 1.1 * GIB
    monkeypatch.setattr(resource, "getrlimit", lambda _: (1000, resource.RLIM_INFINITY))
    assert free_bytes(CPU) == 0


def test_a_gpus_memory_counts_with_what_torch_keeps_of_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "mem_get_info", lambda _: (10 * GIB, 80 * GIB))
    monkeypatch.setattr(torch.cuda, "memory_reserved", lambda _: 5 * GIB)
    monkeypatch.setattr(torch.cuda, "memory_allocated", lambda _: 2 * GIB)
    monkeypatch.setattr(torch.cuda, "max_memory_allocated", lambda _: 3_000_000)
    assert free_bytes(CUDA) == 13 * GIB
    assert peak_mb(CUDA) == 3


def test_the_peak_of_this_process_is_in_megabytes() -> None:
    assert 0.5 * psutil.Process().memory_info().rss / 1e6 < peak_mb(CPU) < psutil.virtual_memory().total / 1e6


SIDES = st.integers(32, 4096)


@settings(deadline=None)
@given(SIDES, SIDES, SIDES, st.integers(0, 64 * GIB), st.integers(0, 64 * GIB), st.sampled_from([2, 4]))
def test_larger_pictures_are_tiled_more_and_more_memory_tiles_less(
    blocks: list[Block], height: int, width: int, larger: int, free: int, more: int, digits: int
) -> None:
    def tiled(width: int, free: int, digits: int = digits, held: int = 0) -> int:
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(memory, "free_bytes", lambda _: free)
            return blocks_to_tile(blocks, (width, height), bytes_per_feature=digits, held_bytes=held, device=CPU)

    assert 0 <= tiled(width, free) <= 5
    assert tiled(max(width, larger), free) >= tiled(width, free)
    assert tiled(width, free + more) <= tiled(width, free)
    assert tiled(width, free, 2) <= tiled(width, free, 4)
    assert tiled(width, free, held=more) >= tiled(width, free)
    assert tiled(width, 0) == 5
    assert tiled(width, 1 << 50) == 0


def test_what_is_kept_of_a_picture_is_its_features_at_the_layers_that_are_named(blocks: list[Block]) -> None:
    positions = 50 * 25 * 64 + 12 * 6 * 256  # odd sides are rounded down
    assert features_bytes(blocks, (50, 25), ("relu1_2", "relu3_1"), 2) == 2 * positions
    assert features_bytes(blocks, (50, 25), (), 4) == 0


def test_what_a_picture_takes_is_mostly_its_shallow_blocks(blocks: list[Block]) -> None:
    takes = [needed_bytes(blocks, (2048, 2048), tiled, 2) for tiled in range(6)]
    assert takes == sorted(takes, reverse=True)
    assert takes[2] < 0.6 * takes[0]
    # Two layers of 64 channels, two of 128 on a quarter of the positions …: 128 + 64 + 64 + 32 + 8 numbers a pixel.
    assert takes[0] > 296 * 2 * 2048 * 2048


@pytest.mark.parametrize(
    "error",
    [
        torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB."),
        RuntimeError("[enforce fail] DefaultCPUAllocator: can't allocate memory: you tried to allocate 9 bytes."),
        RuntimeError("DefaultCPUAllocator: not enough memory: you tried to allocate 9 bytes."),
        RuntimeError("could not create a memory object"),
        RuntimeError("CUDA error: CUBLAS_STATUS_ALLOC_FAILED when calling `cublasCreate(handle)`"),
        RuntimeError("cuDNN error: CUDNN_STATUS_ALLOC_FAILED"),
        torch.AcceleratorError("CUDA error: out of memory\nCompile with `TORCH_USE_CUDA_DSA` …"),
        MemoryError(),
    ],
)
def test_a_lack_of_memory_is_known_by_each_of_its_names(error: Exception) -> None:
    assert is_out_of_memory(error)


@pytest.mark.parametrize("provoke", [lambda: torch.empty(10**15), lambda: bytearray(10**15)])
def test_torchs_and_pythons_own_words_are_known(provoke: Callable[[], object]) -> None:
    with pytest.raises((RuntimeError, MemoryError)) as caught:
        provoke()
    assert is_out_of_memory(caught.value)


@pytest.mark.parametrize(
    "error",
    [
        RuntimeError("size mismatch"),
        ValueError("not enough memory"),
        KeyError("x"),
        RuntimeError("CUDA error: CUBLAS_STATUS_EXECUTION_FAILED when calling `cublasSgemm(…)`"),
    ],
)
def test_other_errors_are_not_taken_for_a_lack_of_memory(error: Exception) -> None:
    assert not is_out_of_memory(error)
