"""Studies: batches of tries with a budget."""

from typing import Annotated

from fastapi import APIRouter, Path, Response
from pydantic import BaseModel, ConfigDict, Field

from stylegram.common.http.problems import responses
from stylegram.common.schemas import Listing
from stylegram.logger.http.dependencies import LoggerDep
from stylegram.logger.suggestions.schemas import NewStudy, Study, StudyName, Trial
from stylegram.logger.suggestions.studies import Studies

router = APIRouter(prefix="/v1", tags=["suggestions"])

_Name = Annotated[StudyName, Path(description="The study's name.")]
_Number = Annotated[int, Path(ge=0, lt=2**31, description="The trial's number in the study.")]


class Failure(BaseModel):
    """Why no record of a trial will come."""

    model_config = ConfigDict(extra="forbid")

    reason: str = Field(min_length=1, max_length=2000, description="A sentence, as in: The job was cancelled.")


@router.post("/studies", status_code=201, responses=responses(409, 422))
def create_study(wanted: NewStudy, logger: LoggerDep, response: Response) -> Study:
    """Make a study. The same one again is the one that there is; 409 where there is another of that name."""
    study = Studies(logger.engine).create(wanted)
    response.headers["Location"] = f"/v1/studies/{study.name}"
    return study


@router.get("/studies")
def list_studies(logger: LoggerDep) -> Listing[Study]:
    """All studies, oldest first."""
    return Listing(items=Studies(logger.engine).all())


@router.get("/studies/{name}", responses=responses(404))
def get_study(name: _Name, logger: LoggerDep) -> Study:
    """The study as it stands."""
    return Studies(logger.engine).get(name)


@router.get("/studies/{name}/trials", responses=responses(404))
def list_trials(name: _Name, logger: LoggerDep) -> Listing[Trial]:
    """The study's trials, by number."""
    return Listing(items=Studies(logger.engine).trials(name))


@router.post("/studies/{name}/trials", status_code=201, responses=responses(404, 409, 422))
def ask_trial(name: _Name, logger: LoggerDep) -> Trial:
    """Ask for the study's next trial: submit a job of it, with its `name` as the job's `trial`. However many ask at
    once, each gets another one; 409 when the budget is used up."""
    return Studies(logger.engine).ask(name)


@router.post("/studies/{name}/trials/{number}/fail", responses=responses(404, 409, 422))
def fail_trial(name: _Name, number: _Number, failure: Failure, logger: LoggerDep) -> Trial:
    """End a trial of which no record will come, as where its job was cancelled; 409 for one that is done."""
    return Studies(logger.engine).fail(name, number, failure.reason)
