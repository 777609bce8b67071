from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest
from alembic.migration import MigrationContext
from alembic.operations import Operations
from alembic.script import ScriptDirectory
from sqlalchemy import bindparam, inspect, text
from sqlalchemy.exc import IntegrityError

from stylegram.common.clock import utcnow
from stylegram.common.database import UtcDateTime, open_database, transaction
from stylegram.common.messages import Priority
from stylegram.common.records import Role
from stylegram.ingest import migrations
from stylegram.ingest.bootstrap import Ingest
from stylegram.ingest.job_repository import JobRepository
from stylegram.ingest.tables import SourceFileRow

pytestmark = pytest.mark.every_database


def _scripts() -> ScriptDirectory:
    return ScriptDirectory(str(Path(next(iter(migrations.__path__)))))


def test_jobs_from_before_are_looked_after_too(database_url: str) -> None:
    engine = open_database(database_url)
    scripts = {script.revision: script.module for script in _scripts().walk_revisions()}

    def run(step: Callable[[], None]) -> None:
        with engine.begin() as connection, Operations.context(MigrationContext.configure(connection)):
            step()

    run(scripts["0001"].upgrade)
    insert = "INSERT INTO jobs (id, content_id, style_id, hyperparameters, publish, created_at, state, sequence"
    job = (
        f"{insert}, published_at, started_at) VALUES (:id, 1, 1, '{{}}', TRUE, :at, 'queued', 0, :published, :started)"
    )
    times = [datetime(2026, 11, 19, hour, tzinfo=UTC) for hour in (11, 12)]
    rows = [("new", None, None), ("published", times[0], None), ("started", *times)]
    with engine.begin() as connection:
        asset = "INSERT INTO assets VALUES (1, 'style', 'x', 'o', 'n', 1, 1, 'PNG', '2026-11-19 00:00:00')"
        connection.execute(text(asset))
        typed = [bindparam(name, type_=UtcDateTime) for name in ("at", "published", "started")]
        connection.execute(
            text(job).bindparams(*typed),
            [{"id": id_, "at": times[0], "published": published, "started": start} for id_, published, start in rows],
        )
    run(scripts["0002"].upgrade)
    run(scripts["0003"].upgrade)
    run(scripts["0004"].upgrade)
    run(scripts["0005"].upgrade)
    run(scripts["0006"].upgrade)
    with transaction(engine) as session:
        jobs = JobRepository(session)
        found = [jobs.get(name) for name in ("new", "published", "started")]
        assert [(each.priority, each.masks, each.publications) for each in found if each] == [
            (Priority.INTERACTIVE, (), 0),
            (Priority.INTERACTIVE, (), 1),
            (Priority.INTERACTIVE, (), 1),
        ]
        assert [each.heard_at and each.heard_at.hour for each in found if each] == [None, 11, 12]
    for number in ("0006", "0005", "0004", "0003", "0002", "0001"):
        run(scripts[number].downgrade)
    assert inspect(engine).get_table_names() == []
    engine.dispose()


def test_a_file_has_an_asset_or_a_reason(ingest: Ingest) -> None:
    row = SourceFileRow(source="s", role=Role.STYLE, key="k", name="n", fingerprint="f", present=True, seen_at=utcnow())
    with pytest.raises(IntegrityError, match="asset_or_reason"), transaction(ingest.engine) as session:
        session.add(row)
