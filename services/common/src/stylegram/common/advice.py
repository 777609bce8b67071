"""Hyperparameters that somebody who knows the record would try for a pair."""

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from stylegram.common.hyperparameters import Hyperparameters
from stylegram.common.records import AssetReference


class Advice(BaseModel):
    """What is advised, and why."""

    model_config = ConfigDict(frozen=True)

    hyperparameters: Hyperparameters = Field(description="How to paint the pair, whole.")
    trial: str | None = Field(
        None, description="The study's trial that waits for this run, as study/number; its job is to name it."
    )
    source: Literal["study", "best", "exploration", "default"] = Field(
        description="Where they come from: a study, the best that is known, a try beside it, or what was asked with."
    )
    reason: str = Field(description="The same as a sentence for people.")


class AdviceRequest(BaseModel):
    """A pair for which advice is wanted."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    base: Hyperparameters = Field(
        description="What the picture would be painted with otherwise; size, evaluations and taste stay as they are."
    )
    content: AssetReference = Field(description="The picture whose subject is painted.")
    style: AssetReference = Field(description="The picture whose manner is.")
    study: str | None = Field(None, description="The study that is asked; the best that is known where null.")
    exploration: float = Field(
        0.2, ge=0, le=1, description="How often something new is tried instead of the best that is known."
    )
    fixed: tuple[str, ...] = Field(
        (), description="Hyperparameters that somebody chose himself: what is advised has the base's values in them."
    )
