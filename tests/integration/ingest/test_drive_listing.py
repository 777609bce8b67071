"""Listings of the fake Drive by the real client."""

from typing import Any

import pytest

from drive_fake import DriveFake
from drive_source import changed, drive_source, listed, names
from drive_source import drive as drive
from drive_source import photos as photos
from stylegram.common.errors import NotFound, Unavailable
from stylegram.common.ports import SourceFile


def test_a_listing_says_what_the_file_is(drive: DriveFake, photos: str) -> None:
    key = drive.add_file("IMG_1.HEIC", b"abc", photos)
    files, _ = listed(drive_source(drive, photos))
    assert files == {key: SourceFile(key, "IMG_1.HEIC", "md5:900150983cd24fb0d6963f7d28e17f72:3", 3)}


def test_the_token_of_changes_is_got_before_anything_is_listed(drive: DriveFake, photos: str) -> None:
    drive.add_file("a.jpg", b"1", photos)
    listed(drive_source(drive, photos))
    kinds = [call.kind for call in drive.log]
    assert kinds.index("changes.start") < kinds.index("files.list")


def test_what_happens_during_a_listing_is_told_by_the_changes_since(drive: DriveFake, photos: str) -> None:
    drive.add_file("a.jpg", b"1", photos)
    source = drive_source(drive, photos)
    listing = source.listing()
    key = drive.add_file("b.jpg", b"1", photos)
    drive.fail("files.list", do=lambda: drive.replace(key, b"2"))
    late: list[str] = []
    files: dict[str, SourceFile] = {}
    state = ""
    for page in listing:
        files |= {file.key: file for file in page.files}
        late = late or [drive.add_file("c.jpg", b"3", photos)]
        state = page.state or state
    changed(source, files, state)
    assert sorted(file.name for file in files.values()) == ["a.jpg", "b.jpg", "c.jpg"]
    assert files == listed(source)[0]


def test_ten_thousand_files_take_twelve_lists_at_most(drive: DriveFake, photos: str) -> None:
    for number in range(10_000):
        drive.add_file(f"{number}.jpg", b"%d" % number, photos)
    files, _ = listed(drive_source(drive, photos))
    assert len(files) == 10_000
    assert drive.calls["files.list"] <= 12
    assert all(call.parameters["pageSize"] == "1000" for call in drive.log if call.kind == "files.list")


def test_nested_folders_are_asked_about_together(drive: DriveFake, photos: str) -> None:
    for number in range(100):
        folder = drive.add_folder(f"day {number}", photos)
        drive.add_file("a.jpg", b"%d" % number, folder)
    assert len(listed(drive_source(drive, photos))[0]) == 100
    assert drive.calls["files.list"] <= 1 + 4
    # A longer query the client would send as a POST, which is another way through Google's front door.
    assert not any("X-HTTP-Method-Override" in call.headers for call in drive.log)


def test_no_answer_about_several_folders_is_no_answer(drive: DriveFake, photos: str) -> None:
    for name in ("one", "two"):
        drive.add_file(f"{name}.jpg", name.encode(), drive.add_folder(name, photos))
    drive.fail("files.list", times=2, empty=2)
    assert names(drive_source(drive, photos)) == ["one.jpg", "two.jpg"]


def test_an_answer_that_is_silent_about_some_of_several_folders_is_none_about_them(
    drive: DriveFake, photos: str
) -> None:
    for name in ("one", "three", "two"):
        drive.add_file(f"{name}.jpg", name.encode(), drive.add_folder(name, photos))
    drive.fail("files.list", times=2, empty=2)
    assert names(drive_source(drive, photos)) == ["one.jpg", "three.jpg", "two.jpg"]
    assert drive.calls["files.list"] == 1 + 1 + 2


