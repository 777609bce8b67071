"""Some runs side by side, as they are shown."""

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from stylegram.common.views.runs import RunView

_CONFIG = ConfigDict(frozen=True)

Goal = Literal["lower", "higher"]
"""Which values of a measure are better."""


class ComparedHyperparameter(BaseModel):
    """A hyperparameter that is not the same in all of the runs."""

    model_config = _CONFIG

    name: str
    values: list[Any] = Field(description="Of each run, in their order; null where it was not set or is not known.")


class ComparedMetric(BaseModel):
    """A measure of the runs."""

    model_config = _CONFIG

    name: str
    values: list[float | None] = Field(description="Of each run, in their order.")
    differences: list[float | None] = Field(description="To the first run's.")
    better: Goal | None = Field(description="Whether a lower or a higher value is better; null where neither is.")
    best: list[str] = Field(description="The jobs that have the best value.")


class RunComparison(BaseModel):
    """Runs side by side."""

    model_config = _CONFIG

    runs: list[RunView] = Field(description="In the order that was asked for.")
    hyperparameters: list[ComparedHyperparameter] = Field(description="Those in which they differ.")
    metrics: list[ComparedMetric] = Field(description="Whatever is known of one of them at least.")
