"""What to try next on a pair of pictures."""

from typing import Annotated

from fastapi import APIRouter, Query
from pydantic import Field

from stylegram.common.advice import Advice, AdviceRequest
from stylegram.common.http.problems import responses
from stylegram.common.hyperparameters import Hyperparameters
from stylegram.common.schemas import Sha256
from stylegram.logger.http.dependencies import LoggerDep
from stylegram.logger.suggestions.advice import MOST_SUGGESTIONS, Suggestion, advise, suggest
from stylegram.logger.suggestions.evidence import pictures_of
from stylegram.logger.suggestions.samplers import SamplerName

router = APIRouter(prefix="/v1", tags=["suggestions"])


class Suggestions(Suggestion):
    """The first suggestion, and those after it."""

    further: list[Suggestion] = Field(description="What else to try, each knowing those before it.")


@router.get("/suggest", responses=responses(422))
def suggest_next(
    logger: LoggerDep,
    content: Annotated[Sha256, Query(description="SHA-256 of the content image.")],
    style: Annotated[Sha256, Query(description="SHA-256 of the style image.")],
    size: Annotated[int, Query(ge=32, le=4096, description="Longer side of the result, in pixels.")] = 512,
    sampler: Annotated[SamplerName, Query(description="How they are chosen.")] = SamplerName.TRANSFER,
    n: Annotated[int, Query(ge=1, le=MOST_SUGGESTIONS, description="How many.")] = 1,
    seed: Annotated[int, Query(ge=0, lt=2**63, description="Another one makes other suggestions.")] = 0,
) -> Suggestions:
    """What to try next, from all that is known; nothing is changed by asking."""
    pictures = pictures_of(logger.engine, content, style)
    base = Hyperparameters(size=size)
    first, *further = suggest(logger.engine, base, pictures, sampler=sampler, count=n, seed=seed)
    return Suggestions(**dict(first), further=further)


@router.post("/advice", responses=responses(422))
def give_advice(logger: LoggerDep, request: AdviceRequest) -> Advice:
    """What to paint a pair with: the next trial of the study that is named, which then waits for its run; else the best
    that is known, and now and then something new."""
    return advise(
        logger.engine,
        request.base,
        request.content,
        request.style,
        study=request.study,
        exploration=request.exploration,
        fixed=request.fixed,
    )
