"""Indexes for lists of runs, their leaderboards, and what they are narrowed to."""

from alembic import op

revision = "0005"
down_revision = "0004"

_FRONT = ("relative_content_error", "relative_style_error", "job_id")
_INDEXES = {
    "runs_by_start": ["started_at", "job_id"],
    "runs_by_score": ["score", "job_id"],
    "runs_by_content_error": ["relative_content_error", "job_id"],
    "runs_by_style_error": ["relative_style_error", "job_id"],
    "runs_by_rating": ["rating", "job_id"],
    "runs_by_likes": ["post_likes", "job_id"],
    "runs_by_style_band": ["style_band", *_FRONT],
    "runs_of_style": ["style_sha256", "style_band", *_FRONT],
    "runs_of_style_name": ["style_name", "style_band", *_FRONT],
    "runs_of_content": ["content_sha256"],
    "runs_of_content_name": ["content_name"],
    "runs_of_trial": ["trial"],
}


def upgrade() -> None:
    op.drop_index("runs_by_start", "runs")
    for name, columns in _INDEXES.items():
        bytewise = {"trial": "text_pattern_ops"} if columns == ["trial"] else {}
        op.create_index(name, "runs", columns, postgresql_ops=bytewise)


def downgrade() -> None:
    for name in reversed(_INDEXES):
        op.drop_index(name, "runs")
    op.create_index("runs_by_start", "runs", ["started_at"])
