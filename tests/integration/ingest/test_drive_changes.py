"""What the changes of the fake Drive mean for a source's files."""

import json
import random

import pytest

from drive_fake import DriveFake
from drive_source import changed, drive_source, listed
from drive_source import drive as drive
from drive_source import photos as photos
from stylegram.common.errors import ChangesLost, Unavailable
from stylegram.ingest.sources.drive.source import DriveSource


class Follower:
    """Somebody who listed a folder in Drive and hears of its changes."""

    def __init__(self, drive: DriveFake, folder: str, options: str = "") -> None:
        self.drive = drive
        self.source: DriveSource = drive_source(drive, folder, options=options)
        self.start_over()

    def start_over(self) -> None:
        self.files, self.state = listed(self.source)
        self.drive.calls.clear()

    def hear(self) -> list[str]:
        """The names of the files after the changes, sorted; they are those that a listing has."""
        self.state = changed(self.source, self.files, self.state)
        assert self.files == listed(self.source)[0]
        return sorted(file.name for file in self.files.values())

    def hears_nothing_more(self) -> bool:
        """Whether only a listing helps."""
        try:
            list(self.source.changes(self.state))
        except ChangesLost:
            return True
        return False


def test_where_nothing_changed_one_call_tells(drive: DriveFake, photos: str) -> None:
    drive.add_file("a.jpg", b"1", photos)
    follower = Follower(drive, photos)
    (page,) = follower.source.changes(follower.state)
    assert (page.files, page.gone, page.state) == ([], [], follower.state)
    assert drive.calls == {"changes.list": 1}


def test_new_files_come_and_trashed_deleted_and_moved_ones_go(drive: DriveFake, photos: str) -> None:
    keys = [drive.add_file(f"{number}.jpg", b"%d" % number, photos) for number in range(4)]
    follower = Follower(drive, photos)
    drive.add_file("new.jpg", b"new", photos)
    drive.trash(keys[0])
    drive.delete(keys[1])
    drive.move(keys[2], drive.root)
    assert follower.hear() == ["3.jpg", "new.jpg"]
    drive.untrash(keys[0])
    drive.move(keys[2], photos)
    assert follower.hear() == ["0.jpg", "2.jpg", "3.jpg", "new.jpg"]


def test_what_was_removed_comes_without_a_file_and_is_gone(drive: DriveFake, photos: str) -> None:
    key = drive.add_file("a.jpg", b"1", photos)
    follower = Follower(drive, photos)
    drive.show(key, False)
    (page,) = follower.source.changes(follower.state)
    assert (page.files, page.gone) == ([], [key])


def test_a_renamed_file_comes_again_with_the_same_key_and_fingerprint(drive: DriveFake, photos: str) -> None:
    key = drive.add_file("a.jpg", b"1", photos)
    follower = Follower(drive, photos)
    before = follower.files[key]
    drive.rename(key, "b.jpg")
    assert follower.hear() == ["b.jpg"]
    assert follower.files[key].fingerprint == before.fingerprint
    drive.rename(key, ".b.jpg")
    assert follower.hear() == []
    drive.rename(key, "style_names.json")
    assert follower.hear() == []
    drive.rename(key, "c.jpg")
    assert follower.hear() == ["c.jpg"]


def test_a_replaced_file_comes_with_a_new_fingerprint_and_a_touched_one_with_the_old(
    drive: DriveFake, photos: str
) -> None:
    touched, replaced = drive.add_file("a.jpg", b"1", photos), drive.add_file("b.jpg", b"2", photos)
    follower = Follower(drive, photos)
    before = dict(follower.files)
    drive.touch(touched)
    drive.replace(replaced, b"3")
    follower.hear()
    assert follower.files[touched].fingerprint == before[touched].fingerprint
    assert follower.files[replaced].fingerprint != before[replaced].fingerprint


def test_what_happens_in_the_rest_of_the_drive_concerns_nobody(drive: DriveFake, photos: str) -> None:
    folder = drive.add_folder("elsewhere")
    key = drive.add_file("a.jpg", b"1", folder)
    follower = Follower(drive, photos)
    drive.rename(key, "b.jpg")
    drive.rename(folder, "somewhere")
    drive.add_shortcut("to a", key, folder)
    drive.add_doc("a document", photos)
    drive.add_drive("a drive")
    drive.trash(folder)
    assert follower.hear() == []


