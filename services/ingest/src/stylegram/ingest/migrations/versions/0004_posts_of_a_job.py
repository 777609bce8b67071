"""What became of each post of a job."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    op.add_column("jobs", sa.Column("posts", sa.JSON))


def downgrade() -> None:
    op.drop_column("jobs", "posts")
