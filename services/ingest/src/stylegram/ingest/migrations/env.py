"""Alembic's entry point; see `stylegram.common.database.migrate`."""

from stylegram.common.database import run_migrations
from stylegram.ingest.tables import Base

run_migrations(Base.metadata)
