"""The logger's tables: a row per run, its curve of losses apart from it, for that is large and rarely read, and what
people said of two pictures.

The hyperparameters' columns derive from `Hyperparameters`, the metrics' from `Metrics`, those on how posts are taken
from `Feedback`; a new one is a line there and a migration here.
"""

from dataclasses import fields
from typing import Any, Literal, get_args, get_origin

from sqlalchemy import (
    JSON,
    BigInteger,
    Boolean,
    Column,
    Double,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
    Text,
)
from sqlalchemy.types import TypeEngine

from stylegram.common.database import UtcDateTime
from stylegram.common.hyperparameters import Hyperparameters
from stylegram.common.ports import Feedback
from stylegram.common.records import Metrics

METRIC = "metric_"
"""Begins the names of the metrics' columns."""
POST = "post_"
"""Begins the names of the columns on the run's posts."""
READINGS = "post_feedback"
"""The column with the newest reading of each of the run's posts, by the post's key in the publisher's ledger."""

# What is not known is null, as in any other column, rather than a JSON text that says so.
_JSON_OR_NULL = JSON(none_as_null=True)


def _column_type(annotation: Any) -> TypeEngine[Any]:  # noqa: ANN401  (any of the forms that a type is written in)
    if get_origin(annotation) in (tuple, dict):
        return _JSON_OR_NULL
    if get_origin(annotation) is Literal:
        return Text()
    for alternative in get_args(annotation):  # of `float | None`
        return _column_type(alternative)
    # A seed takes 63 bits.
    types: dict[type, TypeEngine[Any]] = {int: BigInteger(), float: Double(), bool: Boolean(), str: Text()}
    return types[annotation]


_FRONT = ("relative_content_error", "relative_style_error", "job_id")

metadata = MetaData()

# Everything but the job may be null: a post's fate may become known before its run, and of runs that others recorded we
# may know little.
runs = Table(
    "runs",
    metadata,
    Column("job_id", String(200), primary_key=True),
    Column("outcome", String(16)),
    Column("error_code", Text),
    Column("reason", Text),
    Column("content_name", Text),
    Column("content_sha256", String(64)),
    Column("content_object_name", Text),
    Column("content_features", _JSON_OR_NULL),
    Column("style_name", Text),
    Column("style_sha256", String(64)),
    Column("style_object_name", Text),
    Column("style_features", _JSON_OR_NULL),
    Column("further_styles", _JSON_OR_NULL),
    Column("masks", _JSON_OR_NULL),
    Column("start_image", _JSON_OR_NULL),
    *(Column(name, _column_type(field.annotation)) for name, field in Hyperparameters.model_fields.items()),
    Column("engine_version", Text),
    Column("torch_version", Text),
    Column("weights", Text),
    Column("weights_digest", String(64)),
    Column("device", Text),
    # "used" and "done": the hyperparameters of these names say what was asked for.
    Column("precision_used", String(16)),
    Column("threads", Integer),
    Column("tiled_blocks", Integer),
    Column("evaluations_done", Integer),
    Column("resumed_at", _JSON_OR_NULL),
    Column("width", Integer),
    Column("height", Integer),
    Column("started_at", UtcDateTime),
    Column("finished_at", UtcDateTime),
    Column("seconds", Double),
    Column("durations", JSON),
    Column("cpu_seconds", Double),
    Column("peak_memory_mb", Double),
    Column("loss_total", Double),
    Column("loss_content", Double),
    Column("loss_style", Double),
    Column("loss_tv", Double),
    Column("layer_losses", JSON),
    *(Column(METRIC + name, _column_type(field.annotation)) for name, field in Metrics.model_fields.items()),
    # What follows from the metrics, to be searched and sorted by.
    Column("style_error", Double),
    Column("relative_content_error", Double),
    Column("relative_style_error", Double),
    Column("score", Double),
    Column("style_band", Integer),
    Column("result_sha256", String(64)),
    Column("trial", Text),
    # Whose record it was imported from; null for our own runs.
    Column("origin", Text),
    # Of imported runs whose picture has a name of its own.
    Column("output_name", Text),
    Column("rating", Integer),
    # One of the run's posts, for all of them.
    Column("post_state", String(16)),
    Column("post_account", Text),
    Column("post_kind", String(16)),
    Column("post_media_id", Text),
    Column("post_url", Text),
    Column("post_reason", Text),
    Column("post_said_at", UtcDateTime),
    # Sums over the readings.
    *(Column(POST + field.name, BigInteger) for field in fields(Feedback)),
    Column(READINGS, _JSON_OR_NULL),
    # What lists are sorted by; the job tells equal ones apart.
    Index("runs_by_start", "started_at", "job_id"),
    Index("runs_by_score", "score", "job_id"),
    Index("runs_by_content_error", "relative_content_error", "job_id"),
    Index("runs_by_style_error", "relative_style_error", "job_id"),
    Index("runs_by_rating", "rating", "job_id"),
    Index("runs_by_likes", "post_likes", "job_id"),
    # The Pareto front, of all and of a painting; see `queries.leaderboard`.
    Index("runs_by_style_band", "style_band", *_FRONT),
    Index("runs_of_style", "style_sha256", "style_band", *_FRONT),
    Index("runs_of_style_name", "style_name", "style_band", *_FRONT),
    # What other lists are narrowed to.
    Index("runs_of_content", "content_sha256"),
    Index("runs_of_content_name", "content_name"),
    # A study's trials begin with its name.
    Index("runs_of_trial", "trial", postgresql_ops={"trial": "text_pattern_ops"}),
)

curves = Table(
    "curves",
    metadata,
    Column("job_id", String(200), ForeignKey("runs.job_id", ondelete="CASCADE"), primary_key=True),
    Column("points", LargeBinary, nullable=False),
)

# Each is what one person said once. Of the two runs, imported ones may come later, or never.
comparisons = Table(
    "comparisons",
    metadata,
    # Chosen by who says it, so that saying it again changes nothing.
    Column("id", String(36), primary_key=True),
    Column("better", String(200), nullable=False, index=True),
    Column("worse", String(200), nullable=False, index=True),
    Column("said_at", UtcDateTime, nullable=False),
    Column("origin", Text),
)