@pytest.mark.parametrize("way", ["by its link", "by a shortcut"])
def test_folders_that_anybody_may_see_are_asked_about_one_by_one(drive: DriveFake, way: str) -> None:
    shown = drive.add_folder("Anybody's", by_link_only=True)
    for number in range(3):
        folder = drive.add_folder("sub", shown)
        for kind in ("jpg", "png"):
            drive.add_file(f"{number}.{kind}", b"%d" % number, folder)
    ours = drive.add_folder("Ours")
    drive.add_shortcut("to it", shown, ours)
    source = drive_source(drive, shown if way == "by its link" else ours)
    found = sorted(file.name for page in source.listing() for file in page.files)
    assert found == ["0.jpg", "0.png", "1.jpg", "1.png", "2.jpg", "2.png"]


def test_without_nested_the_folders_in_it_are_left_out(drive: DriveFake, photos: str) -> None:
    drive.add_file("top.jpg", b"1", photos)
    folder = drive.add_folder("sub", photos)
    drive.add_file("below.jpg", b"2", folder)
    drive.add_shortcut("also sub", folder, photos)
    assert names(drive_source(drive, photos, options="?nested=false")) == ["top.jpg"]
    assert names(drive_source(drive, photos)) == ["below.jpg", "top.jpg"]


def test_names_that_are_not_unique_or_have_slashes_and_quotes_are_only_names(drive: DriveFake, photos: str) -> None:
    odd = ["a.jpg", "a.jpg", "x/y.jpg", "it's.jpg", "back\\slash.jpg", "Größe 🌉.jpg", "' or 1 in parents.jpg"]
    folder = drive.add_folder("it's a/folder\\", photos)
    for number, name in enumerate(odd):
        drive.add_file(name, b"%d" % number, folder)
    assert names(drive_source(drive, photos)) == sorted(odd)


def test_ids_with_quotes_and_backslashes_are_escaped(drive: DriveFake, photos: str) -> None:
    drive.add_file("a.jpg", b"1", drive.add_folder("sub", photos, node_id="it's a \\ id"))
    assert names(drive_source(drive, photos)) == ["a.jpg"]


def test_documents_of_googles_own_have_no_bytes_and_are_passed_over(drive: DriveFake, photos: str) -> None:
    for kind in ("document", "spreadsheet", "photo", "drive-sdk.123"):
        drive.add_shortcut(f"to a {kind}", drive.add_doc(f"a {kind}", photos, kind), photos)
    drive.add_file("a.jpg", b"1", photos)
    assert names(drive_source(drive, photos)) == ["a.jpg"]
    assert drive.calls["files.get"] == 2  # of the folder, before and after


def test_what_is_in_the_trash_is_not_there(drive: DriveFake, photos: str) -> None:
    drive.trash(drive.add_file("a.jpg", b"1", photos))
    folder = drive.add_folder("sub", photos)
    drive.add_file("b.jpg", b"2", folder)
    drive.trash(folder)
    assert names(drive_source(drive, photos)) == []


def test_a_file_without_a_checksum_is_known_by_time_and_size(drive: DriveFake, photos: str) -> None:
    key = drive.add_file("a.jpg", b"1", photos, md5=False)
    source = drive_source(drive, photos)
    before = listed(source)[0][key].fingerprint
    assert listed(source)[0][key].fingerprint == before
    drive.replace(key, b"2")
    assert listed(source)[0][key].fingerprint != before


@pytest.mark.parametrize("member", [True, False], ids=["of a drive of ours", "that is shared with us"])
def test_a_folder_in_a_shared_drive_is_a_source_like_others(drive: DriveFake, member: bool) -> None:
    shared = drive.add_drive("Team", member=member)
    photos = drive.add_folder("Photos", shared, visible=True)
    drive.add_file("a.jpg", b"1", drive.add_folder("sub", photos))
    source = drive_source(drive, photos)
    files, state = listed(source)
    assert [source.read(file) for file in files.values()] == [b"1"]
    drive.add_file("b.jpg", b"2", photos)
    changed(source, files, state)
    assert sorted(file.name for file in files.values()) == ["a.jpg", "b.jpg"]


