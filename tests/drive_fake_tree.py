"""What lies in a fake Google Drive, and the record of what happened to it."""

import hashlib
import itertools
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from threading import RLock
from typing import Any

NATIVE = "application/vnd.google-apps."
FOLDER = f"{NATIVE}folder"
SHORTCUT = f"{NATIVE}shortcut"
_BIRTH = datetime(2026, 1, 1, tzinfo=UTC)

Content = bytes | Callable[[], bytes]
"""Bytes, or what makes them each time they are asked for, so that thousands of files need no memory."""


@dataclass
class Node:
    """A file, a folder, a shortcut or a document."""

    id: str
    number: int
    name: str
    kind: str
    parent: str | None
    drive: str | None = None
    content: Content | None = None
    md5: str | None = None
    size: int | None = None
    version: int = 1
    trashed: bool = False
    target: str | None = None
    resource_key: str | None = None
    visible: bool = True
    """Whether it is shared with whoever asks."""
    by_link_only: bool = False
    """Whether anybody who knows its id, and shows its resource key if it has one, may see it, and it is not ours."""
    shared_with_us: bool = False
    """Whether it is somebody else's, who shared it with us by name; also what is in it is theirs then."""
    refusal: str | None = None
    """Why its bytes are not given: cannotDownloadFile, and so on."""
    children: dict[str, None] = field(default_factory=dict)

    def bytes(self) -> bytes:
        assert self.content is not None
        return self.content if isinstance(self.content, bytes) else self.content()


@dataclass(frozen=True)
class Happening:
    """That something became of a node, and in whose lists of changes it stands: drives' ids, None for one's own."""

    node: str
    lists: frozenset[str | None]


