"""What people prefer, as it is said and shown."""

from datetime import datetime
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

SURE = 0.9
"""The probability from which an order counts as known."""
MOST_COMPARED = 2000
"""Of so many pictures, those most compared, comparisons count: their covariance takes 32 MB, and a second or two."""
COMPARISON_ID = r"^[A-Za-z0-9_-]{1,36}$"
"""What a comparison's id looks like."""
MOST_SKIPPED = 20
"""Pairs that are not shown again at once; those before them may be."""

_CONFIG = ConfigDict(frozen=True)
_JobId = Annotated[str, Field(min_length=1, max_length=200)]


class Preference(BaseModel):
    """That one picture is better than another."""

    model_config = ConfigDict(extra="forbid")

    id: str | None = Field(
        None,
        pattern=COMPARISON_ID,
        description="Yours, one for each comparison, as a UUID: saying it again under the same id changes nothing, and"
        " by it one takes it back. Made up where it is left out.",
    )
    better: _JobId = Field(description="The job whose picture is preferred.")
    worse: _JobId = Field(description="The job of the other picture.")


class Comparison(BaseModel):
    """What somebody said of two pictures."""

    model_config = _CONFIG

    id: str = Field(description="Chosen by who said it; saying the same thing under the same id again changes nothing.")
    better: str = Field(description="The job whose picture was preferred.")
    worse: str = Field(description="The job of the other picture.")
    said_at: datetime = Field(description="When.")
    origin: str | None = Field(None, description="Whose record it was imported from; null for what was said here.")


class ShownPicture(BaseModel):
    """A picture that is to be compared."""

    job_id: str = Field(description="Its job, which has the picture: `/v1/jobs/{job_id}/result`.")
    content_name: str | None = Field(description="The photograph's file name.")
    content_sha256: str | None = Field(description="The photograph.")
    style_name: str | None = Field(description="The painting's file name.")
    style_sha256: str | None = Field(description="The painting.")


class Pair(BaseModel):
    """Two pictures to choose between."""

    first: ShownPicture = Field(description="To be shown first, or left.")
    second: ShownPicture = Field(description="To be shown second, or right.")


class RankedPicture(BaseModel):
    """A picture's place in the ranking."""

    model_config = _CONFIG

    place: int = Field(description="1 is the most liked.")
    job_id: str = Field(description="The run's.")
    content_name: str | None = Field(description="The photograph's file name.")
    style_name: str | None = Field(description="The painting's file name.")
    origin: str | None = Field(description="Whose record the run was imported from; null for our own.")
    rating: int | None = Field(description="Stars, 1 … 5.")
    strength: float = Field(description="In log-odds: a picture that is 1 stronger is preferred in 73 of 100 cases.")
    deviation: float = Field(description="Standard deviation of the strength.")
    comparisons: int = Field(description="How often the picture was compared.")
    better_than_next: float | None = Field(
        description="Probability that it is really better than the one below; null for the last."
    )


class Ranking(BaseModel):
    """The pictures of which people said anything, the most liked first."""

    model_config = _CONFIG

    items: list[RankedPicture] = Field(description="As many as were asked for.")
    pictures: int = Field(description="How many there are.")
    comparisons: int = Field(description="How many comparisons there are.")
    neighbours_sure: float = Field(
        description=f"Share of neighbours in the ranking whose order has a probability of more than {SURE:.0%}."
    )
    pairs_sure: float = Field(
        description=f"The same of all pairs among the first {MOST_COMPARED}: how far the way to a certain ranking is"
        " gone."
    )
    first_is_best: float = Field(description="Probability that the first is better than every other: at least so much.")
