"""A listing of the whole tree, and how changes are told from then on."""

from collections.abc import Iterator

from stylegram.common.errors import NotFound, Unavailable
from stylegram.common.ports import SourceFile, SourcePage
from stylegram.ingest.sources.drive.address import Address
from stylegram.ingest.sources.drive.api import DriveApi
from stylegram.ingest.sources.drive.items import Item
from stylegram.ingest.sources.drive.tree import Tree
from stylegram.ingest.sources.drive.walk import Walk


def list_tree(api: DriveApi, address: Address, keys: dict[str, str]) -> Iterator[SourcePage]:
    """Every file of the tree; see `Source.listing`.

    A folder that we may see only since anybody may has no state: its changes are in nobody's list.

    Args:
        api: whom to ask.
        address: of the folder.
        keys: resource keys, by id; those that are found are added.
    """
    root = find_root(api, address, keys)
    tree = Tree(address, root.id, root.drive, keys=keys)

    def open_feed(drive: str) -> tuple[str, bool]:
        if drive in tree.tokens:
            return drive, False
        try:
            # Before anything is listed: what changes meanwhile is told later, at worst twice.
            tree.tokens[drive] = api.start_token(drive)
        except NotFound:
            # A folder in a drive that we are no members of. What is told of it is told of among our own.
            return open_feed("")
        return drive, True

    walk = Walk(api, tree, open_feed)
    feed, _ = open_feed(root.drive)
    is_told_of = bool(feed) or _is_shared_with_us(api, root, keys)
    walk.enter(root.id, feed, alone=not is_told_of)
    last: list[SourceFile] = []
    for files in filter(None, walk.files()):
        if last:
            yield SourcePage(last)
        last = files
    # A folder that is thrown away meanwhile looks empty, as if each of its files had been.
    if find_root(api, address, keys).drive != root.drive:
        raise Unavailable(f"The folder {address.url} was moved while it was listed.")
    yield SourcePage(last, state=tree.dump() if is_told_of else None)


def find_root(api: DriveApi, address: Address, keys: dict[str, str]) -> Item:
    """The folder that is meant.

    Raises:
        NotFound: it is not there, is in the trash, or is no folder.
    """
    if address.resource_key:
        keys[address.folder] = address.resource_key
    item = _look(api, address.folder, keys)
    if item.shortcut:
        if item.shortcut.resource_key:
            keys[item.shortcut.target] = item.shortcut.resource_key
        item = _look(api, item.shortcut.target, keys)
    if not item.is_folder:
        raise NotFound(
            f"'{item.name}' ({item.id}) in Google Drive is not a folder.", advice="Give the link to a folder."
        )
    return item


def _is_shared_with_us(api: DriveApi, item: Item, keys: dict[str, str]) -> bool:
    """Whether it, or a folder above it, belongs to us or was shared with us by name."""
    try:
        return item.is_ours or any(_is_shared_with_us(api, api.item(above, keys), keys) for above in item.parents)
    except NotFound:
        return False


def _look(api: DriveApi, item_id: str, keys: dict[str, str]) -> Item:
    try:
        item = api.item(item_id, keys)
    except NotFound as error:
        raise NotFound(
            f"There is no folder '{item_id}' in Google Drive that {api.account} is shown.",
            advice=f"Share the folder with {api.account}, or correct the source's URL.",
        ) from error
    if item.trashed:
        raise NotFound(f"'{item.name}' ({item.id}) is in Google Drive's trash.", advice="Take it out of there.")
    return item
