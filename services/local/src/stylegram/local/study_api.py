"""Studies over Stylegram's HTTP API, for the commands."""

from collections.abc import Iterator
from typing import Any
from urllib.parse import quote

from stylegram.common.messages import Priority
from stylegram.common.records import Role
from stylegram.common.schemas import Listing, Page
from stylegram.ingest.schemas import Asset, Job
from stylegram.local.api import Api
from stylegram.logger.suggestions.schemas import NewStudy, Study, Trial

_PAGE = 1000


class StudyApi:
    """What the API says of studies; every method raises as those of `Api` do.

    Args:
        api: what answers.
    """

    def __init__(self, api: Api) -> None:
        self._api = api

    def create(self, wanted: NewStudy) -> Study:
        """A new study; the same one again is the one that there is."""
        return self._api.ask(Study, "POST", "/v1/studies", json=wanted.model_dump(mode="json"))

    def all(self) -> list[Study]:
        """Every study, oldest first."""
        return self._api.ask(Listing[Study], "GET", "/v1/studies").items

    def study(self, name: str) -> Study:
        """The study as it stands."""
        return self._api.ask(Study, "GET", _path(name))

    def trials(self, name: str) -> list[Trial]:
        """The study's trials, by number."""
        return self._api.ask(Listing[Trial], "GET", _path(name, "trials")).items

    def ask(self, name: str) -> Trial:
        """The study's next trial."""
        return self._api.ask(Trial, "POST", _path(name, "trials"))

    def fail(self, trial: Trial, reason: str) -> Trial:
        """End a trial of which no record will come."""
        path = _path(trial.study, "trials", str(trial.number), "fail")
        return self._api.ask(Trial, "POST", path, json={"reason": reason})

    def submit(self, trial: Trial) -> Job:
        """The trial's job, which is always the same one."""
        job: dict[str, Any] = {
            "content": trial.content.sha256,
            "style": trial.style.sha256,
            "hyperparameters": trial.hyperparameters.model_dump(mode="json"),
            "publish": False,
            "priority": Priority.BATCH,
            "trial": trial.name,
        }
        headers = {"Idempotency-Key": f"study-{trial.study}-{trial.number}"}
        return self._api.ask(Job, "POST", "/v1/jobs", json=job, headers=headers)

    def job(self, job_id: str) -> Job:
        """The job as it stands."""
        return self._api.job(job_id)

    def assets(self, role: Role) -> Iterator[Asset]:
        """The pictures that there are, newest first."""
        query = {"role": str(role), "limit": str(_PAGE)}
        page = self._api.ask(Page[Asset], "GET", "/v1/assets", params=query)
        yield from page.items
        while page.next is not None:
            page = self._api.ask(Page[Asset], "GET", "/v1/assets", params=query | {"cursor": page.next})
            yield from page.items


def _path(*segments: str) -> str:
    return "/".join(["/v1/studies", *(quote(segment, safe="") for segment in segments)])
