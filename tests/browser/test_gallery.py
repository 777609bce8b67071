"""The gallery in a browser: walls of pictures, filters, going on, coming back, stars, comparing."""

from collections.abc import Sequence
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect
from sqlalchemy import select

from ingest_samples import FAST
from pages_browser import DESK, PHONE, Open, check_accessibility, check_fits, shoot
from pages_exhibition import exhibition, several, small
from pages_house import PagesHouse
from stylegram.common.records import Role
from stylegram.ingest.pages.gallery.tiles import PAGE
from stylegram.logger.tables import runs

STRANGE = "<img src=x onerror=alert(1)> & <b>co.jpg"
LONG = f"{'x' * 150}.jpg"


def wall(page: Page) -> Sequence[str]:
    """The runs on it, in order."""
    runs: list[str] = page.locator("#wall > li").evaluate_all("tiles => tiles.map((tile) => tile.dataset.run)")
    return runs


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("desk", {"viewport": DESK, "color_scheme": "light"}),
        ("desk-dark", {"viewport": DESK, "color_scheme": "dark"}),
        (
            "phone",
            {
                "viewport": PHONE,
                "color_scheme": "light",
                "has_touch": True,
                "is_mobile": True,
                "device_scale_factor": 2,
            },
        ),
    ],
)
def test_a_full_gallery(name: str, options: dict[str, object], house: PagesHouse, open_page: Open) -> None:
    jobs = exhibition(house)
    page = open_page("/gallery", **options)
    expect(page.locator("#wall > li")).to_have_count(len(jobs))
    assert wall(page) == [job.id for job in jobs]
    expect(page.get_by_text("All 24 shown")).to_be_visible()
    # Also those that wait until somebody scrolls to them.
    page.locator("#wall img").evaluate_all(
        "images => Promise.all(images.map((image) => { image.loading = 'eager'; return image.decode(); }))"
    )
    shoot(page, f"gallery-{name}")
    check_fits(page)
    check_accessibility(page)


def test_the_wall_goes_on_where_its_end_comes_into_sight(house: PagesHouse, open_page: Open) -> None:
    jobs = several(house, 2 * PAGE + 12)
    page = open_page("/gallery", viewport=PHONE)
    expect(page.locator("#shown")).to_have_text(f"{PAGE} shown")
    for count in (2 * PAGE, len(jobs)):
        page.get_by_role("contentinfo").scroll_into_view_if_needed()
        expect(page.locator("#wall > li")).to_have_count(count)
    expect(page.locator("#shown")).to_have_text(f"All {len(jobs)} shown")
    assert wall(page) == [job.id for job in jobs]
    expect(page.get_by_role("link", name="More")).to_have_count(0)
    assert page.evaluate("location.search") == ""


def test_back_from_a_picture_is_where_one_was(house: PagesHouse, open_page: Open) -> None:
    several(house, 3 * PAGE)
    page = open_page("/gallery", viewport=PHONE)
    for count in (2 * PAGE, 3 * PAGE):
        page.get_by_role("contentinfo").scroll_into_view_if_needed()
        expect(page.locator("#wall > li")).to_have_count(count)
    tile = page.locator("#wall > li").nth(2 * PAGE + 5)
    tile.scroll_into_view_if_needed()
    before = tile.bounding_box()
    tile.get_by_role("link").click()
    page.wait_for_url("**/pictures/*")
    page.go_back()
    expect(page.locator("#wall > li")).to_have_count(3 * PAGE)
    page.wait_for_function("scrollY > 1000")
    after = tile.bounding_box()
    assert before and after and abs(before["y"] - after["y"]) < 40


def test_a_page_that_does_not_come_is_said_and_asked_for_again(house: PagesHouse, open_page: Open) -> None:
    several(house, PAGE + 3)
    page = open_page("/gallery", viewport={"width": 390, "height": 300})
    page.context.set_offline(True)
    page.get_by_role("contentinfo").scroll_into_view_if_needed()
    expect(page.get_by_role("alert")).to_have_text("The next pictures did not come. There is no connection.")
    page.context.set_offline(False)
    expect(page.locator("#wall > li")).to_have_count(PAGE + 3)
    expect(page.get_by_role("alert")).to_have_text("")


def test_filters_apply_at_once_and_stand_in_the_address(house: PagesHouse, open_page: Open) -> None:
    jobs = exhibition(house, 8, 128)
    house.fail(
        failed := house.ingest.submit(jobs[0].content, jobs[0].style, jobs[0].hyperparameters), "No memory left."
    )
    page = open_page("/gallery")
    expect(page.get_by_role("button", name="Show")).to_be_hidden()
    page.get_by_label("Photograph").focus()
    page.get_by_label("Photograph").select_option(label="Astronaut")
    of_astronaut = [job.id for job in jobs if job.content.name == "astronaut.png"]
    expect(page.locator("#wall > li")).to_have_count(len(of_astronaut))
    assert wall(page) == of_astronaut
    assert page.evaluate("location.search") == f"?content={jobs[0].content.sha256}"
    # Still there, so that keys go on choosing.
    expect(page.get_by_label("Photograph")).to_be_focused()
    page.get_by_label("Outcome").select_option(label="Failed")
    expect(page.locator("#wall > li")).to_have_count(1)
    assert wall(page) == [failed.id]
    expect(page.locator("#wall > li")).to_contain_text("No memory left.")
    page.reload()
    expect(page.get_by_label("Outcome")).to_have_value("failed")
    assert wall(page) == [failed.id]
    page.get_by_label("Photograph").select_option(label="Any")
    page.get_by_label("Outcome").select_option(label="Pictures")
    page.locator("select[name=rating]").select_option(label="4 stars or more")
    expect(page.locator("#wall > li")).to_have_count(3)
    page.get_by_label("Painting").select_option(label="Ploughed hills")
    expect(page.get_by_text("There is nothing of this kind.")).to_be_visible()
    expect(page.locator("#shown")).to_have_text("Nothing found")
    page.get_by_role("link", name="Show all pictures").click()
    expect(page.locator("#wall > li")).to_have_count(8)


