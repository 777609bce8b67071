"""Which post a run's row tells of and since when, and how the run's posts are taken."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"

_COLUMNS = {
    "post_kind": sa.String(16),
    "post_said_at": sa.DateTime(timezone=True),
    "post_likes": sa.BigInteger,
    "post_comments": sa.BigInteger,
    "post_reach": sa.BigInteger,
    "post_saves": sa.BigInteger,
    "post_shares": sa.BigInteger,
    "post_feedback": sa.JSON,
}


def upgrade() -> None:
    for name, kind in _COLUMNS.items():
        op.add_column("runs", sa.Column(name, kind))


def downgrade() -> None:
    for name in reversed(_COLUMNS):
        op.drop_column("runs", name)