def test_a_whole_shared_drive_is_a_source_too(drive: DriveFake) -> None:
    shared = drive.add_drive("Team")
    drive.add_file("a.jpg", b"1", shared)
    assert names(drive_source(drive, shared)) == ["a.jpg"]


def test_ones_own_drive_is_a_source_too(drive: DriveFake) -> None:
    drive.add_file("a.jpg", b"1")
    source = drive_source(drive, "root")
    files, state = listed(source)
    drive.add_file("b.jpg", b"2")
    changed(source, files, state)
    assert sorted(file.name for file in files.values()) == ["a.jpg", "b.jpg"]


def test_a_shortcut_to_a_file_brings_the_file_under_its_own_id_and_name(drive: DriveFake, photos: str) -> None:
    key = drive.add_file("real.jpg", b"1")
    drive.add_shortcut("linked.jpg", key, photos)
    files, _ = listed(drive_source(drive, photos))
    assert {file.key: file.name for file in files.values()} == {key: "real.jpg"}


def test_a_file_that_several_ways_lead_to_is_one_file(drive: DriveFake, photos: str) -> None:
    key = drive.add_file("a.jpg", b"1", drive.add_folder("sub", photos))
    for number in range(3):
        drive.add_shortcut(f"again {number}", key, photos)
    assert list(listed(drive_source(drive, photos))[0]) == [key]
    assert drive.calls["files.get"] == 2  # of the folder, before and after


def test_a_shortcut_to_a_folder_brings_its_tree(drive: DriveFake, photos: str) -> None:
    elsewhere = drive.add_folder("elsewhere")
    drive.add_file("a.jpg", b"1", drive.add_folder("deep", elsewhere))
    drive.add_shortcut("also", elsewhere, photos)
    assert names(drive_source(drive, photos)) == ["a.jpg"]


def test_shortcuts_in_a_circle_end(drive: DriveFake, photos: str) -> None:
    sub = drive.add_folder("sub", photos)
    elsewhere = drive.add_folder("elsewhere")
    for target, folder in ((photos, sub), (sub, sub), (elsewhere, sub), (elsewhere, elsewhere), (photos, elsewhere)):
        drive.add_shortcut("round", target, folder)
    drive.add_file("a.jpg", b"1", elsewhere)
    assert names(drive_source(drive, photos)) == ["a.jpg"]


def test_shortcuts_that_dangle_are_passed_over(drive: DriveFake, photos: str) -> None:
    gone, trashed, hidden = (drive.add_file(f"{number}.jpg", b"1") for number in range(3))
    folder = drive.add_folder("gone folder")
    for target in (gone, trashed, hidden, folder):
        drive.add_shortcut("to nothing", target, photos)
    drive.delete(gone)
    drive.trash(trashed)
    drive.show(hidden, False)
    drive.delete(folder)
    drive.add_file("a.jpg", b"1", photos)
    assert names(drive_source(drive, photos)) == ["a.jpg"]


def test_shortcuts_into_shared_drives_are_followed_and_listened_to(drive: DriveFake, photos: str) -> None:
    ours, theirs = drive.add_drive("Ours"), drive.add_drive("Theirs", member=False)
    folder = drive.add_folder("folder", ours)
    drive.add_file("ours.jpg", b"1", folder)
    drive.add_shortcut("to ours", folder, photos)
    drive.add_shortcut("to theirs", drive.add_file("theirs.jpg", b"2", theirs, visible=True), photos)
    source = drive_source(drive, photos)
    files, state = listed(source)
    assert sorted(file.name for file in files.values()) == ["ours.jpg", "theirs.jpg"]
    drive.add_file("new.jpg", b"3", folder)
    changed(source, files, state)
    assert sorted(file.name for file in files.values()) == ["new.jpg", "ours.jpg", "theirs.jpg"]


