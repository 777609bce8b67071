"""What is asked of the runs, beside plain Python over all of them; on every database, with ties, gaps and nulls."""

import random
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import Engine

from logger_runs import LAYERS, SHA256, START, a_row, insert_rows, some_rows
from stylegram.common.errors import InvalidInput, NotFound
from stylegram.common.schemas import Page
from stylegram.common.views.runs import RunView
from stylegram.logger.queries.comparing import compare_runs
from stylegram.logger.queries.fields import Whole
from stylegram.logger.queries.filters import Filter, Filters
from stylegram.logger.queries.leaderboard import By, Point, front, leaderboard
from stylegram.logger.queries.listing import SORTS, Sorting, SortName, list_runs

pytestmark = pytest.mark.every_database
Row = dict[str, Any]

_NUMBERS = st.sampled_from([0.1, 0.125, 0.2, 0.5, 1.0, 2.0])
_HOURS = st.integers(0, 4).map(lambda hour: START + timedelta(hours=hour))
FILTERS = st.lists(
    st.one_of(
        st.builds(Filter, st.just("optimizer"), st.sampled_from([("adam",), ("lbfgs", None), (None,)])),
        st.builds(Filter, st.just("learning_rate"), st.just(()), st.none() | _NUMBERS, st.none() | _NUMBERS),
        st.builds(Filter, st.just("learning_rate"), st.sampled_from([(0.1, 1.0), (0.2, None)])),
        st.builds(Filter, st.just("recolor"), st.sampled_from([(True,), (False, None)])),
        st.builds(Filter, st.just("seed"), st.sampled_from([(2**63 - 1,), (0, 1)])),
        st.builds(
            Filter, st.just("style_layers"), st.sampled_from([("relu4_1",), (Whole(("relu4_1",)),), ("relu1_1", None)])
        ),
        st.builds(Filter, st.just("evaluations"), st.sampled_from([(40,), (Whole((140, 40)),), (14,)])),
        st.builds(
            Filter, st.just("content"), st.sampled_from([("me.jpg",), (SHA256["sea.jpg"],), (None,), ("me.jpg", None)])
        ),
        st.builds(Filter, st.just("style"), st.sampled_from([("scream.jpg",), (SHA256["scream.jpg"],)])),
        st.builds(Filter, st.just("study"), st.sampled_from([("night",), ("nightly", None), ("n",)])),
        st.builds(Filter, st.just("id"), st.sampled_from([("0000000",), ("00000001",), ("00000009-",), ("%",)])),
        st.builds(Filter, st.just("outcome"), st.sampled_from([("succeeded",), ("failed",)])),
        st.builds(Filter, st.just("origin"), st.sampled_from([(None,), ("Zoë_%",)])),
        st.builds(Filter, st.just("rating"), st.just(()), st.sampled_from([None, 3]), st.sampled_from([None, 3])),
        st.builds(Filter, st.just("score"), st.just(()), st.none() | _NUMBERS, st.none() | st.just(2.5)),
        st.builds(Filter, st.just("started_at"), st.just(()), st.none() | _HOURS, st.none() | _HOURS),
    ),
    max_size=3,
    unique_by=lambda each: each.name,
)
SORTINGS = st.builds(Sorting, st.sampled_from(sorted(SORTS)), st.sampled_from([None, True, False]), st.booleans())
# So few that most answers end before they have all, and so many that none does.
MOST_ROWS = st.sampled_from([3, 20, 20_000])
LIMITS = st.sampled_from([1, 4, 1000])


@pytest.fixture
def rows(engine: Engine) -> list[Row]:
    rows = some_rows(90, seed=1)
    insert_rows(engine, rows)
    return rows


