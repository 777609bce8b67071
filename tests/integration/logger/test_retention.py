"""What the record forgets, and what it never does."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import Engine, event, insert, text, update

from stylegram.common.clock import utcnow
from stylegram.common.errors import InvalidInput
from stylegram.common.records import RunRecord
from stylegram.logger import retention
from stylegram.logger.exchange.repository import ExchangeRepository
from stylegram.logger.preferences.repository import PreferenceRepository
from stylegram.logger.repository import RunPost, RunRepository
from stylegram.logger.retention import Forgotten, forget, vacuum
from stylegram.logger.retention_command import run
from stylegram.logger.suggestions.schemas import NewStudy, Pair
from stylegram.logger.suggestions.studies import Studies
from stylegram.logger.tables import runs as runs_table

pytestmark = pytest.mark.every_database
Make = Callable[..., RunRecord]
Save = Callable[..., None]
NOW = utcnow()


@pytest.fixture
def save(runs: RunRepository, record: Make) -> Save:
    """Saves a run that began so many days ago, and is beaten by others in both errors unless it says otherwise."""

    def save(job_id: str, days: float, **changes: Any) -> None:
        began = NOW - timedelta(days=days)
        facts: dict[str, Any] = {"trial": None, "metrics": None, "started_at": began, "finished_at": began}
        runs.save(record(job_id, **facts | changes))

    return save


def known(engine: Engine) -> set[str]:
    return {row["job_id"] for row in ExchangeRepository(engine).rows()}


def with_curve(engine: Engine, runs: RunRepository) -> set[str]:
    return {job_id for job_id in known(engine) if runs.curve(job_id)}


def test_old_curves_and_old_failures_go(engine: Engine, runs: RunRepository, save: Save) -> None:
    for days in (1, 8, 31):
        save(f"good-{days}", days)
        save(f"bad-{days}", days, outcome="failed")
    everything = known(engine)
    would = forget(engine, curves_days=7, failed_days=30, dry_run=True)
    assert would == Forgotten(curves=3, failed=1, kept=0)
    assert with_curve(engine, runs) == everything, "it only looked"
    assert forget(engine, curves_days=7, failed_days=30) == would
    assert known(engine) == everything - {"bad-31"}
    assert with_curve(engine, runs) == {"good-1", "bad-1"}
    assert forget(engine, curves_days=7, failed_days=30) == Forgotten(0, 0, 0), "it is done"
    assert would.words(dry_run=True) == (
        "Would be forgotten: curves of 3 runs, and 1 failed runs; 0 old ones stay as they are."
    )


def test_each_has_its_own_time_or_none(engine: Engine, runs: RunRepository, save: Save) -> None:
    save("good", 8)
    save("bad", 8, outcome="failed")
    assert forget(engine, curves_days=None, failed_days=7) == Forgotten(curves=0, failed=1, kept=0)
    assert with_curve(engine, runs) == {"good"}
    assert forget(engine, curves_days=7, failed_days=None) == Forgotten(curves=1, failed=0, kept=0)
    with pytest.raises(InvalidInput, match="Say how many days"):
        forget(engine, curves_days=None, failed_days=None)


def test_what_somebody_cares_for_stays(engine: Engine, runs: RunRepository, record: Make, save: Save) -> None:
    for job_id in ("rated", "better", "worse", "plain"):
        save(job_id, 99)
    save("front", 99, metrics=record().metrics)
    beaten = record().metrics.model_copy(update={"content_error": 0.6, "style_error_512": 0.5})  # type: ignore[union-attr]
    save("beaten", 99, metrics=beaten)
    save("posted", 99, outcome="failed")
    runs.save_post("posted", RunPost("waiting", "@painter", said_at=NOW))
    preferences = PreferenceRepository(engine)
    preferences.rate("rated", 1)
    preferences.save("said", "better", "worse")
    everything = known(engine)
    assert forget(engine, curves_days=0, failed_days=0) == Forgotten(curves=2, failed=0, kept=5)
    assert known(engine) == everything
    assert with_curve(engine, runs) == everything - {"plain", "beaten"}


def test_what_a_study_learns_from_stays_until_its_end(
    engine: Engine, runs: RunRepository, record: Make, save: Save
) -> None:
    pair = Pair(content=record().content, style=record().style)
    studies = Studies(engine)
    for name in ("running", "ended"):
        studies.create(NewStudy(name=name, sampler="random", budget=1, pairs=(pair,)))
        save(f"of {name}", 99, trial=f"{name}/0", outcome="failed")
    studies.ask("ended")
    studies.fail("ended", 0, "It was too slow.")
    save("of nobody knows which", 99, trial="gone/0", outcome="failed")
    assert forget(engine, curves_days=0, failed_days=0) == Forgotten(curves=0, failed=2, kept=1)
    assert known(engine) == {"of running"}


def test_what_was_imported_stays(engine: Engine) -> None:
    with engine.begin() as connection:
        connection.execute(insert(runs_table).values(job_id="1", outcome="failed", origin="elsewhere", started_at=NOW))
        # Of this one only the post is known.
        connection.execute(insert(runs_table).values(job_id="2", post_state="published"))
    assert forget(engine, curves_days=0, failed_days=0) == Forgotten(0, 0, 0)
    assert known(engine) == {"1"}


def test_many_go_in_short_transactions(
    engine: Engine, runs: RunRepository, save: Save, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(25):  # of which some began in the same moment
        save(f"{number:02}", 50 - number // 4, outcome="failed" if number % 2 else "succeeded")
    monkeypatch.setattr(retention, "_PAGE", 4)
    commits: list[Any] = []
    event.listen(engine, "commit", commits.append)
    assert forget(engine, curves_days=1, failed_days=1) == Forgotten(curves=13, failed=12, kept=0)
    assert len(commits) > 2 * 6
    assert known(engine) == {f"{number:02}" for number in range(0, 25, 2)}
    assert with_curve(engine, runs) == set()


def test_who_is_rated_meanwhile_stays(engine: Engine, save: Save, monkeypatch: pytest.MonkeyPatch) -> None:
    save("bad", 9, outcome="failed")

    def rate(_: Engine) -> set[str]:
        with engine.begin() as connection:
            connection.execute(update(runs_table).values(rating=1))
        return set()

    monkeypatch.setattr(retention._Kept, "_front", property(rate))
    forget(engine, curves_days=None, failed_days=1)
    assert known(engine) == {"bad"}


def test_a_vacuum_gives_room_back(engine: Engine, runs: RunRepository, save: Save) -> None:
    for number in range(60):
        save(str(number), 9, outcome="failed")
    save("new", 0)
    forget(engine, curves_days=1, failed_days=1)
    cleaned = vacuum(engine)
    if engine.dialect.name == "sqlite":
        assert cleaned.after < cleaned.before / 2
    else:  # which has it ready for new runs
        assert cleaned.before > 0
        with engine.connect() as connection:
            assert connection.scalar(text("SELECT reltuples FROM pg_class WHERE relname = 'runs'")) == 1
    assert with_curve(engine, runs) == {"new"}
    save("newer", 0)
    assert known(engine) == {"new", "newer"}, "connections are as they were"


def test_a_cluster_does_it_by_command(
    database_url: str, engine: Engine, save: Save, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    save("good", 8)
    save("bad", 8, outcome="failed")
    monkeypatch.setenv("STYLEGRAM_DATABASE_URL", database_url)
    assert run(["forget"]) == 1
    assert "Say how many days" in capsys.readouterr().err
    monkeypatch.setenv("STYLEGRAM_KEEP_CURVES_DAYS", "7")
    monkeypatch.setenv("STYLEGRAM_KEEP_FAILED_DAYS", "7")
    assert run(["forget", "--dry-run"]) == 0
    assert capsys.readouterr().out.startswith("Would be forgotten: curves of 1 runs, and 1 failed runs;")
    assert run(["forget"]) == 0
    assert capsys.readouterr().out.startswith("Forgotten: curves of 1 runs, and 1 failed runs;")
    assert known(engine) == {"good"}
    with engine.begin() as connection:
        # As after a rollback: it is done all the same, and what is said about that is no part of the answer.
        connection.execute(text("UPDATE logger_schema_version SET version_num = '9999'"))
    assert run(["vacuum"]) == 0
    said = capsys.readouterr()
    assert said.out.startswith("The record takes")
    assert "database_is_newer" in said.err