def test_stars_are_given_on_the_wall(house: PagesHouse, open_page: Open) -> None:
    job, other = several(house, 2)
    page = open_page("/gallery")
    stars = page.locator(f'[data-run="{job.id}"]').get_by_role("group", name="Stars for")
    with page.expect_response("**/rating"):
        stars.get_by_role("radio", name="4").check(force=True)
    assert _rating(house, job.id) == 4
    with page.expect_response("**/rating"):
        page.keyboard.press("ArrowRight")
    assert _rating(house, job.id) == 5
    page.reload()
    expect(stars.get_by_role("radio", name="5")).to_be_checked()
    # The same again takes them back.
    with page.expect_response("**/rating"):
        stars.get_by_role("radio", name="5").click(force=True)
    assert _rating(house, job.id) is None
    expect(stars.get_by_role("radio", name="5")).not_to_be_checked()
    page.context.set_offline(True)
    stars.get_by_role("radio", name="2").click(force=True)
    expect(page.get_by_role("alert")).to_contain_text("The stars were not saved.")
    expect(stars.get_by_role("radio", name="2")).not_to_be_checked()
    assert _rating(house, other.id) is None


def _rating(house: PagesHouse, job_id: str) -> int | None:
    with house.logger.engine.connect() as connection:
        found: int | None = connection.scalar(select(runs.c.rating).where(runs.c.job_id == job_id))
        return found


def test_up_to_four_are_compared(house: PagesHouse, open_page: Open) -> None:
    jobs = exhibition(house, 6, 128)
    page = open_page("/gallery")
    page.get_by_role("button", name="Compare").click()
    bar = page.get_by_role("complementary", name="To be compared")
    expect(bar).to_contain_text("0 of 4 chosen")
    boxes = page.get_by_role("checkbox")
    boxes.nth(1).check()
    expect(bar.get_by_role("link")).to_have_count(0)
    # Anywhere on a picture does.
    page.locator("#wall > li").nth(2).click(position={"x": 90, "y": 90})
    shoot(page, "gallery-compare")
    check_accessibility(page)
    address = f"/record/compare?ids={jobs[1].id},{jobs[2].id}"
    expect(bar.get_by_role("link", name="Compare")).to_have_attribute("href", address)
    boxes.nth(3).check()
    boxes.nth(4).check()
    expect(bar).to_contain_text("4 of 4 chosen")
    expect(boxes.nth(0)).to_be_disabled()
    bar.get_by_role("button", name="Done").click()
    expect(bar).to_be_hidden()
    expect(boxes).to_have_count(0)
    expect(page.get_by_role("button", name="Compare")).to_be_focused()


def test_without_script_there_are_links_and_a_button(house: PagesHouse, open_page: Open) -> None:
    jobs = several(house, PAGE + 2)
    page = open_page("/gallery", java_script_enabled=False)
    expect(page.locator("#wall > li")).to_have_count(PAGE)
    page.get_by_role("link", name="More").click()
    expect(page.locator("#wall > li")).to_have_count(2)
    assert page.locator("#wall > li").last.get_attribute("data-run") == jobs[-1].id
    expect(page.get_by_role("radio").first).to_be_disabled()
    page.get_by_role("link", name="Back to the beginning").click()
    expect(page.locator("#wall > li")).to_have_count(PAGE)
    page.get_by_label("Outcome").select_option(label="Failed")
    page.get_by_role("button", name="Show").click()
    expect(page.get_by_text("There is nothing of this kind.")).to_be_visible()


@pytest.mark.parametrize(("name", "viewport"), [("desk", DESK), ("phone", PHONE)])
def test_names_and_reasons_are_only_words(
    name: str, viewport: dict[str, int], house: PagesHouse, open_page: Open, tmp_path: Path
) -> None:
    for file_name in (STRANGE, LONG):
        (tmp_path / file_name).write_bytes(small())
    content, style = house.asset(Role.CONTENT, tmp_path / STRANGE), house.asset(Role.STYLE, tmp_path / LONG)
    house.finish(house.ingest.submit(content, style, FAST), small(), width=96, height=64)
    house.fail(house.ingest.submit(content, style, FAST), f"{STRANGE} {'was too much ' * 30}")
    page = open_page("/gallery?outcome=all", viewport=viewport)
    expect(page.locator("#wall > li")).to_have_count(2)
    expect(page.locator("#wall > li").first).to_contain_text("<b>co")
    shoot(page, f"gallery-strange-{name}")
    check_fits(page)
    check_accessibility(page)