def test_changes_come_in_pages_each_with_its_state(drive: DriveFake, photos: str) -> None:
    follower = Follower(drive, photos)
    for number in range(7):
        drive.add_file(f"{number}.jpg", b"%d" % number, photos)
    drive.page_size = 3
    pages = list(follower.source.changes(follower.state))
    assert [len(page.files) for page in pages] == [3, 3, 1]
    # Whoever was killed after the first page goes on with the second.
    assert pages[0].state
    assert [page.files for page in follower.source.changes(pages[0].state)] == [page.files for page in pages[1:]]


def test_a_folder_that_comes_brings_what_is_in_it(drive: DriveFake, photos: str) -> None:
    outside = drive.add_folder("outside")
    deep = drive.add_folder("deep", outside)
    drive.add_file("a.jpg", b"1", deep)
    drive.add_file("target.jpg", b"1")
    drive.add_shortcut("b.jpg", drive.add_file("b.jpg", b"2"), deep)
    follower = Follower(drive, photos)
    # One change, and none for what is in it.
    drive.move(outside, photos)
    (page,) = follower.source.changes(follower.state)
    assert sorted(file.name for file in page.files) == ["a.jpg", "b.jpg"]
    assert follower.hear() == ["a.jpg", "b.jpg"]
    drive.add_file("c.jpg", b"3", deep)
    assert follower.hear() == ["a.jpg", "b.jpg", "c.jpg"]


@pytest.mark.parametrize("page_size", [1000, 1])
def test_folders_and_files_that_come_together_come_in_whatever_order_they_are_told(
    drive: DriveFake, photos: str, page_size: int
) -> None:
    follower = Follower(drive, photos)
    drive.page_size = page_size
    outer, inner = drive.add_folder("outer"), drive.add_folder("inner")
    key = drive.add_file("a.jpg", b"1", inner)
    drive.move(inner, outer)
    drive.rename(key, "b.jpg")
    drive.move(outer, photos)
    drive.rename(inner, "within")
    assert follower.hear() == ["b.jpg"]


def test_a_hidden_folder_is_passed_over_until_it_is_renamed(drive: DriveFake, photos: str) -> None:
    follower = Follower(drive, photos)
    folder = drive.add_folder(".thumbnails", photos)
    drive.add_file("a.jpg", b"1", folder)
    assert follower.hear() == []
    drive.rename(folder, "thumbnails")
    assert follower.hear() == ["a.jpg"]
    drive.rename(folder, ".thumbnails")
    assert follower.hears_nothing_more()


def test_a_file_that_moves_between_its_folders_stays(drive: DriveFake, photos: str) -> None:
    folder = drive.add_folder("sub", photos)
    key = drive.add_file("a.jpg", b"1", photos)
    follower = Follower(drive, photos)
    drive.move(key, folder)
    assert follower.hear() == ["a.jpg"]


def test_a_folder_that_moves_or_is_renamed_within_the_tree_changes_nothing(drive: DriveFake, photos: str) -> None:
    one, two = drive.add_folder("one", photos), drive.add_folder("two", photos)
    drive.add_file("a.jpg", b"1", two)
    follower = Follower(drive, photos)
    drive.move(two, one)
    drive.rename(two, "three")
    drive.rename(photos, "Pictures")
    drive.touch(photos)
    assert follower.hear() == ["a.jpg"]


@pytest.mark.parametrize("how", ["trash", "delete", "move", "hide"])
@pytest.mark.parametrize("which", ["a folder in it", "the folder itself"])
def test_a_folder_that_goes_wants_a_listing(drive: DriveFake, photos: str, how: str, which: str) -> None:
    sub = drive.add_folder("sub", photos)
    drive.add_file("a.jpg", b"1", sub)
    follower = Follower(drive, photos)
    folder = sub if which == "a folder in it" else photos
    elsewhere = drive.add_folder("elsewhere")
    match how:
        case "trash":
            drive.trash(folder)
        case "delete":
            drive.delete(folder)
        case "move":
            drive.move(folder, elsewhere)
        case "hide":
            drive.show(folder, False)
    # Where the folder itself lies is all the same.
    assert follower.hears_nothing_more() == ((how, folder) != ("move", photos))


