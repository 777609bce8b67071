"""The posts."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None


def upgrade() -> None:
    op.create_table(
        "posts",
        sa.Column("key", sa.String(32), primary_key=True),
        sa.Column("account", sa.Text(), nullable=False),
        sa.Column("artifact", sa.Text(), nullable=False),
        sa.Column("kind", sa.String(16), nullable=False),
        sa.Column("job_id", sa.Text(), nullable=False),
        sa.Column("state", sa.String(16), nullable=False),
        sa.Column("caption", sa.Text()),
        sa.Column("upload", sa.Text()),
        sa.Column("media_id", sa.Text()),
        sa.Column("url", sa.Text()),
        sa.Column("reason", sa.Text()),
        sa.Column("error_code", sa.String(32)),
        sa.Column("holder", sa.String(36)),
        sa.Column("held_until", sa.DateTime(timezone=True)),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("published_at", sa.DateTime(timezone=True)),
        sa.UniqueConstraint("account", "artifact", "kind", name="posts_once"),
    )


def downgrade() -> None:
    op.drop_table("posts")
