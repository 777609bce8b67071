"""The record of a run: what was tried, on what, and how it went. Keeping it is Stylegram's main goal."""

import math
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


class PictureFeatures(BaseModel):
    """What a picture looks like, in a few numbers by which pictures are told apart; see `picture_features.features_of`.

    Those of grey or flat pictures are numbers too.
    """

    model_config = ConfigDict(frozen=True, allow_inf_nan=False)

    brightness: float = Field(description="Mean of its brightness, 0 … 1.")
    contrast: float = Field(description="Standard deviation of its brightness, 0 … 0.5.")
    colorfulness: float = Field(description="By Hasler & Süsstrunk (2003), of colours in 0 … 1: 0 is grey, 0.4 vivid.")
    detail: float = Field(
        description="Share of its brightness' variance that is in the finest details of a small copy, 0 … 1."
    )
    direction: float = Field(description="How far its edges run in one direction: 0 in all of them, 1 in one.")
    hue_variety: float = Field(description="How evenly its colours go round the circle of hues: 0 one hue, 1 all.")


class AssetReference(BaseModel):
    """A picture in storage."""

    model_config = ConfigDict(frozen=True)

    sha256: str = Field(description="Digest of the bytes as the source had them; the asset's identity.")
    object_name: str = Field(description="Where the cleaned picture lies in storage.")
    name: str = Field(description="File name at the source.")
    features: PictureFeatures | None = Field(
        None, description="What it looks like; null of pictures from before that was measured."
    )


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
    content_baseline: float | None = Field(
        None,
        description="The content error of an unrelated picture whose features have the photograph's mean and variance;"
        " null of runs before that was measured.",
    )
    style_baseline: float | None = Field(
        None,
        description="The style error, over the three sizes, of the photograph as it is; null of runs before that was"
        " measured.",
    )

    @property
    def style_error(self) -> float:
        """Mean of the style errors at 512, 256 and 128 pixels: fine strokes and large forms count alike."""
        return (self.style_error_512 + self.style_error_256 + self.style_error_128) / 3

    @property
    def relative_content_error(self) -> float | None:
        """The content error over its baseline: 0 is the photograph, about 1 another picture that is as busy; a blank
        one has somewhat more than ½."""
        return _relative(self.content_error, self.content_baseline)

    @property
    def relative_style_error(self) -> float | None:
        """The style error over its baseline: 0 is the painting's manner, 1 the photograph, unpainted."""
        return _relative(self.style_error, self.style_baseline)

    @property
    def score(self) -> float | None:
        """(1 + relative content error) · (1 + relative style error): how good the picture is, in one number.

        1 would have all of both pictures; lower is better. The photograph unpainted scores 2, and so does what has the
        painting's manner and nothing of the photograph: to keep one by giving up the other gains nothing. It is a
        product of what is relative to the pair, so that pairs that are hard to paint compare with easy ones, and the
        ones in it keep a picture without any error of one kind from being perfect. None where a baseline is unknown,
        zero (the picture is blank) or not finite, or an error is not.
        """
        content, style = self.relative_content_error, self.relative_style_error
        return None if content is None or style is None else _finite((1 + content) * (1 + style))


def _relative(error: float, baseline: float | None) -> float | None:
    return _finite(error / baseline) if baseline and math.isfinite(baseline) else None


def _finite(value: float) -> float | None:
    return value if math.isfinite(value) else None


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
    trial: str | None = Field(None, description="The trial that a study wanted it for, as in study/number.")

    @property
    def seconds(self) -> float:
        """From start to finish, in seconds."""
        return (self.finished_at - self.started_at).total_seconds()