def test_without_nested_folders_come_and_go_unheard(drive: DriveFake, photos: str) -> None:
    folder = drive.add_folder("sub", photos)
    follower = Follower(drive, photos, "?nested=false")
    drive.add_file("below.jpg", b"1", folder)
    drive.add_folder("another", photos)
    drive.add_shortcut("to sub", folder, photos)
    drive.trash(folder)
    drive.add_file("a.jpg", b"2", photos)
    assert follower.hear() == ["a.jpg"]


def test_a_shortcut_that_comes_brings_its_target_and_what_becomes_of_it(drive: DriveFake, photos: str) -> None:
    key = drive.add_file("a.jpg", b"1")
    follower = Follower(drive, photos)
    drive.add_shortcut("to a", key, photos)
    assert follower.hear() == ["a.jpg"]
    drive.rename(key, "b.jpg")
    assert follower.hear() == ["b.jpg"]
    drive.trash(key)
    assert follower.hear() == []
    drive.untrash(key)
    assert follower.hear() == ["b.jpg"]
    drive.delete(key)
    assert follower.hear() == []


@pytest.mark.parametrize("how", ["trash", "delete", "move", "hide"])
def test_a_shortcut_that_goes_takes_its_target_along(drive: DriveFake, photos: str, how: str) -> None:
    key = drive.add_file("a.jpg", b"1")
    shortcut = drive.add_shortcut("to a", key, photos)
    follower = Follower(drive, photos)
    match how:
        case "trash":
            drive.trash(shortcut)
        case "delete":
            drive.delete(shortcut)
        case "move":
            drive.move(shortcut, drive.root)
        case "hide":
            drive.rename(shortcut, ".to a")
    assert follower.hear() == []
    # And what becomes of the target is nobody's business any more.
    drive.rename(key, "b.jpg")
    assert follower.hear() == []


def test_a_target_that_is_in_the_tree_anyway_stays_when_a_shortcut_to_it_goes(drive: DriveFake, photos: str) -> None:
    within, without = drive.add_file("within.jpg", b"1", photos), drive.add_file("without.jpg", b"2")
    shortcuts = [drive.add_shortcut("to it", key, photos) for key in (within, without, without)]
    follower = Follower(drive, photos)
    drive.trash(shortcuts[0])
    drive.trash(shortcuts[1])
    assert follower.hear() == ["within.jpg", "without.jpg"]
    drive.trash(shortcuts[2])
    assert follower.hear() == ["within.jpg"]


def test_a_file_that_moves_out_stays_while_a_shortcut_leads_to_it(drive: DriveFake, photos: str) -> None:
    key = drive.add_file("a.jpg", b"1", photos)
    drive.add_shortcut("to a", key, photos)
    follower = Follower(drive, photos)
    drive.move(key, drive.root)
    assert follower.hear() == ["a.jpg"]


def test_a_shortcut_to_a_folder_brings_its_tree_and_its_end_wants_a_listing(drive: DriveFake, photos: str) -> None:
    folder = drive.add_folder("elsewhere")
    drive.add_file("a.jpg", b"1", drive.add_folder("deep", folder))
    follower = Follower(drive, photos)
    shortcut = drive.add_shortcut("also", folder, photos)
    assert follower.hear() == ["a.jpg"]
    drive.add_file("b.jpg", b"2", folder)
    assert follower.hear() == ["a.jpg", "b.jpg"]
    drive.trash(shortcut)
    assert follower.hears_nothing_more()


def test_a_dangling_shortcut_works_once_its_folder_is_back(drive: DriveFake, photos: str) -> None:
    folder = drive.add_folder("elsewhere")
    drive.add_file("a.jpg", b"1", folder)
    drive.trash(folder)
    drive.add_shortcut("also", folder, photos)
    follower = Follower(drive, photos)
    assert follower.files == {}
    drive.untrash(folder)
    assert follower.hear() == ["a.jpg"]


