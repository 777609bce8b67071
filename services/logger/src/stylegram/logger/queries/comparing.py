"""Some runs side by side: in what they were painted differently, and what came of it."""

from collections.abc import Mapping, Sequence

from sqlalchemy import Engine

from stylegram.common.database import transaction
from stylegram.common.errors import InvalidInput, NotFound
from stylegram.common.views.comparing import ComparedHyperparameter, ComparedMetric, Goal, RunComparison
from stylegram.common.views.runs import METRICS, RunView
from stylegram.logger.queries.views import views_of

FEWEST, MOST = 2, 10
"""Runs that are compared at once."""

# What of the measures is better; of the others neither is, as of a baseline, or only in the middle.
_GOALS: Mapping[str, Goal] = {
    "score": "lower",
    "relative_content_error": "lower",
    "relative_style_error": "lower",
    "style_error": "lower",
    "content_error": "lower",
    "style_error_512": "lower",
    "style_error_256": "lower",
    "style_error_128": "lower",
    "held_out_style_error": "lower",
    "color_distance": "lower",
    "ssim": "higher",
    "rating": "higher",
    "likes": "higher",
    "seconds": "lower",
    "peak_memory_mb": "lower",
}
_OF_RUNS = ("score", "relative_content_error", "relative_style_error", "style_error")
_BESIDE = ("rating", "likes", "seconds", "peak_memory_mb")


def compare_runs(engine: Engine, job_ids: Sequence[str]) -> RunComparison:
    """The runs with these ids, side by side.

    Raises:
        InvalidInput: they are too few or too many, or one is named twice.
        NotFound: the record has not all of them.
        Unavailable: the database did not answer.
    """
    if not FEWEST <= len(job_ids) <= MOST:
        raise InvalidInput(f"{len(job_ids)} runs cannot be compared.", advice=f"Name {FEWEST} to {MOST} of them.")
    twice = sorted({job_id for job_id in job_ids if job_ids.count(job_id) > 1})
    if twice:
        raise InvalidInput(f"The run {twice[0]} is named twice.", advice="Name each once.")
    with transaction(engine) as session:
        found = views_of(session, job_ids)
    missing = [job_id for job_id in job_ids if job_id not in {run.job_id for run in found}]
    if missing:
        raise NotFound(f"The record has no run {', '.join(missing)}.", advice="GET /v1/runs lists those there are.")
    return RunComparison(runs=found, hyperparameters=_hyperparameters(found), metrics=_metrics(found))


def _hyperparameters(found: Sequence[RunView]) -> list[ComparedHyperparameter]:
    names = dict.fromkeys(name for run in found for name in run.hyperparameters)
    compared = [(name, [run.hyperparameters.get(name) for run in found]) for name in names]
    return [
        ComparedHyperparameter(name=name, values=values)
        for name, values in compared
        if any(value != values[0] for value in values)
    ]


def _metrics(found: Sequence[RunView]) -> list[ComparedMetric]:
    measured = {name: [_value(run, name) for run in found] for name in (*_OF_RUNS, *METRICS, *_BESIDE)}
    return [_compared(name, values, found) for name, values in measured.items() if values.count(None) < len(values)]


def _value(run: RunView, name: str) -> float | None:
    value: float | None = (run.metrics or {}).get(name) if name in METRICS else getattr(run, name)
    return value


def _compared(name: str, values: Sequence[float | None], found: Sequence[RunView]) -> ComparedMetric:
    goal, first = _GOALS.get(name), values[0]
    known = [value for value in values if value is not None]
    best = min(known) if goal == "lower" else max(known)
    return ComparedMetric(
        name=name,
        values=list(values),
        differences=[None if value is None or first is None else value - first for value in values],
        better=goal,
        best=[run.job_id for run, value in zip(found, values, strict=True) if goal and value == best],
    )
