"""Stars for a picture."""

from typing import Annotated

from fastapi import APIRouter, Path, Response
from pydantic import BaseModel, ConfigDict, Field

from stylegram.common.http.problems import responses
from stylegram.logger.http.dependencies import LoggerDep
from stylegram.logger.metrics import RATINGS
from stylegram.logger.preferences.repository import PreferenceRepository

router = APIRouter(prefix="/v1", tags=["preferences"])


class Rating(BaseModel):
    """What somebody thinks of a picture."""

    model_config = ConfigDict(extra="forbid")

    rating: int | None = Field(ge=1, le=5, description="Stars, 1 … 5; null takes them back.")


@router.put("/runs/{job_id}/rating", status_code=204, response_class=Response, responses=responses(404, 409, 422))
def rate(
    job_id: Annotated[str, Path(min_length=1, max_length=200, description="The run's job.")],
    said: Rating,
    logger: LoggerDep,
) -> None:
    """Say how good a run's picture is. 409 for a run that has none."""
    PreferenceRepository(logger.engine).rate(job_id, said.rating)
    if said.rating is not None:
        RATINGS.observe(said.rating)
