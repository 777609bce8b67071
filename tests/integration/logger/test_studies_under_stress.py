"""Studies and suggestions where the record, the space or whoever submits a job is odd."""

import random
from collections.abc import Iterator
from typing import Any

import pytest
from fastapi.testclient import TestClient
from sqlalchemy import Engine

from logger_http import open_client
from stylegram.common.errors import InvalidInput, Unavailable
from stylegram.common.hyperparameters import Hyperparameters
from stylegram.common.messages import end_of
from stylegram.common.records import PictureFeatures
from stylegram.ingest.schemas import Job
from stylegram.local.study_api import StudyApi
from stylegram.local.study_runner import StudyRunner
from stylegram.logger.bootstrap import LoggerService, bootstrap
from stylegram.logger.settings import LoggerSettings
from stylegram.logger.suggestions.advice import advise
from stylegram.logger.suggestions.likeness import Pictures
from stylegram.logger.suggestions.model import Tried, propose
from stylegram.logger.suggestions.samplers import SamplerName
from stylegram.logger.suggestions.schemas import Study, Trial, TrialState
from stylegram.logger.suggestions.space import DEFAULT_SPACE, Choice, Params, Range, Space
from stylegram.logger.suggestions.studies import Studies

from .conftest import METRICS, make_record
from .test_studies import BASE, PAIRS, metrics, painted, wanted

HERE = Pictures("a" * 64, "b" * 64)
RUNS = 9


@pytest.fixture
def service(engine: Engine, database_url: str) -> LoggerService:
    return bootstrap(LoggerSettings(broker_url="memory://", database_url=database_url), engine=engine)


@pytest.fixture
def client(service: LoggerService) -> Iterator[TestClient]:
    with open_client(service) as client:
        yield client


def anywhere(count: int, space: Space = DEFAULT_SPACE) -> list[Params]:
    generator = random.Random(count)
    return [space.at({name: generator.random() for name in space.root}) for _ in range(count)]


def remember(service: LoggerService, content: float, style: float, count: int = RUNS) -> None:
    """Runs of the first pair, each with these errors."""
    records = [
        make_record(
            f"run-{content}-{style}-{number}",
            content=PAIRS[0].content,
            style=PAIRS[0].style,
            hyperparameters=DEFAULT_SPACE.hyperparameters(params, Hyperparameters()),
            metrics=metrics(content, style),
            trial=None,
        )
        for number, params in enumerate(anywhere(count))
    ]
    service.logger.handle_all([end_of(record) for record in records])


@pytest.mark.parametrize("errors", [[(0.0, 1.0)], [(0.5, 0.5)], [(0.3, 0.4), (0.5, -0.1)]])
def test_there_is_a_suggestion_whatever_the_errors_were(
    service: LoggerService, client: TestClient, errors: list[tuple[float, float]]
) -> None:
    for content, style in errors:
        remember(service, content, style)

    answer = client.get("/v1/suggest", params={"content": HERE.content, "style": HERE.style, "n": 2})

    assert answer.status_code == 200
    suggestions = [answer.json(), *answer.json()["further"]]
    assert all(each["relative_style_error"] is not None for each in suggestions)
    assert suggestions[0]["hyperparameters"] != suggestions[1]["hyperparameters"]


def test_pictures_of_which_runs_tell_different_looks_are_learned_from() -> None:
    looks = PictureFeatures(brightness=0.1, contrast=0.1, colorfulness=0.1, detail=0.1, direction=0.1, hue_variety=0.1)
    others = looks.model_copy(update={"brightness": 0.9, "contrast": 0.4})
    pairs = [
        Pictures("a", "b"),
        Pictures("a", "b", looks, looks),
        Pictures("a", "b", others, looks),
        Pictures("c", "d", looks, looks),
        Pictures("e", "f", others, others),
    ]
    generator = random.Random(0)
    evidence = [
        Tried(params, (generator.random(), generator.random()), pairs[number % len(pairs)])
        for number, params in enumerate(anywhere(60))
    ]

    proposals = [propose(SamplerName.TRANSFER, DEFAULT_SPACE, pairs[0], evidence, seed=seed) for seed in range(2)]

    assert all(each.expected for each in proposals)


def test_a_range_goes_no_further_than_to_its_end() -> None:
    space = Space({"start_noise": Range(low=0.03, high=0.29)})
    end = space.at({"start_noise": 1.0})

    assert end == {"start_noise": 0.29}
    assert propose(SamplerName.TPE, space, HERE, [Tried(end, (0.5, 0.5), HERE)] * 9, seed=0).params


@pytest.mark.parametrize("optimizer", ["lbfgs", "adam"])
@pytest.mark.parametrize("ends", [(low / 100, high / 10) for low in (1, 7, 13, 35) for high in (11, 23, 57, 99)])
def test_a_learning_rate_at_an_end_is_still_in_the_space(optimizer: str, ends: tuple[float, float]) -> None:
    low, high = ends
    whole = [Space({"learning_rate": each}) for each in (Range(low=low, high=high, log=True), Choice(values=ends))]
    base = Hyperparameters.model_validate({"optimizer": optimizer})

    for space in whole:
        for value in ends:
            params: Params = {"learning_rate": value}
            assert space.params_of(space.hyperparameters(params, base)) == params