def test_a_folder_that_holds_itself_by_a_shortcut_wants_a_listing_when_it_is_moved_out(
    drive: DriveFake, photos: str
) -> None:
    folder = drive.add_folder("sub", photos)
    drive.add_shortcut("itself", folder, folder)
    follower = Follower(drive, photos)
    drive.move(folder, drive.root)
    assert follower.hears_nothing_more()


def test_a_shortcut_that_is_moved_into_the_folder_that_it_leads_to_wants_a_listing(
    drive: DriveFake, photos: str
) -> None:
    folder = drive.add_folder("elsewhere")
    drive.add_file("a.jpg", b"1", folder)
    shortcut = drive.add_shortcut("also", folder, photos)
    follower = Follower(drive, photos)
    drive.move(shortcut, folder)
    assert follower.hears_nothing_more()


def test_a_shortcut_into_a_drive_that_was_not_listened_to_wants_a_listing(drive: DriveFake, photos: str) -> None:
    shared = drive.add_drive("Team")
    key = drive.add_file("a.jpg", b"1", shared)
    follower = Follower(drive, photos)
    drive.add_shortcut("to a", key, photos)
    assert follower.hears_nothing_more()
    follower.start_over()
    drive.rename(key, "b.jpg")
    assert follower.hear() == ["b.jpg"]


def test_files_go_when_they_move_into_another_drive_and_come_when_they_move_here(drive: DriveFake) -> None:
    shared = drive.add_drive("Team")
    key, other = drive.add_file("a.jpg", b"1", shared), drive.add_file("b.jpg", b"2")
    follower = Follower(drive, shared)
    drive.move(key, drive.root)
    drive.move(other, shared)
    assert follower.hear() == ["b.jpg"]


def test_a_folder_of_a_shared_drive_that_is_told_of_in_ones_own_changes_is_listed_there(
    drive: DriveFake, photos: str
) -> None:
    shared = drive.add_drive("Team")
    linked = drive.add_folder("linked", shared)
    drive.add_shortcut("to linked", linked, photos)
    outside = drive.add_folder("outside")
    drive.add_file("a.jpg", b"1", outside)
    follower = Follower(drive, photos)
    drive.move(outside, linked)
    page = next(iter(follower.source.changes(follower.state)))
    assert [file.name for file in page.files] == ["a.jpg"]


def test_a_file_that_moves_from_one_drive_of_the_tree_into_another_stays(drive: DriveFake, photos: str) -> None:
    shared = drive.add_drive("Team")
    linked = drive.add_folder("linked", shared)
    key = drive.add_file("a.jpg", b"1", linked)
    drive.add_shortcut("to linked", linked, photos)
    follower = Follower(drive, photos)
    drive.move(key, photos)
    assert follower.hear() == ["a.jpg"]
    drive.move(key, linked)
    assert follower.hear() == ["a.jpg"]


def test_a_drive_that_we_are_no_members_of_any_more_wants_a_listing(drive: DriveFake) -> None:
    shared = drive.add_drive("Team")
    follower = Follower(drive, drive.add_folder("Photos", shared))
    drive.members[shared] = False
    assert follower.hears_nothing_more()


@pytest.mark.parametrize("status", [400, 404, 410])
def test_a_token_that_is_no_good_wants_a_listing(drive: DriveFake, photos: str, status: int) -> None:
    follower = Follower(drive, photos)
    drive.fail("changes.list", status=status, reason="invalid")
    assert follower.hears_nothing_more()
    drive.forget_changes()
    assert follower.hears_nothing_more()
    follower.start_over()
    assert follower.hear() == []


def test_what_becomes_of_a_drive_itself_comes_without_a_file(drive: DriveFake) -> None:
    shared = drive.add_drive("Team")
    drive.add_file("a.jpg", b"1", shared)
    follower = Follower(drive, shared)
    drive.rename(shared, "The team")
    assert follower.hear() == ["a.jpg"]


def test_a_folder_that_moves_into_another_drive_wants_a_listing(drive: DriveFake, photos: str) -> None:
    follower = Follower(drive, photos)
    drive.move(photos, drive.add_drive("Team"))
    assert follower.hears_nothing_more()


