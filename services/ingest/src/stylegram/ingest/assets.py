"""The pictures that jobs are made of, for callers."""

import hashlib
from dataclasses import dataclass
from pathlib import PurePath

from sqlalchemy import Engine

from stylegram.common.database import transaction
from stylegram.common.errors import NotFound, WrongState
from stylegram.common.ports import Storage
from stylegram.common.records import Role
from stylegram.common.schemas import Page
from stylegram.ingest.asset_repository import AssetRepository
from stylegram.ingest.cursors import asset_position, cursor_after_asset
from stylegram.ingest.hygiene import Hygiene
from stylegram.ingest.intake import LONGEST_NAME, take_in
from stylegram.ingest.schemas import Asset, QuarantinedFile
from stylegram.ingest.tables import UPLOADS


@dataclass(frozen=True, kw_only=True)
class Assets:
    """Clean pictures in storage.

    Args:
        engine: the database.
        storage: where they lie.
        hygiene: cleans what comes in.
    """

    engine: Engine
    storage: Storage
    hygiene: Hygiene

    def asset(self, role: Role, sha256: str) -> Asset:
        """The asset whose source bytes have that digest.

        Raises:
            NotFound: no such asset.
        """
        return self._asset(role, sha256)

    def find_asset(self, sha256: str) -> Asset:
        """The asset whose source bytes have that digest, whatever it is for.

        Raises:
            NotFound: no such asset.
        """
        return self._asset(None, sha256)

    def assets(self, role: Role | None = None, *, limit: int, cursor: str | None = None) -> Page[Asset]:
        """The pictures that the sources have, newest first, a page at a time.

        Args:
            role: only of this one; None for both.
            limit: how many on a page, at least 1.
            cursor: `next` of the page before; None for the first page.

        Raises:
            InvalidInput: the cursor is none of ours.
        """
        after = None if cursor is None else asset_position(cursor)
        with transaction(self.engine) as session:
            found = AssetRepository(session).page(role, limit + 1, after)
        ids = list(found)[:limit]
        return Page[Asset](
            items=[found[id_] for id_ in ids], next=cursor_after_asset(ids[-1]) if len(found) > limit else None
        )

    def asset_counts(self) -> dict[Role, int]:
        """How many pictures of each role the sources have."""
        with transaction(self.engine) as session:
            return AssetRepository(session).counts()

    def quarantine(self, limit: int | None = None) -> list[QuarantinedFile]:
        """The files that the sources have and Stylegram refuses, with the reasons; up to `limit` of them."""
        with transaction(self.engine) as session:
            return AssetRepository(session).quarantine(limit)

    def quarantine_count(self) -> int:
        """How many these are."""
        with transaction(self.engine) as session:
            return AssetRepository(session).quarantined()

    def upload(self, role: Role, name: str, data: bytes) -> Asset:
        """Keep a picture that comes from no source; the same bytes always give the same asset.

        It can be named in jobs, but is never chosen for one.

        Args:
            role: what the picture is for.
            name: its file's, for people.
            data: the file's bytes.

        Raises:
            InvalidImage: see `Hygiene.clean`; nothing was kept.
            Unavailable: the database or the storage did not answer, or hygiene has no process.
        """
        sha256 = hashlib.sha256(data).hexdigest()
        with transaction(self.engine) as session:
            if known := AssetRepository(session).get(role, sha256):
                return known
        row = take_in(self.storage, self.hygiene, role, _presentable(name), data, sha256)
        with transaction(self.engine) as session:
            AssetRepository(session).add(row)
        return self._asset(role, sha256)

    def put_into_library(self, role: Role, name: str, data: bytes) -> Asset:
        """The same, of a picture that is to be chosen for daily pictures too, as those of the sources are.

        Args:
            role: what the picture is for.
            name: its file's, for people.
            data: the file's bytes.

        Raises:
            InvalidImage: see `Hygiene.clean`; nothing was kept.
            Unavailable: see `upload`.
        """
        asset = self.upload(role, name, data)
        with transaction(self.engine) as session:
            AssetRepository(session).put_on_shelf(role, asset.sha256, _presentable(name))
        return self._asset(role, asset.sha256)

    def take_out_of_library(self, role: Role, sha256: str) -> None:
        """The end of `put_into_library`: it is not chosen any more, unless a source has it as well. It stays in
        storage, for jobs refer to it.

        Raises:
            NotFound: the library has no such picture.
            WrongState: nobody put it there: a source has it.
        """
        with transaction(self.engine) as session:
            assets = AssetRepository(session)
            asset = assets.get(role, sha256)
            if asset is None or not asset.sources:
                raise NotFound(
                    f"There is no {role} image {sha256[:12]}… in the library.",
                    advice="GET /v1/assets lists those there are.",
                )
            if UPLOADS not in asset.sources:
                raise WrongState(
                    f"'{asset.name}' is in the source {asset.sources[0]}, which would bring it again.",
                    advice="Remove the file there, then have Stylegram look for new pictures.",
                )
            assets.take_off_shelf(role, sha256)

    def _asset(self, role: Role | None, sha256: str) -> Asset:
        with transaction(self.engine) as session:
            asset = AssetRepository(session).get(role, sha256)
        if asset is None:
            raise NotFound(
                f"There is no {role or ''} image {sha256[:12]}….".replace("  ", " "),
                advice="Put the file into the source and sync, or upload it.",
            )
        return asset


def _presentable(name: str) -> str:
    """A file name as a stranger gave it, without folders and what databases and terminals choke on."""
    name = PurePath(name.replace("\\", "/")).name
    shown = "".join(character for character in name if character.isprintable()).strip()
    return shown[:LONGEST_NAME] or "unnamed"
