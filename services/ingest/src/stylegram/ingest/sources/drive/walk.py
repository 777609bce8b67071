"""Through folders and the shortcuts in them, noting in a tree what belongs to it."""

from collections.abc import Callable, Iterator, Sequence

import structlog

from stylegram.common.errors import NotFound, Unavailable
from stylegram.common.ports import SourceFile
from stylegram.ingest.sources.drive.api import PARENTS_PER_QUERY, DriveApi
from stylegram.ingest.sources.drive.items import Item
from stylegram.ingest.sources.drive.tree import Tree
from stylegram.ingest.sources.names import is_hidden

_log = structlog.get_logger(__name__)

OpenFeed = Callable[[str], tuple[str, bool]]
"""Given the drive that an item is in: the drive whose changes tell of it, and whether they do only from now on."""


class Walk:
    """A way through a tree. Each folder is entered once and each file found once, whatever leads to it.

    Args:
        api: whom to ask.
        tree: what is known already; what is found is added.
        open_feed: see there.
    """

    def __init__(self, api: DriveApi, tree: Tree, open_feed: OpenFeed) -> None:
        self._api = api
        self._tree = tree
        self._open_feed = open_feed
        self._ahead: dict[tuple[str, bool], list[str]] = {}
        # A dictionary, as it keeps the order in which they came.
        self._targets: dict[str, None] = {}
        self._found: set[str] = set()

    def note(self, item: Item, drive: str, *, alone: bool = False) -> SourceFile | None:
        """Take in what lies in the tree: a file at once; a folder or a shortcut will be gone into by `files`.

        Args:
            item: not in the trash.
            drive: the one whose changes tell of it.
            alone: see `enter`.

        Returns:
            The file, unless it was found before or could not be a picture.
        """
        if is_hidden(item.name):
            return None
        if item.resource_key and (alone or not item.parents.isdisjoint(self._tree.keys)):
            # Below what we have by link, nothing is shared with us in any other way; of all else none is needed.
            self._tree.keys[item.id] = item.resource_key
        if item.is_folder:
            if self._tree.address.nested:
                self.enter(item.id, drive, alone=alone)
        elif item.shortcut:
            self._follow(item)
        elif item.file and item.id not in self._found:
            self._found.add(item.id)
            return item.file
        return None

    def enter(self, folder: str, drive: str, *, alone: bool = False) -> None:
        """Have a folder listed by `files`, unless it is in the tree already.

        Args:
            folder: its id.
            drive: the one whose changes tell of it.
            alone: whether it, and each that is in it, is asked about by itself: what neither is ours nor was shared
                with us by name Drive searches only in part when it is asked about several folders.
        """
        if folder not in self._tree.folders:
            self._tree.folders.add(folder)
            self._ahead.setdefault((drive, alone), []).append(folder)

    def files(self) -> Iterator[list[SourceFile]]:
        """All files that lie ahead, page by page.

        Raises:
            Unavailable: Drive did not list all, or a folder went away meanwhile.
        """
        while self._ahead or self._targets:
            # Shortcuts come last: most lead to what has been found by then.
            if self._ahead:
                (drive, alone), folders = self._ahead.popitem()
                count = 1 if alone else PARENTS_PER_QUERY
                if rest := folders[count:]:
                    self._ahead[drive, alone] = rest
                yield from self._list(folders[:count], drive, alone=alone)
            else:
                yield self._arrive(self._targets.popitem()[0])

    def _list(self, folders: Sequence[str], drive: str, *, alone: bool) -> Iterator[list[SourceFile]]:
        token, silent = None, dict.fromkeys(folders)
        while True:
            try:
                items, token = self._api.children(folders, drive, token, self._tree.keys)
            except NotFound as error:
                raise Unavailable("A folder in Google Drive went away while it was listed.") from error
            for parent in {parent for item in items for parent in item.parents}:
                silent.pop(parent, None)
            yield [file for item in items if (file := self.note(item, drive, alone=alone))]
            if not token:
                break
        if len(folders) > 1:
            # Drive is known to answer questions about several folders without a word about some of them, at times.
            for folder in silent:
                yield from self._list([folder], drive, alone=alone)

    def _follow(self, item: Item) -> None:
        shortcut = item.shortcut
        assert shortcut
        if not (shortcut.is_file or (shortcut.is_folder and self._tree.address.nested)):
            return
        self._tree.shortcuts[item.id] = shortcut.target
        if shortcut.resource_key:
            self._tree.keys[shortcut.target] = shortcut.resource_key
        self._targets[shortcut.target] = None

    def _arrive(self, target: str) -> list[SourceFile]:
        if target in self._tree.folders or target in self._found:
            return []
        try:
            item = self._api.item(target, self._tree.keys)
            drive, is_new = self._open_feed(item.drive)
            if is_new:
                # What happened since we looked would be told by nobody.
                item = self._api.item(target, self._tree.keys)
        except NotFound:
            item = None
        if item is None or item.trashed:
            _log.info("shortcut_dangles", target=target)
            return []
        file = self.note(item, drive, alone=not drive and not item.is_ours)
        return [file] if file else []