def with_examples(check: Callable[..., None], count: int = 60, **strategies: Any) -> None:
    """Have hypothesis call it; the database is the same for all examples."""
    quiet = [HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
    quietly = settings(max_examples=count, deadline=None, database=None, suppress_health_check=quiet)
    quietly(given(**strategies)(check))()


def fits(row: Row, filters: Filters) -> bool:
    return row["outcome"] is not None and all(_fits(row, each) for each in filters)


def _fits(row: Row, wanted: Filter) -> bool:
    if wanted.any_of and not any(_is(row, wanted.name, value) for value in wanted.any_of):
        return False
    value = row.get(wanted.name)
    return (wanted.least is None or (value is not None and value >= wanted.least)) and (
        wanted.most is None or (value is not None and value <= wanted.most)
    )


def _is(row: Row, name: str, value: Any) -> bool:
    match name:
        case "content" | "style":
            names = (row[f"{name}_sha256"], row[f"{name}_name"])
            return names == (None, None) if value is None else value in names
        case "study":
            return row["trial"] is None if value is None else (row["trial"] or "").startswith(f"{value}/")
        case "id":
            return str(row["job_id"]).startswith(value)
        case "style_layers" | "evaluations":
            stored = row[name]
            if value is None or stored is None:
                return stored is value
            return list(value.items) == stored if isinstance(value, Whole) else value in stored
    return bool(row[name] == value)


def pages(ask: Callable[[str | None], Page[RunView]]) -> Iterator[list[RunView]]:
    page = ask(None)
    yield page.items
    while page.next is not None:
        page = ask(page.next)
        yield page.items


def _order(row: Row, sorting: Sorting) -> tuple[Any, ...]:
    value = row[sorting.name]
    number = value.timestamp() if isinstance(value, datetime) else value
    sign = -1 if sorting.is_descending else 1
    return (value is None, sign * (number or 0), sign * int(row["job_id"][:8], 16))


def test_a_list_is_what_python_finds_in_its_order_each_run_once(engine: Engine, rows: list[Row]) -> None:
    def check(filters: list[Filter], sorting: Sorting, limit: int, most_rows: int) -> None:
        found = list(
            pages(lambda cursor: list_runs(engine, filters, sorting, limit=limit, cursor=cursor, most_rows=most_rows))
        )
        expected = [row for row in rows if fits(row, filters) and not (sorting.known and row[sorting.name] is None)]
        expected.sort(key=lambda row: _order(row, sorting))
        assert [run.job_id for page in found for run in page] == [row["job_id"] for row in expected]
        assert all(len(page) <= limit for page in found)

    with_examples(check, 60, filters=FILTERS, sorting=SORTINGS, limit=LIMITS, most_rows=MOST_ROWS)


def test_runs_that_are_added_meanwhile_neither_repeat_nor_hide_others(engine: Engine, rows: list[Row]) -> None:
    chance = random.Random(2)
    new = iter(some_rows(400, seed=3))
    for name in SORTS:
        seen = []
        cursor = None
        while True:
            page = list_runs(engine, sorting=Sorting(name), limit=7, cursor=cursor, most_rows=20)  # type: ignore[arg-type]
            seen += [run.job_id for run in page.items]
            for row in (next(new), next(new)):
                insert_rows(engine, [row | {"job_id": f"{chance.getrandbits(32):08x}-new-{name}"}])
            if page.next is None:
                break
            cursor = page.next
        assert len(seen) == len(set(seen))
        assert {row["job_id"] for row in rows if row["outcome"]} <= set(seen)


@pytest.mark.parametrize("by", ["score", "rating", "likes"])
def test_the_best_by_a_number_are_those_that_have_it(engine: Engine, rows: list[Row], by: By) -> None:
    name, sign = {"score": ("score", 1), "rating": ("rating", -1), "likes": ("post_likes", -1)}[by]
    best = leaderboard(engine, by, limit=1000).items
    known = [row for row in rows if row["outcome"] and row[name] is not None]
    assert [run.job_id for run in best] == [
        row["job_id"] for row in sorted(known, key=lambda row: (sign * row[name], sign * int(row["job_id"][:8], 16)))
    ]


def test_the_front_is_exact(engine: Engine, rows: list[Row]) -> None:
    def check(filters: list[Filter], limit: int, most_rows: int) -> None:
        found = list(
            pages(lambda cursor: leaderboard(engine, filters=filters, limit=limit, cursor=cursor, most_rows=most_rows))
        )
        points = [
            Point(row["relative_style_error"], row["relative_content_error"], row["job_id"])
            for row in rows
            if fits(row, filters) and None not in (row["relative_style_error"], row["relative_content_error"])
        ]
        assert sorted(run.job_id for page in found for run in page) == sorted(point.job_id for point in front(points))
        for page in found:
            errors = [run.relative_style_error or 0 for run in page]
            assert errors == sorted(errors)

    with_examples(check, 60, filters=FILTERS, limit=LIMITS, most_rows=MOST_ROWS)


@pytest.mark.parametrize("of_style", [False, True])
def test_the_front_of_any_cloud_is_exact(engine: Engine, of_style: bool) -> None:
    # Within one band, in several, and beyond the last.
    errors = st.sampled_from([0.0, 0.01, 0.5, 0.51, 0.52, 0.7, 0.71, 3.0, 4.0, 5.0])
    taken = iter(range(10**6))

    def check(cloud: list[tuple[float, float]], most_rows: int, limit: int) -> None:
        # A study of their own: what is there from other examples does not count.
        study = f"{next(taken)}"
        rows = [
            a_row(next(taken), content, style, trial=f"{study}/{number}", style_sha256="e" * 64)
            for number, (content, style) in enumerate(cloud)
        ]
        insert_rows(engine, rows)
        filters = [Filter("study", (study,))] + [Filter("style", ("e" * 64,))] * of_style
        found = [
            run.job_id
            for page in pages(
                lambda cursor: leaderboard(engine, filters=filters, limit=limit, cursor=cursor, most_rows=most_rows)
            )
            for run in page
        ]
        points = [Point(row["relative_style_error"], row["relative_content_error"], row["job_id"]) for row in rows]
        assert sorted(found) == sorted(point.job_id for point in front(points))

    clouds = st.lists(st.tuples(errors, errors), max_size=25)
    with_examples(check, 25, cloud=clouds, most_rows=st.sampled_from([4, 200]), limit=LIMITS)


def test_a_front_goes_on_where_too_many_fit_by_now(engine: Engine) -> None:
    insert_rows(engine, [a_row(number, 1 - number / 10, number / 10, trial="night/1") for number in range(1, 9)])
    filters = [Filter("study", ("night",))]
    first = leaderboard(engine, filters=filters, limit=3, most_rows=8)
    insert_rows(engine, [a_row(100 + number, 2, 2, trial="night/2") for number in range(5)])
    rest = [
        run.job_id
        for page in pages(lambda cursor: leaderboard(engine, filters=filters, cursor=cursor or first.next, most_rows=8))
        for run in page
    ]
    assert [run.job_id[7] for run in first.items] + [job_id[7] for job_id in rest] == list("12345678")


@pytest.mark.parametrize(
    "cursor",
    [
        *("", "abc", "WzFd", "e30=", "bnVsbA==", "é", "W" * 400),
        *("WyJzY29yZSIsZmFsc2UsMS41LCJcdWQ4MDAiXQ==", "WyJyYXRpbmciLHRydWUsMWU5LCJhIl0="),
        *("WyJzdGFydGVkX2F0Iix0cnVlLDEsImEiXQ==", "Wzk5OTk5OTk5OTk5OTk5LG51bGxd"),
    ],
)
def test_what_is_no_cursor_is_refused(engine: Engine, cursor: str) -> None:
    for name in SORTS:
        with pytest.raises(InvalidInput, match="cursor"):
            list_runs(engine, sorting=Sorting(name), cursor=cursor)  # type: ignore[arg-type]
    with pytest.raises(InvalidInput, match="cursor"):
        leaderboard(engine, cursor=cursor)


def test_a_cursor_of_another_order_is_refused(engine: Engine, rows: list[Row]) -> None:
    names: list[SortName] = ["started_at", "score", "rating"]
    for name in names:
        following = list_runs(engine, sorting=Sorting(name), limit=1).next
        for other in [Sorting(each) for each in names if each != name] + [Sorting(name, not SORTS[name])]:
            with pytest.raises(InvalidInput, match="cursor"):
                list_runs(engine, sorting=other, cursor=following)


def test_runs_are_compared(engine: Engine) -> None:
    insert_rows(
        engine,
        [
            a_row(1, 0.5, 0.25, optimizer="adam", metric_ssim=0.5, rating=3),
            a_row(2, 0.25, 0.5, optimizer="adam", metric_ssim=0.75, style_layers=LAYERS[2]),
            a_row(3, 0.25, None, optimizer="lbfgs", learning_rate=None, metric_ssim=None),
        ],
    )
    ids = [a_row(number)["job_id"] for number in (3, 1, 2)]
    compared = compare_runs(engine, ids)
    assert [run.job_id for run in compared.runs] == ids
    default = ["relu1_1", "relu2_1", "relu3_1", "relu4_1", "relu5_1"]
    assert {each.name: each.values for each in compared.hyperparameters} == {
        "optimizer": ["lbfgs", "adam", "adam"],
        "style_layers": [default, default, ["relu4_1"]],
    }
    metrics = {each.name: each for each in compared.metrics}
    assert metrics["relative_content_error"].values == [0.25, 0.5, 0.25]
    assert metrics["relative_content_error"].differences == [0, 0.25, 0]
    assert metrics["relative_content_error"].best == [ids[0], ids[2]]
    assert metrics["relative_style_error"].differences == [None, None, None]
    assert metrics["relative_style_error"].best == [ids[1]]
    assert (metrics["ssim"].better, metrics["ssim"].best) == ("higher", [ids[2]])
    assert metrics["rating"].best == [ids[1]]
    assert "color_distance" not in metrics


def test_what_cannot_be_compared_is_refused(engine: Engine, rows: list[Row]) -> None:
    known = [row["job_id"] for row in rows if row["outcome"]]
    for ids in ([], known[:1], known[:11], [known[0]] * 2):
        with pytest.raises(InvalidInput):
            compare_runs(engine, ids)
    with pytest.raises(NotFound, match="nobody"):
        compare_runs(engine, [known[0], "nobody"])
    unknown = next(row["job_id"] for row in rows if row["outcome"] is None)
    with pytest.raises(NotFound, match=unknown):
        compare_runs(engine, [known[0], unknown])
