"""Which is better, in a browser: mouse, keys, skipping, taking back, being offline, without script, for everybody."""

import re

import pytest
from playwright.sync_api import Page, Route, expect

from pages_browser import DESK, PHONE, Open, check_accessibility, check_fits, shoot
from pages_exhibition import exhibition, several
from pages_house import PagesHouse
from stylegram.logger.preferences.repository import PreferenceRepository

NEXT = re.compile(r"/better\?not=")
"""What is asked for the next two."""


def shown(page: Page) -> str:
    """The key of what is shown."""
    key = page.locator("#pair").get_attribute("data-key")
    assert key
    return key


def said(house: PagesHouse) -> list[tuple[str, str, int]]:
    """What the record knows."""
    return PreferenceRepository(house.logger.engine).tallies()


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("desk", {"viewport": DESK, "color_scheme": "light"}),
        ("desk-dark", {"viewport": DESK, "color_scheme": "dark"}),
        ("phone", {"viewport": PHONE, "has_touch": True, "is_mobile": True, "device_scale_factor": 2}),
    ],
)
def test_two_pictures(name: str, options: dict[str, object], house: PagesHouse, open_page: Open) -> None:
    jobs = exhibition(house, 9)
    for number, better in enumerate(jobs[:5]):
        for worse in jobs[number + 1 :]:
            PreferenceRepository(house.logger.engine).save(f"{number}-{worse.id}"[:36], better.id, worse.id)
    page = open_page("/better", **options)
    page.locator(".top img").last.scroll_into_view_if_needed()
    page.evaluate("scrollTo(0, 0)")
    page.locator("img").evaluate_all("images => Promise.all(images.map((image) => image.decode()))")
    shoot(page, f"better-{name}")
    check_fits(page)
    check_accessibility(page)
    # Both are whole on the screen.
    for picture in page.locator(".stage").all():
        box = picture.bounding_box()
        assert box and box["y"] >= 0 and box["y"] + box["height"] <= page.viewport_size["height"]  # type: ignore[index]


def test_a_click_answers_and_the_next_two_are_there(house: PagesHouse, open_page: Open) -> None:
    exhibition(house, 5, 128)
    page = open_page("/better")
    expect(page.get_by_text("Nothing was compared yet.")).to_be_visible()
    before = page.get_by_role("progressbar").get_attribute("value")
    first = shown(page)
    better = page.get_by_role("button", name="The second picture")
    winner = better.get_attribute("value")
    # As if the page were never loaded anew.
    page.evaluate("window.kept = true")
    better.click()
    expect(page.locator("#pair")).not_to_have_attribute("data-key", first)
    expect(page.get_by_role("status")).to_contain_text("Saved. The first picture:")
    expect(page.locator("#standing")).to_contain_text("From 1 comparison,")
    assert [(one, times) for one, _, times in said(house)] == [(winner, 1)]
    for answered in range(2, 7):
        key = shown(page)
        page.get_by_role("button", name="The first picture").click()
        expect(page.locator("#pair")).not_to_have_attribute("data-key", key)
        expect(page.locator("#standing")).to_contain_text(f"From {answered} comparisons,")
    assert page.get_by_role("progressbar").get_attribute("value") != before
    assert page.evaluate("window.kept")


def test_who_is_faster_than_the_next_two_is_told_all_the_same(house: PagesHouse, open_page: Open) -> None:
    exhibition(house, 5, 128)
    asked: list[Route] = []
    page = open_page("/gallery")
    page.route(NEXT, lambda route: asked.append(route))
    with page.expect_request(NEXT):
        page.goto("/better")
    first = shown(page)
    page.keyboard.press("ArrowLeft")
    expect(page.get_by_role("status")).to_have_text("Saved.")
    assert shown(page) == first
    asked[0].continue_()
    expect(page.get_by_role("status")).to_contain_text("Saved. The first picture:")
    assert shown(page) != first


