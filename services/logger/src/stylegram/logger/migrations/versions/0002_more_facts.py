"""More hyperparameters, further pictures, what the work took, and metrics."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"

_COLUMNS = {
    "further_styles": sa.JSON,
    "masks": sa.JSON,
    "start_image": sa.JSON,
    "brush_scale": sa.Double,
    "schedule": sa.JSON,
    "start_noise": sa.Double,
    "content_layer_weights": sa.JSON,
    "style_layer_weights": sa.JSON,
    "style_loss": sa.Text,
    "style_weights": sa.JSON,
    "style_scale": sa.Double,
    "mask_softness": sa.Double,
    "colors": sa.Text,
    "color_matching": sa.Text,
    "recolor": sa.Boolean,
    "brightness": sa.Double,
    "greyscale": sa.Boolean,
    "backbone": sa.Text,
    "tiling": sa.Text,
    "deterministic": sa.Boolean,
    "cuda_graphs": sa.Boolean,
    "threads": sa.Integer,
    "tiled_blocks": sa.Integer,
    "resumed_at": sa.JSON,
    "cpu_seconds": sa.Double,
    "metric_content_error": sa.Double,
    "metric_style_error_512": sa.Double,
    "metric_style_error_256": sa.Double,
    "metric_style_error_128": sa.Double,
    "metric_held_out_style_error": sa.Double,
    "metric_ssim": sa.Double,
    "metric_color_distance": sa.Double,
    "metric_high_frequency_ratio": sa.Double,
    "metric_layer_errors": sa.JSON,
    "result_sha256": sa.String(64),
}


def upgrade() -> None:
    for name, kind in _COLUMNS.items():
        op.add_column("runs", sa.Column(name, kind))


def downgrade() -> None:
    for name in reversed(_COLUMNS):
        op.drop_column("runs", name)
