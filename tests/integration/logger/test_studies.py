"""Studies in Optuna's tables: asked by several at once, told by events, and none the worse for a kill."""

import multiprocessing
import os
import signal
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import Engine, inspect, text

from stylegram.common.clock import utcnow
from stylegram.common.database import migrate, open_database
from stylegram.common.errors import AlreadyExists, InvalidInput, NotFound, WrongState
from stylegram.common.hyperparameters import Hyperparameters
from stylegram.common.messages import end_of
from stylegram.common.records import AssetReference, Metrics, RunRecord
from stylegram.ingest.tables import Base
from stylegram.logger.bootstrap import bootstrap
from stylegram.logger.settings import LoggerSettings
from stylegram.logger.suggestions import studies as studies_module
from stylegram.logger.suggestions.advice import advise, suggest
from stylegram.logger.suggestions.drawing import draw
from stylegram.logger.suggestions.evidence import pictures_of
from stylegram.logger.suggestions.samplers import SamplerName
from stylegram.logger.suggestions.schemas import NewStudy, Pair, Trial, TrialState
from stylegram.logger.suggestions.space import Choice, Range, Space
from stylegram.logger.suggestions.storage import open_storage
from stylegram.logger.suggestions.studies import Studies
from stylegram.publisher.tables import Base as PublisherBase

from .conftest import METRICS, make_record

PAIRS = tuple(
    Pair(
        content=AssetReference(sha256=one * 64, object_name=f"assets/{one}", name=f"{one}.jpg"),
        style=AssetReference(sha256=other * 64, object_name=f"assets/{other}", name=f"{other}.jpg"),
    )
    for one, other in (("a", "b"), ("c", "d"))
)
SPACE = Space(
    {
        "content_weight": Range(low=0.01, high=1, log=True),
        "start": Choice(values=("content", "noise")),
    }
)
BASE = Hyperparameters(size=64, evaluations=(2,))


def wanted(name: str = "first", **changes: Any) -> NewStudy:
    facts: dict[str, Any] = {"sampler": "random", "budget": 6, "pairs": PAIRS, "space": SPACE, "base": BASE}
    return NewStudy(name=name, **facts | changes)


def metrics(content: float, style: float) -> Metrics:
    """With these relative errors."""
    errors = {f"style_error_{size}": style for size in (512, 256, 128)}
    values = {"content_error": content, **errors, "content_baseline": 1.0, "style_baseline": 1.0}
    return METRICS.model_copy(update=values)


def painted(trial: Trial, content: float = 0.5, style: float = 0.5, **changes: Any) -> RunRecord:
    facts: dict[str, Any] = {
        "content": trial.content,
        "style": trial.style,
        "hyperparameters": trial.hyperparameters,
        "metrics": metrics(content, style),
    }
    return make_record(f"job-{trial.name}", trial=trial.name, **facts | changes)


@pytest.fixture
def studies(engine: Engine) -> Studies:
    return Studies(engine)


@pytest.mark.every_database
def test_trials_go_round_the_pairs_within_the_space_until_the_budget_is_used_up(studies: Studies) -> None:
    studies.create(wanted())
    trials = [studies.ask("first") for _ in range(6)]
    assert [trial.number for trial in trials] == list(range(6))
    assert [trial.content.name for trial in trials] == ["a.jpg", "c.jpg"] * 3
    for trial in trials:
        assert SPACE.params_of(trial.hyperparameters) == trial.params
        assert (trial.hyperparameters.size, trial.hyperparameters.evaluations) == (64, (2,))
    assert len({trial.params["content_weight"] for trial in trials}) == 6
    with pytest.raises(WrongState, match="used up"):
        studies.ask("first")
    assert studies.trials("first") == trials
    study = studies.get("first")
    assert (study.running, study.asked, study.best) == (6, 6, None)


