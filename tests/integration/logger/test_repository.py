import itertools
import threading
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import timedelta
from importlib.resources import as_file, files
from pathlib import Path
from typing import Any

import pytest
from alembic import command
from alembic.config import Config
from sqlalchemy import Engine, event, insert, inspect, select, update

from stylegram.common.clock import utcnow
from stylegram.common.database import migrate, open_database
from stylegram.common.hyperparameters import Hyperparameters
from stylegram.common.ports import Feedback
from stylegram.common.records import RunRecord
from stylegram.logger.exchange.logs_csv import write_logs_csv
from stylegram.logger.exchange.repository import ExchangeRepository
from stylegram.logger.repository import Reading, RunPost, RunRepository
from stylegram.logger.rows import to_row
from stylegram.logger.tables import runs as runs_table

pytestmark = pytest.mark.every_database
Make = Callable[..., RunRecord]
NOW = utcnow()
OUT = RunPost("published", "@painter", "photo", "1", "https://example.org/p/1", said_at=NOW)
LATER_OUT = RunPost("published", "@painter", "reel", "2", "https://example.org/p/2", said_at=NOW + timedelta(hours=1))
LOST = RunPost("needs_review", "@painter", "photo", reason="who knows", said_at=NOW - timedelta(hours=1))
WAITS = RunPost("waiting", "@painter", "photo", reason="for a yes", said_at=NOW - timedelta(hours=2))


def rows(engine: Engine) -> list[Mapping[str, Any]]:
    return list(ExchangeRepository(engine).rows())


def test_every_hyperparameter_has_its_column(engine: Engine) -> None:
    migrated = {column["name"] for column in inspect(engine).get_columns("runs")}
    assert set(Hyperparameters.model_fields) <= migrated, "write a migration for the new hyperparameter"


def test_a_run_comes_back_whole(runs: RunRepository, record: Make) -> None:
    made = record(error_code="odd", reason="for the test")
    assert made.model_fields_set == set(RunRecord.model_fields)
    assert runs.save(made)
    run = runs.get("42")
    assert run
    assert run.record.model_copy(update={"curve": made.curve}) == made
    assert runs.curve("42") == made.curve
    assert (run.rating, run.post, run.feedback) == (None, None, Feedback())


def test_what_follows_from_the_metrics_is_in_the_row(engine: Engine, runs: RunRepository, record: Make) -> None:
    runs.save(record())
    [row] = rows(engine)
    derived = ("relative_content_error", "relative_style_error", "score", "style_band")
    assert {name: row[name] for name in derived} == pytest.approx(
        {"relative_content_error": 0.625, "relative_style_error": 7 / 24, "score": 1.625 * 31 / 24, "style_band": 33}
    ), "2 ** ((33 - 48) / 8) is below 7 / 24, and the next band begins above"
    assert row["style_error"] == pytest.approx(7 / 48)
    runs.save(record(metrics=record().metrics.model_copy(update={"style_baseline": None})))  # type: ignore[union-attr]
    [row] = rows(engine)
    assert [row[name] for name in derived] == [0.625, None, None, None]
    runs.save(record(metrics=None))
    [row] = rows(engine)
    assert [row[name] for name in ("style_error", *derived)] == [None] * 5


def test_what_is_imported_is_no_run_of_ours(runs: RunRepository, engine: Engine, record: Make) -> None:
    with engine.begin() as connection:
        connection.execute(
            insert(runs_table).values(job_id="42", outcome="succeeded", origin="elsewhere", started_at=NOW)
        )
    assert (runs.get("42"), runs.newest()) == (None, [])
    assert len(rows(engine)) == 1
    runs.save(record())
    run = runs.get("42")
    assert run
    assert run.record.job_id == "42", "it is ours after all"


def test_a_failed_run_comes_back_with_what_is_known(runs: RunRepository, record: Make) -> None:
    needed = {name for name, field in RunRecord.model_fields.items() if field.is_required()}
    facts = {name: getattr(record(), name) for name in needed}
    made = RunRecord(**{**facts, "outcome": "failed"}, reason="killed")
    runs.save(record(outcome="failed"))
    runs.save(made)  # nothing of the attempt before is left
    run = runs.get("42")
    assert run
    assert run.record == made
    assert runs.curve("42") == ()


def test_losses_that_left_the_finite_numbers_are_unknown(runs: RunRepository, record: Make) -> None:
    losses = {"total": float("nan"), "content": 0.5, "style.relu1_1": float("inf")}
    point = record().curve[0].model_copy(update={"total": float("nan")})
    runs.save(record(outcome="failed", losses=losses, curve=(point,)))
    run = runs.get("42")
    assert run
    assert run.record.losses == {"content": 0.5}
    assert str(runs.curve("42")[0].total) == "nan"


