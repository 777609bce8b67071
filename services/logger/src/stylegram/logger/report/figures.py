"""The report's charts: what the findings look like, in widths for a desk and for a telephone."""

import math
from typing import Literal

from markupsafe import Markup

from stylegram.common.charts.bars import Bar, bars
from stylegram.common.charts.bars import height_of as height_of_bars
from stylegram.common.charts.errors import UNPAINTED, error_axis, score_guides
from stylegram.common.charts.lines import Series, lines
from stylegram.common.charts.parallel import MOST_LINES, Axis, Line, parallel, some_of
from stylegram.common.charts.parallel import height_of as height_of_axes
from stylegram.common.charts.scales import number
from stylegram.common.charts.scatter import Mark, Point, scatter
from stylegram.common.charts.svg import Frame
from stylegram.logger.report.findings import Findings
from stylegram.logger.report.model import Trial, Value

WIDE, NARROW, HALF = 960.0, 400.0, 410.0
"""Widths of charts: across a desk, across a telephone, and half of a desk."""
_SMALL = 300.0

_MOST_BARS = 12
_ERRORS = (("content error", "relative_content_error"), ("style error", "relative_style_error"), ("score", "score"))
# Scores beyond it would make what matters small.
_MOST_SCORE = 2.5


def address(findings: Findings, trial: Trial) -> str:
    """Where the page tells of a trial: at its picture, or else in the table."""
    return f"#trial-{trial.number}" if trial.number in findings.carded else f"#row-{trial.number}"


def words(trial: Trial) -> str:
    """A trial in a line."""
    return (
        f"Trial {trial.number}: score {number(trial.score)}, content {number(trial.relative_content_error)},"
        f" style {number(trial.relative_style_error)}"
    )


def front_chart(findings: Findings, width: float) -> Markup:
    """Content error against style error."""
    best = findings.best
    points = _points(findings, findings)
    marks = [Mark(*UNPAINTED, "unpainted: score 2", hollow=True)]
    if best is not None:
        name = "best" if width <= NARROW else f"best: trial {best.number}, score"
        marks.append(Mark(*_place(best), f"{name} {number(best.score)}"))
    x, y = _both_errors(findings)
    frame = Frame(
        f"front-{width:.0f}",
        "Content error against style error",
        f"{len(points)} trials, {len(findings.front)} of them on the front. "
        + (f"The best score is {words(best)}." if best else "None is measured yet."),
        width,
        width * (0.56 if width > NARROW else 0.95),
    )
    front = [_place(each) for each in findings.front]
    return scatter(frame, points, x=x, y=y, front=front, marks=marks, guides=score_guides(x[2]))


def pair_chart(findings: Findings, of_all: Findings, number_of_pair: int) -> Markup:
    """The same small, of one pair alone, on the axes of all.

    Args:
        findings: of the pair.
        of_all: of the whole study.
        number_of_pair: tells the page's charts apart.
    """
    front = [_place(each) for each in findings.front]
    points = _points(findings, of_all)
    x, y = _both_errors(of_all)
    described = f"{len(points)} trials, {len(front)} of them on this pair's front."
    frame = Frame(f"pair-{number_of_pair}", "Content error against style error of one pair", described, _SMALL, 250)
    return scatter(frame, points, x=x, y=y, front=front, marks=[Mark(*UNPAINTED, "unpainted", hollow=True)])


def most_score(findings: Findings) -> float:
    """The largest score that the course of scores shows."""
    best = findings.best.score if findings.best else None
    return max(_MOST_SCORE, 1.25 * (best or 0))


def course_chart(findings: Findings) -> Markup:
    """The best score over the trials, and each trial's own; what is beyond `most_score` is left out."""
    most = most_score(findings)
    own = [(float(each.number), each.score) for each in findings.measured if (each.score or 0) <= most]
    course = [
        (number, score if score is not None and score <= most else None) for number, score in findings.best_so_far
    ]
    frame = Frame("course", "Best score so far", _course_words(findings), HALF, 250)
    best = Series("best so far", course, steps=True)
    return lines(frame, [best], x_label="trial", y_label="score", dots=own)


def hypervolume_chart(findings: Findings) -> Markup:
    """The hypervolume over the trials."""
    course = findings.hypervolume_so_far
    last = number(course[-1][1]) if course else "–"
    frame = Frame("hypervolume", "Hypervolume so far", f"It reaches {last} of 1.", HALF, 250)
    return lines(frame, [Series("hypervolume", course, steps=True)], x_label="trial", y_label="hypervolume", least=0.0)


def importance_chart(findings: Findings, width: float) -> Markup:
    """Which hyperparameters matter."""
    shown = findings.report.importance[:_MOST_BARS]
    listed = "; ".join(f"{each.name} {number(100 * each.share)} %" for each in shown)
    described = f"Share of what all of them explain of the score: {listed}."
    frame = Frame(f"importance-{width:.0f}", "What matters", described, width, height_of_bars(len(shown)))
    return bars(frame, [Bar(each.name, each.share, each.low, each.high) for each in shown], percent=True)


def draws_all(findings: Findings) -> bool:
    """Whether every trial has its line in `space_chart`."""
    return len(findings.measured) <= MOST_LINES


def space_chart(findings: Findings, width: float) -> Markup:
    """Each trial's way through the space, to its errors; see `some_of`."""
    measured = findings.measured
    axes = [
        Axis(each.name, each.low, each.high, each.log, tuple(map(_short, each.choices)))
        for each in findings.report.dimensions
    ]
    for name, field in _ERRORS:
        numbers = [getattr(each, field) for each in measured]
        low, high = min(numbers, default=0.0), max(numbers, default=1.0)
        axes.append(Axis(name, low, high if high > low else low + 1, log=low > 0 and high > 4 * low))
    drawn = [
        Line(
            {name: _short(value) for name, value in each.parameters.items()}
            | {name: getattr(each, field) for name, field in _ERRORS},
            words(each),
            findings.ranks[each.number],
            address(findings, each),
        )
        for each in some_of(measured)
    ]
    frame = Frame(
        f"space-{width:.0f}",
        "Where the trials are in the space",
        f"{len(drawn)} lines through {len(axes)} axes; the table of all trials has the same numbers.",
        width,
        height_of_axes(len(axes), width),
    )
    return parallel(frame, axes, drawn)


def _points(findings: Findings, of_all: Findings) -> list[Point]:
    return [
        Point(
            each.relative_content_error,
            each.relative_style_error,
            words(each),
            address(of_all, each),
            of_all.ranks[each.number],
            _kind(findings, each),
        )
        for each in findings.measured
    ]


def _kind(findings: Findings, trial: Trial) -> Literal["plain", "front", "best"]:
    if trial is findings.best:
        return "best"
    return "front" if trial in findings.front else "plain"


def _both_errors(findings: Findings) -> list[tuple[str, float, float]]:
    """The two axes, with their ends."""
    return [
        error_axis(f"relative {name}", [getattr(each, field) for each in findings.measured])
        for name, field in _ERRORS[:2]
    ]


def _short(value: Value) -> Value:
    """Layers without the word that all of them begin with: five have room then."""
    return value.replace("relu", "") if isinstance(value, str) else value


def _place(trial: Trial) -> tuple[float, float]:
    return trial.relative_content_error or 0.0, trial.relative_style_error or 0.0


def _course_words(findings: Findings) -> str:
    known = [score for _, score in findings.best_so_far if score is not None and math.isfinite(score)]
    return f"From {number(known[0])} to {number(known[-1])}." if known else "None is measured yet."
