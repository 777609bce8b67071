"""Comparisons and stars in the database."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from sqlalchemy import Engine, insert, update

from stylegram.common.clock import utcnow
from stylegram.common.database import transaction
from stylegram.common.errors import InvalidInput, NotFound, StylegramError, WrongState
from stylegram.common.ports import Feedback
from stylegram.common.records import RunRecord
from stylegram.common.views.preferences import Comparison
from stylegram.logger.preferences.repository import PreferenceRepository
from stylegram.logger.preferences.signals import Picture
from stylegram.logger.repository import Reading, RunPost, RunRepository
from stylegram.logger.tables import comparisons
from stylegram.logger.tables import runs as runs_table

pytestmark = pytest.mark.every_database

Make = Callable[..., RunRecord]


@pytest.fixture
def painted(runs: RunRepository, record: Make) -> None:
    """Three runs with pictures, a, b and c, in that order, and one that failed."""
    start = record().started_at
    for number, job_id in enumerate("abc"):
        runs.save(record(job_id, started_at=start + timedelta(minutes=number)))
    runs.save(record("failed", outcome="failed", reason="It left the numbers."))


@pytest.fixture
def preferences(engine: Engine, painted: None) -> PreferenceRepository:
    return PreferenceRepository(engine)


def imported(engine: Engine, comparison_id: str, better: str, worse: str) -> None:
    row = Comparison(id=comparison_id, better=better, worse=worse, said_at=utcnow(), origin="a friend")
    with transaction(engine) as session:
        session.execute(insert(comparisons).values(**row.model_dump()))


def test_said_twice_is_said_once(preferences: PreferenceRepository) -> None:
    once = preferences.save("1", "a", "b")
    assert preferences.save("1", "a", "b") == once
    preferences.save("2", "a", "b")
    preferences.save("3", "b", "a")
    assert sorted(preferences.tallies()) == [("a", "b", 2), ("b", "a", 1)]


def test_said_by_many_at_once_is_said_once(preferences: PreferenceRepository) -> None:
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda _: preferences.save("1", "a", "b"), range(16)))
    assert len({answer.said_at for answer in answers}) == 1
    assert preferences.tallies() == [("a", "b", 1)]


def test_another_thing_under_the_same_id_is_refused(preferences: PreferenceRepository) -> None:
    preferences.save("1", "a", "b")
    for better, worse in (("b", "a"), ("a", "c")):
        with pytest.raises(InvalidInput, match="a was better than b"):
            preferences.save("1", better, worse)
    assert preferences.tallies() == [("a", "b", 1)]


@pytest.mark.parametrize(
    ("better", "worse", "error", "words"),
    [
        ("a", "a", InvalidInput, "with itself"),
        ("a", "nobody", NotFound, "nobody"),
        ("nobody", "a", NotFound, "nobody"),
        ("a", "failed", WrongState, "left the numbers"),
        ("posted", "a", NotFound, "posted"),
    ],
)
def test_what_cannot_be_compared(
    preferences: PreferenceRepository,
    runs: RunRepository,
    better: str,
    worse: str,
    error: type[StylegramError],
    words: str,
) -> None:
    runs.save_post("posted", RunPost("published", "@painter"))  # its record has not come
    with pytest.raises(error, match=words):
        preferences.save("1", better, worse)
    assert preferences.tallies() == []


def test_taken_back(preferences: PreferenceRepository, engine: Engine) -> None:
    preferences.save("1", "a", "b")
    preferences.save("2", "a", "c")
    imported(engine, "theirs", "b", "a")
    preferences.forget("1")
    for gone in ("1", "never", "theirs"):
        with pytest.raises(NotFound, match=gone):
            preferences.forget(gone)
    assert sorted(preferences.tallies()) == [("a", "c", 1), ("b", "a", 1)]


def test_an_imported_id_is_not_ours_to_say_again(preferences: PreferenceRepository, engine: Engine) -> None:
    imported(engine, "theirs", "a", "b")
    with pytest.raises(InvalidInput):
        preferences.save("theirs", "a", "b")


def test_stars(preferences: PreferenceRepository, runs: RunRepository, record: Make) -> None:
    preferences.rate("a", 4)
    assert (rated := runs.get("a"))
    assert rated.rating == 4
    runs.save(record("a"))  # its record comes once more
    assert (rated := runs.get("a"))
    assert rated.rating == 4
    preferences.rate("a", None)
    assert (rated := runs.get("a"))
    assert rated.rating is None
    with pytest.raises(NotFound):
        preferences.rate("nobody", 3)
    with pytest.raises(WrongState):
        preferences.rate("failed", 3)


def test_the_pictures_of_which_anything_was_said(
    preferences: PreferenceRepository, runs: RunRepository, record: Make
) -> None:
    for job_id in ("unseen", "seen"):
        runs.save(record(job_id))
    runs.save_post("seen", RunPost("published", "@painter"))
    for job_id, reach in (("unseen", 0), ("seen", 50)):
        reading = Reading("photo", utcnow(), Feedback(likes=3, reach=reach))
        runs.save_reading(job_id, "post", reading)
    assert {each.job_id for each in preferences.pictures()} == {"seen"}
    preferences.rate("b", 1)
    preferences.save("1", "a", "c")
    known = {each.job_id: each for each in preferences.pictures()}
    assert set(known) == {"a", "b", "c", "seen"}
    assert known["b"].rating == 1
    assert known["seen"] == Picture(
        job_id="seen",
        content_name="me.jpg",
        content_sha256="c" * 64,
        style_name="the_scream.jpg",
        style_sha256="d" * 64,
        started_at=record().started_at,
        account="@painter",
        likes=3,
        reach=50,
    )


def test_candidates_are_our_own_newest(preferences: PreferenceRepository, engine: Engine) -> None:
    assert [each.job_id for each in preferences.newest(2)] == ["c", "b"]
    with transaction(engine) as session:
        session.execute(update(runs_table).where(runs_table.c.job_id == "b").values(origin="a friend"))
        session.execute(update(runs_table).where(runs_table.c.job_id == "a").values(content_sha256="0" * 64))
    assert [each.job_id for each in preferences.newest(9)] == ["c", "a"]
    assert [each.job_id for each in preferences.newest(9, content="0" * 64)] == ["a"]
    assert preferences.newest(9, content="0" * 64, style="0" * 64) == []
