"""The record in a browser: pointing at runs, filters, comparing, files in and out."""

import random
import re
from itertools import product
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Locator, Page, expect

from pages_browser import DESK, PHONE, Open, check_accessibility, check_fits, shoot
from pages_house import PagesHouse, painted, samples
from stylegram.common.hyperparameters import Hyperparameters
from stylegram.common.messages import JobCompleted
from stylegram.common.records import Role
from stylegram.common.views.runs import RunView
from stylegram.logger.preferences.repository import PreferenceRepository

HOSTILE = "<img src=x onerror=alert(1)>&\"' ‮ name.jpg"
FIRST_SYSTEM = (
    "style_picture_name,content_picture_name,created_at,learning_rate,Beta_1,epochs,style_weight,content_weight,"
    "output_name,time_to_output,content_layers,style_layers,success\n"
)
LIGHT_DESK = {"viewport": DESK, "color_scheme": "light"}
DARK_PHONE = {"viewport": PHONE, "color_scheme": "dark", "has_touch": True, "device_scale_factor": 2}


def fill(house: PagesHouse, rounds: int = 3) -> None:
    """Runs of three photographs and four paintings, a round of each pair after another."""
    chance = random.Random(5)
    photographs, paintings = samples()
    contents = [(path, house.asset(Role.CONTENT, path)) for path in photographs[:3]]
    styles = [(path, house.asset(Role.STYLE, path)) for path in paintings[:4]]
    for number in range(rounds):
        for at, ((photograph, content), (painting, style)) in enumerate(product(contents, styles)):
            hyperparameters = Hyperparameters(
                size=chance.choice((256, 512)),
                content_weight=10 ** chance.uniform(-2, 0),
                style_scale=chance.choice((0.5, 1.0, 2.0)),
                optimizer=chance.choice(("adam", "lbfgs")),
                colors=chance.choice(("style", "matched")),
            )
            job = house.ingest.submit(content, style, hyperparameters)
            house.finish(job, painted(photograph, painting), seed=12 * number + at)


def runs_of(page: Page, **query: Any) -> list[RunView]:
    """What the API says."""
    answer = page.request.get("/v1/runs", params={"limit": 1000, **query}).json()
    return [RunView.model_validate(item) for item in answer["items"]]


def front_of(page: Page, width: str = ".wide") -> Locator:
    """The points on the front, as they are drawn."""
    return page.locator(f".front {width} a[data-run]").filter(has=page.locator(".front, .best"))


def middle(point: Locator) -> tuple[float, float]:
    point.scroll_into_view_if_needed()
    box = point.bounding_box()
    assert box
    return box["x"] + box["width"] / 2, box["y"] + box["height"] / 2


def expect_shown(page: Page, job_id: str) -> None:
    """The panel shows the run, with its picture."""
    panel = page.get_by_role("region", name="The run that is pointed at")
    expect(panel.locator("article")).to_have_attribute("data-run", job_id)
    picture = panel.locator("img")
    expect(picture).to_have_attribute("src", re.compile(f"/v1/jobs/{job_id}/result"))
    expect(picture).to_have_js_property("complete", True)
    assert picture.evaluate("image => image.naturalWidth") > 100


@pytest.mark.parametrize(("name", "options"), [("desk", LIGHT_DESK), ("phone", DARK_PHONE)])
def test_the_page(name: str, options: dict[str, Any], house: PagesHouse, open_page: Open) -> None:
    fill(house)
    page = open_page("/record", **options)
    first, second = runs_of(page)[:2]
    PreferenceRepository(house.logger.engine).save("said", first.job_id, second.job_id)
    check_fits(page)
    check_accessibility(page)
    # What takes long comes when it is near.
    page.get_by_role("heading", name="What matters").scroll_into_view_if_needed()
    expect(page.locator("#importance")).to_contain_text("36 runs are too few to tell")
    expect(page.locator("#ranking")).to_contain_text("by 1 comparison.")
    expect(page.locator("#ranking ol li")).to_have_count(2)
    check_fits(page)
    check_accessibility(page)
    page.evaluate("window.scrollTo(0, 0)")
    shoot(page, f"record-{name}")


