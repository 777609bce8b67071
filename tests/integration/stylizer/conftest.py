from collections.abc import Iterator
from pathlib import Path

import pytest
import torch

from stylegram.common.model_cache import default_cache
from stylegram.stylizer.engine.models.model_files import DEFAULT_FILES, fetch
from stylegram.stylizer.engine.models.shelf import WeightsShelf
from stylegram.stylizer.engine.models.weights import Weights
from stylizer_fakes import Studio, open_studio


@pytest.fixture(scope="session", autouse=True)
def _one_thread() -> Iterator[None]:
    """Two threads that spin for each other are slower than one wherever another process is at work."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="session")
def cache() -> Path:
    """The user's cache of model files; what is missing in it is fetched, so that no test need be left out."""
    for file in DEFAULT_FILES:
        fetch(file, default_cache())
    return default_cache()


@pytest.fixture(scope="session")
def shelf(cache: Path) -> WeightsShelf:
    """The pinned weights of both backbones."""
    return WeightsShelf(cache)


@pytest.fixture(scope="session")
def weights(shelf: WeightsShelf) -> Weights:
    """Those of the default backbone."""
    return shelf.get("vgg19")


@pytest.fixture
def studio(tmp_path: Path, weights: Weights) -> Iterator[Studio]:
    studio = open_studio(tmp_path, weights)
    yield studio
    studio.broker.close()
