"""A run as it is shown."""

from datetime import datetime
from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from stylegram.common.records import Metrics

METRICS = tuple(name for name, field in Metrics.model_fields.items() if field.annotation in (float, float | None))
"""The metrics that are a number."""


class RunView(BaseModel):
    """A run of the record; what is not known of it is null."""

    model_config = ConfigDict(frozen=True)

    job_id: str
    origin: str | None = Field(None, description="Whose record it was imported from; null for our own.")
    outcome: str | None = Field(None, description="succeeded or failed.")
    error_code: str | None = None
    reason: str | None = Field(None, description="Why it failed.")
    trial: str | None = Field(None, description="The trial that a study wanted it for, as in study/number.")
    content_name: str | None = Field(None, description="The photograph's file name.")
    content_sha256: str | None = Field(None, description="The photograph.")
    style_name: str | None = Field(None, description="The first painting's file name.")
    style_sha256: str | None = Field(None, description="The first painting.")
    content_features: dict[str, float] | None = Field(None, description="What the photograph looks like.")
    style_features: dict[str, float] | None = Field(None, description="What the painting looks like.")
    hyperparameters: dict[str, Any] = Field(description="By name; without those that were not set or not known.")
    engine_version: str | None = None
    device: str | None = None
    width: int | None = None
    height: int | None = None
    evaluations_done: int | None = None
    started_at: datetime | None = None
    finished_at: datetime | None = None
    seconds: float | None = Field(None, description="From start to finish.")
    cpu_seconds: float | None = Field(None, description="Of the processor, over all threads.")
    peak_memory_mb: float | None = None
    metrics: dict[str, float] | None = Field(None, description="By name; null where nothing was measured.")
    style_error: float | None = Field(None, description="Mean of the style errors at 512, 256 and 128 pixels.")
    relative_content_error: float | None = Field(None, description="0 is the photograph, 1 has nothing of it left.")
    relative_style_error: float | None = Field(None, description="0 is the painting's manner, 1 the photograph's.")
    score: float | None = Field(
        None, description="(1 + relative content error) · (1 + relative style error), lower is better; unpainted 2."
    )
    rating: int | None = Field(None, description="Stars.")
    post_state: str | None = Field(None, description="What became of the picture's post.")
    post_url: str | None = Field(None, description="Where people find it.")
    likes: int | None = Field(None, description="Of its posts, as far as the account tells; so are the next four.")
    comments: int | None = None
    reach: int | None = None
    saves: int | None = None
    shares: int | None = None
