"""An evaluation recorded once as a CUDA graph, and replayed.

At small scales a GPU is done with a kernel before the next one has been launched; a graph launches them all at once.
"""

from collections.abc import Callable

import torch
from torch import Tensor

from stylegram.stylizer.engine.losses import Losses

Evaluate = Callable[[Tensor], tuple[Losses, Tensor]]

_WARM_UP = 3
"""Evaluations before the recording, in which cuDNN and cuBLAS choose what they work with."""


def record(evaluate: Evaluate, example: Tensor) -> Evaluate:
    """The same function, as a graph; itself where that cannot be.

    What it gives is overwritten by its next call.

    Args:
        evaluate: losses and gradient of a picture; the same kernels for all pictures of one size.
        example: such a picture; on another device than a GPU there is nothing to record.
    """
    if not example.is_cuda:
        return evaluate
    picture = example.clone()
    try:
        aside = torch.cuda.Stream(example.device)
        aside.wait_stream(torch.cuda.current_stream(example.device))
        with torch.cuda.stream(aside):
            for _ in range(_WARM_UP):
                evaluate(picture)
        torch.cuda.current_stream(example.device).wait_stream(aside)
        graph = torch.cuda.CUDAGraph()
        with torch.cuda.graph(graph):
            losses, slope = evaluate(picture)
    except RuntimeError:  # some operations, eigenvectors among them, wait for the GPU and cannot be recorded
        return evaluate

    def replay(pixels: Tensor) -> tuple[Losses, Tensor]:
        picture.copy_(pixels)
        graph.replay()
        return losses, slope.clone()

    return replay
