"""Every query about what a role's source has: the files that were read, those that are to be, and how far we are."""

from collections.abc import Collection, Iterable, Iterator, Sequence
from typing import Any, NamedTuple, TypeVar

from sqlalchemy import delete, func, select, update
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Session

from stylegram.common.clock import utcnow
from stylegram.common.ports import SourceFile
from stylegram.common.records import Role
from stylegram.ingest.tables import UPLOADS, PendingFileRow, SourceFileRow, SourceStateRow, insert_new

# PostgreSQL takes 65,535 parameters in a statement, SQLite 32,766.
_MOST_PARAMETERS = 1000

_T = TypeVar("_T")
_Row = TypeVar("_Row", PendingFileRow, SourceFileRow)


class KnownFile(NamedTuple):
    """What is needed of a file that a source had."""

    id: int
    source: str
    key: str
    name: str


class SourceRepository:
    """One source of a role, in one transaction.

    Args:
        session: the transaction.
        source: URL of the source.
        role: what its pictures are for.
    """

    def __init__(self, session: Session, source: str, role: Role) -> None:
        self._session = session
        self._source = source
        self._role = role
        self._identity: dict[str, Any] = {"source": source, "role": role}

    def state(self, *, for_update: bool = False) -> SourceStateRow | None:
        """From where the source is to be asked what changed; None: it is to list everything.

        Args:
            for_update: whether others wait who would change it, until this transaction ends.
        """
        query = select(SourceStateRow).filter_by(**self._identity)
        return self._session.scalar(query.with_for_update() if for_update else query)

    def begin_state(self, state: str) -> None:
        """Everything was listed, and this is from where to ask what changed."""
        listed = {"state": state, "listed_at": utcnow()}
        if not insert_new(self._session, SourceStateRow(**self._identity, **listed)):
            self._session.execute(update(SourceStateRow).filter_by(**self._identity).values(**listed))

    def drop_state(self) -> None:
        """Everything was listed, and what changes cannot be told."""
        self._session.execute(delete(SourceStateRow).filter_by(**self._identity))

    def move_state(self, state: str) -> None:
        """What came before this has been dealt with."""
        self._session.execute(update(SourceStateRow).filter_by(**self._identity).values(state=state))

    def files(self, keys: Collection[str]) -> dict[str, SourceFileRow]:
        """Those of the files that were read before, by key."""
        return self._rows(SourceFileRow, keys)

    def count_present(self) -> int:
        """How many files that were read the source still has."""
        query = select(func.count()).select_from(SourceFileRow).filter_by(**self._identity, present=True)
        return self._session.scalar(query) or 0

    def record(
        self, file: SourceFile, *, sha256: str | None, asset_id: int | None = None, reason: str | None = None
    ) -> None:
        """Keep what a file turned out to be: an asset, or refused for a reason."""
        identity = {**self._identity, "key": file.key}
        found = {
            "name": file.name,
            "fingerprint": file.fingerprint,
            "sha256": sha256,
            "asset_id": asset_id,
            "reason": reason,
            "present": True,
            "seen_at": utcnow(),
        }
        if not insert_new(self._session, SourceFileRow(**identity, **found)):
            self._session.execute(update(SourceFileRow).filter_by(**identity).values(**found))

    def mark_seen(self, names: Iterable[tuple[int, str]]) -> None:
        """Files, by id, that are at their source, under these names; they need not be read."""
        if rows := [{"id": id_, "name": name, "present": True, "seen_at": utcnow()} for id_, name in names]:
            self._session.execute(update(SourceFileRow), rows)

    def put_off(self, files: Collection[SourceFile]) -> None:
        """These files are to be read."""
        if rows := [
            {**self._identity, "key": file.key, "name": file.name, "fingerprint": file.fingerprint, "size": file.size}
            for file in files
        ]:
            # One statement for a page of a listing: a savepoint for each file would take longer than the listing.
            on_sqlite = self._session.get_bind().dialect.name == "sqlite"
            insert = (sqlite if on_sqlite else postgresql).insert(PendingFileRow)
            told = {name: insert.excluded[name] for name in ("name", "fingerprint", "size")}
            upsert = insert.on_conflict_do_update(index_elements=("source", "role", "key"), set_=told)
            self._session.execute(upsert, rows)

    def claim(self, file: SourceFile) -> bool:
        """The file was read, and is pending no more.

        False if it is not pending as it was read: another process has dealt with it, or the source has told since that
        it is another by now, or gone. What was read says nothing then.
        """
        pending = delete(PendingFileRow).filter_by(**self._identity, key=file.key, fingerprint=file.fingerprint)
        return self._session.scalar(pending.returning(PendingFileRow.id)) is not None

    def postpone(self, file: SourceFile) -> None:
        """The file could not be read: others go first, so that many such do not keep the sync from them for ever."""
        pending = update(PendingFileRow).filter_by(**self._identity, key=file.key, fingerprint=file.fingerprint)
        self._session.execute(pending.values(failures=PendingFileRow.failures + 1))

    def settle(self, keys: Collection[str]) -> None:
        """These files need not be read any more."""
        for some in _portions(keys):
            where = delete(PendingFileRow).filter_by(**self._identity).where(PendingFileRow.key.in_(some))
            self._session.execute(where)

    def forget(self, keys: Collection[str]) -> Sequence[KnownFile]:
        """These files are no longer at the source; those of them that were.

        What is known of them stays, for they may come back.
        """
        self.settle(keys)
        known = self.files(keys).values()
        return self._mark_gone([KnownFile(row.id, row.source, row.key, row.name) for row in known if row.present])

    def forget_all_but(self, keys: Collection[str]) -> Sequence[KnownFile]:
        """The same for every other file of the role, whatever source it was in, and for what those sources said.

        What was put into the library by hand stays: no source lists it.
        """
        here = set(keys)

        def elsewhere(table: type[PendingFileRow | SourceFileRow], **conditions: object) -> list[KnownFile]:
            columns = select(table.id, table.source, table.key, table.name).filter_by(role=self._role, **conditions)
            columns = columns.where(table.source != UPLOADS)
            files = map(KnownFile._make, self._session.execute(columns))
            return [file for file in files if file.source != self._source or file.key not in here]

        for some in _portions([file.id for file in elsewhere(PendingFileRow)]):
            self._session.execute(delete(PendingFileRow).where(PendingFileRow.id.in_(some)))
        of_others = delete(SourceStateRow).filter_by(role=self._role).where(SourceStateRow.source != self._source)
        self._session.execute(of_others)
        return self._mark_gone(elsewhere(SourceFileRow, present=True))

    def count_settled(self) -> int:
        """How many of these need not be read again."""
        pending = select(PendingFileRow.id).filter_by(**self._identity).where(PendingFileRow.key == SourceFileRow.key)
        query = select(func.count()).select_from(SourceFileRow).filter_by(**self._identity, present=True)
        return self._session.scalar(query.where(~pending.exists())) or 0

    def pending_keys(self) -> Sequence[str]:
        """The files that are to be read, in the order in which the source told of them; hopeless ones come last."""
        query = select(PendingFileRow.key).filter_by(**self._identity)
        return self._session.scalars(query.order_by(PendingFileRow.failures, PendingFileRow.id)).all()

    def pending(self, keys: Collection[str]) -> list[SourceFile]:
        """Those of the files that are to be read, in the order of the keys."""
        rows = self._rows(PendingFileRow, keys)
        found = (rows[key] for key in keys if key in rows)
        return [SourceFile(row.key, row.name, row.fingerprint, row.size) for row in found]

    def _rows(self, table: type[_Row], keys: Collection[str]) -> dict[str, _Row]:
        query = select(table).filter_by(**self._identity)
        return {
            row.key: row for some in _portions(keys) for row in self._session.scalars(query.where(table.key.in_(some)))
        }

    def _mark_gone(self, files: Sequence[KnownFile]) -> Sequence[KnownFile]:
        if files:
            self._session.execute(update(SourceFileRow), [{"id": file.id, "present": False} for file in files])
        return files


def _portions(values: Collection[_T]) -> Iterator[list[_T]]:
    rest = list(values)
    for start in range(0, len(rest), _MOST_PARAMETERS):
        yield rest[start : start + _MOST_PARAMETERS]