def test_the_same_seed_makes_the_same_study_and_another_one_another(studies: Studies) -> None:
    for name, seed in (("one", 3), ("same", 3), ("other", 4)):
        studies.create(wanted(name, seed=seed))
    one, same, other = (studies.ask(name).params for name in ("one", "same", "other"))
    assert one == same != other


@pytest.mark.every_database
def test_a_study_is_made_once(studies: Studies) -> None:
    first = studies.create(wanted())
    assert studies.create(wanted()) == first
    with pytest.raises(AlreadyExists):
        studies.create(wanted(budget=7))
    assert [study.name for study in studies.all()] == ["first"]
    with pytest.raises(NotFound):
        studies.get("second")
    with pytest.raises(InvalidInput):
        studies.create(wanted("bad", space=Space({"size": Range(low=64, high=128)})))


@pytest.mark.every_database
def test_it_is_told_by_the_events_how_trials_went_however_often(studies: Studies, database_url: str) -> None:
    service = bootstrap(
        LoggerSettings(broker_url="memory://", database_url=database_url),
        engine=studies.engine,
    )
    studies.create(wanted())
    good, better, failed, blind = (studies.ask("first") for _ in range(4))
    records = [
        painted(good, 0.5, 0.5),
        painted(better, 0.25, 0.5),
        painted(failed, outcome="failed", reason="It left the finite numbers.", metrics=None),
        make_record("old", trial=blind.name, metrics=METRICS.model_copy(update={"style_baseline": None})),
        make_record("stray", trial="nobody/0"),
        make_record("odd", trial="first/99"),
    ]
    for _ in range(2):
        service.logger.handle_all([end_of(record) for record in records])
    study = studies.get("first")
    assert (study.done, study.failed, study.running) == (2, 2, 0)
    assert study.best
    assert (study.best.number, study.best.job_id) == (better.number, f"job-{better.name}")
    assert study.best.score == pytest.approx(1.25 * 1.5)
    assert set(study.front) == {good.number, better.number}, "of different pairs"
    reasons = {trial.number: trial.failure for trial in studies.trials("first")}
    assert reasons[failed.number] == "It left the finite numbers."
    assert reasons[blind.number] == "The picture's relative errors are not known."


@pytest.mark.every_database
def test_a_trial_whose_job_was_cancelled_is_failed_once_and_a_picture_stays(studies: Studies) -> None:
    studies.create(wanted())
    cancelled, done = studies.ask("first"), studies.ask("first")
    for _ in range(2):
        assert studies.fail("first", cancelled.number, "Cancelled.").failure == "Cancelled."
    studies.tell(painted(cancelled))
    assert studies.trial("first", cancelled.number).state == TrialState.FAILED
    studies.tell(painted(done))
    with pytest.raises(WrongState):
        studies.fail("first", done.number, "Too late.")
    with pytest.raises(NotFound):
        studies.fail("first", 5, "Nobody asked for it.")


def test_what_is_not_heard_of_for_a_day_is_failed_by_the_next_who_asks(
    studies: Studies, monkeypatch: pytest.MonkeyPatch
) -> None:
    studies.create(wanted())
    lost = studies.ask("first")
    left = studies._store.reserve("first")  # by somebody who was killed before he chose
    later = utcnow() + timedelta(hours=25)
    monkeypatch.setattr(studies_module, "utcnow", lambda: later)
    studies.ask("first")
    assert "24 hours" in (studies.trial("first", lost.number).failure or "")
    study = studies.get("first")
    assert (study.failed, study.running) == (2, 1)
    assert left == 1


@pytest.mark.parametrize("sampler", list(SamplerName))
def test_every_sampler_goes_on_from_what_came_of_it(studies: Studies, sampler: SamplerName) -> None:
    studies.create(wanted(sampler=sampler, budget=10, pairs=PAIRS[:1]))
    for number in range(9):
        trial = studies.ask("first")
        # What is bad is far away: noise, and much weight.
        bad = trial.params["content_weight"] + (trial.params["start"] == "noise")
        if number == 4:
            studies.fail("first", trial.number, "Once.")
        else:
            studies.tell(painted(trial, 0.1 + bad / 4, 0.1 + bad / 4))
    assert studies.ask("first").number == 9


