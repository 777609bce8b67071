"""An evaluation recorded once as a CUDA graph, and replayed.

At small scales a GPU is done with a kernel before the next one has been launched; a graph launches them all at once.
"""

from collections.abc import Callable

import torch
from torch import Tensor

from stylegram.stylizer.engine.losses import Losses
from stylegram.stylizer.engine.memory import is_out_of_memory

Evaluate = Callable[[Tensor], tuple[Losses, Tensor]]

_WARM_UP = 3
"""Evaluations before the recording, in which cuDNN and cuBLAS choose what they work with."""


def record(evaluate: Evaluate, example: Tensor) -> Evaluate:
    """The same function, as a graph; itself where that cannot be.

    What it gives is overwritten by its next call.

    Args:
        evaluate: losses and gradient of a picture; the same kernels for all pictures of one size.
        example: such a picture; on another device than a GPU there is nothing to record.

    Raises:
        RuntimeError: out of memory; see `memory.is_out_of_memory`.
    """
    if not example.is_cuda:
        return evaluate
    picture = example.clone()
    aside = torch.cuda.Stream(example.device)
    aside.wait_stream(torch.cuda.current_stream(example.device))
    try:
        # Makes the stream's device the current one, too, which need not be the first.
        with torch.cuda.stream(aside):
            for _ in range(_WARM_UP):
                evaluate(picture)
            graph = torch.cuda.CUDAGraph()
            with torch.cuda.graph(graph, stream=aside):
                losses, slope = evaluate(picture)
    except RuntimeError as error:
        if is_out_of_memory(error):
            raise
        return evaluate  # some operations wait for the GPU and cannot be recorded
    torch.cuda.current_stream(example.device).wait_stream(aside)

    def replay(pixels: Tensor) -> tuple[Losses, Tensor]:
        picture.copy_(pixels)
        graph.replay()
        return losses, slope.clone()

    return replay
