"""From bytes to a clean picture in storage, wherever they came from."""

from contextlib import suppress

from stylegram.common.clock import utcnow
from stylegram.common.errors import AlreadyExists
from stylegram.common.ports import Storage
from stylegram.common.records import Role
from stylegram.ingest import hygiene
from stylegram.ingest.tables import AssetRow


def take_in(storage: Storage, role: Role, name: str, data: bytes, sha256: str) -> AssetRow:
    """Clean the picture and store it; returns the row that is to be added once it is there.

    Args:
        storage: where clean pictures go, as `assets/{role}/{sha256}.png`.
        role: what the picture is for.
        name: its file's, for people.
        data: the file's bytes.
        sha256: their digest.

    Raises:
        InvalidImage: see `images.decode_image`; nothing was stored.
        Unavailable: the storage did not answer.
    """
    cleaned = hygiene.clean(data)
    object_name = f"assets/{role}/{sha256}.png"
    # Somebody who was killed before the commit has stored it already, or somebody does so at the same time.
    with suppress(AlreadyExists):
        storage.write(object_name, cleaned.data, content_type="image/png", metadata={"name": name})
    return AssetRow(
        role=role,
        sha256=sha256,
        object_name=object_name,
        name=name,
        width=cleaned.width,
        height=cleaned.height,
        format=cleaned.format,
        created_at=utcnow(),
    )
