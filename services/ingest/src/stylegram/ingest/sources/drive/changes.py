"""Which of a drive's changes concern the tree, and what they mean for its files.

Where working that out would take more than looking, the answer is `ChangesLost`: a listing of everything is cheap.
"""

from collections.abc import Iterator, Mapping

from stylegram.common.errors import ChangesLost, NotFound
from stylegram.common.ports import SourceFile, SourcePage
from stylegram.ingest.sources.drive.address import Address
from stylegram.ingest.sources.drive.api import DriveApi
from stylegram.ingest.sources.drive.items import Item
from stylegram.ingest.sources.drive.tree import Tree
from stylegram.ingest.sources.drive.walk import Walk
from stylegram.ingest.sources.names import is_hidden


def list_changes(api: DriveApi, address: Address, since: str, keys: dict[str, str]) -> Iterator[SourcePage]:
    """What changed in the tree; see `Source.changes`.

    Args:
        api: whom to ask.
        address: of the folder.
        since: a state of `Tree.dump`.
        keys: resource keys, by id; those that are known and found are added.
    """
    tree = Tree.load(since, address)
    keys.update(tree.keys)
    tree.keys = keys
    for drive in tuple(tree.tokens):
        is_last = False
        while not is_last:
            page = api.changes(tree.tokens[drive], drive)
            files, gone = _Page(api, tree, drive, page.changes).settle()
            tree.tokens[drive], is_last = page.next_token, page.is_last
            yield SourcePage(files, gone, tree.dump())


class _Page:
    def __init__(self, api: DriveApi, tree: Tree, drive: str, changes: Mapping[str, Item | None]) -> None:
        self._api = api
        self._tree = tree
        self._drive = drive
        # What went from one drive into another is removed from the one, and there.
        self._changes = (
            {item_id: item or self._look(item_id) for item_id, item in changes.items()}
            if len(tree.tokens) > 1
            else changes
        )

    def settle(self) -> tuple[list[SourceFile], list[str]]:
        """The files that are there now, and the ids of all else that was told of: what is gone, and what is no file."""
        for item_id, item in self._changes.items():
            self._check_ways(item_id, item)
        orphans = [self._tree.shortcuts.pop(shortcut) for shortcut in self._broken_shortcuts()]
        files = self._enter_what_is_inside()
        for target in orphans:
            if target not in self._changes and (file := self._find_otherwise(target)):
                files.append(file)
        there = {file.key for file in files}
        return files, [key for key in {**self._changes, **dict.fromkeys(orphans)} if key not in there]

    def _check_ways(self, item_id: str, item: Item | None) -> None:
        """See that no way to a folder of the tree has come to an end."""
        tree = self._tree
        if item_id in (tree.root, tree.address.folder):
            # Where it lies and what it is called is all the same.
            still = item is not None and not item.trashed and (item_id != tree.root or item.drive == tree.drive)
        elif item_id in tree.folders:
            # With shortcuts to folders about, one may be in the tree by nothing but a way that leads through itself.
            still = self._is_inside(item) and tree.folders.isdisjoint(tree.shortcuts.values())
        else:
            # The same holds for where such a shortcut lies.
            still = tree.shortcuts.get(item_id) not in tree.folders
        if not still:
            raise ChangesLost(
                f"A folder of {tree.address.url} was moved, renamed or thrown away, or a shortcut to one."
            )

    def _broken_shortcuts(self) -> list[str]:
        return [
            item_id
            for item_id, item in self._changes.items()
            if item_id in self._tree.shortcuts and not self._is_inside(item)
        ]

    def _enter_what_is_inside(self) -> list[SourceFile]:
        walk = Walk(self._api, self._tree, self._open_feed)
        files: list[SourceFile] = []
        waiting = {item_id: item for item_id, item in self._changes.items() if item}
        # A folder that came may make others of the page belong to the tree, in whatever order they are told.
        while inside := [item for item in waiting.values() if self._is_inside(item)]:
            for item in inside:
                del waiting[item.id]
                # What lies in a shared drive is told of in everybody's own changes too.
                if file := walk.note(item, item.drive if item.drive in self._tree.tokens else self._drive):
                    files.append(file)
            for found in walk.files():
                files += found
        return files

    def _is_inside(self, item: Item | None) -> bool:
        return (
            item is not None
            and not item.trashed
            and not is_hidden(item.name)
            and (not item.parents.isdisjoint(self._tree.folders) or item.id in self._tree.shortcuts.values())
        )

    def _open_feed(self, drive: str) -> tuple[str, bool]:
        if drive not in self._tree.tokens:
            raise ChangesLost(f"A shortcut in {self._tree.address.url} leads into a drive that was not listened to.")
        return drive, False

    def _find_otherwise(self, target: str) -> SourceFile | None:
        """The file that a shortcut led to, if it is in the tree without it."""
        item = self._look(target)
        return item.file if item and self._is_inside(item) else None

    def _look(self, item_id: str) -> Item | None:
        try:
            return self._api.item(item_id, self._tree.keys)
        except NotFound:
            return None