def test_pointing_with_a_mouse_shows_a_run_and_clicking_opens_it(house: PagesHouse, open_page: Open) -> None:
    fill(house, 1)
    page = open_page("/record")
    best = min(runs_of(page), key=lambda run: run.score or 9)
    expect_shown(page, best.job_id)
    for point in front_of(page).all():
        page.mouse.move(*middle(point))
        expect_shown(page, point.get_attribute("data-run") or "")
    point = page.locator(".front .wide a[data-run]").first
    job_id = point.get_attribute("data-run") or ""
    x, y = middle(point)
    # Near is enough: a point is small.
    page.mouse.move(x + 4, y - 3)
    expect_shown(page, job_id)
    page.mouse.click(x, y)
    expect(page).to_have_url(re.compile(f"/pictures/{job_id}"))


def test_the_keyboard_has_one_stop_and_arrows_walk_along_the_front(house: PagesHouse, open_page: Open) -> None:
    fill(house, 1)
    page = open_page("/record")
    walked = sorted(runs_of(page), key=lambda run: run.relative_content_error or 0)
    on_front = {point.get_attribute("data-run") for point in front_of(page).all()}
    expected = [run.job_id for run in walked if run.job_id in on_front]
    best = min(walked, key=lambda run: run.score or 9)
    page.locator(".front .wide a[tabindex='0']").focus()
    expect_shown(page, best.job_id)
    page.keyboard.press("Home")
    seen = []
    for _ in expected:
        seen.append(page.evaluate("document.activeElement.dataset.run"))
        expect_shown(page, seen[-1])
        page.keyboard.press("ArrowRight")
    assert seen == expected
    page.keyboard.press("Home")
    expect_shown(page, expected[0])
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.closest('.chart')") is None
    page.keyboard.press("Shift+Tab")
    page.keyboard.press("Enter")
    expect(page).to_have_url(re.compile(f"/pictures/{expected[0]}"))


def test_a_finger_shows_a_run_and_the_card_opens_it(house: PagesHouse, open_page: Open) -> None:
    fill(house, 1)
    page = open_page("/record", **DARK_PHONE)
    best = min(runs_of(page), key=lambda run: run.score or 9)
    other = next(point for point in front_of(page, ".narrow").all() if point.get_attribute("data-run") != best.job_id)
    x, y = middle(other)
    page.touchscreen.tap(x + 2, y + 2)
    job_id = other.get_attribute("data-run") or ""
    expect_shown(page, job_id)
    expect(page).to_have_url(re.compile("/record$"))
    shoot(page, "record-phone-pointed")
    page.locator("#pointed h3 a").tap()
    expect(page).to_have_url(re.compile(f"/pictures/{job_id}"))


def test_without_script_the_front_leads_to_pictures_and_the_parts_are_linked(
    house: PagesHouse, open_page: Open
) -> None:
    fill(house, 1)
    page = open_page("/record", java_script_enabled=False)
    assert front_of(page).first.get_attribute("href") == f"/pictures/{front_of(page).first.get_attribute('data-run')}"
    expect(page.locator("#importance")).to_contain_text("12 runs are too few to tell")
    page.get_by_role("link", name="Show the ranking").click()
    expect(page.get_by_role("heading", name="What people like", level=1)).to_be_visible()


def test_filters_apply_to_all_parts(house: PagesHouse, open_page: Open) -> None:
    fill(house, 1)
    page = open_page("/record")
    run = runs_of(page)[0]
    page.get_by_label("Painting").select_option(run.style_name)
    page.get_by_label("Whose runs").select_option("Our own")
    page.get_by_role("button", name="Show").click()
    expect(page).to_have_url(re.compile(r"whose=own"))
    expect(page.locator("#board tbody tr").first).to_be_visible()
    wanted = {each.job_id for each in runs_of(page, style=run.style_name)}
    assert len(wanted) == 3
    shown = {each.get_attribute("data-run") for each in page.locator(".front .wide a[data-run]").all()}
    assert shown == wanted
    page.get_by_role("link", name="Score", exact=True).click()
    expect(page.locator("#board tbody tr")).to_have_count(3)
    expect(page.get_by_label("Painting")).to_have_value(run.style_name or "")
    page.get_by_role("link", name="Show all").click()
    expect(page.get_by_label("Painting")).to_have_value("")
    page.get_by_label("Since").fill("2099-01-01")
    page.get_by_role("button", name="Show").click()
    expect(page.get_by_text("There is no such run.")).to_be_visible()
    check_accessibility(page)


