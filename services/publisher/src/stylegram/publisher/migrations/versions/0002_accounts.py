"""Accounts, feedback, and what a post needs to be worked on from the ledger alone."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"

_PARTIAL = (
    ("posts_held", ["account"], "holder IS NOT NULL"),
    ("posts_with_news", ["account", "updated_at"], "announced < sequence"),
)


def upgrade() -> None:
    op.create_table(
        "accounts",
        sa.Column("account", sa.Text(), primary_key=True),
        sa.Column("state", sa.String(16), nullable=False),
        sa.Column("reason", sa.Text()),
        sa.Column("until", sa.DateTime(timezone=True)),
        sa.Column("refused_login", sa.String(64)),
        sa.Column("approval", sa.Boolean(), nullable=False),
        sa.Column("since", sa.DateTime(timezone=True), nullable=False),
        sa.Column("next_post_at", sa.DateTime(timezone=True)),
        sa.Column("policy", sa.Text()),
        sa.Column("changed_at", sa.DateTime(timezone=True), nullable=False),
    )
    with op.batch_alter_table("posts") as posts:
        posts.add_column(sa.Column("request", sa.Text()))
        posts.add_column(sa.Column("alt_text", sa.Text()))
        posts.add_column(sa.Column("approved_at", sa.DateTime(timezone=True)))
        posts.add_column(sa.Column("not_before", sa.DateTime(timezone=True)))
        posts.add_column(sa.Column("attempts", sa.Integer(), nullable=False, server_default="0"))
        posts.add_column(sa.Column("asked", sa.Integer(), nullable=False, server_default="0"))
        posts.add_column(sa.Column("rehearsed_at", sa.DateTime(timezone=True)))
        posts.add_column(sa.Column("committing_at", sa.DateTime(timezone=True)))
        posts.add_column(sa.Column("sequence", sa.Integer(), nullable=False, server_default="1"))
        # What is there was announced when it ended, or is by whoever ends it.
        posts.add_column(sa.Column("announced", sa.Integer(), nullable=False, server_default="1"))
        posts.add_column(sa.Column("feedback_due_at", sa.DateTime(timezone=True)))
    # They lack the number by which a post is found again, and are written anew.
    op.execute("UPDATE posts SET caption = NULL WHERE state <> 'published'")
    op.create_index("posts_by_state", "posts", ["account", "state", "created_at"])
    op.create_index("posts_by_change", "posts", ["account", "state", "updated_at"])
    op.create_index("posts_by_feedback", "posts", ["account", "feedback_due_at"])
    for name, columns, where in _PARTIAL:
        op.create_index(name, "posts", columns, sqlite_where=sa.text(where), postgresql_where=sa.text(where))
    op.create_table(
        "post_feedback",
        sa.Column("post", sa.String(32), sa.ForeignKey("posts.key", ondelete="CASCADE"), primary_key=True),
        sa.Column("read_at", sa.DateTime(timezone=True), primary_key=True),
        sa.Column("likes", sa.Integer()),
        sa.Column("comments", sa.Integer()),
        sa.Column("reach", sa.Integer()),
        sa.Column("saves", sa.Integer()),
        sa.Column("shares", sa.Integer()),
    )


def downgrade() -> None:
    op.drop_table("post_feedback")
    for name in (*(name for name, *_ in _PARTIAL), "posts_by_feedback", "posts_by_change", "posts_by_state"):
        op.drop_index(name, "posts")
    with op.batch_alter_table("posts") as posts:
        for name in (
            "request",
            "alt_text",
            "approved_at",
            "not_before",
            "attempts",
            "asked",
            "rehearsed_at",
            "committing_at",
            "sequence",
            "announced",
            "feedback_due_at",
        ):
            posts.drop_column(name)
    op.drop_table("accounts")
