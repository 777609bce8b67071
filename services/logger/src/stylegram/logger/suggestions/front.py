"""Fronts of two errors: what no other point is at least as good as in both, and how much of the plane it rules.

Points are pairs of errors, of which less is better: relative content error, relative style error.
"""

from collections.abc import Iterable

Point = tuple[float, float]

REFERENCE: Point = (1.0, 1.0)
"""Nothing is left of the photograph, nothing is there of the painting: what is worse in either counts for nothing."""


def front(points: Iterable[Point]) -> list[Point]:
    """The points that none dominates, by their first error; of equal ones one."""
    best: list[Point] = []
    for point in sorted(points):
        if not best or point[1] < best[-1][1]:
            best.append(point)
    return best


def hypervolume(points: Iterable[Point], reference: Point = REFERENCE) -> float:
    """Area that the points dominate, up to the reference (Zitzler & Thiele 1998, "S metric").

    Returns:
        0 … the area between the origin and the reference, for errors of 0 or more; what is not finite counts for
        nothing.
    """
    inside = [point for point in points if point[0] < reference[0] and point[1] < reference[1]]
    area, ceiling = 0.0, reference[1]
    for x, y in front(inside):
        area += (reference[0] - x) * (ceiling - y)
        ceiling = y
    return area
