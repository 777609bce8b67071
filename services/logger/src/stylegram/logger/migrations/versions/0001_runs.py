"""The runs and their curves."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None


def upgrade() -> None:
    op.create_table(
        "runs",
        sa.Column("job_id", sa.String(200), primary_key=True),
        sa.Column("outcome", sa.String(16)),
        sa.Column("error_code", sa.Text()),
        sa.Column("reason", sa.Text()),
        sa.Column("content_name", sa.Text()),
        sa.Column("content_sha256", sa.String(64)),
        sa.Column("content_object_name", sa.Text()),
        sa.Column("style_name", sa.Text()),
        sa.Column("style_sha256", sa.String(64)),
        sa.Column("style_object_name", sa.Text()),
        sa.Column("size", sa.BigInteger()),
        sa.Column("evaluations", sa.JSON()),
        sa.Column("start", sa.Text()),
        sa.Column("optimizer", sa.Text()),
        sa.Column("learning_rate", sa.Double()),
        sa.Column("beta_1", sa.Double()),
        sa.Column("beta_2", sa.Double()),
        sa.Column("epsilon", sa.Double()),
        sa.Column("history_size", sa.BigInteger()),
        sa.Column("content_weight", sa.Double()),
        sa.Column("style_weight", sa.Double()),
        sa.Column("tv_weight", sa.Double()),
        sa.Column("content_layers", sa.JSON()),
        sa.Column("style_layers", sa.JSON()),
        sa.Column("pooling", sa.Text()),
        sa.Column("precision", sa.Text()),
        sa.Column("seed", sa.BigInteger()),
        sa.Column("engine_version", sa.Text()),
        sa.Column("torch_version", sa.Text()),
        sa.Column("weights", sa.Text()),
        sa.Column("weights_digest", sa.String(64)),
        sa.Column("device", sa.Text()),
        sa.Column("precision_used", sa.String(16)),
        sa.Column("evaluations_done", sa.Integer()),
        sa.Column("width", sa.Integer()),
        sa.Column("height", sa.Integer()),
        sa.Column("started_at", sa.DateTime(timezone=True)),
        sa.Column("finished_at", sa.DateTime(timezone=True)),
        sa.Column("seconds", sa.Double()),
        sa.Column("durations", sa.JSON()),
        sa.Column("peak_memory_mb", sa.Double()),
        sa.Column("loss_total", sa.Double()),
        sa.Column("loss_content", sa.Double()),
        sa.Column("loss_style", sa.Double()),
        sa.Column("loss_tv", sa.Double()),
        sa.Column("layer_losses", sa.JSON()),
        sa.Column("rating", sa.Integer()),
        sa.Column("post_state", sa.String(16)),
        sa.Column("post_account", sa.Text()),
        sa.Column("post_media_id", sa.Text()),
        sa.Column("post_url", sa.Text()),
        sa.Column("post_reason", sa.Text()),
    )
    op.create_index("runs_by_start", "runs", ["started_at"])
    op.create_table(
        "curves",
        sa.Column("job_id", sa.String(200), sa.ForeignKey("runs.job_id", ondelete="CASCADE"), primary_key=True),
        sa.Column("points", sa.LargeBinary(), nullable=False),
    )


def downgrade() -> None:
    op.drop_table("curves")
    op.drop_table("runs")
