"""The runs: lists of them, one of them with its curve, some side by side."""

from typing import Annotated, Literal

from fastapi import APIRouter, Path, Query, Request, Response

from stylegram.common.database import transaction
from stylegram.common.errors import NotFound
from stylegram.common.http.paging import LINK, Cursor, Limit, linked
from stylegram.common.http.problems import responses
from stylegram.common.records import LossPoint
from stylegram.common.schemas import Listing, Page
from stylegram.common.views.comparing import RunComparison
from stylegram.common.views.runs import RunView
from stylegram.logger.bootstrap import LoggerService
from stylegram.logger.http.dependencies import LoggerDep
from stylegram.logger.http.filtering import FILTER_PARAMETERS, FiltersDep, filtered
from stylegram.logger.queries.comparing import FEWEST, MOST, compare_runs
from stylegram.logger.queries.listing import Sorting, SortName, list_runs
from stylegram.logger.queries.views import views_of

router = APIRouter(prefix="/v1", tags=["runs"])

_JobId = Annotated[str, Path(min_length=1, max_length=200, description="The run's job.")]


@router.get("/runs", responses=LINK, openapi_extra=FILTER_PARAMETERS)
@filtered
def get_runs(
    request: Request,
    response: Response,
    logger: LoggerDep,
    filters: FiltersDep,
    sort: Annotated[SortName, Query(description="What they are sorted by; what is not known comes last.")] = (
        "started_at"
    ),
    order: Annotated[
        Literal["ascending", "descending"] | None,
        Query(description="Newest, most stars and most likes first by default, else the least."),
    ] = None,
    limit: Limit = 50,
    cursor: Cursor = None,
) -> Page[RunView]:
    """The runs that fit all of the filters, newest first, a page at a time.

    A page may be short, or empty, although `next` says that there may be more: where a filter fits few of very many
    runs, one answer looks at so many only.
    """
    sorting = Sorting(sort, None if order is None else order == "descending")
    return linked(list_runs(logger.engine, filters, sorting, limit=limit, cursor=cursor), request, response)


@router.get("/runs/compare", responses=responses(404))
def compare(
    logger: LoggerDep,
    ids: Annotated[
        str, Query(max_length=2100, description=f"{FEWEST} to {MOST} jobs, with commas between them.", examples=["a,b"])
    ],
) -> RunComparison:
    """Runs side by side: the hyperparameters in which they differ, and all measures, with the best of each."""
    return compare_runs(logger.engine, [job_id.strip() for job_id in ids.split(",") if job_id.strip()])


@router.get("/runs/{job_id}", responses=responses(404))
def get_run(job_id: _JobId, logger: LoggerDep) -> RunView:
    """The run."""
    return _run(logger, job_id)


@router.get("/runs/{job_id}/curve", responses=responses(404))
def get_curve(job_id: _JobId, logger: LoggerDep) -> Listing[LossPoint]:
    """The losses after each of the run's evaluations; none where they are not known."""
    _run(logger, job_id)
    return Listing(items=list(logger.runs.curve(job_id)))


def _run(logger: LoggerService, job_id: str) -> RunView:
    with transaction(logger.engine) as session:
        found = views_of(session, [job_id])
    if not found:
        raise NotFound(f"The record has no run {job_id}.", advice="GET /v1/runs lists those there are.")
    return found[0]