def test_metrics_that_left_the_finite_numbers_are_not_numbers(runs: RunRepository, record: Make) -> None:
    measured = record().metrics
    assert measured
    odd = {"ssim": float("nan"), "content_error": float("inf"), "layer_errors": {"a": float("nan"), "b": 1.0}}
    runs.save(record(metrics=measured.model_copy(update=odd)))
    run = runs.get("42")
    assert run
    read = run.record.metrics
    assert read
    assert str((read.ssim, read.content_error, read.color_distance)) == "(nan, nan, 0.1)"
    assert read.layer_errors == {"b": 1.0}


def test_every_hyperparameter_comes_back(runs: RunRepository, record: Make) -> None:
    given = Hyperparameters(
        schedule=((128, 60), (256, 40)),
        start="blend",
        start_noise=0.25,
        content_layer_weights=(2,),
        style_layers=("block1_conv1", "conv3_3"),
        style_layer_weights=(1, 3),
        style_loss="wasserstein",
        style_weights=(1, 2),
        style_scale=2,
        mask_softness=0.1,
        colors="luminance",
        color_matching="histogram",
        recolor=True,
        brightness=1.5,
        greyscale=True,
        backbone="vgg16",
        tiling="off",
        deterministic=False,
    )
    # A brush cannot be given beside a schedule.
    brush = Hyperparameters(brush_scale=2.5)
    for number, hyperparameters in enumerate((given, brush)):
        runs.save(record(str(number), hyperparameters=hyperparameters))
        run = runs.get(str(number))
        assert run
        assert run.record.hyperparameters == hyperparameters


def test_a_row_that_is_older_than_most_columns_is_read(database_url: str, tmp_path: Path, record: Make) -> None:
    engine = open_database(database_url)
    with as_file(files("stylegram.logger") / "migrations") as scripts, engine.begin() as connection:
        config = Config()
        config.set_main_option("script_location", str(scripts))
        config.attributes.update(connection=connection, version_table="logger_schema_version")
        command.upgrade(config, "0001")
        old = [column["name"] for column in inspect(connection).get_columns("runs")]
        row = to_row(record())
        connection.execute(insert(runs_table).values({name: row[name] for name in old if name in row}))
    migrate(engine, "logger")
    [run] = RunRepository(engine).newest()
    newer = ("further_styles", "masks", "start_image", "threads", "tiled_blocks", "resumed_at", "cpu_seconds")
    newest = ("metrics", "result_sha256", "curve", "trial")
    defaults = {name: RunRecord.model_fields[name].default for name in (*newer, *newest)}
    assert run.record == record(**defaults, content=record().content.model_copy(update={"features": None}))
    write_logs_csv(ExchangeRepository(engine).rows(), tmp_path / "logs.csv")
    engine.dispose()


def test_an_unknown_run_is_none(runs: RunRepository) -> None:
    assert runs.get("nobody") is None
    assert runs.curve("nobody") == ()
    assert runs.newest() == []


def test_saving_again_changes_nothing_and_is_no_news(runs: RunRepository, record: Make) -> None:
    assert [runs.save(record()) for _ in range(3)] == [True, False, False]
    assert len(runs.newest()) == 1


def test_a_success_replaces_a_failure_but_is_never_replaced_by_one(runs: RunRepository, record: Make) -> None:
    failed = record(outcome="failed", reason="out of memory", curve=())
    assert [runs.save(each) for each in (failed, record(), failed)] == [True, True, False]
    run = runs.get("42")
    assert run
    assert (run.record.outcome, run.record.reason) == ("succeeded", None)
    assert len(runs.curve("42")) == 301


def test_a_post_may_be_known_before_its_run(engine: Engine, runs: RunRepository, record: Make) -> None:
    runs.save_post("42", OUT)
    assert runs.get("42") is None
    assert (runs.newest(), rows(engine)) == ([], [])
    runs.save(record())
    run = runs.get("42")
    assert run
    assert run.post == OUT


def test_what_is_published_stays_so(runs: RunRepository, record: Make) -> None:
    runs.save(record())
    for post, expected in ((LOST, LOST), (OUT, OUT), (LOST, OUT), (LATER_OUT, OUT)):
        runs.save_post("42", post)
        run = runs.get("42")
        assert run
        assert run.post == expected


def test_what_is_said_of_posts_ends_the_same_in_whatever_order(runs: RunRepository, record: Make) -> None:
    posts = (WAITS, LOST, OUT, LATER_OUT)
    for number, order in enumerate(itertools.permutations(posts)):
        runs.save(record(str(number)))
        for post in (*order, order[0]):
            runs.save_post(str(number), post)
    assert {run.post for run in runs.newest()} == {OUT}
    for order in ((WAITS, LOST), (LOST, WAITS)):
        runs.save(record("in doubt"))
        for post in order:
            runs.save_post("in doubt", post)
        run = runs.get("in doubt")
        assert run
        assert run.post == LOST


