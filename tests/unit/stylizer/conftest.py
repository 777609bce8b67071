from collections.abc import Iterator
from pathlib import Path

import pytest
import torch

from stylegram.stylizer.engine.models.weights import StateDict, Weights
from stylizer_fakes import Studio, open_studio, random_state


@pytest.fixture(scope="session", autouse=True)
def _one_thread() -> Iterator[None]:
    """Two threads that spin for each other are slower than one wherever another process is at work."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="session")
def state() -> StateDict:
    return random_state()


@pytest.fixture(scope="session")
def weights(state: StateDict) -> Weights:
    return Weights("random", state, "0" * 64)


@pytest.fixture
def studio(tmp_path: Path, weights: Weights) -> Iterator[Studio]:
    studio = open_studio(tmp_path, weights)
    yield studio
    studio.broker.close()
