"""From bytes to a clean picture in storage, wherever they came from."""

from contextlib import suppress

from stylegram.common.clock import utcnow
from stylegram.common.errors import AlreadyExists
from stylegram.common.ports import Storage
from stylegram.common.records import PictureFeatures, Role
from stylegram.ingest.hygiene import Hygiene
from stylegram.ingest.tables import AssetRow

# As long as a file's name is on most machines; some sources set no limit, and buckets take a few thousand bytes.
LONGEST_NAME = 255


def take_in(storage: Storage, hygiene: Hygiene, role: Role, name: str, data: bytes, sha256: str) -> AssetRow:
    """Clean the picture and store it; returns the row that is to be added once it is there.

    Args:
        storage: where clean pictures go, as `assets/{role}/{sha256}.png`.
        hygiene: cleans it.
        role: what the picture is for.
        name: its file's, for people; the beginning of one that is very long is kept.
        data: the file's bytes.
        sha256: their digest.

    Raises:
        InvalidImage: see `Hygiene.clean`; nothing was stored.
        Unavailable: the storage did not answer, or hygiene has no process.
    """
    name = name[:LONGEST_NAME]
    # What is up in a painting, a judge of photographs does not know.
    cleaned = hygiene.clean(data, judge_orientation=role is Role.CONTENT)
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
        turned=cleaned.turned,
        features=PictureFeatures(**cleaned.features).model_dump(),
        created_at=utcnow(),
    )
