"""The library: what there is, putting more in, and the look for new pictures."""

import re
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Locator, Page, expect

from ingest_samples import open_ingest, png
from pages_browser import DESK, PHONE, Open, check_accessibility, check_fits, contexts, shoot
from pages_house import PagesHouse, samples
from stylegram.common.records import Role
from stylegram.ingest.sync import SyncReport

LOOKS = [
    ("desk", {"viewport": DESK, "color_scheme": "light"}),
    ("desk-dark", {"viewport": DESK, "color_scheme": "dark"}),
    ("phone", {"viewport": PHONE, "color_scheme": "light", "has_touch": True, "device_scale_factor": 2}),
    ("phone-dark", {"viewport": PHONE, "color_scheme": "dark", "has_touch": True, "device_scale_factor": 2}),
]
# What is below the fold is loaded too.
ALL_IMAGES = "Promise.all([...document.images].map((image) => ((image.loading = 'eager'), image.decode())))"
HOSTILE = '"><img src=x onerror=alert(1)>.png'


def furnish(house: PagesHouse) -> None:
    """The sample pictures, in their folders and put in by hand, and some that are refused."""
    photos, paintings = samples()
    for role, paths in ((Role.CONTENT, photos), (Role.STYLE, paintings)):
        folder = house.root / ("photos" if role is Role.CONTENT else "paintings")
        for path in paths[1:]:
            (folder / path.name).write_bytes(path.read_bytes())
        house.ingest.put_into_library(role, paths[0].name, paths[0].read_bytes())
    (house.root / "photos" / "scan_of_a_very_long_forgotten_negative_from_the_attic_no_0000000000001.tif").write_bytes(
        b"no picture"
    )
    (house.root / "paintings" / HOSTILE).write_bytes(b"")
    house.ingest.sync_all()


def shelf(page: Page, title: str) -> Locator:
    """A shelf of the page; its heading has a count too."""
    return page.get_by_role("region", name=re.compile(f"^{title}"))


@pytest.mark.parametrize(("name", "options"), LOOKS)
def test_how_it_looks(name: str, options: dict[str, object], house: PagesHouse, open_page: Open) -> None:
    furnish(house)
    page = open_page("/library", **options)
    page.get_by_text("Which files").first.click()
    page.evaluate(ALL_IMAGES)
    shoot(page, f"library-{name}")
    check_fits(page)
    check_accessibility(page)


def test_files_are_picked_and_the_refused_say_why(house: PagesHouse, open_page: Open, tmp_path: Path) -> None:
    photos, _ = samples()
    broken = tmp_path / HOSTILE
    broken.write_bytes(b"no picture")
    page = open_page("/library")
    photographs = shelf(page, "Photographs")
    photographs.get_by_label("Put photographs in here").set_input_files([photos[0], broken, photos[1]])
    rows = photographs.get_by_role("list", name="Files that were put in").get_by_role("listitem")
    expect(rows).to_have_count(3)
    expect(rows.nth(1)).to_contain_text("Not a picture of a known type.")
    expect(rows.nth(1)).to_contain_text(HOSTILE)
    for number in (0, 2):
        expect(rows.nth(number)).to_contain_text("Put in.")
    expect(photographs.locator(".picture")).to_have_count(2)
    shoot(page, "library-uploads")
    check_accessibility(page)
    assert {asset.name for asset in house.ingest.assets(Role.CONTENT, limit=9).items} == {
        photos[0].name,
        photos[1].name,
    }
    photographs.get_by_label("Remove").first.click()
    expect(photographs.locator(".picture")).to_have_count(2)
    shoot(page, "library-remove")
    photographs.get_by_role("button", name="Remove").first.click()
    expect(photographs.locator(".picture")).to_have_count(1)


def test_files_are_dropped_on_the_shelf_that_they_are_for(house: PagesHouse, open_page: Open) -> None:
    page = open_page("/library")
    drop = """([selector, files]) => {
        const data = new DataTransfer();
        for (const [name, bytes] of files) data.items.add(new File([new Uint8Array(bytes)], name));
        const shelf = document.querySelector(selector);
        shelf.dispatchEvent(new DragEvent("dragover", { dataTransfer: data, bubbles: true, cancelable: true }));
        shelf.dispatchEvent(new DragEvent("drop", { dataTransfer: data, bubbles: true, cancelable: true }));
    }"""
    page.evaluate(drop, ["#style", [["one.png", list(png(1))], ["two.png", list(png(2))], ["none.png", []]]])
    paintings = shelf(page, "Paintings")
    expect(paintings.locator(".picture")).to_have_count(2)
    expect(paintings.get_by_role("list", name="Files that were put in")).to_contain_text("The file is empty.")
    assert [asset.name for asset in house.ingest.assets(Role.STYLE, limit=9).items] == ["two.png", "one.png"]
    assert house.ingest.assets(Role.CONTENT, limit=9).items == []