def test_the_leaderboard_goes_on_below_itself(house: PagesHouse, open_page: Open) -> None:
    fill(house)
    page = open_page("/record?by=score")
    rows = page.locator("#board tbody tr")
    expect(rows).to_have_count(20)
    page.get_by_role("link", name="Show more").click()
    expect(rows).to_have_count(36)
    expect(page.get_by_role("link", name="Show more")).to_have_count(0)
    expect(rows.nth(20).locator(".pair")).to_be_focused()
    scores = [run.score for run in sorted(runs_of(page), key=lambda run: run.score or 9)]
    assert [float(row.locator("td").nth(3).inner_text()) for row in rows.all()] == pytest.approx(scores, abs=0.01)


@pytest.mark.parametrize(("name", "options"), [("desk", LIGHT_DESK), ("phone", DARK_PHONE)])
def test_four_runs_side_by_side(name: str, options: dict[str, Any], house: PagesHouse, open_page: Open) -> None:
    fill(house, 1)
    page = open_page("/record?by=score", **options)
    boxes = page.locator("#board").get_by_role("checkbox")
    compare = page.get_by_role("button", name="Compare the chosen")
    expect(compare).to_be_disabled()
    for at in range(4):
        boxes.nth(at).check()
    expect(boxes.nth(4)).to_be_disabled()
    expect(page.locator("#compare [role=status]")).to_contain_text("as many as fit")
    compare.click()
    expect(page.get_by_role("heading", name="Side by side")).to_be_visible()
    expect(page.locator(".compared")).to_have_count(4)
    best = min(runs_of(page), key=lambda run: run.score or 9)
    score = page.get_by_role("row", name=re.compile("^Score"))
    # Sorted by score, the best is the first.
    expect(score.locator("td").first).to_contain_text("best")
    expect(page.locator(".compared").first.locator("a").first).to_have_attribute("href", f"/pictures/{best.job_id}")
    expect(page.locator(".chart:visible path.line")).to_have_count(4 + 4)  # and their legend
    expect(page.get_by_role("row", name=re.compile("^Content weight"))).to_be_visible()
    for picture in page.locator(".compared img").all():
        expect(picture).to_have_js_property("complete", True)
    check_fits(page)
    check_accessibility(page)
    shoot(page, f"compare-{name}")


def test_the_record_goes_out_and_comes_in_as_a_file(house: PagesHouse, open_page: Open, tmp_path: Path) -> None:
    fill(house, 1)
    page = open_page("/record")
    with page.expect_download() as coming:
        page.get_by_role("link", name="CSV").click()
    exported = coming.value.path().read_text(encoding="utf-8")
    assert coming.value.suggested_filename == "logs.csv"
    assert all(run.job_id in exported for run in runs_of(page))
    page.get_by_label("Take in an export").set_input_files(coming.value.path())
    page.get_by_role("button", name="Import").click()
    expect(page.get_by_text("does not say whose it is")).to_be_visible()
    check_accessibility(page)
    shoot(page, "record-import-refused")
    page.get_by_label("Take in an export").set_input_files(coming.value.path())
    page.get_by_label("They are our own").check()
    page.get_by_role("button", name="Import").click()
    expect(page.get_by_role("status").filter(has_text="12 were known")).to_be_visible()
    file = tmp_path / "logs.csv"
    file.write_text(
        FIRST_SYSTEM + f'the_scream.jpg,"{HOSTILE.replace(chr(34), chr(34) * 2)}",2020-09-21,0.1,0.6,9,0.1,1000.0,'
        "2020-09-21.jpg,3521.5,['block5_conv2'],\"['block1_conv1', 'block2_conv1']\",True\n",
        encoding="utf-8",
    )
    page.get_by_label("Take in an export").set_input_files(file)
    page.get_by_role("button", name="Import").click()
    expect(page.get_by_role("status").filter(has_text="1 run is new")).to_be_visible()
    page.get_by_role("link", name="Newest").click()
    # What is newest is at the top, and this is of 2020.
    expect(page.locator("#board tbody tr").last).to_contain_text("<img src=x onerror=alert(1)>")


