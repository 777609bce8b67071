"""What runs are compared by, what their pictures look like, whose they are, and what people prefer."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"

_COLUMNS = {
    "content_features": sa.JSON,
    "style_features": sa.JSON,
    "metric_content_baseline": sa.Double,
    "metric_style_baseline": sa.Double,
    "style_error": sa.Double,
    "relative_content_error": sa.Double,
    "relative_style_error": sa.Double,
    "score": sa.Double,
    "style_band": sa.Integer,
    "trial": sa.Text,
    "origin": sa.Text,
    "output_name": sa.Text,
}


def upgrade() -> None:
    for name, kind in _COLUMNS.items():
        op.add_column("runs", sa.Column(name, kind))
    # The mean of what is there already; what it is relative to was not measured then.
    op.execute(
        "UPDATE runs SET style_error = (metric_style_error_512 + metric_style_error_256 + metric_style_error_128) / 3"
    )
    op.create_table(
        "comparisons",
        sa.Column("id", sa.String(36), primary_key=True),
        sa.Column("better", sa.String(200), nullable=False),
        sa.Column("worse", sa.String(200), nullable=False),
        sa.Column("said_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("origin", sa.Text()),
    )
    for name in ("better", "worse"):
        op.create_index(f"ix_comparisons_{name}", "comparisons", [name])


def downgrade() -> None:
    op.drop_table("comparisons")
    for name in reversed(_COLUMNS):
        op.drop_column("runs", name)
