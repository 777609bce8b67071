"""The first half of a sync: what the source says goes into tables, a page and a transaction at a time.

A page is kept together with what to ask the source next. A sync that is killed has forgotten nothing then: what it
was told and did not get to is pending, and the next one goes on.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta

import structlog
from sqlalchemy import Engine
from sqlalchemy.orm import Session

from stylegram.common.clock import utcnow
from stylegram.common.database import transaction
from stylegram.common.errors import ChangesLost, WrongState
from stylegram.common.ports import Source, SourceFile, SourcePage
from stylegram.common.records import Role
from stylegram.ingest.source_repository import KnownFile, SourceRepository
from stylegram.ingest.sync.report import SyncedFile, SyncReport
from stylegram.ingest.tables import SourceFileRow

_log = structlog.get_logger(__name__)


class SyncRunning(WrongState):
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
    _state: str | None = None
    _found: int = 0
    # By source and key: what is to become of each file that does not simply stay, as far as that can be told unread.
    _fates: dict[tuple[str, str], SyncedFile] = field(default_factory=dict)

    def run(self, list_after: timedelta | None) -> None:
        """Ask what changed, or for everything where that cannot be told.

        Args:
            list_after: ask for everything if that was last done so long ago; None: in any case.
        """
        if self.report.dry_run:
            self._note_pending()
        with transaction(self.engine) as session:
            row = self._repository(session).state()
        self._state = row.state if row else None
        # A clock that was set back has us list, too: else it may take years until that is long ago.
        if row is None or list_after is None or not timedelta(0) <= utcnow() - row.listed_at < list_after:
            self._list()
        else:
            try:
                self._follow(row.state)
            except ChangesLost as lost:
                _log.info("changes_lost", role=self.role, source=self.source.url, reason=str(lost))
                self._list()
        for file in self._fates.values():
            if self.report.dry_run or file.outcome == "removed":
                self.report.note(file)
        if self.report.dry_run:
            with transaction(self.engine) as session:
                present = self._repository(session).count_present()
            ours = Counter(file.outcome for (source, _), file in self._fates.items() if source == self.source.url)
            # Another sync may be at it.
            self.report.count("unchanged", max(present - ours["changed"] - ours["removed"] + ours["unchanged"], 0))

    def _list(self) -> None:
        self.report.listed = True
        here: set[str] = set()
        page = SourcePage()
        for page in self.source.listing():
            with self._keeping() as repository:
                self._check_place(repository)
                # A file may come twice: the folder changes while it is listed.
                self._keep(repository, [file for file in page.files if file.key not in here])
            here.update(file.key for file in page.files)
            self._page_done(page)
        # Not before the end: if the listing breaks off, nothing is concluded from a part of it.
        with self._keeping() as repository:
            self._check_place(repository)
            untold = [key for _, key in self._fates if key not in here]
            self._note_gone(untold, repository.forget_all_but(here))
            if page.state is None:
                repository.drop_state()
            else:
                repository.begin_state(page.state)

    def _follow(self, state: str) -> None:
        for page in self.source.changes(state):
            with self._keeping() as repository:
                self._check_place(repository)
                self._keep(repository, page.files)
                self._note_gone(page.gone, repository.forget(page.gone))
                if page.state is not None and page.state != self._state:
                    repository.move_state(page.state)
            if not self.report.dry_run:
                self._state = page.state or self._state
            self._page_done(page)

    def _check_place(self, repository: SourceRepository) -> None:
        """Stop where another process has gone on meanwhile: what we were told may be older than what it was told."""
        row = repository.state(for_update=True)
        if (row.state if row else None) != self._state:
            raise SyncRunning("Another process syncs the same source.", advice="Wait until it is done.")

    def _keep(self, repository: SourceRepository, files: Sequence[SourceFile]) -> None:
        """Whatever is not what was read is to be read."""
        known = repository.files([file.key for file in files])
        same = [file for file in files if file.key in known and known[file.key].fingerprint == file.fingerprint]
        same_keys = {file.key for file in same}
        others = {file.key: file for file in files if file.key not in same_keys}
        self._foresee(files, known)
        # In this order everywhere, first what is pending: two transactions that take turns could wait for each other.
        repository.settle(same_keys)
        repository.put_off(others.values())
        repository.mark_seen((known[file.key].id, file.name) for file in same)

    def _foresee(self, files: Iterable[SourceFile], known: Mapping[str, SourceFileRow]) -> None:
        for file in files:
            row = known.get(file.key)
            was_there = row is not None and row.present
            if row is None or row.fingerprint != file.fingerprint:
                fate = SyncedFile(file.key, file.name, "changed" if was_there else "added")
            else:
                fate = SyncedFile(file.key, file.name, "unchanged")
                if was_there:
                    self._fates.pop((self.source.url, file.key), None)
                    continue
            self._fates[self.source.url, file.key] = fate

    def _note_gone(self, keys: Iterable[str], files: Iterable[KnownFile]) -> None:
        """These keys are not there any more; these files of them, and of other sources, had been read."""
        for key in keys:
            fate = self._fates.get((self.source.url, key))
            if fate and fate.outcome != "removed":
                del self._fates[self.source.url, key]
        for file in files:
            self._fates[file.source, file.key] = SyncedFile(file.key, file.name, "removed")

    def _note_pending(self) -> None:
        """What an earlier sync did not get to."""
        with transaction(self.engine) as session:
            repository = self._repository(session)
            pending = repository.pending(repository.pending_keys())
            self._foresee(pending, repository.files([file.key for file in pending]))

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
