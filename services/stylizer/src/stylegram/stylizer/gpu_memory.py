"""What the worker holds of its GPUs' memory."""

from collections.abc import Iterator
from typing import Any

import torch
from prometheus_client import Metric
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector


class GpuMemory(Collector):
    """Asks torch whenever somebody looks; shows nothing where there is no GPU, or none has been used yet.

    It asks torch's own books alone: a call of the driver's may spoil a graph that is just being recorded.

    Args:
        cuda: what knows.
    """

    def __init__(self, cuda: Any = torch.cuda) -> None:  # noqa: ANN401  (a module, or what answers like it)
        self._cuda = cuda

    def collect(self) -> Iterator[Metric]:
        """By GPU: bytes in pictures and networks, those beside that torch keeps for later, the most that a run used so
        far, and all that there are."""
        family = GaugeMetricFamily(
            "stylegram_gpu_memory_bytes",
            "Memory of the GPU: in use by the worker, reserved by it, its peak in use in this run, and all of it.",
            labels=["gpu", "state"],
        )
        if self._cuda.is_initialized():
            for gpu in range(self._cuda.device_count()):
                for state, amount in self._of(gpu).items():
                    family.add_metric([str(gpu), state], amount)
        yield family

    def _of(self, gpu: int) -> dict[str, int]:
        return {
            "allocated": self._cuda.memory_allocated(gpu),
            "reserved": self._cuda.memory_reserved(gpu),
            "peak": self._cuda.max_memory_allocated(gpu),
            "total": self._cuda.get_device_properties(gpu).total_memory,
        }
