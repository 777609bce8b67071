"""How the newest sync stands, in the database: every replica can tell, and none begins another meanwhile."""

import os
import socket
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cache
from uuid import uuid4

from pydantic import TypeAdapter
from sqlalchemy import Engine, select, update

from stylegram.common.clock import utcnow
from stylegram.common.database import transaction
from stylegram.common.records import Role
from stylegram.ingest.sync import SyncReport, SyncRunning
from stylegram.ingest.tables import SyncRow, insert_new

SILENCE = timedelta(seconds=30)
"""A sync of which nothing was heard for so long has ended with its process."""

STOPPED = "The sync was asked to stop; the next one goes on."
"""What is said of one that its process ended; of one that died with it, the following."""
_DIED = "Its process ended before it was done; the next sync goes on."
_REPORTS = TypeAdapter(tuple[SyncReport, ...])
_ONLY = 1


@dataclass(frozen=True)
class SyncStatus:
    """How the sync that runs stands, or how the latest ended, whichever process runs it.

    Args:
        running: whether it goes on.
        started_at: when it began; null: there was none yet.
        finished_at: when it ended.
        role: what the pictures are for that it is at.
        done: files of that role that it has dealt with.
        total: of how many; while `done` is 0, the source may still be telling.
        reports: what it did to each source, in the order in which it takes them.
        problem: why it ended before its time.
    """

    running: bool = False
    started_at: datetime | None = None
    finished_at: datetime | None = None
    role: Role | None = None
    done: int = 0
    total: int = 0
    reports: tuple[SyncReport, ...] = ()
    problem: str | None = None

    @property
    def interrupted(self) -> bool:
        """Whether nothing but the end of its process ended it."""
        return self.problem in (STOPPED, _DIED)


@dataclass(frozen=True)
class SyncRecord:
    """The newest sync's row.

    Args:
        engine: the database.
    """

    engine: Engine

    def begin(self) -> SyncStatus:
        """A sync begins in this process.

        Raises:
            SyncRunning: one runs, here or elsewhere.
            Unavailable: the database did not answer.
        """
        now = utcnow()
        values = {"process": _this_process(), "started_at": now, "heard_at": now, "done": 0, "total": 0, "reports": []}
        nothing_yet = {"finished_at": None, "role": None, "problem": None}
        with transaction(self.engine) as session:
            row = session.scalar(select(SyncRow).with_for_update())
            if row is None:
                began = insert_new(session, SyncRow(id=_ONLY, **values))
            elif began := not _runs(row):
                session.execute(update(SyncRow).values(**values, **nothing_yet))
        if not began:
            raise SyncRunning("A sync is running.", advice="Wait until it is done.")
        return SyncStatus(running=True, started_at=now)

    def write(self, status: SyncStatus) -> None:
        """How the sync that began here stands; nothing, where another took its place.

        Raises:
            Unavailable: the database did not answer.
        """
        values = {
            "heard_at": utcnow(),
            "finished_at": status.finished_at,
            "role": status.role,
            "done": status.done,
            "total": status.total,
            "reports": _REPORTS.dump_python(status.reports, mode="json"),
            "problem": status.problem,
        }
        with transaction(self.engine) as session:
            session.execute(update(SyncRow).filter_by(started_at=status.started_at).values(**values))

    def read(self) -> SyncStatus:
        """How the newest sync stands; one whose process died has ended when that was last heard of.

        Raises:
            Unavailable: the database did not answer.
        """
        with transaction(self.engine) as session:
            row = session.scalar(select(SyncRow))
        if row is None:
            return SyncStatus()
        running = _runs(row)
        died = not running and row.finished_at is None
        return SyncStatus(
            running=running,
            started_at=row.started_at,
            finished_at=row.heard_at if died else row.finished_at,
            role=row.role,
            done=row.done,
            total=row.total,
            reports=_REPORTS.validate_python(row.reports),
            problem=_DIED if died else row.problem,
        )


def _runs(row: SyncRow) -> bool:
    return row.finished_at is None and utcnow() - row.heard_at < SILENCE and not _is_gone(row.process)


@cache
def _this_process() -> str:
    # The number alone says little: in a container every process is the first.
    return f"{socket.gethostname()}/{os.getpid()}/{uuid4()}"


def _is_gone(process: str) -> bool:
    """Whether the process is known to have ended: whoever killed one on this machine need not wait for the silence."""
    machine, number, _ = process.rsplit("/", 2)
    here, own_number, _ = _this_process().rsplit("/", 2)
    if machine != here or process == _this_process():
        return False
    if number == own_number:
        return True
    try:
        os.kill(int(number), 0)
    except ProcessLookupError:
        return True
    except PermissionError:
        pass
    return False