def _ask_some(url: str, name: str, count: int) -> list[int]:
    engine = open_database(url)
    try:
        return [Studies(engine).ask(name).number for _ in range(count)]
    finally:
        engine.dispose()


@pytest.mark.every_database
def test_two_processes_and_their_threads_never_get_the_same_trial(studies: Studies, database_url: str) -> None:
    studies.create(wanted(budget=11))
    spawn = multiprocessing.get_context("spawn")
    with spawn.Pool(2) as pool, ThreadPoolExecutor(2) as threads:
        elsewhere = [pool.apply_async(_ask_some, (database_url, "first", 3)) for _ in range(2)]
        here = [threads.submit(_ask_some, database_url, "first", 2) for _ in range(2)]
        numbers = [number for each in elsewhere for number in each.get(120)]
        numbers += [number for future in here for number in future.result(120)]
    assert sorted(numbers) == list(range(10))
    assert len({trial.params["content_weight"] for trial in studies.trials("first")}) == 10


def test_who_asks_waits_for_those_before_him_and_knows_what_they_try(
    studies: Studies, monkeypatch: pytest.MonkeyPatch
) -> None:
    studies.create(wanted(pairs=PAIRS[:1]))
    known_to_run: list[Any] = []

    def spy(*args: Any, **options: Any) -> Any:
        known_to_run.extend(args[4])
        return draw(*args, **options)

    monkeypatch.setattr(studies_module, "draw", spy)
    number = studies._store.reserve("first")
    params = {"content_weight": 0.5, "start": "noise"}
    with ThreadPoolExecutor(1) as thread:
        second = thread.submit(studies.ask, "first")
        while len(studies._store.trials("first")) < 2:
            time.sleep(0.01)
        studies._store.ask(
            "first",
            number,
            params,
            SPACE.distributions(),
            pair=PAIRS[0],
            hyperparameters=SPACE.hyperparameters(params, BASE),
            reason="",
            advised=False,
        )
        assert second.result(60).number == 1
    assert known_to_run == [params]


def test_of_many_who_ask_for_the_last_trial_one_has_it(studies: Studies) -> None:
    studies.create(wanted(budget=1))

    def ask() -> int | None:
        try:
            return studies.ask("first").number
        except WrongState:
            return None

    with ThreadPoolExecutor(4) as threads:
        asked = [future.result() for future in [threads.submit(ask) for _ in range(4)]]
    assert sorted(asked, key=str) == [0, None, None, None]
    study = studies.get("first")
    assert (study.asked, study.failed) == (1, 0)


def _ask_and_die(url: str) -> None:
    studies = Studies(open_database(url))
    studies.ask("first")
    studies._store.reserve("first")
    os.kill(os.getpid(), signal.SIGKILL)


@pytest.mark.every_database
def test_a_kill_in_the_middle_leaves_a_study_that_goes_on(studies: Studies, database_url: str) -> None:
    studies.create(wanted())
    process = multiprocessing.get_context("spawn").Process(target=_ask_and_die, args=(database_url,))
    process.start()
    process.join(60)
    assert process.exitcode == -signal.SIGKILL
    (open_trial,) = studies.trials("first")
    assert (open_trial.number, open_trial.state) == (0, TrialState.RUNNING)
    studies.tell(painted(open_trial))
    assert studies.get("first").done == 1


