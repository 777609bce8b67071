"""The record of a run: what was tried, on what, and how it went. Keeping it is Stylegram's main goal."""

from datetime import datetime
from enum import StrEnum
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from stylegram.common.hyperparameters import Hyperparameters

# A run that left the finite numbers says so: as "NaN", for null would not be read back, and a bare NaN is no JSON.
_CONFIG = ConfigDict(frozen=True, ser_json_inf_nan="strings")


class Role(StrEnum):
    """What a picture is for: its subject is painted, or its manner is."""

    CONTENT = "content"
    STYLE = "style"


class AssetReference(BaseModel):
    """A picture in storage."""

    model_config = ConfigDict(frozen=True)

    sha256: str = Field(description="Digest of the bytes as the source had them; the asset's identity.")
    object_name: str = Field(description="Where the cleaned picture lies in storage.")
    name: str = Field(description="File name at the source.")


class LossPoint(BaseModel):
    """The losses after one evaluation; each is relative to its target's energy and unweighted but `total`."""

    model_config = _CONFIG

    evaluation: int
    size: int = Field(description="Longer side of the scale being optimised, in pixels.")
    total: float
    content: float
    style: float
    tv: float


class RunRecord(BaseModel):
    """One run, whole: enough to repeat it and to judge it."""

    model_config = _CONFIG

    job_id: str
    outcome: Literal["succeeded", "failed"]
    error_code: str | None = None
    reason: str | None = Field(None, description="Why the run failed, in a sentence.")
    content: AssetReference
    style: AssetReference
    hyperparameters: Hyperparameters
    engine_version: str
    torch_version: str
    weights: str = Field(description="Name or path of the backbone's weights.")
    weights_digest: str | None = Field(None, description="SHA-256 of the weights file; absent if they never loaded.")
    device: str
    precision: Literal["fp32", "bf16"] | None = None
    width: int | None = None
    height: int | None = None
    evaluations: int = Field(0, description="Evaluations done.")
    started_at: datetime
    finished_at: datetime
    durations: dict[str, float] = Field(default_factory=dict, description="Seconds per stage.")
    peak_memory_mb: float | None = None
    losses: dict[str, float] = Field(
        default_factory=dict,
        description="Losses of the picture at 512 pixels at most, in fp32: total, content, style, tv, and one per"
        " layer, as in style.relu4_1.",
    )
    curve: tuple[LossPoint, ...] = ()

    @property
    def seconds(self) -> float:
        """From start to finish, in seconds."""
        return (self.finished_at - self.started_at).total_seconds()
