"""A run as it is shown: built from its row, for of imported runs too little may be known for a `RunRecord`."""

from collections.abc import Iterable, Mapping
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from stylegram.common.hyperparameters import Hyperparameters
from stylegram.common.views.runs import METRICS, RunView
from stylegram.logger.tables import METRIC, POST, runs

_HYPERPARAMETERS = tuple(Hyperparameters.model_fields)
_FEEDBACK = ("likes", "comments", "reach", "saves", "shares")
_BUILT = {"hyperparameters", "metrics", *_FEEDBACK}
_PLAIN = tuple(name for name in RunView.model_fields if name not in _BUILT)
_COLUMNS = tuple(
    runs.c[name]
    for name in (
        *_PLAIN,
        *_HYPERPARAMETERS,
        *(METRIC + name for name in METRICS),
        *(POST + name for name in _FEEDBACK),
    )
)


def view_of(row: Mapping[str, Any]) -> RunView:
    """The view of a row of `runs`, as its columns are called."""
    metrics = {name: value for name in METRICS if (value := row[METRIC + name]) is not None}
    return RunView(
        **{name: row[name] for name in _PLAIN},
        **{name: row[POST + name] for name in _FEEDBACK},
        hyperparameters={name: value for name in _HYPERPARAMETERS if (value := row[name]) is not None},
        metrics=metrics or None,
    )


def views_of(session: Session, job_ids: Iterable[str]) -> list[RunView]:
    """The runs with these ids, in their order; those that are not there are left out."""
    wanted = list(job_ids)
    if not wanted:
        return []
    found = session.execute(select(*_COLUMNS).where(runs.c.job_id.in_(wanted), runs.c.outcome.is_not(None)))
    views = {row.job_id: view_of(row._asdict()) for row in found}
    return [views[job_id] for job_id in wanted if job_id in views]