@pytest.mark.every_database
def test_no_table_of_the_studies_is_one_of_ours(database_url: str) -> None:
    engine = open_database(database_url)
    for service in ("ingest", "logger", "publisher"):
        migrate(engine, service)
    before = set(inspect(engine).get_table_names())
    open_storage(engine)
    open_storage.cache_clear()
    open_storage(engine)
    after = set(inspect(engine).get_table_names())
    assert {"studies", "trials", "version_info", "alembic_version"} <= after - before
    for service in ("ingest", "logger", "publisher"):
        migrate(engine, service)
    with engine.connect() as connection:
        assert connection.scalar(text("select count(*) from alembic_version")) == 1
    assert not {*Base.metadata.tables, *PublisherBase.metadata.tables} & (after - before)
    engine.dispose()


def test_advice_is_the_next_trial_of_the_study_with_ones_own_pair_and_what_is_fixed(studies: Studies) -> None:
    studies.create(wanted(budget=2))
    base = Hyperparameters(size=512, content_weight=0.07)
    pair = PAIRS[1]
    advice = advise(studies.engine, base, pair.content, pair.style, study="first", fixed=("content_weight", "colors"))
    assert (advice.source, advice.trial) == ("study", "first/0")
    assert (advice.hyperparameters.size, advice.hyperparameters.content_weight) == (512, 0.07)
    trial = studies.trial("first", 0)
    assert (trial.advised, trial.content, trial.params["content_weight"]) == (True, pair.content, 0.07)
    assert trial.hyperparameters == advice.hyperparameters


def test_a_study_that_cannot_be_asked_is_said_and_the_record_advises_instead(studies: Studies) -> None:
    studies.create(wanted(budget=1))
    pair = PAIRS[0]
    outside = Hyperparameters(size=512, content_weight=7)
    for study, base, why in (("none", BASE, "no study none"), ("first", outside, "lies outside")):
        fixed = ("content_weight",)
        advice = advise(studies.engine, base, pair.content, pair.style, study=study, fixed=fixed)
        assert (advice.source, advice.hyperparameters, advice.trial) == ("default", base, None)
        assert why in advice.reason
    assert studies.get("first").asked == 0


def known(engine: Engine, count: int, pair: Pair, **changes: Any) -> None:
    from stylegram.logger.repository import RunRepository

    for number in range(count):
        hyperparameters = Hyperparameters(
            size=256, content_weight=0.1 * (number + 1), brush_scale=2.0, learning_rate=1.0, **changes
        )
        error = 0.3 + 0.05 * abs(number - 2)
        record = make_record(
            f"{pair.content.name}-{number}",
            hyperparameters=hyperparameters,
            content=pair.content,
            style=pair.style,
            metrics=metrics(error, error),
        )
        RunRepository(engine).save(record)


def test_the_best_that_is_known_of_pictures_like_these_is_advised_and_why(studies: Studies) -> None:
    known(studies.engine, 5, PAIRS[0])
    pair = Pair(content=PAIRS[1].content, style=PAIRS[0].style)
    base = Hyperparameters(size=512, colors="luminance")
    advice = advise(studies.engine, base, pair.content, pair.style, exploration=0)
    assert advice.source == "best"
    assert advice.hyperparameters.content_weight == pytest.approx(0.3)
    assert (advice.hyperparameters.size, advice.hyperparameters.colors) == (512, "luminance")
    assert "best of 5 with this painting" in advice.reason
    fixed = advise(studies.engine, base, pair.content, pair.style, exploration=0, fixed=("content_weight",))
    assert fixed.hyperparameters.content_weight == base.content_weight
    new = advise(studies.engine, base, pair.content, pair.style, exploration=1)
    assert (new.source, new.hyperparameters.size) == ("exploration", 512)
    assert studies.all() == []


def test_suggestions_change_nothing_and_are_not_one_and_the_same(studies: Studies) -> None:
    known(studies.engine, 10, PAIRS[0])
    pictures = pictures_of(studies.engine, PAIRS[0].content, PAIRS[0].style)
    some = suggest(studies.engine, BASE, pictures, count=3)
    assert len({each.hyperparameters for each in some}) == 3
    assert some == suggest(studies.engine, BASE, pictures, count=3)
    assert some[0].relative_content_error is not None