def test_keys_answer_skip_and_take_back(house: PagesHouse, open_page: Open) -> None:
    exhibition(house, 5, 128)
    page = open_page("/better")
    expect(page.get_by_role("button", name="Take back")).to_be_hidden()
    keys = []
    for key, side in (("ArrowLeft", "first"), ("2", "second"), ("ArrowRight", "second"), ("1", "first")):
        keys.append(shown(page))
        winner = page.locator(f'[data-side="{side}"]').get_attribute("value")
        page.keyboard.press(key)
        expect(page.locator("#pair")).not_to_have_attribute("data-key", keys[-1])
        expect(page.locator("#standing")).to_contain_text(f"From {len(keys)} comparison")
        assert winner in [one for one, _, _ in said(house)]
    skipped = shown(page)
    page.keyboard.press("s")
    expect(page.locator("#pair")).not_to_have_attribute("data-key", skipped)
    # Every answer can be taken back, the latest first, and its pictures are shown again.
    for count in (3, 2):
        page.keyboard.press("Backspace")
        expect(page.locator("#pair")).to_have_attribute("data-key", keys[count])
        expect(page.locator("#standing")).to_contain_text(f"From {count} comparisons,")
    page.get_by_role("button", name="Take back").click()
    expect(page.locator("#pair")).to_have_attribute("data-key", keys[1])
    assert sum(times for *_, times in said(house)) == 1
    page.keyboard.press("ArrowLeft")
    expect(page.locator("#standing")).to_contain_text("From 2 comparisons,")


def test_keys_are_left_alone_where_they_mean_something_else(house: PagesHouse, open_page: Open) -> None:
    exhibition(house, 4, 128)
    page = open_page("/better")
    key = shown(page)
    page.get_by_label("Painting").focus()
    page.keyboard.press("ArrowLeft")
    page.get_by_role("link", name="Gallery").focus()
    page.keyboard.press("1")
    page.keyboard.press("s")
    page.keyboard.press("Control+ArrowRight")
    assert shown(page) == key
    page.keyboard.press("ArrowRight")
    expect(page.locator("#pair")).not_to_have_attribute("data-key", key)
    expect(page.locator("#standing")).to_contain_text("From 1 comparison,")


def test_until_nothing_is_left(house: PagesHouse, open_page: Open) -> None:
    several(house, 2)
    page = open_page("/better")
    expect(page.get_by_text("Nothing was compared yet.")).to_be_visible()
    # A pair is asked for three times.
    for count in (1, 2, 3):
        page.get_by_role("button", name="The first picture").click()
        expect(page.locator("#standing")).to_contain_text(f"From {count} comparison")
    expect(page.locator("#arena")).to_contain_text("Every pair was compared 3 times.")
    expect(page.get_by_role("link", name="Skip", exact=True)).to_be_hidden()
    shoot(page, "better-nothing-left")
    check_accessibility(page)
    page.get_by_role("button", name="Take back").click()
    expect(page.get_by_role("button", name="The first picture")).to_be_visible()
    assert sum(times for *_, times in said(house)) == 2


def test_what_is_said_without_a_connection_is_kept(house: PagesHouse, open_page: Open) -> None:
    exhibition(house, 6, 128)
    page = open_page("/better")
    page.wait_for_load_state("networkidle")
    page.context.set_offline(True)
    key = shown(page)
    page.keyboard.press("ArrowLeft")
    expect(page.locator("#pair")).not_to_have_attribute("data-key", key)
    page.keyboard.press("ArrowLeft")
    expect(page.get_by_role("alert")).to_contain_text("There is no connection. What you said is kept here")
    shoot(page, "better-offline")
    assert not said(house)
    page.context.set_offline(False)
    expect(page.locator("#standing")).to_contain_text("From 2 comparisons,")
    expect(page.get_by_role("alert")).to_have_text("")
    expect(page.locator("#arena")).not_to_have_attribute("aria-busy", "true")
    assert sum(times for *_, times in said(house)) == 2


