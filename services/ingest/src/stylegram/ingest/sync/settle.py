"""The second half of a sync: what is pending is read, cleaned and stored, several files at once.

Each file is a transaction of its own, after its picture is in storage: a sync that is killed reads no file again that
was done, and stores none twice.
"""

import hashlib
import threading
from collections.abc import Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from contextlib import nullcontext
from dataclasses import dataclass, field

import structlog
from sqlalchemy import Engine
from sqlalchemy.orm import Session

from stylegram.common.database import transaction
from stylegram.common.errors import InvalidImage, NotFound, StylegramError, Unavailable
from stylegram.common.images import check_file_size
from stylegram.common.ports import Source, SourceFile, Storage
from stylegram.common.records import Role
from stylegram.ingest.asset_repository import AssetRepository
from stylegram.ingest.hygiene import Hygiene
from stylegram.ingest.intake import take_in
from stylegram.ingest.source_repository import SourceRepository
from stylegram.ingest.sync.report import OnFile, Outcome, SyncedFile, SyncReport
from stylegram.ingest.tables import SourceFileRow

_log = structlog.get_logger(__name__)

_PAGE = 1000
# Above that, a file is read and cleaned while no other such is: a handful of them would fill the memory.
_LARGE = 32_000_000
# So many files in a row that cannot be read are not to blame, their source is.
_MOST_UNREADABLE = 20


@dataclass
class Settling:
    """Deals with what is pending.

    Args:
        source: where the files are.
        role: what their pictures are for.
        engine: the database.
        storage: where clean pictures go.
        hygiene: cleans them.
        parallel: how many files are dealt with at once.
        report: gets every file.
        on_file: progress.
    """

    source: Source
    role: Role
    engine: Engine
    storage: Storage
    hygiene: Hygiene
    parallel: int
    report: SyncReport
    on_file: OnFile
    _large: threading.Lock = field(default_factory=threading.Lock)

    def run(self) -> None:
        """Deal with every pending file; what cannot be read now stays pending.

        Raises:
            Unavailable: the database or the storage did not answer, or many files in a row could not be read.
        """
        with transaction(self.engine) as session:
            keys = self._files(session).pending_keys()
        done, failures = 0, 0
        pool = ThreadPoolExecutor(self.parallel, thread_name_prefix="sync")
        try:
            for file in self._outcomes(pool, keys):
                done += 1
                if file:
                    self.report.note(file)
                    failures = failures + 1 if file.outcome == "unreadable" else 0
                    if failures == _MOST_UNREADABLE:
                        raise Unavailable(
                            f"{failures} files in a row could not be read, the last one for this: {file.reason}",
                            advice="The next sync begins with the others.",
                        )
                self.on_file(done, len(keys), self.report)
        finally:
            # What has begun is waited for, so that it is dealt with rather than done again.
            pool.shutdown(cancel_futures=True)

    def _outcomes(self, pool: ThreadPoolExecutor, keys: Sequence[str]) -> Iterator[SyncedFile | None]:
        """What becomes of each pending file, as soon as that is known; None for one that vanished unseen."""
        under_way: set[Future[SyncedFile | None]] = set()
        for file in self._pending(keys):
            under_way.add(pool.submit(self._settle, file))
            # No more are begun than there are hands, so that a sync that is asked to end need not wait for long.
            if len(under_way) == self.parallel:
                ended, under_way = wait(under_way, return_when=FIRST_COMPLETED)
                yield from (future.result() for future in ended)
        while under_way:
            ended, under_way = wait(under_way, return_when=FIRST_COMPLETED)
            yield from (future.result() for future in ended)

    def _pending(self, keys: Sequence[str]) -> Iterator[SourceFile]:
        for start in range(0, len(keys), _PAGE):
            with transaction(self.engine) as session:
                page = self._files(session).pending(keys[start : start + _PAGE])
            yield from page

    def _settle(self, file: SourceFile) -> SyncedFile | None:
        with transaction(self.engine) as session:
            files = self._files(session)
            row = files.files([file.key]).get(file.key)
            if row and row.present and row.fingerprint == file.fingerprint:  # another process was faster
                files.claim(file)
                return _outcome(file, "unchanged")
        with self._large if file.size > _LARGE else nullcontext():
            try:
                check_file_size(file.size)
                data = self.source.read(file)
            except InvalidImage as refusal:
                return self._quarantine(file, None, refusal)
            except NotFound:
                with transaction(self.engine) as session:
                    files = self._files(session)
                    return _outcome(file, "removed") if files.claim(file) and files.forget([file.key]) else None
            except Unavailable as error:
                _log.warning("file_unreadable", role=self.role, key=file.key, reason=str(error))
                with transaction(self.engine) as session:
                    self._files(session).postpone(file)
                return _outcome(file, "unreadable", error)
            return self._take(file, data, row)

    def _take(self, file: SourceFile, data: bytes, row: SourceFileRow | None) -> SyncedFile:
        sha256 = hashlib.sha256(data).hexdigest()
        with transaction(self.engine) as session:
            is_kept = AssetRepository(session).find(self.role, sha256) is not None
        asset = None
        if not is_kept:
            try:
                asset = take_in(self.storage, self.hygiene, self.role, file.name, data, sha256)
            except InvalidImage as refusal:
                return self._quarantine(file, sha256, refusal)
        with transaction(self.engine) as session:
            assets, files = AssetRepository(session), self._files(session)
            if not files.claim(file):
                return _outcome(file, "unchanged")
            # Of two files with the same new content one comes first.
            is_new = asset is not None and assets.add(asset)
            kept = assets.row(self.role, sha256)
            assert kept
            files.record(file, sha256=sha256, asset_id=kept.id)
        if row and row.present:
            return _outcome(file, "unchanged" if row.asset_id == kept.id else "changed")
        if is_new:
            return _outcome(file, "added")
        return SyncedFile(file.key, file.name, "duplicates", f"The same picture came as '{kept.name}' before.")

    def _quarantine(self, file: SourceFile, sha256: str | None, refusal: InvalidImage) -> SyncedFile:
        with transaction(self.engine) as session:
            files = self._files(session)
            if not files.claim(file):
                return _outcome(file, "unchanged")
            files.record(file, sha256=sha256, reason=str(refusal))
        _log.warning("file_quarantined", role=self.role, key=file.key, reason=str(refusal))
        return _outcome(file, "quarantined", refusal)

    def _files(self, session: Session) -> SourceRepository:
        return SourceRepository(session, self.source.url, self.role)


def _outcome(file: SourceFile, outcome: Outcome, reason: StylegramError | None = None) -> SyncedFile:
    return SyncedFile(file.key, file.name, outcome, None if reason is None else str(reason))
