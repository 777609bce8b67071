"""Studies as callers see them: immutable, and good beyond the moment that they were read."""

from datetime import datetime
from enum import StrEnum
from typing import Annotated, Any, Self

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, computed_field, model_validator

from stylegram.common.hyperparameters import Hyperparameters, StrictHyperparameters
from stylegram.common.records import AssetReference
from stylegram.logger.suggestions.front import Point
from stylegram.logger.suggestions.samplers import SamplerName
from stylegram.logger.suggestions.space import DEFAULT_SPACE, Space

_MOST_PAIRS = 100
_MOST_TRIALS = 10_000

StudyName = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,79}$")]
"""A part of addresses, of keys and of trials' names."""


class Pair(BaseModel):
    """A photograph and a painting."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    content: AssetReference
    style: AssetReference


class StudyPlan(BaseModel):
    """A study as it was asked for."""

    model_config = ConfigDict(frozen=True)

    name: StudyName = Field(description="Its name, everywhere: letters, digits, dots, dashes and underscores.")
    sampler: SamplerName = Field(SamplerName.TRANSFER, description="How the next trial is chosen.")
    seed: int = Field(0, ge=0, lt=2**63, description="Seed of the choice: another one makes another study.")
    budget: int = Field(60, ge=1, le=_MOST_TRIALS, description="Trials that it may have; failed ones count.")
    pairs: tuple[Pair, ...] = Field(
        min_length=1, max_length=_MOST_PAIRS, description="What is painted: trials go round them in turn."
    )
    space: Space = Field(DEFAULT_SPACE, description="What is searched.")
    base: Hyperparameters = Field(Hyperparameters(size=256), description="All hyperparameters that are not searched.")
    warm_start: bool = Field(True, description="Whether it begins from what the record knows already.")


class NewStudy(StudyPlan):
    """A study that is wanted."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    base: StrictHyperparameters = StudyPlan.model_fields["base"].default

    @model_validator(mode="after")
    def _of_distinct_pairs(self) -> Self:
        pairs = [(pair.content.sha256, pair.style.sha256) for pair in self.pairs]
        if len(set(pairs)) != len(pairs):
            raise ValueError("a pair is there twice: trials go round them, each as often as the others")
        return self


class TrialState(StrEnum):
    """What became of a trial."""

    RUNNING = "running"
    """Everything between being asked for and its end."""
    DONE = "done"
    FAILED = "failed"


class Trial(BaseModel):
    """One try of a study."""

    model_config = ConfigDict(frozen=True)

    study: str = Field(description="The study's name.")
    number: int = Field(description="Its number in the study, from 0 on.")
    state: TrialState = Field(description="What became of it; running is everything before its end.")
    content: AssetReference = Field(description="The picture whose subject is painted.")
    style: AssetReference = Field(description="The picture whose manner is.")
    params: dict[str, Any] = Field(description="Where in the space it lies.")
    hyperparameters: Hyperparameters = Field(description="All that it is painted with.")
    reason: str = Field(description="Why it is tried.")
    advised: bool = Field(
        False, description="Whether it was asked for as advice: its job is then somebody else's, not the study's."
    )
    asked_at: datetime = Field(description="When it was asked for.")
    ended_at: datetime | None = Field(None, description="When its end was heard of.")
    job_id: str | None = Field(None, description="The job whose run ended it.")
    seconds: float | None = Field(None, description="What the run took.")
    relative_content_error: float | None = Field(None, description="0 is the photograph, 1 has nothing left of it.")
    relative_style_error: float | None = Field(None, description="0 is the painting's manner, 1 is the photograph's.")
    failure: str | None = Field(None, description="Why it failed.")

    @computed_field  # type: ignore[prop-decorator]
    @property
    def name(self) -> str:
        """What the trial's job has to be submitted with, as study/number."""
        return f"{self.study}/{self.number}"

    @computed_field  # type: ignore[prop-decorator]
    @property
    def score(self) -> float | None:
        """(1 + relative content error) · (1 + relative style error), less is better; null before both are known."""
        return self.errors and (1 + self.errors[0]) * (1 + self.errors[1])

    @property
    def errors(self) -> Point | None:
        """Relative content and style error; None before both are known."""
        if self.relative_content_error is None or self.relative_style_error is None:
            return None
        return self.relative_content_error, self.relative_style_error


class Study(StudyPlan):
    """A study as it stands."""

    created_at: datetime = Field(description="When it was made.")
    running: int = Field(description="Trials that have not ended.")
    done: int = Field(description="Trials that came to a picture.")
    failed: int = Field(description="Trials that did not.")
    best: Trial | None = Field(description="The trial with the best score.")
    front: tuple[int, ...] = Field(
        description="Numbers of the trials that none of its pair's beats in both errors, by pair and content error."
    )

    @property
    def asked(self) -> int:
        """Trials that were asked for, of `budget`."""
        return self.running + self.done + self.failed