@pytest.mark.parametrize(
    "storage",
    [
        'Object.defineProperty(window, "localStorage", { get() { throw new DOMException("no", "SecurityError"); } })',
        'Storage.prototype.setItem = () => { throw new DOMException("full", "QuotaExceededError"); }',
        'localStorage.setItem("stylegram-unsent-comparisons", "{")',
    ],
    ids=["forbidden", "full", "broken"],
)
def test_where_nothing_can_be_kept_it_works_all_the_same(storage: str, house: PagesHouse, open_page: Open) -> None:
    exhibition(house, 5, 128)
    page = open_page("/better")
    page.context.add_init_script(storage)
    page.reload()
    key = shown(page)
    page.keyboard.press("ArrowLeft")
    expect(page.locator("#pair")).not_to_have_attribute("data-key", key)
    expect(page.locator("#standing")).to_contain_text("From 1 comparison,")
    assert sum(times for *_, times in said(house)) == 1


def test_what_was_kept_is_sent_by_the_next_page(house: PagesHouse, open_page: Open) -> None:
    exhibition(house, 6, 128)
    page = open_page("/better")
    page.wait_for_load_state("networkidle")
    page.route("**/better", lambda route: route.abort())
    page.keyboard.press("ArrowRight")
    expect(page.get_by_role("alert")).to_contain_text("kept here")
    page.unroute("**/better")
    page.goto("/better")
    expect(page.locator("#standing")).to_contain_text("From 1 comparison,")
    assert sum(times for *_, times in said(house)) == 1


def test_only_of_one_painting(house: PagesHouse, open_page: Open) -> None:
    jobs = exhibition(house, 12, 128)
    page = open_page("/better")
    page.get_by_label("Painting").select_option(label="Paper lagoon")
    of_it = {job.id for job in jobs if job.style.name == "paper_lagoon.jpg"}
    page.wait_for_function(
        "ids => document.getElementById('pair').dataset.key.split(',').every((id) => ids.includes(id))",
        arg=list(of_it),
    )
    assert page.evaluate("location.search").startswith("?style=")
    page.keyboard.press("ArrowLeft")
    expect(page.locator("#standing")).to_contain_text("From 1 comparison,")
    assert {one for better, worse, _ in said(house) for one in (better, worse)} <= of_it


def test_looking_closer_shows_the_same_place_of_both(house: PagesHouse, open_page: Open) -> None:
    exhibition(house, 4, 512)
    page = open_page("/better")
    page.get_by_role("button", name="Look closer").click()
    page.locator(".stage").first.hover(position={"x": 100, "y": 100})
    places = page.locator(".stage img").evaluate_all(
        "images => images.map((image) => getComputedStyle(image).transformOrigin)"
    )
    assert places[0] == places[1] and places[0].startswith("100px ")
    shoot(page, "better-closer")
    sources = page.locator(".stage img").evaluate_all("images => images.map((one) => one.getAttribute('src'))")
    assert all(source.endswith("/result") for source in sources)


def test_without_script_there_are_forms(house: PagesHouse, open_page: Open) -> None:
    exhibition(house, 5, 128)
    page = open_page("/better", java_script_enabled=False)
    key = shown(page)
    page.get_by_role("button", name="The first picture").click()
    expect(page.locator("#standing")).to_contain_text("From 1 comparison,")
    assert shown(page) != key
    page.get_by_role("button", name="Take back").click()
    assert shown(page) == key
    assert not said(house)
    page.get_by_role("link", name="Skip", exact=True).click()
    assert shown(page) != key
    page.go_back()
    # Whoever goes back has another answer: the latest word counts.
    page.get_by_role("button", name="The first picture").click()
    expect(page.locator("#standing")).to_contain_text("From 1 comparison,")
    page.go_back()
    page.get_by_role("button", name="The second picture").click()
    expect(page.locator("#standing")).to_contain_text("comparison")
    shoot(page, "better-without-script")
