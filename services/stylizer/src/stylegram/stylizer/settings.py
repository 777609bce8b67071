"""The stylizer's settings."""

from pathlib import Path

from pydantic import Field

from stylegram.common.model_cache import DEFAULT_WEIGHTS, default_cache
from stylegram.common.settings import Settings


class StylizerSettings(Settings):
    """What the worker needs to know beside what every service does."""

    weights: str = Field(DEFAULT_WEIGHTS, description="Backbone: a name of `stylegram weights list`, or a file.")
    weights_dir: Path = Field(default_factory=default_cache, description="Folder where model files are kept.")
    device: str | None = Field(None, description="Where to compute, as in cuda:0; a GPU where there is one by default.")
    snapshot_every: int = Field(20, ge=1, description="Evaluations between two snapshots.")