@pytest.mark.parametrize(("name", "options"), [("desk", LIGHT_DESK), ("phone", DARK_PHONE)])
def test_a_house_with_nothing_but_imported_runs(
    name: str, options: dict[str, Any], house: PagesHouse, open_page: Open, tmp_path: Path
) -> None:
    file = tmp_path / "logs.csv"
    file.write_text(
        FIRST_SYSTEM
        + "".join(
            f"painting_{at % 5}.jpg,IMG_{at}.JPG,2020-09-{at % 28 + 1:02d},{0.001 * (at + 1)},0.{at % 9 + 1},10,"
            f"{10 ** -(at % 4)},{10 ** (at % 3)},a.jpg,{100 + at},['block{at % 2 + 4}_conv2'],"
            f"\"['block1_conv1', 'block2_conv1']\",{at % 7 > 0}\n"
            for at in range(60)
        ),
        encoding="utf-8",
    )
    page = open_page("/record", **options)
    expect(page.get_by_text("Nothing was painted yet")).to_be_visible()
    page.get_by_label("Take in an export").set_input_files(file)
    page.get_by_role("button", name="Import").click()
    expect(page.get_by_role("status").filter(has_text="60 runs are new")).to_be_visible()
    expect(page.get_by_text("none has the errors that a score is made of")).to_be_visible()
    expect(page.locator("#board tbody tr")).to_have_count(20)
    expect(page.locator("#board .blank").first).to_be_visible()
    expect(page.get_by_role("heading", name="Where good runs are")).to_be_visible()
    check_fits(page)
    check_accessibility(page)
    shoot(page, f"record-imported-{name}")
    for at in range(2):
        page.locator("#board").get_by_role("checkbox").nth(at).check()
    page.get_by_role("button", name="Compare the chosen").click()
    expect(page.get_by_text("In what they differ")).to_be_visible()
    check_fits(page)
    page.go_back()
    page.get_by_label("Whose runs").select_option("Our own")
    page.get_by_role("button", name="Show").click()
    expect(page.get_by_text("There is no such run.")).to_be_visible()


def test_names_of_anything_are_only_names(house: PagesHouse, open_page: Open) -> None:
    fill(house, 1)
    job = house.ingest.jobs(limit=1).items[0]
    record = house.ingest.storage.read(f"runs/{job.id}/record.json")
    event = JobCompleted.model_validate_json(
        f'{{"job_id": "hostile", "result": "runs/hostile/result.png", "record": {record.decode()}}}'
    )
    named = event.record.model_copy(
        update={
            "job_id": "hostile",
            "content": event.record.content.model_copy(update={"name": HOSTILE}),
            "style": event.record.style.model_copy(update={"name": HOSTILE * 4}),
        }
    )
    house.logger.logger.handle_all([event.model_copy(update={"record": named})])
    for options in (LIGHT_DESK, DARK_PHONE):
        page = open_page("/record?by=newest", **options)
        expect(page.locator("tr[data-run=hostile]")).to_contain_text("<img src=x onerror=alert(1)>")
        assert page.locator("img[src=x]").count() == 0
        # The picture that it has not leaves its place.
        expect(page.locator("tr[data-run=hostile] .blank")).to_be_attached()
        check_fits(page)
        page.goto(f"/record/compare?ids=hostile,{job.id}")
        check_fits(page)
        check_accessibility(page)
