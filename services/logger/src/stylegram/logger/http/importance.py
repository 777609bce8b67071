"""Which hyperparameters matter."""

from typing import Annotated

from fastapi import APIRouter, Query

from stylegram.common.views.importance import Importance, Objective
from stylegram.logger.http.dependencies import LoggerDep
from stylegram.logger.http.filtering import FILTER_PARAMETERS, FiltersDep, filtered
from stylegram.logger.queries.importance import MOST_RUNS, importance

router = APIRouter(prefix="/v1", tags=["runs"])


@router.get("/importance", openapi_extra=FILTER_PARAMETERS)
@filtered
def get_importance(
    logger: LoggerDep,
    filters: FiltersDep,
    of: Annotated[Objective, Query(description="What is to be explained.")] = "score",
    limit: Annotated[
        int, Query(ge=1, le=MOST_RUNS, description="How many runs are judged at most, the newest first.")
    ] = MOST_RUNS,
) -> Importance:
    """Which hyperparameters matter to how good a picture is, of those that were varied, and how sure that is.

    By PED-ANOVA, once what is due to the pictures is taken out. Two thousand runs take some seconds.
    """
    return importance(logger.engine, of, filters, limit=limit)
