"""The record's charts, in widths for a desk and for a telephone."""

from collections.abc import Callable, Sequence
from typing import Any, Literal

from markupsafe import Markup

from stylegram.common.charts import Frame
from stylegram.common.charts.bars import Bar, bars
from stylegram.common.charts.bars import height_of as height_of_bars
from stylegram.common.charts.errors import UNPAINTED, error_axis, score_guides
from stylegram.common.charts.lines import Series, lines
from stylegram.common.charts.parallel import Axis, Line, parallel, some_of
from stylegram.common.charts.parallel import height_of as height_of_axes
from stylegram.common.charts.scales import number
from stylegram.common.charts.scatter import Mark, Point, scatter
from stylegram.common.records import LossPoint
from stylegram.common.views.importance import Importance
from stylegram.common.views.runs import RunView
from stylegram.ingest.pages.record.runs import Overview
from stylegram.ingest.pages.record.words import TOLD, value_of, words
from stylegram.ingest.pages.runs import page_of, thinned

WIDE, NARROW = 1060.0, 380.0
"""Widths across a desk, and across a telephone."""
BESIDE = 700.0
"""Width of a chart that has something beside it."""
_HEIGHT, _HEIGHT_NARROW = 520.0, 400.0

# A number that took so many values or fewer is a choice; a list or a word that took more is no axis.
_MOST_CHOICES = 8
# One whose values are so far apart is drawn by their orders of magnitude.
_WIDE_RANGE = 10
_MOST_AXES = 10
_MOST_BARS = 12
_ERRORS = (("content error", "relative_content_error"), ("style error", "relative_style_error"), ("score", "score"))

Url = Callable[[str], str]
"""Where a path of ours is."""


def front_chart(shown: Overview, width: float, url: Url) -> Markup:
    """Content error against style error: the front, and the others as a cloud."""
    measured = shown.measured
    x = error_axis("relative content error", [run.relative_content_error or 0 for run in measured])
    y = error_axis("relative style error", [run.relative_style_error or 0 for run in measured])
    on_front = {run.job_id for run in shown.front.items}
    points = [
        Point(
            run.relative_content_error,
            run.relative_style_error,
            words(run),
            url(page_of(run)),
            rank,
            _kind(run, shown, on_front),
            run.job_id,
        )
        for run, rank in zip(measured, _ranks(len(measured)), strict=True)
    ]
    places = [(run.relative_content_error or 0, run.relative_style_error or 0) for run in shown.front.items]
    stairs = sorted(place for place in places if place[0] <= x[2] and place[1] <= y[2])
    marks = [Mark(*UNPAINTED, "unpainted: score 2", hollow=True)]
    best = shown.best
    if best is not None:
        place = (best.relative_content_error or 0, best.relative_style_error or 0)
        marks.append(Mark(*place, f"best score {number(best.score)}"))
    frame = Frame(
        f"front-{width:.0f}",
        "Content error against style error",
        f"{len(points)} runs, {len(places)} of them on the front."
        + (f" The best score: {words(best)}." if best else "")
        + " The leaderboard below lists them.",
        width,
        _HEIGHT if width > NARROW else _HEIGHT_NARROW,
    )
    return scatter(frame, points, x=x, y=y, front=stairs, marks=marks, guides=score_guides(x[2]))


def space_axes(runs: Sequence[RunView]) -> list[Axis]:
    """An axis of each hyperparameter in which the runs differ, as far as it can be drawn."""
    axes = [_axis(name, [value_of(run, name) for run in runs]) for name in TOLD]
    return [axis for axis in axes if axis is not None][:_MOST_AXES]


def space_chart(shown: Overview, axes: Sequence[Axis], width: float, url: Url) -> Markup:
    """Each run's way through the hyperparameters, and to its errors where they were measured.

    Args:
        shown: the runs.
        axes: see `space_axes`.
        width: of the chart.
        url: where their pages are.
    """
    measured = shown.measured
    drawn = some_of(measured or shown.newest.items)
    ranks = _ranks(len(drawn)) if measured else [0.5] * len(drawn)
    to_errors = [_error_axis(name, field, measured) for name, field in _ERRORS] if measured else []
    runs = [
        Line(
            {axis.name: value_of(run, axis.name) for axis in axes}
            | {name: getattr(run, field) for name, field in _ERRORS},
            words(run),
            rank,
            url(page_of(run)),
        )
        for run, rank in zip(drawn, ranks, strict=True)
    ]
    every = [*axes, *to_errors]
    frame = Frame(
        f"space-{width:.0f}",
        "Where the runs are among the hyperparameters",
        f"{len(runs)} lines through {len(every)} axes.",
        width,
        height_of_axes(len(every), width),
    )
    return parallel(frame, every, runs)


def importance_chart(found: Importance, width: float) -> Markup:
    """Which hyperparameters matter."""
    judged = found.hyperparameters[:_MOST_BARS]
    listed = "; ".join(f"{each.name} {number(100 * each.mean)} %" for each in judged)
    frame = Frame(
        f"importance-{width:.0f}",
        "Which hyperparameters matter",
        f"Share of what all of them explain: {listed}.",
        width,
        height_of_bars(len(judged)),
    )
    return bars(frame, [Bar(each.name, each.mean, each.low, each.high) for each in judged], percent=True)


def curves_chart(curves: Sequence[tuple[str, Sequence[LossPoint]]], width: float) -> Markup | None:
    """How the runs' losses fell, each as a share of its own first, for they add up other things.

    Args:
        curves: each run's name and losses.
        width: of the chart.

    Returns:
        None where no run has two losses.
    """
    series = [
        Series(name, [(point.evaluation, point.total / curve[0].total) for point in thinned(curve)])
        for name, curve in curves
        if len(curve) > 1 and curve[0].total
    ]
    if not series:
        return None
    ends = "; ".join(f"{each.name} ends at {number(each.points[-1][1])}" for each in series)
    frame = Frame(f"curves-{width:.0f}", "Loss by evaluation", f"{ends} of its first loss.", width, 320)
    return lines(frame, series, x_label="evaluation", y_label="loss, as a share of the first", least=0)


def _ranks(count: int) -> list[float]:
    """Shades of so many runs, the best first."""
    return [at / max(count - 1, 1) for at in range(count)]


def _kind(run: RunView, shown: Overview, on_front: set[str]) -> Literal["plain", "front", "best"]:
    if shown.best and run.job_id == shown.best.job_id:
        return "best"
    return "front" if run.job_id in on_front else "plain"


def _axis(name: str, values: Sequence[Any]) -> Axis | None:
    known = [value for value in values if value not in (None, "")]
    choices = list(dict.fromkeys(known))
    if len(choices) < 2:
        return None
    is_number = not any(isinstance(value, bool | str) for value in choices)
    if is_number and len(choices) > _MOST_CHOICES:
        low, high = min(choices), max(choices)
        return Axis(name, low, high, log=low > 0 and high / low > _WIDE_RANGE)
    if len(choices) > _MOST_CHOICES:
        return None
    return Axis(name, choices=tuple(sorted(choices) if is_number else sorted(choices, key=str)))


def _error_axis(name: str, field: str, runs: Sequence[RunView]) -> Axis:
    values = [getattr(run, field) for run in runs]
    low, high = min(values), max(values)
    return Axis(name, low, high if high > low else low + 1, log=low > 0 and high > 4 * low)
