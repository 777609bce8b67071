"""Content error against style error: what is the same on every chart that has these two axes."""

from collections.abc import Iterable, Sequence

from stylegram.common.charts.scatter import Guide

UNPAINTED = (0.0, 1.0)
"""Where the photograph is as it is: nothing of it is lost, and nothing of the painting is there."""
# What is worse than nothing in either is not worth a larger chart.
_MOST_SHOWN = 1.25
_GUIDES = (1.25, 1.5, 1.75, 2.0)


def error_axis(name: str, errors: Iterable[float]) -> tuple[str, float, float]:
    """The axis of one of the two relative errors: from 0 to 1, or a little further where something is there.

    Args:
        name: of the error.
        errors: those that are shown.
    """
    return name, 0.0, min(_MOST_SHOWN, max([1.05, *(error * 1.05 for error in errors)]))


def score_guides(end: float) -> Sequence[Guide]:
    """Lines of equal scores.

    Args:
        end: where the axis of content errors ends.
    """
    return [Guide(_equal_scores(score, end), f"score {score:g}") for score in _GUIDES]


def _equal_scores(score: float, end: float) -> list[tuple[float, float]]:
    xs = [end * step / 60 for step in range(61)]
    return [(x, y) for x in xs if (y := score / (1 + x) - 1) >= 0]
