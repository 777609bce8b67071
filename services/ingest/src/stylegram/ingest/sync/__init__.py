"""From a source into storage, incrementally: what has been seen is not read again, what is refused is remembered.

Every file is a transaction of its own, and its object is stored before its rows: a sync that is killed loses
nothing and doubles nothing, the next one goes on.
"""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Literal

import structlog
from sqlalchemy import Engine

from stylegram.common.database import transaction
from stylegram.common.errors import InvalidImage, NotFound, StylegramError, Unavailable
from stylegram.common.images import check_file_size
from stylegram.common.ports import Source, SourceFile, Storage
from stylegram.common.records import Role
from stylegram.ingest.asset_repository import AssetRepository
from stylegram.ingest.intake import take_in
from stylegram.ingest.metrics import SYNC_FILES
from stylegram.ingest.tables import SourceFileRow

_log = structlog.get_logger(__name__)


class SyncRunning(StylegramError):
    """A sync of this service is under way; another one would only do the same work."""

    code = "sync-running"
    retryable = True


@dataclass
class SyncReport:
    """What a sync has done so far, in files.

    Args:
        role: what the pictures are for.
        added: new pictures in storage.
        unchanged: same bytes as at the last sync; mostly not even read.
        duplicates: content that another file had brought already.
        quarantined: refused just now; `AssetRepository.quarantine` has all, with their reasons.
        unreadable: could not be read now; the next sync tries again.
        removed: no longer at the source, or in a source that the role had before.
        problems: a sentence for each unreadable file.
    """

    role: Role
    added: int = 0
    unchanged: int = 0
    duplicates: int = 0
    quarantined: int = 0
    unreadable: int = 0
    removed: int = 0
    problems: list[str] = field(default_factory=list)

    def count(self, outcome: "_Outcome", files: int = 1) -> None:
        """Note that so many more files had this outcome."""
        setattr(self, outcome, getattr(self, outcome) + files)
        SYNC_FILES.labels(self.role, outcome).inc(files)


_Outcome = Literal["added", "unchanged", "duplicates", "quarantined", "unreadable", "removed"]

OnFile = Callable[[int, int, SyncReport], None]
"""Told after each file: how many are done, of how many, and the report so far. What it raises ends the sync."""


def sync(
    source: Source,
    role: Role,
    *,
    source_url: str,
    engine: Engine,
    storage: Storage,
    on_file: OnFile | None = None,
) -> SyncReport:
    """Bring the role's pictures in line with its source.

    A role has one source: files of a source that it had before count as removed. An asset of which no present
    file is left stays in storage, for jobs refer to it, but is no longer a candidate for new ones.

    Args:
        source: where the files are.
        role: what the pictures are for.
        source_url: what the source is known by in the table.
        engine: the database.
        storage: where clean pictures go, as `assets/{role}/{sha256}.png`.
        on_file: progress.

    Raises:
        NotFound: the source is not there; nothing is concluded about its files.
        Unavailable: the source could not be listed, or the database or the storage did not answer.
    """
    return _Sync(source, role, source_url, engine, storage).run(on_file)


class _Sync:
    def __init__(self, source: Source, role: Role, source_url: str, engine: Engine, storage: Storage) -> None:
        self._source = source
        self._role = role
        self._source_url = source_url
        self._engine = engine
        self._storage = storage
        self._report = SyncReport(role)

    def run(self, on_file: OnFile | None) -> SyncReport:
        # The listing comes first and whole: if it fails, nothing has been concluded from a part of it.
        files = list(self._source.files())
        with transaction(self._engine) as session:
            rows = AssetRepository(session).files(self._role)
        known = {row.key: row for row in rows if row.source == self._source_url}
        for done, file in enumerate(files, 1):
            if outcome := self._settle(file, known.get(file.key)):
                self._report.count(outcome)
            else:
                known.pop(file.key, None)
            if on_file:
                on_file(done, len(files), self._report)
        self._mark(rows, {known[file.key].id for file in files if file.key in known})
        _log.info("sync_done", role=self._role, source=self._source_url, files=len(files), added=self._report.added)
        return self._report

    def _settle(self, file: SourceFile, row: SourceFileRow | None) -> _Outcome | None:
        """Deal with one file; None if it vanished meanwhile."""
        if row and row.fingerprint == file.fingerprint:
            return "unchanged"
        try:
            check_file_size(file.size)
            data = self._source.read(file)
        except InvalidImage as refusal:
            return self._quarantine(file, None, refusal)
        except NotFound:
            return None
        except Unavailable as error:
            self._report.problems.append(str(error))
            _log.warning("file_unreadable", role=self._role, key=file.key, reason=str(error))
            return "unreadable"
        return self._take(file, data, row)

    def _take(self, file: SourceFile, data: bytes, row: SourceFileRow | None) -> _Outcome:
        sha256 = hashlib.sha256(data).hexdigest()
        with transaction(self._engine) as session:
            assets = AssetRepository(session)
            asset_id = assets.find(self._role, sha256)
            if asset_id is not None:
                assets.record_file(self._source_url, self._role, file, sha256=sha256, asset_id=asset_id)
                return "unchanged" if row and row.asset_id == asset_id else "duplicates"
        try:
            asset = take_in(self._storage, self._role, file.name, data, sha256)
        except InvalidImage as refusal:
            return self._quarantine(file, sha256, refusal)
        with transaction(self._engine) as session:
            assets = AssetRepository(session)
            assets.add(asset)
            asset_id = assets.find(self._role, sha256)
            assets.record_file(self._source_url, self._role, file, sha256=sha256, asset_id=asset_id)
        return "added"

    def _quarantine(self, file: SourceFile, sha256: str | None, refusal: InvalidImage) -> _Outcome:
        _log.warning("file_quarantined", role=self._role, key=file.key, reason=str(refusal))
        with transaction(self._engine) as session:
            AssetRepository(session).record_file(self._source_url, self._role, file, sha256=sha256, reason=str(refusal))
        return "quarantined"

    def _mark(self, rows: list[SourceFileRow], here: set[int]) -> None:
        """Settle who is present, among the files that were known when the sync began."""
        gone = [row.id for row in rows if row.present and row.id not in here]
        with transaction(self._engine) as session:
            assets = AssetRepository(session)
            assets.mark_seen(here)
            assets.mark_gone(gone)
        self._report.count("removed", len(gone))
