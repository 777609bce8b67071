"""What a source said that is still to be dealt with, from where to ask what changed, and which pictures we turned."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"

_TIME = sa.DateTime(timezone=True)
_WORD = sa.String(16)


def upgrade() -> None:
    op.add_column("assets", sa.Column("turned", sa.Integer, nullable=False, server_default="0"))
    op.create_table(
        "pending_files",
        sa.Column("id", sa.Integer, nullable=False),
        sa.Column("source", sa.Text, nullable=False),
        sa.Column("role", _WORD, nullable=False),
        sa.Column("key", sa.Text, nullable=False),
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("fingerprint", sa.Text, nullable=False),
        sa.Column("size", sa.BigInteger, nullable=False),
        sa.Column("failures", sa.Integer, nullable=False, server_default="0"),
        sa.PrimaryKeyConstraint("id", name="pk_pending_files"),
        sa.UniqueConstraint("source", "role", "key", name="uq_pending_files_source_role_key"),
    )
    op.create_table(
        "source_states",
        sa.Column("id", sa.Integer, nullable=False),
        sa.Column("source", sa.Text, nullable=False),
        sa.Column("role", _WORD, nullable=False),
        sa.Column("state", sa.Text, nullable=False),
        sa.Column("listed_at", _TIME, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_source_states"),
        sa.UniqueConstraint("source", "role", name="uq_source_states_source_role"),
    )


def downgrade() -> None:
    op.drop_table("source_states")
    op.drop_table("pending_files")
    op.drop_column("assets", "turned")