def test_what_a_shortcut_leads_to_is_looked_at_when_its_drive_is_listened_to(drive: DriveFake, photos: str) -> None:
    key = drive.add_file("a.jpg", b"1", drive.add_drive("Team"))
    drive.add_shortcut("to a", key, photos)
    drive.fail("changes.start")
    drive.fail("changes.start", do=lambda: drive.trash(key))
    assert names(drive_source(drive, photos)) == []


def test_the_folder_itself_may_be_a_shortcut(drive: DriveFake, photos: str) -> None:
    drive.add_file("a.jpg", b"1", photos)
    shortcut = drive.add_shortcut("to photos", photos)
    source = drive_source(drive, shortcut)
    assert names(source) == ["a.jpg"]
    assert source.url == f"gdrive://{shortcut}"


def test_what_is_shared_by_link_only_is_opened_with_its_keys(drive: DriveFake) -> None:
    by_link: dict[str, Any] = {"by_link_only": True}
    photos = drive.add_folder("Photos", resource_key="0-photos", **by_link)
    sub = drive.add_folder("sub", photos, resource_key="0-sub", **by_link)
    drive.add_file("a.jpg", b"1", sub, resource_key="0-a", **by_link)
    target = drive.add_file("b.jpg", b"2", resource_key="0-b", **by_link)
    drive.add_shortcut("to b", target, photos)
    source = drive_source(drive, photos, options="?resourcekey=0-photos")
    files = [file for page in source.listing() for file in page.files]
    assert sorted(source.read(file) for file in files) == [b"1", b"2"]
    with pytest.raises(NotFound):
        listed(drive_source(drive, photos))


def test_the_keys_of_what_shortcuts_lead_to_are_known_to_another_process(drive: DriveFake, photos: str) -> None:
    target = drive.add_file("b.jpg", b"2", resource_key="0-b", by_link_only=True)
    drive.add_shortcut("to b", target, photos)
    files, state = listed(drive_source(drive, photos))
    source = drive_source(drive, photos)
    changed(source, {}, state)
    assert [source.read(file) for file in files.values()] == [b"2"]


def test_also_below_a_folder_without_a_key_the_keys_of_files_are_shown(drive: DriveFake) -> None:
    photos = drive.add_folder("Photos", by_link_only=True)
    drive.add_file("a.jpg", b"1", photos, by_link_only=True, resource_key="0-a")
    source = drive_source(drive, photos)
    assert [source.read(file) for page in source.listing() for file in page.files] == [b"1"]


def test_keys_are_shown_below_a_link_that_was_opened_and_so_counts_as_shared_with_us(drive: DriveFake) -> None:
    photos = drive.add_folder("Photos", by_link_only=True, shared_with_us=True, resource_key="0-photos")
    drive.add_file("a.jpg", b"1", photos, by_link_only=True, resource_key="0-a")
    source = drive_source(drive, photos, options="?resourcekey=0-photos")
    assert [source.read(file) for file in listed(source)[0].values()] == [b"1"]


def test_a_file_that_moves_while_it_is_listed_is_listed_once(drive: DriveFake, photos: str) -> None:
    key = drive.add_file("a.jpg", b"1", photos)
    sub = drive.add_folder("sub", photos)
    drive.fail("files.list", do=lambda: drive.fail("files.list", do=lambda: drive.move(key, sub)))
    assert names(drive_source(drive, photos)) == ["a.jpg"]


def test_what_anybody_may_see_is_listed_each_time_as_drive_tells_nobody_of_its_changes(drive: DriveFake) -> None:
    above = drive.add_folder("Anybody's", by_link_only=True)
    source = drive_source(drive, drive.add_folder("Photos", above))
    assert [page.state for page in source.listing()] == [None]
    # Nor is it any better where the folder above is not shown.
    drive.fail("files.get", do=lambda: drive.fail("files.get", status=404, reason="notFound"))
    assert [page.state for page in source.listing()] == [None]


