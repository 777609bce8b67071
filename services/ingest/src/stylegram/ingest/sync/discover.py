"""The first half of a sync: what the source says goes into tables, a page and a transaction at a time.

A page is kept together with what to ask the source next. A sync that is killed has forgotten nothing then: what it
was told and did not get to is pending, and the next one goes on.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime

import structlog
from sqlalchemy import Engine
from sqlalchemy.orm import Session

from stylegram.common.database import transaction
from stylegram.common.errors import ChangesLost, StylegramError
from stylegram.common.ports import Source, SourceFile, SourcePage
from stylegram.common.records import Role
from stylegram.ingest.source_repository import KnownFile, SourceRepository
from stylegram.ingest.sync.report import SyncedFile, SyncReport
from stylegram.ingest.tables import SourceFileRow

_log = structlog.get_logger(__name__)


class SyncRunning(StylegramError):
    """Another sync is under way; this one would only do the same work."""

    code = "sync-running"
    retryable = True


@dataclass
class Discovery:
    """Asks a source what it has, and keeps that.

    Args:
        source: the source.
        role: what its pictures are for.
        engine: the database.
        report: gets what needs no reading: the files that are gone; of a dry run, all that would be done.
        on_page: told after each page how many files there were so far.
    """

    source: Source
    role: Role
    engine: Engine
    report: SyncReport
    on_page: Callable[[int], None]
    _found: int = 0
    _to_read: dict[str, SyncedFile] = field(default_factory=dict)
    _gone: dict[tuple[str, str], SyncedFile] = field(default_factory=dict)

    def run(self, list_if_before: datetime | None) -> None:
        """Ask what changed, or for everything where that cannot be told.

        Args:
            list_if_before: ask for everything if that was last done before; None: in any case.
        """
        if self.report.dry_run:
            self._note_pending()
        with transaction(self.engine) as session:
            state = self._repository(session).state()
        if state is None or list_if_before is None or state.listed_at < list_if_before:
            self._list()
        else:
            try:
                self._follow(state.state)
            except ChangesLost as lost:
                _log.info("changes_lost", role=self.role, source=self.source.url, reason=str(lost))
                self._list()
        for file in self._gone.values():
            self.report.note(file)
        if self.report.dry_run:
            for file in self._to_read.values():
                self.report.note(file)
            with transaction(self.engine) as session:
                present = self._repository(session).count_present()
            gone = sum(source == self.source.url for source, _ in self._gone)
            self.report.count("unchanged", max(present - self.report.changed - gone, 0))

    def _list(self) -> None:
        self.report.listed = True
        here: set[str] = set()
        page = SourcePage()
        for page in self.source.listing():
            with self._keeping() as repository:
                # A file may come twice: the folder changes while it is listed.
                self._keep(repository, [file for file in page.files if file.key not in here])
            here.update(file.key for file in page.files)
            self._page_done(page)
        # Not before the end: if the listing breaks off, nothing is concluded from a part of it.
        with self._keeping() as repository:
            self._note_gone(repository.forget_all_but(here))
            if page.state is not None:
                repository.begin_state(page.state)

    def _follow(self, state: str) -> None:
        for page in self.source.changes(state):
            with self._keeping() as repository:
                self._keep(repository, page.files)
                self._note_gone(repository.forget(page.gone))
                if page.state is not None and not self.report.dry_run:
                    self._move_state(repository, state, page.state)
                    state = page.state
            self._page_done(page)

    def _move_state(self, repository: SourceRepository, before: str, after: str) -> None:
        if before != after and not repository.move_state(before, after):
            raise SyncRunning("Another process syncs the same source.", advice="Wait until it is done.")

    def _keep(self, repository: SourceRepository, files: Sequence[SourceFile]) -> None:
        """Whatever is not what was read is to be read."""
        known = repository.files([file.key for file in files])
        same = [file for file in files if file.key in known and known[file.key].fingerprint == file.fingerprint]
        repository.mark_seen((known[file.key].id, file.name) for file in same)
        repository.settle([file.key for file in same])
        same_keys = {file.key for file in same}
        others = {file.key: file for file in files if file.key not in same_keys}
        repository.put_off(others.values())
        for key in same_keys:
            self._to_read.pop(key, None)
        self._to_read |= _to_read(others.values(), known)

    def _note_gone(self, files: Iterable[KnownFile]) -> None:
        for file in files:
            self._to_read.pop(file.key, None)
            self._gone[file.source, file.key] = SyncedFile(file.key, file.name, "removed")

    def _note_pending(self) -> None:
        """What an earlier sync did not get to."""
        with transaction(self.engine) as session:
            repository = self._repository(session)
            pending = {file.key: file for file in repository.pending().values()}
            known = repository.files(pending)
        self._to_read = _to_read(pending.values(), known)

    def _page_done(self, page: SourcePage) -> None:
        self._found += len(page.files)
        self.on_page(self._found)

    @contextmanager
    def _keeping(self) -> Iterator[SourceRepository]:
        with transaction(self.engine) as session:
            yield self._repository(session)
            if self.report.dry_run:
                session.rollback()

    def _repository(self, session: Session) -> SourceRepository:
        return SourceRepository(session, self.source.url, self.role)


def _to_read(files: Iterable[SourceFile], known: Mapping[str, SourceFileRow]) -> dict[str, SyncedFile]:
    return {
        file.key: SyncedFile(
            file.key, file.name, "changed" if file.key in known and known[file.key].present else "added"
        )
        for file in files
    }
