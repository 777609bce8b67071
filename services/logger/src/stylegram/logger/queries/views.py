"""A run as it is shown: built from its row, for of imported runs too little may be known for a `RunRecord`."""

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

from pydantic import BaseModel, ConfigDict, Field
from sqlalchemy import select
from sqlalchemy.orm import Session

from stylegram.common.hyperparameters import Hyperparameters
from stylegram.common.records import Metrics
from stylegram.logger.tables import METRIC, POST, runs

_HYPERPARAMETERS = tuple(Hyperparameters.model_fields)
METRICS = tuple(name for name, field in Metrics.model_fields.items() if field.annotation in (float, float | None))
"""The metrics that are a number."""


class RunView(BaseModel):
    """A run of the record; what is not known of it is null."""

    model_config = ConfigDict(frozen=True)

    job_id: str
    origin: str | None = Field(None, description="Whose record it was imported from; null for our own.")
    outcome: str | None = Field(None, description="succeeded or failed.")
    error_code: str | None = None
    reason: str | None = Field(None, description="Why it failed.")
    trial: str | None = Field(None, description="The trial that a study wanted it for, as in study/number.")
    content_name: str | None = Field(None, description="The photograph's file name.")
    content_sha256: str | None = Field(None, description="The photograph.")
    style_name: str | None = Field(None, description="The first painting's file name.")
    style_sha256: str | None = Field(None, description="The first painting.")
    content_features: dict[str, float] | None = Field(None, description="What the photograph looks like.")
    style_features: dict[str, float] | None = Field(None, description="What the painting looks like.")
    hyperparameters: dict[str, Any] = Field(description="By name; without those that were not set or not known.")
    engine_version: str | None = None
    device: str | None = None
    width: int | None = None
    height: int | None = None
    evaluations_done: int | None = None
    started_at: datetime | None = None
    finished_at: datetime | None = None
    seconds: float | None = Field(None, description="From start to finish.")
    cpu_seconds: float | None = Field(None, description="Of the processor, over all threads.")
    peak_memory_mb: float | None = None
    metrics: dict[str, float] | None = Field(None, description="By name; null where nothing was measured.")
    style_error: float | None = Field(None, description="Mean of the style errors at 512, 256 and 128 pixels.")
    relative_content_error: float | None = Field(None, description="0 is the photograph, 1 has nothing of it left.")
    relative_style_error: float | None = Field(None, description="0 is the painting's manner, 1 the photograph's.")
    score: float | None = Field(
        None, description="(1 + relative content error) · (1 + relative style error), lower is better; unpainted 2."
    )
    rating: int | None = Field(None, description="Stars.")
    post_state: str | None = Field(None, description="What became of the picture's post.")
    post_url: str | None = Field(None, description="Where people find it.")
    likes: int | None = Field(None, description="Of its posts, as far as the account tells; so are the next four.")
    comments: int | None = None
    reach: int | None = None
    saves: int | None = None
    shares: int | None = None


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
