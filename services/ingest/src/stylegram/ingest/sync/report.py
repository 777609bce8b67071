"""What a sync has done, or, if it was only to look, would do."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Literal

from stylegram.common.records import Role
from stylegram.ingest.metrics import SYNC_FILES

Outcome = Literal["added", "changed", "unchanged", "duplicates", "quarantined", "unreadable", "removed"]

# Beyond that nobody reads them one by one.
_MOST_FILES = 1000


@dataclass(frozen=True)
class SyncedFile:
    """A file that a sync did something about.

    Args:
        key: what the source knows it by.
        name: its file name.
        outcome: what became of it.
        reason: why it is in quarantine or could not be read, or what it is a copy of.
    """

    key: str
    name: str
    outcome: Outcome
    reason: str | None = None


@dataclass
class SyncReport:
    """What a sync has done so far, in files.

    Args:
        role: what the pictures are for.
        dry_run: whether it only looks: then nothing is read, and new files count as added, others as changed.
        listed: whether everything was listed, instead of what changed.
        added: new pictures in storage.
        changed: another picture than at the last sync, under the same key.
        unchanged: same bytes as at the last sync; mostly not even read.
        duplicates: new files with content that another had brought already.
        quarantined: refused just now; `AssetRepository.quarantine` has all, with their reasons.
        unreadable: could not be read now; the next sync tries again.
        removed: no longer at the source, or in a source that the role had before.
        files: those that were not unchanged, one by one; the first thousand.
    """

    role: Role
    dry_run: bool = False
    listed: bool = False
    added: int = 0
    changed: int = 0
    unchanged: int = 0
    duplicates: int = 0
    quarantined: int = 0
    unreadable: int = 0
    removed: int = 0
    files: list[SyncedFile] = field(default_factory=list)

    def note(self, file: SyncedFile) -> None:
        """Something was done about that file; those that are unchanged are counted in the end."""
        if file.outcome == "unchanged":
            return
        if len(self.files) < _MOST_FILES:
            self.files.append(file)
        self.count(file.outcome, 1)

    def count(self, outcome: Outcome, files: int) -> None:
        """So many more files had this outcome."""
        setattr(self, outcome, getattr(self, outcome) + files)
        if not self.dry_run:
            SYNC_FILES.labels(self.role, outcome).inc(files)


OnFile = Callable[[int, int, SyncReport], None]
"""Told after each page that the source tells, when nothing is done yet, and after each file: how many are done, of how
many, and the report so far. What it raises ends the sync."""
