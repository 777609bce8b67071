from contextlib import nullcontext
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from torch import Tensor

from engine_fakes import cheap
from stylegram.stylizer.engine.cuda_graphs import record
from stylegram.stylizer.engine.losses import Losses
from stylizer_fakes import random_pixels


def test_without_a_gpu_it_is_the_function_itself_and_not_called_beforehand() -> None:
    calls = []

    def evaluate(picture: Tensor) -> tuple[Losses, Tensor]:
        calls.append(picture)
        total = picture.sum()
        return Losses(total, total, total, total, {}), torch.ones_like(picture)

    assert record(evaluate, random_pixels(8, 8)) is evaluate
    assert not calls


def test_eigenvectors_are_refused_beforehand() -> None:
    with pytest.raises(ValueError, match="cuda_graphs cannot record style_loss=wasserstein"):
        cheap(cuda_graphs=True, style_loss="wasserstein")
    assert cheap(cuda_graphs=True, style_loss="gram").cuda_graphs


@pytest.fixture
def on_a_gpu(monkeypatch: pytest.MonkeyPatch) -> Any:
    """A picture that says it is on one, and a GPU that does nothing."""
    stream = SimpleNamespace(wait_stream=lambda _: None)
    for name in ("Stream", "current_stream", "CUDAGraph"):
        monkeypatch.setattr(torch.cuda, name, lambda *_: stream)
    monkeypatch.setattr(torch.cuda, "stream", nullcontext)
    monkeypatch.setattr(torch.cuda, "graph", lambda *_, **__: nullcontext())
    return SimpleNamespace(is_cuda=True, device=torch.device("cuda"), clone=lambda: random_pixels(8, 8))


def test_what_cannot_be_recorded_is_computed_as_ever(on_a_gpu: Any) -> None:
    def evaluate(picture: Tensor) -> tuple[Losses, Tensor]:
        raise RuntimeError("operation not permitted when stream is capturing")

    assert record(evaluate, on_a_gpu) is evaluate


def test_a_lack_of_memory_is_not_taken_for_what_cannot_be_recorded(on_a_gpu: Any) -> None:
    def evaluate(picture: Tensor) -> tuple[Losses, Tensor]:
        raise torch.OutOfMemoryError("CUDA out of memory.")

    with pytest.raises(torch.OutOfMemoryError):
        record(evaluate, on_a_gpu)
