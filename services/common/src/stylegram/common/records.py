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


class Metrics(BaseModel):
    """How good a picture is, by measures that no run optimises: always the same layers and sizes, whatever the run's
    were, so that runs compare. Photograph and paintings are taken as the run was told to: with its colours, brightness,
    shares and masks.
    """

    model_config = _CONFIG

    content_error: float = Field(
        description="Relative error of the features at relu4_2 against the photograph's, at 512 pixels."
    )
    style_error_512: float = Field(
        description="Relative error of the Gram matrices at relu1_1 … relu5_1, averaged, at 512 pixels: fine strokes."
    )
    style_error_256: float = Field(description="The same at 256 pixels.")
    style_error_128: float = Field(description="The same at 128 pixels: the large forms.")
    held_out_style_error: float = Field(
        description="The same at 512 pixels and layers that carry no style by default: relu1_2, 2_2, 3_3, 4_3, 5_2."
    )
    ssim: float = Field(description="Structural similarity of brightness with the photograph, -1 … 1; 1 is equal.")
    color_distance: float = Field(
        description="Hellinger distance of the colours' histograms, picture and painting, 0 … 1; 0 is equal."
    )
    high_frequency_ratio: float = Field(
        description="Energy of the finest details over the painting's; far above 1, the picture is noise."
    )
    layer_errors: dict[str, float] = Field(
        default_factory=dict, description="Each style error by layer and size, as in relu4_1@128."
    )


class RunRecord(BaseModel):
    """One run, whole: enough to repeat it and to judge it."""

    model_config = _CONFIG

    job_id: str
    outcome: Literal["succeeded", "failed"]
    error_code: str | None = None
    reason: str | None = Field(None, description="Why the run failed, in a sentence.")
    content: AssetReference
    style: AssetReference
    further_styles: tuple[AssetReference, ...] = Field((), description="The style images after the first.")
    masks: tuple[AssetReference | None, ...] = Field(
        (), description="Where each style image goes, the first included: white where it does; None everywhere."
    )
    start_image: AssetReference | None = Field(None, description="What a start from an image started from.")
    hyperparameters: Hyperparameters
    engine_version: str
    torch_version: str
    weights: str = Field(description="Name or path of the backbone's weights.")
    weights_digest: str | None = Field(None, description="SHA-256 of the weights file; absent if they never loaded.")
    device: str
    precision: Literal["fp32", "bf16"] | None = None
    threads: int | None = Field(None, description="Of the processor that computed, or fed the GPU.")
    tiled_blocks: int | None = Field(
        None, description="How many of the backbone's blocks, the shallow ones first, were computed tile by tile."
    )
    width: int | None = None
    height: int | None = None
    evaluations: int = Field(0, description="Evaluations done.")
    resumed_at: tuple[int, ...] = Field((), description="Evaluations at which the run went on after an interruption.")
    started_at: datetime
    finished_at: datetime
    durations: dict[str, float] = Field(default_factory=dict, description="Seconds per stage.")
    cpu_seconds: float | None = Field(None, description="Of the processor, over all threads.")
    peak_memory_mb: float | None = None
    losses: dict[str, float] = Field(
        default_factory=dict,
        description="Losses of the painted picture, before its final colours, by the objective that was minimised:"
        " total, content, style, tv, and one per layer, as in style.relu4_1.",
    )
    metrics: Metrics | None = None
    result_sha256: str | None = Field(None, description="Digest of the picture's pixels: RGB, 8 bits, row by row.")
    curve: tuple[LossPoint, ...] = ()

    @property
    def seconds(self) -> float:
        """From start to finish, in seconds."""
        return (self.finished_at - self.started_at).total_seconds()