@pytest.mark.parametrize(
    "space",
    [
        Space({"deterministic": Range(low=0, high=1)}),
        Space({"start": Choice(values=("content", "image"))}),
        Space({"content_layers": Choice(values=("conv4_2", "relu4_2"))}),
        Space({"content_layer_weights": Choice(values=("1",))}),
    ],
)
def test_a_space_whose_trials_could_not_be_painted_or_found_again_is_refused(engine: Engine, space: Space) -> None:
    with pytest.raises(InvalidInput):
        Studies(engine).create(wanted(space=space))


def test_nsga_breeds_what_was_good() -> None:
    space = Space({name: Range(low=0.01, high=1) for name in ("content_weight", "tv_weight")})

    def follow(sampler: SamplerName, seed: int) -> float:
        """The mean of both errors, after two generations."""
        done: list[Tried] = []
        for number in range(72):
            params = propose(sampler, space, HERE, done, seed=1000 * seed + number).params
            errors = params["content_weight"] + params["tv_weight"], params["content_weight"]
            done.insert(0, Tried(params, None if number % 7 == 0 else errors, HERE))
        return sum(sum(each.params.values()) for each in done[:48]) / 48

    bred, drawn = ([follow(sampler, seed) for seed in range(3)] for sampler in (SamplerName.NSGA, SamplerName.RANDOM))

    assert max(bred) < min(drawn)


@pytest.mark.every_database
@pytest.mark.parametrize("number", ["99999999999999999999", "2147483648", "1" * 150, "999999999"])
def test_an_event_of_a_trial_that_cannot_be_is_passed_over(service: LoggerService, number: str) -> None:
    Studies(service.engine).create(wanted())

    service.logger.handle_all([end_of(make_record(trial=f"first/{number}"))])

    assert service.runs.get("42")


@pytest.mark.every_database
def test_a_run_of_other_pictures_does_not_end_a_trial(engine: Engine) -> None:
    studies = Studies(engine)
    studies.create(wanted())
    trial = studies.ask("first")
    other = PAIRS[1]

    studies.tell(make_record(trial=trial.name, content=other.content, style=other.style, metrics=METRICS))
    assert studies.trial("first", 0).state == TrialState.RUNNING

    studies.tell(make_record(trial=trial.name, content=trial.content, style=trial.style, metrics=METRICS))
    assert studies.trial("first", 0).state == TrialState.DONE


def test_a_study_that_searches_evaluations_leaves_those_of_a_daily_picture(engine: Engine) -> None:
    space: dict[str, Any] = {"evaluations": Choice(values=("2", "3,1")), "content_weight": Range(low=0.1, high=1)}
    studies = Studies(engine)
    studies.create(wanted(space=Space(space)))

    advised = [advise(engine, BASE, PAIRS[0].content, PAIRS[0].style, study="first") for _ in range(3)]
    other = Hyperparameters(size=64, evaluations=(5,))
    beside = advise(engine, other, PAIRS[0].content, PAIRS[0].style, study="first")

    assert {(each.source, each.hyperparameters.evaluations) for each in advised} == {("study", (2,))}
    assert (beside.source, beside.hyperparameters) == ("default", other)
    assert studies.get("first").asked == 3


@pytest.mark.parametrize(("exploration", "source"), [(0, "best"), (1, "exploration")])
def test_whoever_has_a_schedule_is_advised_beside_it(service: LoggerService, exploration: float, source: str) -> None:
    remember(service, 0.4, 0.4)
    base = Hyperparameters(size=64, schedule=((32, 2), (64, 2)))

    advice = advise(
        service.engine, base, PAIRS[0].content, PAIRS[0].style, exploration=exploration, fixed={"size", "schedule"}
    )

    assert (advice.source, advice.hyperparameters.schedule) == (source, base.schedule)


class Nearby(StudyApi):
    """Studies without an API, whose answer to the last question gets lost; each job is painted at once."""

    def __init__(self, studies: Studies) -> None:
        self.studies = studies
        self.lost = 0

    def study(self, name: str) -> Study:
        return self.studies.get(name)

    def trials(self, name: str) -> list[Trial]:
        return self.studies.trials(name)

    def ask(self, name: str) -> Trial:
        trial = self.studies.ask(name)
        if trial.number == self.studies.get(name).budget - 1:
            self.lost += 1
            raise Unavailable("The answer was lost.")
        return trial

    def submit(self, trial: Trial) -> Job:
        self.studies.tell(painted(trial))
        return self.job(trial.name)

    def job(self, job_id: str) -> Job:
        facts: Any = {"id": job_id, "state": "succeeded"}
        return Job.model_construct(**facts)


def test_a_trial_whose_answer_was_lost_is_run_nevertheless(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("stylegram.local.study_runner._LOOK_SECONDS", 0.01)
    studies = Studies(engine)
    studies.create(wanted(budget=3))
    api = Nearby(studies)

    study = StudyRunner(api, "first", 1, lambda *_: None).run()

    assert (api.lost, study.done, study.running) == (1, 3, 0)


def test_what_goes_wrong_while_a_trial_is_chosen_ends_it(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    def stumble(*_: Any, **__: Any) -> None:
        raise ZeroDivisionError

    studies = Studies(engine)
    studies.create(wanted())
    with monkeypatch.context() as patch:
        patch.setattr("stylegram.logger.suggestions.studies.draw", stumble)
        with pytest.raises(ZeroDivisionError):
            studies.ask("first")

    study = studies.get("first")
    assert (study.running, study.failed) == (0, 1)
