"""`stylegram study`: made, run, interrupted, carried on and shown."""

import json
from datetime import timedelta
from pathlib import Path

import pytest

from ingest_samples import completed, png
from local_commands import Command, Worker
from stylegram.common.clock import utcnow
from stylegram.common.errors import WrongState
from stylegram.common.records import Metrics
from stylegram.ingest.schemas import Job
from stylegram.local.api import open_api
from stylegram.local.study_api import StudyApi
from stylegram.local.study_runner import StudyRunner
from stylegram.logger.suggestions.schemas import Study, Trial
from stylegram.logger.suggestions.studies import Studies

CREATE = ("study", "create", "first", "--budget", "4", "--size", "64", "--sampler", "random")
SEARCH = ("--search", "content_weight=0.01..1:log", "--set", "evaluations=2")


def measured(error: float) -> Metrics:
    numbers = {name: error for name in Metrics.model_fields if name != "layer_errors"}
    return Metrics.model_validate(numbers | {"content_baseline": 1.0, "style_baseline": 1.0})


class House:
    """Ends the jobs of a study as a house would: the first is cancelled, the second fails, others are painted."""

    def __init__(self, worker: Worker) -> None:
        self.worker = worker
        self.studies = Studies(worker.ingest.engine)
        self.most_at_once = 0
        self.steps = 0

    def work(self) -> None:
        self.steps += 1
        jobs = [job for job in self.worker.ingest.newest_jobs(limit=20) if not job.finished]
        self.most_at_once = max(self.most_at_once, len(jobs))
        for job in jobs:
            self._end(job)

    def _end(self, job: Job) -> None:
        now = utcnow()
        match (job.trial or "").rpartition("/")[2]:
            case "0":
                self.worker.ingest.cancel(job.id)
                self.worker.listen()
            case number:
                record = completed(job).record.model_copy(
                    update={
                        "trial": job.trial,
                        "started_at": now - timedelta(seconds=1),
                        "finished_at": now,
                        "metrics": measured(0.2 + int(number) / 10),
                        **({"outcome": "failed", "reason": "It left the numbers."} if number == "1" else {}),
                    }
                )
                self.worker.finish(job)
                self.studies.tell(record)


@pytest.fixture
def house(stylegram: Command, worker: Worker, state: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> House:
    places = []
    for seed, name in enumerate(("photos", "styles")):
        (tmp_path / name).mkdir()
        (tmp_path / name / f"{name}.png").write_bytes(png(seed))
        places += [f"--{name}", str(tmp_path / name)]
    assert stylegram("sync", *places, "--state", str(state)).code == 0
    monkeypatch.setattr("stylegram.local.study_runner._LOOK_SECONDS", 0.01)
    return House(worker)


def test_a_study_is_made_run_and_shown(stylegram: Command, house: House, state: Path) -> None:
    place = ("--state", str(state))
    created = stylegram(*CREATE, *SEARCH, *place)
    assert created.code == 0, created.err
    assert "4 trials on one pair" in created.out
    ended: list[Trial] = []

    def show(study: Study, trial: Trial | None) -> None:
        ended.extend([trial] if trial else [])

    with open_api(None, state) as api:
        study = StudyRunner(StudyApi(api), "first", 2, show, house.work).run()
    assert (study.done, study.failed, study.running) == (2, 2, 0)
    assert house.most_at_once == 2
    assert sorted(trial.number for trial in ended) == [0, 1, 2, 3]
    jobs = house.worker.ingest.newest_jobs(limit=20)
    assert {job.idempotency_key for job in jobs} == {f"study-first-{number}" for number in range(4)}
    assert {(job.trial, job.priority, job.publish) for job in jobs} == {
        (f"first/{number}", "batch", False) for number in range(4)
    }
    shown = stylegram("study", "status", "first", *place)
    assert "4 of 4 trials, 2 failed, best score 1.960" in shown.out
    assert "Trial 0 failed: Its job was cancelled." in shown.out
    assert "Trial 1 failed: It left the numbers." in shown.out
    assert json.loads(stylegram("study", "status", "--all", "--json", *place).out)["name"] == "first"


def test_a_run_that_was_interrupted_goes_on_with_the_jobs_that_there_are(
    stylegram: Command, house: House, state: Path
) -> None:
    assert stylegram(*CREATE, *SEARCH, "--state", str(state)).code == 0

    def interrupt() -> None:
        if house.worker.ingest.newest_jobs(limit=1):
            raise KeyboardInterrupt

    with open_api(None, state) as api:
        studies = StudyApi(api)
        with pytest.raises(KeyboardInterrupt):
            StudyRunner(studies, "first", 1, lambda *_: None, interrupt).run()
        lost = studies.ask("first")  # by somebody who was killed before he made a job of it
        advised = house.studies.ask("first", pair=house.studies.get("first").pairs[0])
        house.studies.fail("first", advised.number, "Somebody else's.")
        study = StudyRunner(studies, "first", 1, lambda *_: None, house.work).run()
    assert (study.asked, study.running) == (4, 0)
    jobs = house.worker.ingest.newest_jobs(limit=20)
    assert sorted(job.trial or "" for job in jobs) == ["first/0", lost.name, "first/3"]
    with pytest.raises(WrongState):
        house.studies.ask("first")


def test_what_is_no_study_is_said(stylegram: Command, house: House, state: Path) -> None:
    place = ("--state", str(state))
    assert "cannot be searched" in stylegram(*CREATE, "--search", "size=64..128", *place).err
    assert "There is no photograph 'nobody'" in stylegram(*CREATE, "--content", "nobody", *place).err
    assert "no sampler" in stylegram(*CREATE, "--sampler", "oracle", *place).err
    assert "There is no study second" in stylegram("study", "status", "second", *place).err
    assert stylegram("study", "status", *place).code == 2
