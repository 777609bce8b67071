"""Every query about assets, and about the files for which there is none."""

from sqlalchemy import exists, select
from sqlalchemy.orm import Session

from stylegram.common.records import AssetReference, Role
from stylegram.ingest.schemas import Asset, QuarantinedFile
from stylegram.ingest.tables import AssetRow, SourceFileRow, insert_new

# A present file stands for the asset.
_STANDS = exists().where(SourceFileRow.asset_id == AssetRow.id, SourceFileRow.present)


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
        return None if row is None else Asset.model_validate(row, from_attributes=True)

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
        return {row.id: Asset.model_validate(row, from_attributes=True) for row in self._session.scalars(query)}

    def add(self, asset: AssetRow) -> bool:
        """Keep the asset; False if it is there already, and stays as it is."""
        return insert_new(self._session, asset)

    def candidates(self, role: Role) -> dict[int, AssetReference]:
        """The assets that a present file stands for, by id, oldest first."""
        rows = self._session.execute(
            select(AssetRow.id, AssetRow.sha256, AssetRow.object_name, AssetRow.name, AssetRow.features)
            .where(AssetRow.role == role, _STANDS)
            .order_by(AssetRow.id)
        )
        return {row.id: AssetReference.model_validate(row, from_attributes=True) for row in rows}

    def quarantine(self) -> list[QuarantinedFile]:
        """The present files that are refused, by source and key."""
        rows = self._session.scalars(
            select(SourceFileRow)
            .where(SourceFileRow.reason.is_not(None), SourceFileRow.present)
            .order_by(SourceFileRow.role, SourceFileRow.source, SourceFileRow.key)
        )
        return [QuarantinedFile.model_validate(row, from_attributes=True) for row in rows]
