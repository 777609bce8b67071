"""Which of two pictures is better: ask, be told, and what order follows from it."""

import random
from typing import Annotated
from uuid import uuid4

from fastapi import APIRouter, Path, Query, Response
from pydantic import StringConstraints

from stylegram.common.http.problems import responses
from stylegram.common.schemas import Sha256
from stylegram.common.views.preferences import (
    COMPARISON_ID,
    MOST_SKIPPED,
    Comparison,
    Pair,
    Preference,
    Ranking,
)
from stylegram.logger.http.dependencies import LoggerDep
from stylegram.logger.preferences.next_pair import next_pair
from stylegram.logger.preferences.ranking import ranking, standings
from stylegram.logger.preferences.repository import PreferenceRepository

router = APIRouter(prefix="/v1", tags=["preferences"])

# Of so many pictures all that matters is known in a second.
_CANDIDATES = 1000


@router.post("/comparisons", status_code=201, responses=responses(404, 409, 422))
def compare(said: Preference, logger: LoggerDep) -> Comparison:
    """Say which of two pictures is better. 404 for runs that nobody knows, 409 for one that has no picture."""
    return PreferenceRepository(logger.engine).save(said.id or str(uuid4()), said.better, said.worse)


@router.delete("/comparisons/{comparison_id}", status_code=204, response_class=Response, responses=responses(404))
def take_back(
    comparison_id: Annotated[str, Path(pattern=COMPARISON_ID, description="The comparison's id.")], logger: LoggerDep
) -> None:
    """Take back what was said."""
    PreferenceRepository(logger.engine).forget(comparison_id)


@router.get("/comparisons/next", responses=responses(404))
def next_comparison(
    logger: LoggerDep,
    content: Annotated[Sha256 | None, Query(description="Only of this photograph, by its SHA-256.")] = None,
    style: Annotated[Sha256 | None, Query(description="Only with this painting, by its SHA-256.")] = None,
    seed: Annotated[
        int | None, Query(ge=0, le=2**53, description="The same gives the same pair; random by default.")
    ] = None,
    skipped: Annotated[
        list[Annotated[str, StringConstraints(pattern=r"^[^,]{1,200},[^,]{1,200}$")]] | None,
        Query(
            alias="not",
            max_length=MOST_SKIPPED,
            description="Not these two runs, their ids with a comma between; again for further pairs. One of them comes"
            " all the same where no other is left.",
        ),
    ] = None,
) -> Pair:
    """The two pictures whose comparison tells most: about as good as each other, of uncertain strength, and rather of
    the same photograph. 404 where there is nothing left to compare.

    Of our own runs, the newest thousand.
    """
    repository = PreferenceRepository(logger.engine)
    candidates = repository.newest(_CANDIDATES, content=content, style=style)
    standing = standings([*repository.pictures(), *candidates], repository.tallies())
    first, second = next_pair(
        standing,
        random.Random(seed),
        among={each.job_id for each in candidates},
        skipped={frozenset(key.split(",")) for key in skipped or ()},
    )
    return Pair.model_validate({"first": first, "second": second}, from_attributes=True)


@router.get("/ranking")
def rank(
    logger: LoggerDep,
    limit: Annotated[int, Query(ge=1, le=1000, description="How many at most.")] = 50,
) -> Ranking:
    """The pictures of which people said anything, the most liked first, and how sure that order is.

    By comparisons (Bradley and Terry's model); stars, and how posts are taken, are where a picture begins.
    """
    repository = PreferenceRepository(logger.engine)
    return ranking(standings(repository.pictures(), repository.tallies()), limit)