def test_it_works_without_script(house: PagesHouse, open_page: Open, tmp_path: Path) -> None:
    for number in range(30):
        (house.root / "paintings" / f"{number:02}.png").write_bytes(png(number))
    page = open_page("/library", java_script_enabled=False)
    page.get_by_role("button", name="Look for new pictures").click()
    expect(page).to_have_url(re.compile("/library#sources$"))
    deadline = time.monotonic() + 60
    while house.ingest.syncing:
        assert time.monotonic() < deadline
        page.wait_for_timeout(50)
    page.reload()
    expect(page.get_by_text("30 new")).to_be_visible()
    page.get_by_role("link", name="More paintings").click()
    paintings = shelf(page, "Paintings")
    expect(paintings.locator(".picture")).to_have_count(6)
    expect(paintings.get_by_role("link", name="Back to the newest")).to_be_visible()
    broken = tmp_path / "broken.jpg"
    broken.write_bytes(b"no picture")
    photographs = shelf(page, "Photographs")
    photographs.get_by_label("Put photographs in here").set_input_files([broken, samples()[0][0]])
    photographs.get_by_role("button", name="Add").click()
    expect(page.get_by_role("alert")).to_contain_text("The file 'broken.jpg' is refused")
    expect(photographs.locator(".picture")).to_have_count(1)
    shoot(page, "library-refused")


def test_more_pictures_come_in_place(house: PagesHouse, open_page: Open) -> None:
    for number in range(60):
        (house.root / "paintings" / f"{number:02}.png").write_bytes(png(number))
    house.ingest.sync_all()
    page = open_page("/library")
    paintings = shelf(page, "Paintings")
    for shown in (24, 48, 60):
        expect(paintings.locator(".picture")).to_have_count(shown)
        if shown < 60:
            paintings.get_by_role("link", name="More paintings").click()
    expect(paintings.get_by_role("link", name="More paintings")).to_have_count(0)
    names = paintings.locator(".picture strong").all_text_contents()
    assert names == [f"{number:02}" for number in reversed(range(60))]
    assert page.url.endswith("/library")


def test_a_double_click_brings_more_once(house: PagesHouse, open_page: Open) -> None:
    for number in range(60):
        (house.root / "paintings" / f"{number:02}.png").write_bytes(png(number))
    house.ingest.sync_all()
    page = open_page("/library")
    pictures = shelf(page, "Paintings").locator(".picture")
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url) if "style_after" in request.url else None)
    page.get_by_role("link", name="More paintings").dispatch_event("click")
    page.get_by_role("link", name="More paintings").dispatch_event("click")
    expect(pictures).to_have_count(48)
    page.wait_for_load_state("networkidle")
    expect(pictures).to_have_count(48)
    assert len(asked) == 1


def test_a_picture_leads_to_paint_and_to_its_results(house: PagesHouse, open_page: Open) -> None:
    photos, _ = samples()
    asset = house.ingest.put_into_library(Role.CONTENT, photos[0].name, photos[0].read_bytes())
    page = open_page("/library")
    links = page.locator(".picture a")
    assert [link.get_attribute("href") for link in links.all()] == [
        f"/?content={asset.sha256}",
        f"/?content={asset.sha256}",
        f"/gallery?content={asset.sha256}",
    ]


@contextmanager
def replica(house: PagesHouse, chromium: Browser) -> Iterator[Open]:
    """Another process' view of the same database."""
    other = PagesHouse.__new__(PagesHouse)
    other.__dict__ |= house.__dict__ | {"ingest": open_ingest(house.root)}
    try:
        with other.served() as address, contexts(chromium, address) as open_page:
            yield open_page
    finally:
        other.ingest.close()


def test_a_sync_is_seen_from_another_replica(house: PagesHouse, chromium: Browser, address: str) -> None:
    for number in range(3):
        (house.root / "photos" / f"{number}.png").write_bytes(png(number))
    go_on, waits = threading.Event(), threading.Event()

    def wait(done: int, _total: int, _report: SyncReport) -> None:
        if done == 2:
            waits.set()
            assert go_on.wait(60)

    thread = threading.Thread(target=house.ingest.sync_all, args=(wait,))
    thread.start()
    assert waits.wait(20)
    try:
        with replica(house, chromium) as open_page:
            page = open_page("/library")
            sources = page.get_by_role("region", name="Sources")
            expect(sources).to_contain_text("Looking for new pictures: photographs, 2 of 3 files", timeout=10_000)
            expect(sources.get_by_role("button", name="Look for new pictures")).to_be_disabled()
            shoot(page, "library-syncing")
            check_accessibility(page)
            refused = page.request.post("/v1/sync/start")
            assert (refused.status, refused.json()["type"]) == (409, "urn:stylegram:problem:sync-running")
            go_on.set()
            thread.join()
            expect(sources).to_contain_text("Last looked just now", timeout=10_000)
            expect(sources.get_by_role("button", name="Look for new pictures")).to_be_enabled()
            expect(page.locator("#content-count")).to_have_text("3")
            sources.get_by_role("link", name="Show what is new").click()
            expect(page.locator("#content .picture")).to_have_count(3)
    finally:
        go_on.set()
        thread.join()