class DriveTree:
    """A Drive of one user's, with the shared drives that the user is a member of, and those of others.

    The root is "root", as in Drive its alias is; what is put nowhere else lies there.
    """

    def __init__(self) -> None:
        self.lock = RLock()
        self.nodes: dict[str, Node] = {}
        self.members: dict[str, bool] = {}
        self.happenings: list[Happening] = []
        self._numbers = itertools.count(1)
        self.root = self._add("My Drive", FOLDER, None, node_id="0AroOtOfMyDrive").id

    def add_drive(self, name: str, *, member: bool = True) -> str:
        """A shared drive: its id is that of its root folder."""
        drive = self._add(name, FOLDER, None, node_id=f"0Drive{next(self._numbers)}")
        drive.drive = drive.id
        drive.visible = member
        self.members[drive.id] = member
        return drive.id

    def add_folder(self, name: str, parent: str | None = None, **more: Any) -> str:
        return self._add(name, FOLDER, parent or self.root, **more).id

    def add_file(self, name: str, content: Content, parent: str | None = None, *, md5: bool = True, **more: Any) -> str:
        data = content if isinstance(content, bytes) else content()
        digest = hashlib.md5(data).hexdigest() if md5 else None
        more = {"kind": "image/jpeg", **more}
        return self._add(name, parent=parent or self.root, content=content, md5=digest, size=len(data), **more).id

    def add_doc(self, name: str, parent: str | None = None, kind: str = "document") -> str:
        # It has a size and yet no bytes.
        return self._add(name, NATIVE + kind, parent or self.root, size=1024).id

    def add_shortcut(self, name: str, target: str, parent: str | None = None) -> str:
        return self._add(name, SHORTCUT, parent or self.root, target=target).id

    def rename(self, node: str, name: str) -> None:
        with self.lock:
            self.nodes[node].name = name
            self._happen(node)

    def replace(self, node: str, content: Content) -> None:
        with self.lock:
            found = self.nodes[node]
            data = content if isinstance(content, bytes) else content()
            found.content, found.size, found.version = content, len(data), found.version + 1
            found.md5 = hashlib.md5(data).hexdigest() if found.md5 else None
            self._happen(node)

    def touch(self, node: str) -> None:
        """Change nothing that anybody would care for, as when somebody else gets to see it."""
        self._happen(node)

    def move(self, node: str, parent: str) -> None:
        """One change, also for a folder: nothing is said of what is in it."""
        with self.lock:
            found = self.nodes[node]
            before = self._lists(found)
            if found.parent:
                del self.nodes[found.parent].children[node]
            found.parent = parent
            self.nodes[parent].children[node] = None
            for below in self._below(node):
                below.drive = self.nodes[parent].drive
            self._happen(node, before)

    def trash(self, node: str) -> None:
        with self.lock:
            self.nodes[node].trashed = True
            self._happen(node)

    def untrash(self, node: str) -> None:
        with self.lock:
            self.nodes[node].trashed = False
            self._happen(node)

    def delete(self, node: str) -> None:
        """For good, with all that is in it; each of them is a change."""
        with self.lock:
            for below in [found.id for found in self._below(node)]:
                found = self.nodes.pop(below)
                if found.parent in self.nodes:
                    self.nodes[found.parent].children.pop(below, None)
                self.happenings.append(Happening(below, self._lists(found)))

    def show(self, node: str, visible: bool) -> None:
        """Share it with the user, or do so no longer."""
        with self.lock:
            for below in self._below(node):
                below.visible = visible
            self._happen(node)

    def is_trashed(self, node: Node) -> bool:
        return node.trashed or (node.parent in self.nodes and self.is_trashed(self.nodes[node.parent]))

    def describe(self, node: Node) -> dict[str, Any]:
        """All that Drive could say of it."""
        said: dict[str, Any] = {
            "kind": "drive#file",
            "id": node.id,
            "name": node.name,
            "mimeType": node.kind,
            "trashed": self.is_trashed(node),
            "createdTime": f"{_BIRTH:%Y-%m-%dT%H:%M:%S}.000Z",
            "modifiedTime": f"{_BIRTH + timedelta(seconds=node.version):%Y-%m-%dT%H:%M:%S}.000Z",
            "capabilities": {"canDownload": node.refusal is None},
        }
        above = self.nodes.get(node.parent or "")
        sees_parent = above is not None and above.visible and self._is_ours(above) == self._is_ours(node)
        if sees_parent:
            said["parents"] = [node.parent]
        if not node.drive:
            said["ownedByMe"] = self._is_ours(node)
        if node.shared_with_us or (node.drive and not self.members[node.drive] and not sees_parent):
            said["sharedWithMeTime"] = f"{_BIRTH:%Y-%m-%dT%H:%M:%S}.000Z"
        perhaps = {
            "driveId": node.drive,
            "resourceKey": node.resource_key,
            "md5Checksum": node.md5,
            "size": None if node.size is None else str(node.size),
        }
        said |= {name: value for name, value in perhaps.items() if value is not None}
        if node.target:
            said["shortcutDetails"] = {"targetId": node.target}
            if target := self.nodes.get(node.target):
                said["shortcutDetails"]["targetMimeType"] = target.kind
                if target.resource_key:
                    said["shortcutDetails"]["targetResourceKey"] = target.resource_key
        return said

    def changes(self, begin: int, feed: str | None, count: int) -> tuple[list[str], int | None]:
        """Ids of what something happened to, each once, at its last time; and where the rest begins."""
        last = Counter[str]()
        ours = [(at, h.node) for at, h in enumerate(self.happenings) if at >= begin and feed in h.lists]
        last.update({node: at for at, node in ours})
        ours = [(at, node) for at, node in ours if last[node] == at]
        return [node for _, node in ours[:count]], ours[count][0] if len(ours) > count else None

    def _add(self, name: str, kind: str, parent: str | None, node_id: str = "", **more: Any) -> Node:
        with self.lock:
            number = next(self._numbers)
            node = Node(
                node_id or f"1-{number:05}_{hashlib.sha1(str(number).encode()).hexdigest()[:24]}",
                number,
                name,
                kind,
                parent,
                **more,
            )
            self.nodes[node.id] = node
            if parent:
                above = self.nodes[parent]
                above.children[node.id] = None
                node.drive = above.drive
                node.visible = more.get("visible", above.visible)
                self._happen(node.id)
            return node

    def _below(self, node: str) -> Iterable[Node]:
        yield self.nodes[node]
        for child in list(self.nodes[node].children):
            yield from self._below(child)

    def is_told_to_nobody(self, node: Node) -> bool:
        """Drive tells of what is ours or was shared with us, but not of what anybody may see."""
        above = list(self._above(node))
        return any(found.by_link_only for found in above) and not any(found.shared_with_us for found in above)

    def _is_ours(self, node: Node) -> bool:
        return not any(found.by_link_only or found.shared_with_us for found in self._above(node))

    def _above(self, node: Node) -> Iterable[Node]:
        yield node
        if node.parent in self.nodes:
            yield from self._above(self.nodes[node.parent])

    def _lists(self, node: Node) -> frozenset[str | None]:
        if self.is_told_to_nobody(node):
            return frozenset()
        # What is shared with somebody out of a drive that is not theirs stands in their own list.
        return frozenset({node.drive if node.drive and self.members[node.drive] else None})

    def _happen(self, node: str, before: frozenset[str | None] = frozenset()) -> None:
        self.happenings.append(Happening(node, self._lists(self.nodes[node]) | before))
