"""Syncs of all sources, for callers: one at a time, with its progress to be seen from elsewhere."""

import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import timedelta

import structlog
from sqlalchemy import Engine

from stylegram.common.clock import utcnow
from stylegram.common.errors import ConfigurationError, Interrupted, NotFound, StylegramError, Unavailable
from stylegram.common.ports import Source, Storage
from stylegram.common.records import Role
from stylegram.ingest.hygiene import Hygiene
from stylegram.ingest.source_words import SourceDescription, SourceWords
from stylegram.ingest.sync import OnFile, SyncReport, SyncRunning, sync
from stylegram.ingest.sync_record import SILENCE, STOPPED, SyncRecord, SyncStatus

__all__ = ["SyncStatus", "Syncs"]

_log = structlog.get_logger(__name__)

# Between two words to the database about a sync that runs.
_TELL_SECONDS = 1.0


@dataclass
class _Progress:
    """How the sync of this process stands: what changes, in a service that does not."""

    status: SyncStatus = field(default_factory=SyncStatus)


@dataclass(frozen=True, kw_only=True)
class Syncs:
    """The sources, and what is done about them.

    Args:
        engine: the database.
        storage: where clean pictures go.
        hygiene: cleans them.
        sources: each role's source.
        parallel: files that are dealt with at once.
        full_after: how long to ask sources only what changed, where they can tell.
    """

    engine: Engine
    storage: Storage
    hygiene: Hygiene
    sources: Mapping[Role, Source]
    parallel: int = 6
    full_after: timedelta = timedelta(days=1)
    _sync_lock: threading.Lock = field(default_factory=threading.Lock, repr=False, compare=False)
    _sync_progress: _Progress = field(default_factory=_Progress, repr=False, compare=False)
    _source_words: SourceWords = field(default_factory=SourceWords, repr=False, compare=False)
    _sync_end: threading.Event = field(default_factory=threading.Event, repr=False, compare=False)

    def sync_all(
        self, on_file: OnFile | None = None, *, full: bool = False, dry_run: bool = False
    ) -> dict[Role, SyncReport]:
        """Sync the photographs, then the paintings; see `sync.sync`.

        Raises:
            SyncRunning: the one before has not ended.
            Interrupted: by `end_sync`.
        """
        self._begin_sync()
        return self._sync(on_file, full=full, dry_run=dry_run)

    def start_sync(self, *, full: bool = False, dry_run: bool = False) -> SyncStatus:
        """Begin the same in a thread of its own, and tell how it stands.

        Raises:
            SyncRunning: the one before has not ended.
            Interrupted: `end_sync` was called.
        """
        self._begin_sync()

        def run() -> None:
            try:
                self._sync(None, full=full, dry_run=dry_run)
            except Interrupted:
                pass
            except StylegramError as error:  # whoever asks is told
                _log.warning("sync_failed", reason=str(error))
            except Exception:
                _log.exception("sync_failed")

        threading.Thread(target=run, name="sync", daemon=True).start()
        return self.sync_status

    def sync_periodically(self, stop: threading.Event, pause: float) -> None:
        """Sync, wait, and again; a source that is away is asked again next time.

        Args:
            stop: set it to end, between two files too.
            pause: seconds between two syncs.
        """

        def stop_between_files(_done: int, _total: int, _report: SyncReport) -> None:
            if stop.is_set():
                raise _ended()

        while not stop.is_set():
            try:
                self.sync_all(stop_between_files)
            except Interrupted:
                pass
            except SyncRunning:
                # Elsewhere, or in a process that was killed a moment ago: that is known soon.
                stop.wait(min(pause, SILENCE.total_seconds()))
                continue
            except StylegramError as error:
                _log.warning("sync_failed", reason=str(error))
            except Exception:  # a defect over one file is no reason to serve nobody
                _log.exception("sync_failed")
            stop.wait(pause)

    def describe_source(self, role: Role) -> SourceDescription:
        """The role's source in words; see `SourceWords.of`."""
        return self._source_words.of(self.sources[role])

    def end_sync(self) -> None:
        """Have the sync that runs end after the files at hand, and wait for it; none begins any more."""
        self._sync_end.set()
        with self._sync_lock:
            pass

    @property
    def syncing(self) -> bool:
        """Whether a sync is under way, in whichever process."""
        return self.sync_status.running

    @property
    def sync_status(self) -> SyncStatus:
        """How the sync that runs stands, or how the latest ended, in whichever process.

        Raises:
            Unavailable: the database did not answer.
        """
        own = self._sync_progress.status
        return own if own.running else SyncRecord(self.engine).read()

    def _begin_sync(self) -> None:
        if not self._sync_lock.acquire(blocking=False):
            raise SyncRunning("A sync is running.", advice="Wait until it is done.")
        try:
            if self._sync_end.is_set():
                raise _ended()
            self._sync_progress.status = SyncRecord(self.engine).begin()
        except BaseException:
            self._sync_lock.release()
            raise

    @contextmanager
    def _telling_of_sync(self) -> Iterator[None]:
        """Have the database know how the sync stands, and that its process lives: a single file may take minutes."""
        ended = threading.Event()

        def tell() -> None:
            while not ended.wait(_TELL_SECONDS):
                self._tell_of_sync(self._sync_progress.status)

        thread = threading.Thread(target=tell, name="sync-record", daemon=True)
        thread.start()
        try:
            yield
        finally:
            ended.set()
            thread.join()

    def _tell_of_sync(self, status: SyncStatus) -> None:
        try:
            SyncRecord(self.engine).write(status)
        except StylegramError as error:  # whatever the sync itself wants of the database says so to whoever asked
            _log.warning("sync_not_told", reason=str(error))

    def _sync(self, on_file: OnFile | None, *, full: bool, dry_run: bool) -> dict[Role, SyncReport]:
        progress, reports, begun = self._sync_progress, dict[Role, SyncReport](), dict[Role, SyncReport]()

        def note(done: int, total: int, report: SyncReport) -> None:
            begun[report.role] = report
            progress.status = replace(
                progress.status, role=report.role, done=done, total=total, reports=tuple(begun.values())
            )
            if self._sync_end.is_set():
                raise _ended()
            if on_file:
                on_file(done, total, report)

        problem: BaseException | None = None
        try:
            with self._telling_of_sync():
                for role, source in self.sources.items():
                    try:
                        begun[role] = reports[role] = sync(
                            source,
                            role,
                            engine=self.engine,
                            storage=self.storage,
                            hygiene=self.hygiene,
                            parallel=self.parallel,
                            full_after=self.full_after,
                            full=full,
                            dry_run=dry_run,
                            on_file=note,
                        )
                    except (NotFound, Unavailable, ConfigurationError) as error:
                        # Paintings come in though the photographs' folder is away.
                        problem = problem or error
                if problem:
                    raise problem
        except BaseException as error:
            problem = error
            raise
        finally:
            # What was done before the end came is worth knowing too.
            words = _words(problem) if problem else None
            status = replace(
                progress.status, running=False, finished_at=utcnow(), reports=tuple(begun.values()), problem=words
            )
            self._tell_of_sync(status)
            progress.status = status
            self._sync_lock.release()
        return reports


def _words(problem: BaseException) -> str:
    match problem:
        case StylegramError():
            return str(problem)
        case Exception():
            # What a defect says of itself is for the log: it may have addresses and passwords in it.
            return "This is a defect in Stylegram; its log tells more."
        case _:  # as Ctrl-C is
            return str(_ended())


def _ended() -> Interrupted:
    return Interrupted(STOPPED)
