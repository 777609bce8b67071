"""The stylizer's settings."""

from pathlib import Path

from pydantic import Field

from stylegram.common.model_cache import default_cache
from stylegram.common.settings import Settings


class StylizerSettings(Settings):
    """What the worker needs to know beside what every service does."""

    weights: str | None = Field(
        None,
        description="Backbone's weights: a name of `stylegram weights list`, or a file; by default the pinned ones of"
        " the job's backbone.",
    )
    weights_dir: Path = Field(default_factory=default_cache, description="Folder where model files are kept.")
    device: str | None = Field(None, description="Where to compute, as in cuda:0; a GPU where there is one by default.")
    snapshot_every: int | None = Field(
        None,
        ge=1,
        description="Evaluations between two snapshots; by default 100, or a tenth of the run where that is fewer.",
    )
    checkpoint_seconds: float = Field(
        300.0,
        ge=0,
        allow_inf_nan=False,
        description="Between two checkpoints, from which interrupted work goes on; 0 makes one only when the worker is"
        " asked to stop.",
    )
    job_seconds: float = Field(
        14_400.0,
        gt=0,
        allow_inf_nan=False,
        description="After which a job fails that sets no limit itself; one that hangs takes its worker with it.",
    )
    idle_seconds: float | None = Field(
        None,
        ge=0,
        allow_inf_nan=False,
        description="After which the worker ends when no job came, as where one is started for each job that waits;"
        " never by default.",
    )
    timelapse: bool = Field(True, description="Make a film of how each picture came about.")
