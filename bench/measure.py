"""How time and memory are counted, and where figures are kept."""

import json
import os
import platform
import resource
import sys
import time
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import torch

_FOLDER = Path("var/bench")

_RESET_PEAK = Path("/proc/self/clear_refs")
_STATUS = Path("/proc/self/status")


def default_device() -> torch.device:
    """A GPU where there is one."""
    return torch.device("cuda" if torch.cuda.is_available() else "cpu")


def clock(device: torch.device) -> float:
    """Seconds of the processor; on a GPU, of the clock on the wall."""
    if device.type == "cuda":
        torch.cuda.synchronize(device)
        return time.perf_counter()
    # Other processes on a shared machine do not count.
    return time.process_time()


def resident_mb() -> float:
    """Memory that this process holds now; the most that it ever held, where the system tells no more."""
    return _status("VmRSS") or _maximal_resident_mb()


def forget_peak(device: torch.device) -> None:
    """Count the peak from here on; where the system cannot, it is counted from the process's start."""
    if device.type == "cuda":
        torch.cuda.reset_peak_memory_stats(device)
    if _RESET_PEAK.exists():
        # Documented in proc(5): 5 resets the peak resident set to the present one.
        _RESET_PEAK.write_text("5")


def peak_mb(device: torch.device) -> float:
    """The most memory since `forget_peak`: resident in this process; on a GPU, allocated there."""
    if device.type == "cuda":
        return torch.cuda.max_memory_allocated(device) / 1e6
    return _status("VmHWM") or _maximal_resident_mb()


def _status(name: str) -> float | None:
    if not _STATUS.exists():
        return None
    for line in _STATUS.read_text().splitlines():
        if line.startswith(f"{name}:"):
            return int(line.split()[1]) * 1024 / 1e6
    return None


def _maximal_resident_mb() -> float:
    # Linux counts kibibytes, macOS bytes.
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024) / 1e6


def folder(name: str) -> Path:
    """The folder of that name for raw figures and plots, made where it is not there; git ignores it."""
    path = _FOLDER / name
    path.mkdir(parents=True, exist_ok=True)
    return path


def save(name: str, figures: Mapping[str, Any]) -> Path:
    """Write raw figures, with what they were measured on, to a JSON file; returns its path."""
    path = _path(name)
    path.parent.mkdir(parents=True, exist_ok=True)
    machine = {
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
        "machine": f"{platform.machine()}, {os.cpu_count()} threads",
        "torch": torch.__version__,
    }
    part = path.with_suffix(".part")
    part.write_text(json.dumps({**machine, **figures}, indent=1) + "\n", encoding="utf-8")
    part.replace(path)
    return path


def load(name: str) -> dict[str, Any]:
    """What `save` wrote under that name; empty where it did not."""
    path = _path(name)
    figures: dict[str, Any] = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
    return figures


def _path(name: str) -> Path:
    return _FOLDER / f"{name}.json"
