import itertools
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stylegram.logger.suggestions.front import Point, front, hypervolume

# On a grid, so that ties are common.
POINTS = st.lists(st.tuples(*[st.integers(0, 12).map(lambda number: number / 10)] * 2), max_size=12)


def dominates(a: Point, b: Point) -> bool:
    return a != b and a[0] <= b[0] and a[1] <= b[1]


@given(POINTS)
def test_the_front_is_what_nothing_dominates(points: list[Point]) -> None:
    assert front(points) == sorted({point for point in points if not any(dominates(other, point) for other in points)})


@given(POINTS)
def test_the_hypervolume_counts_the_cells_that_a_point_dominates(points: list[Point]) -> None:
    cells = [(x / 10, y / 10) for x, y in itertools.product(range(10), repeat=2)]

    ruled = sum(any(point[0] <= x and point[1] <= y for point in points) for x, y in cells)

    assert hypervolume(points) == pytest.approx(ruled / 100)


def test_what_is_not_finite_rules_nothing() -> None:
    assert hypervolume([(math.nan, 0.1), (0.1, math.inf)]) == 0
