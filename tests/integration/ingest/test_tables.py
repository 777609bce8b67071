from io import StringIO
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.operations import Operations
from alembic.script import ScriptDirectory
from sqlalchemy.exc import IntegrityError

from stylegram.common.clock import utcnow
from stylegram.common.database import migrate, transaction
from stylegram.common.records import Role
from stylegram.ingest import migrations
from stylegram.ingest.bootstrap import Ingest
from stylegram.ingest.tables import Base, SourceFileRow

VERSION_TABLE = "ingest_schema_version"


def test_the_migrated_schema_is_that_of_the_tables(ingest: Ingest) -> None:
    options = {"version_table": VERSION_TABLE, "compare_type": True, "compare_server_default": True}
    with ingest.engine.connect() as connection:
        assert compare_metadata(MigrationContext.configure(connection, opts=options), Base.metadata) == []


def test_migrating_again_changes_nothing(ingest: Ingest) -> None:
    migrate(ingest.engine, "ingest")
    test_the_migrated_schema_is_that_of_the_tables(ingest)


def test_the_migrations_speak_postgresql() -> None:
    scripts = ScriptDirectory(str(Path(next(iter(migrations.__path__)))))
    statements = StringIO()
    context = MigrationContext.configure(
        dialect_name="postgresql", opts={"as_sql": True, "output_buffer": statements, "version_table": VERSION_TABLE}
    )
    with Operations.context(context):
        for revision in reversed(list(scripts.walk_revisions())):
            revision.module.upgrade()
    for words in ("id SERIAL NOT NULL", "TIMESTAMP WITH TIME ZONE", "present BOOLEAN NOT NULL", "DOUBLE PRECISION"):
        assert words in statements.getvalue()


def test_a_file_has_an_asset_or_a_reason(ingest: Ingest) -> None:
    row = SourceFileRow(source="s", role=Role.STYLE, key="k", name="n", fingerprint="f", present=True, seen_at=utcnow())
    with pytest.raises(IntegrityError, match="asset_or_reason"), transaction(ingest.engine) as session:
        session.add(row)
