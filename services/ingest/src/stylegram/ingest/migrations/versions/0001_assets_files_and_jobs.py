"""Assets, the files that they came from, and jobs."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None

_TIME = sa.DateTime(timezone=True)
_WORD = sa.String(16)


def upgrade() -> None:
    op.create_table(
        "assets",
        sa.Column("id", sa.Integer, nullable=False),
        sa.Column("role", _WORD, nullable=False),
        sa.Column("sha256", sa.String(64), nullable=False),
        sa.Column("object_name", sa.Text, nullable=False),
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("width", sa.Integer, nullable=False),
        sa.Column("height", sa.Integer, nullable=False),
        sa.Column("format", _WORD, nullable=False),
        sa.Column("created_at", _TIME, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_assets"),
        sa.UniqueConstraint("role", "sha256", name="uq_assets_role_sha256"),
    )
    op.create_table(
        "source_files",
        sa.Column("id", sa.Integer, nullable=False),
        sa.Column("source", sa.Text, nullable=False),
        sa.Column("role", _WORD, nullable=False),
        sa.Column("key", sa.Text, nullable=False),
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("fingerprint", sa.Text, nullable=False),
        sa.Column("sha256", sa.String(64)),
        sa.Column("asset_id", sa.Integer),
        sa.Column("reason", sa.Text),
        sa.Column("present", sa.Boolean, nullable=False),
        sa.Column("seen_at", _TIME, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_source_files"),
        sa.ForeignKeyConstraint(["asset_id"], ["assets.id"], name="fk_source_files_asset_id"),
        sa.UniqueConstraint("source", "role", "key", name="uq_source_files_source_role_key"),
        sa.CheckConstraint("(asset_id IS NULL) <> (reason IS NULL)", name="ck_source_files_asset_or_reason"),
    )
    op.create_index("ix_source_files_asset_id", "source_files", ["asset_id"])
    op.create_table(
        "jobs",
        sa.Column("id", sa.String(36), nullable=False),
        sa.Column("idempotency_key", sa.Text),
        sa.Column("content_id", sa.Integer, nullable=False),
        sa.Column("style_id", sa.Integer, nullable=False),
        sa.Column("hyperparameters", sa.JSON, nullable=False),
        sa.Column("publish", sa.Boolean, nullable=False),
        sa.Column("created_at", _TIME, nullable=False),
        sa.Column("state", _WORD, nullable=False),
        sa.Column("sequence", sa.Integer, nullable=False),
        sa.Column("published_at", _TIME),
        sa.Column("started_at", _TIME),
        sa.Column("finished_at", _TIME),
        sa.Column("attempt", sa.Integer),
        sa.Column("worker", sa.Text),
        sa.Column("evaluation", sa.Integer),
        sa.Column("evaluations", sa.Integer),
        sa.Column("loss", sa.Double),
        sa.Column("result", sa.Text),
        sa.Column("reason", sa.Text),
        sa.Column("error_code", sa.String(64)),
        sa.Column("post_requested_at", _TIME),
        sa.Column("post_state", _WORD),
        sa.Column("post_url", sa.Text),
        sa.Column("post_reason", sa.Text),
        sa.PrimaryKeyConstraint("id", name="pk_jobs"),
        sa.UniqueConstraint("idempotency_key", name="uq_jobs_idempotency_key"),
        sa.ForeignKeyConstraint(["content_id"], ["assets.id"], name="fk_jobs_content_id"),
        sa.ForeignKeyConstraint(["style_id"], ["assets.id"], name="fk_jobs_style_id"),
    )
    op.create_index("ix_jobs_state_created_at", "jobs", ["state", "created_at"])
    op.create_index("ix_jobs_content_id_style_id", "jobs", ["content_id", "style_id"])


def downgrade() -> None:
    for table in ("jobs", "source_files", "assets"):
        op.drop_table(table)