def test_a_file_whose_shortcut_goes_while_it_changes_is_told_of_once(drive: DriveFake, photos: str) -> None:
    key = drive.add_file("a.jpg", b"1", photos)
    shortcut = drive.add_shortcut("to a", key, photos)
    follower = Follower(drive, photos)
    drive.trash(shortcut)
    drive.rename(key, "b.jpg")
    (page,) = follower.source.changes(follower.state)
    assert [file.name for file in page.files] == ["b.jpg"]


def test_a_drive_that_says_so_in_its_other_way_wants_a_listing_too(drive: DriveFake) -> None:
    follower = Follower(drive, drive.add_folder("Photos", drive.add_drive("Team")))
    drive.fail("changes.list", status=403, reason="teamDriveMembershipRequired")
    assert follower.hears_nothing_more()


def test_changes_that_never_end_are_given_up(drive: DriveFake, photos: str) -> None:
    follower = Follower(drive, photos)
    drive.fail("changes.list", times=9, same_page=True)
    with pytest.raises(Unavailable, match="the same page again"):
        list(follower.source.changes(follower.state))
    assert drive.calls["changes.list"] == 1


@pytest.mark.parametrize(("status", "reason"), [(401, "authError"), (403, "insufficientPermissions")])
def test_a_refusal_is_no_reason_to_list_everything(drive: DriveFake, photos: str, status: int, reason: str) -> None:
    follower = Follower(drive, photos)
    drive.fail("changes.list", status=status, reason=reason, times=9)
    with pytest.raises(Unavailable) as refused:
        list(follower.source.changes(follower.state))
    assert refused.value.advice


def test_a_state_of_another_version_or_with_other_options_wants_a_listing(drive: DriveFake, photos: str) -> None:
    follower = Follower(drive, photos)
    for source, state in (
        (drive_source(drive, photos, options="?nested=false"), follower.state),
        (drive_source(drive, drive.root), follower.state),
        (follower.source, json.dumps({**json.loads(follower.state), "version": 0})),
        (follower.source, follower.state[:-1]),
    ):
        with pytest.raises(ChangesLost):
            list(source.changes(state))


@pytest.mark.parametrize("seed", range(5))
def test_whatever_happens_who_follows_knows_what_a_listing_shows(drive: DriveFake, photos: str, seed: int) -> None:
    chance = random.Random(seed)
    drive.page_size = chance.choice([2, 1000])
    shared = drive.add_drive("Team")
    folders = [photos, drive.add_folder("elsewhere"), drive.add_folder("sub", photos), shared]
    movable: list[str] = []
    follower = Follower(drive, photos)
    lost = 0
    for _ in range(25):
        for _ in range(chance.randrange(1, 4)):
            _happen(drive, chance, folders, movable)
        try:
            follower.state = changed(follower.source, follower.files, follower.state)
        except ChangesLost:
            lost += 1
            follower.start_over()
        assert follower.files == listed(follower.source)[0]
    # A follower that gives up each time would pass without following.
    assert lost < 20


def _happen(drive: DriveFake, chance: random.Random, folders: list[str], movable: list[str]) -> None:
    there = [node for node in movable if node in drive.nodes]
    folder = chance.choice([node for node in folders if node in drive.nodes])
    node = chance.choice(there) if there else None
    match chance.choice(["file", "file", "folder", "shortcut", "move", "trash", "untrash", "rename", "hide", "delete"]):
        case "file":
            movable.append(drive.add_file(f"{chance.random()}.jpg", chance.randbytes(4), folder))
        case "folder":
            folders.append(drive.add_folder("folder", folder))
            movable.append(folders[-1])
        case "shortcut" if there:
            movable.append(drive.add_shortcut("shortcut", chance.choice([*there, *folders[1:3]]), folder))
        case "move" if node and not _is_in(drive, folder, node):
            drive.move(node, folder)
        case "trash" if node:
            drive.trash(node)
        case "untrash" if node:
            drive.untrash(node)
        case "rename" if node:
            drive.rename(node, f"{chance.random()}")
        case "hide" if node:
            drive.rename(node, f".{chance.random()}")
        case "delete" if node and chance.random() < 0.3:
            drive.delete(node)


def _is_in(drive: DriveFake, node: str, above: str) -> bool:
    parent = drive.nodes[node].parent
    return node == above or (parent is not None and _is_in(drive, parent, above))
