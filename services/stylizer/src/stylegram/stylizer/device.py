"""What a GPU's errors mean for the process that meets them."""

from collections.abc import Iterator
from contextlib import contextmanager

import torch

from stylegram.common.errors import DeviceLost
from stylegram.stylizer.engine.memory import is_out_of_memory


@contextmanager
def device_errors() -> Iterator[None]:
    """Tell an error after which this process can use its GPU no more from one of the work.

    A kernel that failed, as by a device-side assert or an illegal memory access, leaves the process's CUDA context
    unusable: every later call fails like it (CUDA C++ programming guide, "Error checking"). One that found no memory
    does not.

    Raises:
        DeviceLost: it was such an error.
    """
    try:
        yield
    except RuntimeError as error:
        of_the_gpu = isinstance(error, torch.AcceleratorError) or "CUDA error" in str(error)
        if not of_the_gpu or is_out_of_memory(error):
            raise
        # What follows in torch's own words is advice to programmers.
        reason = str(error).partition("\n")[0].rstrip(".")
        raise DeviceLost(
            f"The GPU failed, and this process cannot use it any more: {reason}.",
            advice="A new process can; if that fails too, look after the GPU and its driver.",
        ) from error
