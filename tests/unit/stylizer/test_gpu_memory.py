"""What is shown of a GPU's memory, as torch tells it."""

from types import SimpleNamespace

from stylegram.stylizer.gpu_memory import GpuMemory


class TwoGpus:
    """What of `torch.cuda` is asked, on a machine with two GPUs, the first of which is at work."""

    def __init__(self, *, used: bool) -> None:
        self._used = used

    def is_initialized(self) -> bool:
        return self._used

    def device_count(self) -> int:
        return 2

    def memory_allocated(self, gpu: int) -> int:
        return (30, 0)[gpu]

    def memory_reserved(self, gpu: int) -> int:
        return (40, 0)[gpu]

    def max_memory_allocated(self, gpu: int) -> int:
        return (35, 0)[gpu]

    def get_device_properties(self, gpu: int) -> SimpleNamespace:
        return SimpleNamespace(total_memory=(80, 24)[gpu])


def shown(cuda: TwoGpus) -> dict[tuple[str, str], float]:
    [family] = GpuMemory(cuda).collect()
    assert {sample.name for sample in family.samples} <= {"stylegram_gpu_memory_bytes"}
    return {(sample.labels["gpu"], sample.labels["state"]): sample.value for sample in family.samples}


def test_each_gpu_is_shown_in_bytes() -> None:
    assert shown(TwoGpus(used=True)) == {
        ("0", "allocated"): 30,
        ("0", "reserved"): 40,
        ("0", "peak"): 35,
        ("0", "total"): 80,
        ("1", "allocated"): 0,
        ("1", "reserved"): 0,
        ("1", "peak"): 0,
        ("1", "total"): 24,
    }


def test_without_a_gpu_or_before_its_use_nothing_is_shown() -> None:
    assert shown(TwoGpus(used=False)) == {}
