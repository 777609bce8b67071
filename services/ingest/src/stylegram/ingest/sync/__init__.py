"""From a source into storage, incrementally: what has been seen is not read again, what is refused is remembered.

A sync first asks the source and keeps what it says (`discover`), then deals with the files that are to be read
(`settle`). One that is killed loses nothing and doubles nothing; the next one goes on.
"""

from datetime import timedelta

import structlog
from sqlalchemy import Engine

from stylegram.common.database import transaction
from stylegram.common.ports import Source, Storage
from stylegram.common.records import Role
from stylegram.ingest.hygiene import Hygiene
from stylegram.ingest.source_repository import SourceRepository
from stylegram.ingest.sync.discover import Discovery, SyncRunning
from stylegram.ingest.sync.report import OnFile, SyncedFile, SyncReport
from stylegram.ingest.sync.settle import Settling

__all__ = ["OnFile", "SyncReport", "SyncRunning", "SyncedFile", "sync"]

_log = structlog.get_logger(__name__)


def sync(
    source: Source,
    role: Role,
    *,
    engine: Engine,
    storage: Storage,
    hygiene: Hygiene,
    parallel: int = 1,
    full_after: timedelta = timedelta(days=1),
    full: bool = False,
    dry_run: bool = False,
    on_file: OnFile = lambda _done, _total, _report: None,
) -> SyncReport:
    """Bring the role's pictures in line with its source.

    A role has one source: files of a source that it had before count as removed. An asset of which no present
    file is left stays in storage, for jobs refer to it, but is no longer a candidate for new ones.

    Args:
        source: where the files are.
        role: what the pictures are for.
        engine: the database.
        storage: where clean pictures go, as `assets/{role}/{sha256}.png`.
        hygiene: cleans them.
        parallel: how many files are dealt with at once.
        full_after: how long to ask only what changed; a source forgets to tell of a deletion now and then.
        full: list everything in any case.
        dry_run: only look: keep nothing, read nothing.
        on_file: progress.

    Raises:
        NotFound: the source is not there; nothing is concluded about its files.
        SyncRunning: another process syncs the same source.
        Unavailable: the source could not be listed, many files in a row could not be read, or the database or the
            storage did not answer.
    """
    report = SyncReport(role, dry_run=dry_run)
    discovery = Discovery(source, role, engine, report, lambda found: on_file(0, found, report))
    discovery.run(None if full else full_after)
    if dry_run:
        return report
    Settling(source, role, engine, storage, hygiene, parallel, report, on_file).run()
    with transaction(engine) as session:
        settled = SourceRepository(session, source.url, role).count_settled()
    dealt_with = report.added + report.changed + report.duplicates + report.quarantined
    # Where only changes were asked for, nobody has counted the others. Another sync may have dealt with some of ours.
    report.count("unchanged", max(settled - dealt_with, 0))
    _log.info("sync_done", role=role, source=source.url, listed=report.listed, added=report.added)
    return report
