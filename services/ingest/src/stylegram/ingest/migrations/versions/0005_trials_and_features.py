"""What pictures look like, and which trial of a study a job is."""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    op.add_column("assets", sa.Column("features", sa.JSON))
    op.add_column("jobs", sa.Column("trial", sa.Text))


def downgrade() -> None:
    op.drop_column("jobs", "trial")
    op.drop_column("assets", "features")