def test_a_post_whose_address_becomes_known_later_has_it_then(runs: RunRepository, record: Make) -> None:
    nowhere, again = replace(OUT, url=None), replace(OUT, said_at=LATER_OUT.said_at)
    for number, order in enumerate(((nowhere, again), (again, nowhere), (nowhere, LATER_OUT, again))):
        runs.save(record(str(number)))
        for post in order:
            runs.save_post(str(number), post)
    assert [run.post for run in runs.newest()] == [OUT] * 3


def test_a_post_of_which_an_older_version_told_stays_out(engine: Engine, runs: RunRepository, record: Make) -> None:
    runs.save(record())
    with engine.begin() as connection:
        connection.execute(update(runs_table).values(post_state="published", post_account="@painter", post_url="there"))
    for post in (LOST, OUT):
        runs.save_post("42", post)
        run = runs.get("42")
        assert run
        assert run.post == RunPost("published", "@painter", url="there")


def reading(kind: str, hours: float, **counts: int) -> tuple[str, Reading]:
    return f"key-{kind}", Reading(kind, NOW + timedelta(hours=hours), Feedback(**counts))


def test_of_each_post_the_newest_reading_counts_in_whatever_order_they_come(
    engine: Engine, runs: RunRepository, record: Make
) -> None:
    readings = (
        reading("photo", 1, likes=5, comments=1, reach=100),
        reading("photo", 2, likes=8, comments=0, reach=150),
        reading("story", 3, reach=40),
        reading("reel", 1, likes=2),
    )
    for number, order in enumerate(itertools.permutations(readings)):
        if number % 2:
            runs.save(record(str(number)))
        for post, each in (*order, order[0]):
            runs.save_reading(str(number), post, each)
        runs.save(record(str(number)))
    assert {run.feedback for run in runs.newest()} == {Feedback(likes=10, comments=0, reach=190)}
    assert len(runs.newest()) == 24
    with engine.connect() as connection:
        readings_of = connection.scalars(select(runs_table.c.post_feedback)).all()
    assert len(readings_of) == 24
    for known in readings_of:
        assert {key: (each["kind"], each["likes"]) for key, each in known.items()} == {
            "key-photo": ("photo", 8),
            "key-story": ("story", None),
            "key-reel": ("reel", 2),
        }


def test_readings_of_many_posts_at_once_all_count(runs: RunRepository, record: Make) -> None:
    runs.save(record())
    readings = [reading(f"grid-{number}", 0, likes=1) for number in range(1, 10)]
    threads = [threading.Thread(target=runs.save_reading, args=("42", *each)) for each in readings]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    run = runs.get("42")
    assert run
    assert run.feedback == Feedback(likes=9)


def test_newest_first(engine: Engine, runs: RunRepository, record: Make) -> None:
    start = record().started_at
    for minutes in (5, 1, 9):
        started = start + timedelta(minutes=minutes)
        runs.save(record(str(minutes), started_at=started, finished_at=started + timedelta(seconds=1)))
    assert [run.record.job_id for run in runs.newest()] == ["9", "5", "1"]
    assert [run.record.job_id for run in runs.newest(2)] == ["9", "5"]
    assert [row["job_id"] for row in rows(engine)] == ["1", "5", "9"]


def test_what_is_saved_together_is_saved_or_not(runs: RunRepository, record: Make) -> None:
    with pytest.raises(ZeroDivisionError), runs.saving() as saving:
        saving.run(record("1"))
        saving.post("2", OUT)
        raise ZeroDivisionError
    assert (runs.get("1"), runs.newest()) == (None, [])
    with runs.saving() as saving:
        for job_id in ("1", "2"):
            saving.post(job_id, OUT)
            assert saving.run(record(job_id))
            assert not saving.run(record(job_id))
            saving.reading(job_id, *reading("photo", 1, likes=3))
    assert [(run.record.job_id, run.post, run.feedback.likes) for run in runs.newest()] == [
        ("2", OUT, 3),
        ("1", OUT, 3),
    ]


def test_many_loggers_at_once_make_one_row(runs: RunRepository, record: Make) -> None:
    news: list[bool] = []
    threads = [threading.Thread(target=lambda: news.append(runs.save(record()))) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(news) == [False] * 7 + [True]
    assert len(runs.newest()) == 1


def test_a_failure_that_comes_while_a_success_is_written_is_no_news(
    engine: Engine, database_url: str, record: Make
) -> None:
    RunRepository(engine).save_post("42", OUT)  # the row is there already
    other = open_database(database_url)
    news: list[bool] = []
    late = threading.Thread(target=lambda: news.append(RunRepository(other).save(record(outcome="failed"))))

    @event.listens_for(engine, "commit", once=True)
    def _meanwhile(_: object) -> None:
        late.start()
        late.join(0.2)

    assert RunRepository(engine).save(record())
    late.join(60)
    other.dispose()
    assert news == [False]
    run = RunRepository(engine).get("42")
    assert run
    assert run.record.outcome == "succeeded"
