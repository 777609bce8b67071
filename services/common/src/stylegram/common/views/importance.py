"""Which hyperparameters matter, as it is shown."""

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

Objective = Literal["score", "relative_content_error", "relative_style_error"]
"""What is to be explained by hyperparameters."""
FEWEST_RUNS = 40
"""Of fewer nothing can be said."""


class HyperparameterImportance(BaseModel):
    """How much one hyperparameter matters."""

    model_config = ConfigDict(frozen=True)

    name: str
    mean: float = Field(description="Share of what all of them explain, 0 … 1: the mean over halves of the runs.")
    deviation: float = Field(description="Standard deviation over the halves.")
    low: float = Field(description="Lower end of the 90 % interval.")
    high: float = Field(description="Its upper end.")


class Importance(BaseModel):
    """Which hyperparameters matter to an error."""

    model_config = ConfigDict(frozen=True)

    of: Objective = Field(description="What is explained.")
    runs: int = Field(description="How many were judged, the newest of those that fit.")
    pairs: int = Field(description="Of how many pairs of pictures.")
    hyperparameters: list[HyperparameterImportance] = Field(
        description="Those that were varied, what matters most first; none where too little is known."
    )
    too_few: str | None = Field(None, description="Why nothing can be said; null where something is.")
