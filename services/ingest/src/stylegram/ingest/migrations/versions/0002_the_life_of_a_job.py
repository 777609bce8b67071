"""Priorities, further pictures, time limits, retries, cancellation, and when a job was last heard of."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"

_TIME = sa.DateTime(timezone=True)


def upgrade() -> None:
    for column in (
        sa.Column("priority", sa.String(16), nullable=False, server_default="interactive"),
        sa.Column("further_styles", sa.JSON),
        sa.Column("masks", sa.JSON),
        sa.Column("start_image", sa.JSON),
        sa.Column("time_limit_seconds", sa.Double),
        sa.Column("retry_of", sa.String(36)),
        sa.Column("publications", sa.Integer, nullable=False, server_default="0"),
        sa.Column("relayed_until", _TIME),
        sa.Column("heard_at", _TIME),
        sa.Column("cancel_requested_at", _TIME),
        sa.Column("cancel_published_at", _TIME),
    ):
        op.add_column("jobs", column)
    op.create_index("ix_jobs_retry_of", "jobs", ["retry_of"])
    op.create_index("ix_jobs_created_at_id", "jobs", ["created_at", "id"])
    op.create_index("ix_jobs_state_publish_post_requested_at", "jobs", ["state", "publish", "post_requested_at"])
    # What is under way is looked after like the jobs that come.
    op.execute(
        "UPDATE jobs SET publications = 1, heard_at = COALESCE(started_at, published_at) WHERE published_at IS NOT NULL"
    )


def downgrade() -> None:
    for index in ("state_publish_post_requested_at", "created_at_id", "retry_of"):
        op.drop_index(f"ix_jobs_{index}", "jobs")
    for column in (
        "cancel_published_at",
        "cancel_requested_at",
        "heard_at",
        "relayed_until",
        "publications",
        "retry_of",
        "time_limit_seconds",
        "start_image",
        "masks",
        "further_styles",
        "priority",
    ):
        op.drop_column("jobs", column)
