import torch
from torch import Tensor

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