@pytest.mark.parametrize("where", ["itself", "a folder above"])
def test_what_was_shared_with_us_is_followed_by_its_changes(drive: DriveFake, where: str) -> None:
    above = drive.add_folder("Somebody's", by_link_only=True, shared_with_us=where != "itself")
    photos = drive.add_folder("Photos", above, shared_with_us=where == "itself")
    source = drive_source(drive, photos)
    files, state = listed(source)
    drive.add_file("a.jpg", b"1", photos)
    changed(source, files, state)
    assert [file.name for file in files.values()] == ["a.jpg"]


def test_a_server_that_gives_the_same_page_again_and_again_is_given_up(drive: DriveFake, photos: str) -> None:
    drive.add_file("a.jpg", b"1", photos)
    drive.fail("files.list", times=9, same_page=True)
    with pytest.raises(Unavailable, match="the same page again"):
        listed(drive_source(drive, photos))
    assert drive.calls["files.list"] == 2


def test_an_answer_that_cannot_be_understood_is_asked_for_again(drive: DriveFake, photos: str) -> None:
    drive.add_file("a.jpg", b"1", photos)
    for text in (b"<html>Log in to this network</html>", b"\xff"):
        drive.fail("files.list", text=text)
    assert names(drive_source(drive, photos)) == ["a.jpg"]


def test_a_name_may_be_anything(drive: DriveFake, photos: str) -> None:
    for name in ("half of a \ud83d.jpg", "\0.jpg", "x" * 10_000):
        drive.add_file(name, name.encode(errors="replace"), photos)
    # No log, no page and no database takes half a character.
    assert names(drive_source(drive, photos)) == ["\0.jpg", "half of a ?.jpg", "x" * 10_000]


def test_a_folder_that_nobody_shared_says_with_whom_to_share_it(drive: DriveFake, photos: str) -> None:
    drive.show(photos, False)
    with pytest.raises(NotFound, match="Share the folder with the account that is logged in"):
        listed(drive_source(drive, photos))


def test_a_folder_in_the_trash_is_not_an_empty_one(drive: DriveFake, photos: str) -> None:
    drive.trash(photos)
    with pytest.raises(NotFound, match="trash"):
        listed(drive_source(drive, photos))


def test_a_file_is_no_folder(drive: DriveFake) -> None:
    with pytest.raises(NotFound, match=r"'a\.jpg' .* is not a folder"):
        listed(drive_source(drive, drive.add_file("a.jpg", b"1")))


def test_of_a_folder_that_is_thrown_away_meanwhile_nothing_is_concluded(drive: DriveFake, photos: str) -> None:
    drive.add_file("a.jpg", b"1", photos)
    drive.fail("files.list", do=lambda: drive.trash(photos))
    with pytest.raises(NotFound, match="trash"):
        listed(drive_source(drive, photos))


def test_of_a_folder_that_goes_away_below_nothing_is_concluded(drive: DriveFake, photos: str) -> None:
    sub = drive.add_folder("sub", photos)
    drive.fail("files.list")
    drive.fail("files.list", do=lambda: drive.delete(sub))
    with pytest.raises(Unavailable, match="went away"):
        listed(drive_source(drive, photos))


def test_a_search_that_drive_did_not_complete_is_no_listing(drive: DriveFake, photos: str) -> None:
    drive.add_file("a.jpg", b"1", photos)
    drive.fail("files.list", incomplete=True)
    with pytest.raises(Unavailable, match="did not search everything"):
        listed(drive_source(drive, photos))


def test_who_asks_and_for_which_folder_can_be_told(drive: DriveFake, photos: str) -> None:
    told = drive_source(drive, photos).describe()
    assert told == "the folder 'Photos' in Google Drive, seen by anonymous@example.org"
    drive.trash(photos)
    with pytest.raises(NotFound):
        drive_source(drive, photos).describe()
