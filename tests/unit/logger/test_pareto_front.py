from hypothesis import given, settings
from hypothesis import strategies as st

from stylegram.logger.queries.leaderboard import Point, front

# Few values, so that there are ties of all kinds.
ERRORS = st.integers(0, 6).map(float)
POINTS = st.lists(st.tuples(ERRORS, ERRORS), max_size=30)


@given(errors=POINTS)
@settings(deadline=None)
def test_the_front_is_all_that_nothing_is_better_than(errors: list[tuple[float, float]]) -> None:
    points = [Point(style, content, str(number)) for number, (style, content) in enumerate(errors)]

    def is_beaten(point: Point) -> bool:
        return any(
            other.style <= point.style
            and other.content <= point.content
            and (other.style, other.content) != (point.style, point.content)
            for other in points
        )

    assert front(points) == sorted(point for point in points if not is_beaten(point))
