"""What Drive says of a file, a folder or a shortcut."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from stylegram.common.ports import SourceFile
from stylegram.ingest.sources.names import could_be_picture

ITEM_FIELDS = (
    "id,name,mimeType,size,md5Checksum,modifiedTime,parents,trashed,driveId,resourceKey,ownedByMe,sharedWithMeTime,"
    "shortcutDetails(targetId,targetMimeType,targetResourceKey)"
)
"""What has to be asked for, since Drive leaves out everything else."""

# Documents, forms, maps: what is of these types has no bytes.
_NATIVE = "application/vnd.google-apps."
_FOLDER = f"{_NATIVE}folder"
_SHORTCUT = f"{_NATIVE}shortcut"


@dataclass(frozen=True)
class Shortcut:
    """Where a shortcut leads.

    Args:
        target: id.
        resource_key: the target's, if it has one.
        is_folder: whether the target is a folder.
        is_file: whether the target has bytes.
    """

    target: str
    resource_key: str | None
    is_folder: bool
    is_file: bool


@dataclass(frozen=True)
class Item:
    """A file, a folder or a shortcut.

    Args:
        id: unique in all of Drive.
        name: anything, not unique even in a folder.
        parents: ids of the folders that it is in; empty where we may not see them.
        drive: id of the shared drive that it is in; empty in anybody's My Drive.
        trashed: whether it or a folder above it is in the trash.
        resource_key: what whoever has it by link only has to show beside its id.
        is_ours: whether it belongs to us or was shared with us by name, itself and not by a folder above it; False for
            what lies in a shared drive.
        is_folder: whether it is one.
        shortcut: where it leads, if it is one.
        file: it, as sources describe files; None for what could not be a picture.
    """

    id: str
    name: str
    parents: frozenset[str]
    drive: str
    trashed: bool
    resource_key: str | None
    is_ours: bool
    is_folder: bool
    shortcut: Shortcut | None
    file: SourceFile | None


def read_item(found: Mapping[str, Any]) -> Item:
    """The item that Drive describes so, with `ITEM_FIELDS`."""
    kind = str(found.get("mimeType", ""))
    details = found.get("shortcutDetails") if kind == _SHORTCUT else None
    return Item(
        id=found["id"],
        name=_name(found),
        parents=frozenset(found.get("parents", ())),
        drive=found.get("driveId", ""),
        trashed=found.get("trashed", False),
        resource_key=found.get("resourceKey"),
        is_ours=found.get("ownedByMe", False) or "sharedWithMeTime" in found,
        is_folder=kind == _FOLDER,
        shortcut=_read_shortcut(details) if details and "targetId" in details else None,
        file=_read_file(found) if not kind.startswith(_NATIVE) else None,
    )


def _name(found: Mapping[str, Any]) -> str:
    # JSON can have half a character in it (a lone surrogate), which no database and no log takes.
    return str(found.get("name", "")).encode(errors="replace").decode()


def _read_shortcut(details: Mapping[str, Any]) -> Shortcut:
    kind = str(details.get("targetMimeType", ""))
    return Shortcut(
        details["targetId"], details.get("targetResourceKey"), kind == _FOLDER, not kind.startswith(_NATIVE)
    )


def _read_file(found: Mapping[str, Any]) -> SourceFile | None:
    name = _name(found)
    if "size" not in found or not could_be_picture(name):
        return None
    size = int(found["size"])
    content = f"md5:{found['md5Checksum']}" if "md5Checksum" in found else f"time:{found.get('modifiedTime', '')}"
    return SourceFile(key=found["id"], name=name, fingerprint=f"{content}:{size}", size=size)


def md5_of(file: SourceFile) -> str | None:
    """The digest of the file's bytes, in hexadecimal, where Drive told it.

    >>> md5_of(SourceFile("1aB2", "a.jpg", "md5:900150983cd24fb0d6963f7d28e17f72:3", 3))
    '900150983cd24fb0d6963f7d28e17f72'
    """
    kind, digest, *_ = file.fingerprint.split(":")
    return digest if kind == "md5" else None
