"""The best runs."""

from typing import Annotated

from fastapi import APIRouter, Query, Request, Response

from stylegram.common.http.paging import LINK, Cursor, Limit, linked
from stylegram.common.schemas import Page
from stylegram.common.views.runs import RunView
from stylegram.logger.http.dependencies import LoggerDep
from stylegram.logger.http.filtering import FILTER_PARAMETERS, FiltersDep, filtered
from stylegram.logger.queries.leaderboard import By, leaderboard

router = APIRouter(prefix="/v1", tags=["runs"])


@router.get("/leaderboard", responses=LINK, openapi_extra=FILTER_PARAMETERS)
@filtered
def get_leaderboard(
    request: Request,
    response: Response,
    logger: LoggerDep,
    filters: FiltersDep,
    by: Annotated[
        By,
        Query(
            description="`pareto`: all runs of which no other has less relative content error and not more relative"
            " style error, or the other way round, by style error; else by one number, the best first."
        ),
    ] = "pareto",
    limit: Limit = 50,
    cursor: Cursor = None,
) -> Page[RunView]:
    """The best of the runs that fit all of the filters, a page at a time.

    As with lists of runs, a page may be short, or empty, although `next` says that there may be more.
    """
    return linked(leaderboard(logger.engine, by, filters, limit=limit, cursor=cursor), request, response)
