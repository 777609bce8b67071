"""Every query about assets, and about the files for which there is none."""

from collections.abc import Collection

from sqlalchemy import ColumnElement, and_, exists, func, select, update
from sqlalchemy.orm import Session

from stylegram.common.clock import utcnow
from stylegram.common.records import AssetReference, Role
from stylegram.ingest.schemas import Asset, QuarantinedFile
from stylegram.ingest.tables import UPLOADS, AssetRow, SourceFileRow, insert_new

# A present file stands for the asset.
_STANDS = exists().where(SourceFileRow.asset_id == AssetRow.id, SourceFileRow.present)

_REFUSED = and_(SourceFileRow.reason.is_not(None), SourceFileRow.present)


class AssetRepository:
    """Assets and source files, in one transaction.

    Args:
        session: the transaction.
    """

    def __init__(self, session: Session) -> None:
        self._session = session

    def find(self, role: Role, sha256: str) -> int | None:
        """The id of the asset with that content."""
        return self._session.scalar(select(AssetRow.id).filter_by(role=role, sha256=sha256))

    def row(self, role: Role | None, sha256: str) -> AssetRow | None:
        """The asset with that content, of one role or of either, whether or not a source still has it."""
        query = select(AssetRow).filter_by(sha256=sha256).order_by(AssetRow.id).limit(1)
        return self._session.scalar(query if role is None else query.filter_by(role=role))

    def get(self, role: Role | None, sha256: str) -> Asset | None:
        """The same, for callers."""
        row = self.row(role, sha256)
        return None if row is None else _asset(row, self._sources([row.id]))

    def page(self, role: Role | None, limit: int, after: int | None) -> dict[int, Asset]:
        """The assets that a present file stands for, by id, newest first.

        Args:
            role: only of this one; None for both.
            limit: how many at most.
            after: the id of the asset before the page; None begins with the newest.
        """
        query = select(AssetRow).where(_STANDS).order_by(AssetRow.id.desc()).limit(limit)
        if role is not None:
            query = query.filter_by(role=role)
        if after is not None:
            query = query.where(AssetRow.id < after)
        rows = {row.id: row for row in self._session.scalars(query)}
        sources = self._sources(rows)
        return {id_: _asset(row, sources) for id_, row in rows.items()}

    def counts(self) -> dict[Role, int]:
        """How many assets of each role a present file stands for."""
        query = select(AssetRow.role, func.count()).where(_STANDS).group_by(AssetRow.role)
        return dict.fromkeys(Role, 0) | dict(self._session.execute(query).all())

    def add(self, asset: AssetRow) -> bool:
        """Keep the asset; False if it is there already, and stays as it is."""
        return insert_new(self._session, asset)

    def put_on_shelf(self, role: Role, sha256: str, name: str) -> None:
        """Have a present file stand for the asset that no source need have."""
        asset_id = self.find(role, sha256)
        row = SourceFileRow(
            source=UPLOADS,
            role=role,
            key=sha256,
            name=name,
            fingerprint=sha256,
            sha256=sha256,
            asset_id=asset_id,
            present=True,
            seen_at=utcnow(),
        )
        if not insert_new(self._session, row):
            on_shelf = {"present": True, "name": name, "seen_at": utcnow()}
            self._session.execute(update(SourceFileRow).where(_on_shelf(role, sha256)).values(**on_shelf))

    def take_off_shelf(self, role: Role, sha256: str) -> None:
        """The end of `put_on_shelf`."""
        self._session.execute(update(SourceFileRow).where(_on_shelf(role, sha256)).values(present=False))

    def candidates(self, role: Role) -> dict[int, AssetReference]:
        """The assets that a present file stands for, by id, oldest first."""
        rows = self._session.execute(
            select(AssetRow.id, AssetRow.sha256, AssetRow.object_name, AssetRow.name, AssetRow.features)
            .where(AssetRow.role == role, _STANDS)
            .order_by(AssetRow.id)
        )
        return {row.id: AssetReference.model_validate(row, from_attributes=True) for row in rows}

    def quarantine(self, limit: int | None = None) -> list[QuarantinedFile]:
        """The present files that are refused, by source and key; up to `limit` of them."""
        rows = self._session.scalars(
            select(SourceFileRow)
            .where(_REFUSED)
            .order_by(SourceFileRow.role, SourceFileRow.source, SourceFileRow.key)
            .limit(limit)
        )
        return [QuarantinedFile.model_validate(row, from_attributes=True) for row in rows]

    def quarantined(self) -> int:
        """How many these are."""
        return self._session.scalar(select(func.count()).select_from(SourceFileRow).where(_REFUSED)) or 0

    def _sources(self, ids: Collection[int]) -> dict[int, list[str]]:
        """The sources of the present files that stand for each asset."""
        query = select(AssetRow.id, SourceFileRow.source).join(SourceFileRow, SourceFileRow.asset_id == AssetRow.id)
        query = query.where(SourceFileRow.present, AssetRow.id.in_(list(ids))).distinct()
        found: dict[int, list[str]] = {}
        for asset_id, source in self._session.execute(query.order_by(SourceFileRow.source)):
            found.setdefault(asset_id, []).append(source)
        return found


def _asset(row: AssetRow, sources: dict[int, list[str]]) -> Asset:
    asset = Asset.model_validate(row, from_attributes=True)
    return asset.model_copy(update={"sources": tuple(sources.get(row.id, ()))})


def _on_shelf(role: Role, sha256: str) -> ColumnElement[bool]:
    return and_(SourceFileRow.source == UPLOADS, SourceFileRow.role == role, SourceFileRow.key == sha256)
