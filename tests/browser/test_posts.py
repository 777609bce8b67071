"""The pages of posts: deciding about them, looking through them, and how the accounts stand."""

import re
from datetime import datetime, timedelta
from io import BytesIO
from itertools import cycle, islice
from pathlib import Path
from typing import Any

import pytest
from PIL import Image
from playwright.sync_api import Locator, Page, expect

from pages_browser import DESK, PHONE, Open, check_accessibility, check_fits, shoot
from pages_house import PagesHouse, painted, samples
from stylegram.common import artifacts
from stylegram.common.clock import utcnow
from stylegram.common.database import transaction
from stylegram.common.hyperparameters import Hyperparameters
from stylegram.common.records import Role
from stylegram.ingest.schemas import Job
from stylegram.publisher.ledger import marker_of
from stylegram.publisher.tables import FeedbackRow, PostRow, PostState
from stylegram.stylizer.timelapse import Timelapse

ACCOUNT = "instagrapi://painter"
PLAIN = Hyperparameters(size=128, evaluations=(4,), learning_rate=0.5, optimizer="adam")


def jobs(house: PagesHouse, count: int = 1) -> list[Job]:
    """Pictures that are done, of different samples."""
    photographs, paintings = samples()
    pairs = islice(zip(cycle(photographs), cycle(paintings[:7]), strict=False), count)
    return [finished(house, *pair) for pair in pairs]


def finished(house: PagesHouse, photograph: Any, painting: Any) -> Job:
    content, style = house.asset(Role.CONTENT, photograph), house.asset(Role.STYLE, painting)
    job = house.ingest.submit(content, style, PLAIN, publish=False)
    house.finish(job, painted(photograph, painting, 640))
    return job


def add_film(house: PagesHouse, job: Job) -> None:
    image = Image.open(BytesIO(house.ingest.storage.read(artifacts.result(job.id))))
    timelapse = Timelapse(image.size)
    for evaluation in range(1, 13):
        timelapse.add(evaluation, lambda: image)
    house.ingest.storage.write(artifacts.timelapse(job.id), timelapse.mp4(), content_type="video/mp4")


def row(house: PagesHouse, key: str) -> PostRow:
    return house.publisher.ledger.get(key)


def card(page: Page, section: str) -> Locator:
    return page.get_by_role("region", name=section).get_by_role("listitem")


def many_posts(house: PagesHouse) -> dict[str, str]:
    """A post in each state."""
    out, twice, asked, asked_too, waiting, failed, unknown = jobs(house, 7)
    add_film(house, waiting)
    now = utcnow()
    keys = {
        "out": house.post(
            out,
            state=PostState.PUBLISHED,
            published_at=now - timedelta(hours=3),
            created_at=now - timedelta(hours=4),
            committing_at=now - timedelta(hours=3, seconds=4),
            url="https://www.instagram.com/p/DB3xY_abcde/",
            media_id="m-1",
        ),
        "rejected": house.post(
            twice,
            state=PostState.FAILED,
            reason="Rejected: the sky is too dark",
            error_code="rejected",
            created_at=now - timedelta(days=2),
        ),
        "failed": house.post(
            failed,
            state=PostState.FAILED,
            reason="Instagram does not take this picture: its sides are too unlike.",
            error_code="refused",
            created_at=now - timedelta(days=1),
        ),
        "unknown": house.post(
            unknown,
            state=PostState.NEEDS_REVIEW,
            reason="Nobody knows whether it is out.",
            error_code="outcome-unknown",
            committing_at=now - timedelta(hours=6),
            created_at=now - timedelta(hours=7),
        ),
        "waiting": house.post(waiting, kind="reel"),
        "asked": house.post(asked, approved=False),
        "asked too": house.post(asked_too, kind="carousel", approved=False),
    }
    with transaction(house.ingest.engine) as session:
        for hours, likes in ((1, 12), (2, 31)):
            read_at = now - timedelta(hours=3 - hours)
            session.add(FeedbackRow(post=keys["out"], read_at=read_at, likes=likes, comments=2, reach=512))
    return keys


LOOKS = [
    ("desk", {"viewport": DESK, "color_scheme": "light"}),
    ("phone", {"viewport": PHONE, "color_scheme": "dark", "has_touch": True, "device_scale_factor": 2}),
]


def look(page: Page, name: str) -> None:
    """All pictures are there; it fits, and everybody can use it."""
    for picture in page.locator("img").all():
        if picture.is_visible():
            picture.scroll_into_view_if_needed()
            expect(picture).to_have_js_property("complete", True)
            assert picture.evaluate("image => image.naturalWidth") > 0
    shoot(page, name)
    check_fits(page)
    check_accessibility(page)


@pytest.mark.parametrize(("name", "options"), LOOKS)
def test_posts_of_every_kind(house: PagesHouse, open_page: Open, name: str, options: dict[str, Any]) -> None:
    keys = many_posts(house)
    page = open_page("/posts", **options)
    expect(page.get_by_role("heading", name="@painter")).to_be_visible()
    look(page, f"posts-{name}")
    for which in ("asked", "asked too", "unknown", "out", "failed", "waiting"):
        page.goto(f"/posts/{keys[which]}")
        look(page, f"post-{which.replace(' ', '-')}-{name}")


# Decisions


def test_a_caption_is_edited_and_then_approved(house: PagesHouse, open_page: Open) -> None:
    [job] = jobs(house)
    key = house.post(job, approved=False)
    page = open_page("/posts")
    asked = card(page, "Waiting for your yes")
    expect(asked).to_have_count(1)
    expect(asked.locator(".caption")).to_contain_text(marker_of(key))
    asked.get_by_role("link", name="Edit").click()
    text = page.get_by_label("What stands below it")
    count = page.locator(".count")
    # The line by which it is found again is no matter of the writer's, and counts all the same.
    expect(text).not_to_have_value(re.compile("No[.]"))
    text.fill("Evening 🌉\n\n#art #2026 #night")
    expect(count).to_have_text(
        f"{len('Evening ##') + len('#art #2026 #night') + len(marker_of(key)) + 4} characters, 2 hashtags."
    )
    text.press("End")
    page.get_by_role("button", name="Save caption").click()
    expect(text).to_have_value("Evening 🌉\n\n#art #2026 #night")
    assert row(house, key).caption == f"Evening 🌉\n\n#art #2026 #night\n\n{marker_of(key)}"
    assert row(house, key).approved_at is None
    text.fill("Night")
    page.get_by_role("button", name="Approve with this caption").click()
    expect(page.get_by_text("Its turn is now.")).to_be_visible()
    assert row(house, key).caption == f"Night\n\n{marker_of(key)}"
    assert row(house, key).approved_at


def test_a_caption_that_is_too_long_is_said_to_be_and_kept(house: PagesHouse, open_page: Open) -> None:
    [job] = jobs(house)
    key = house.post(job, approved=False)
    page = open_page(f"/posts/{key}")
    before = row(house, key).caption
    text = page.get_by_label("What stands below it")
    text.fill("a" * 2300)
    expect(page.get_by_role("status")).to_have_text("116 characters too many.")
    page.get_by_role("button", name="Save caption").click()
    expect(page.get_by_text("and Instagram takes 2200.")).to_be_visible()
    expect(text).to_have_value("a" * 2300)
    expect(text).to_have_attribute("aria-invalid", "true")
    check_accessibility(page)
    assert row(house, key).caption == before


def test_a_post_is_approved_or_rejected_in_the_list(house: PagesHouse, open_page: Open) -> None:
    first, second, third = (house.post(job, approved=False) for job in jobs(house, 3))
    page = open_page("/posts", viewport=PHONE, has_touch=True)
    asked = card(page, "Waiting for your yes")
    expect(asked).to_have_count(3)
    # The newest comes first.
    asked.nth(2).get_by_role("button", name="Approve").tap()
    expect(asked).to_have_count(2)
    asked.nth(1).get_by_role("button", name="Reject").tap()
    expect(asked).to_have_count(1)
    assert row(house, first).approved_at
    assert row(house, second).reason == "Rejected: not wanted"
    page.goto(f"/posts/{third}")
    page.get_by_text("Reject it").tap()
    page.get_by_label("Why, if you like").fill("too dark")
    page.get_by_role("button", name="Reject").tap()
    expect(page.get_by_text("Rejected: too dark")).to_be_visible()
    page.goto("/posts")
    expect(page.get_by_role("heading", name="Waiting for your yes")).to_have_count(0)


def test_a_post_that_failed_is_tried_again(house: PagesHouse, open_page: Open) -> None:
    [job] = jobs(house)
    key = house.post(job, state=PostState.FAILED, reason="Instagram was away.", error_code="unavailable")
    page = open_page("/posts?show=failed")
    expect(card(page, "All posts")).to_contain_text("Instagram was away.")
    page.get_by_role("button", name="Try again").click()
    expect(page.get_by_text("waiting", exact=True)).to_be_visible()
    assert row(house, key).state is PostState.PREPARED


def test_what_nobody_knew_is_settled_either_way(house: PagesHouse, open_page: Open) -> None:
    then = utcnow() - timedelta(hours=2)
    there, not_there = (
        house.post(job, state=PostState.NEEDS_REVIEW, error_code="outcome-unknown", committing_at=then)
        for job in jobs(house, 2)
    )
    page = open_page("/posts")
    doubtful = card(page, "Needs review")
    expect(doubtful).to_have_count(2)
    expect(doubtful.nth(1)).to_contain_text(marker_of(there))
    # The newest comes first.
    doubtful.nth(0).get_by_role("button", name="It is not out").click()
    expect(page.get_by_text("Reviewed: it is not out.")).to_be_visible()
    assert row(house, not_there).state is PostState.FAILED
    page.get_by_role("link", name="Posts").first.click()
    address = "https://www.instagram.com/p/DB3xY/"
    doubtful.get_by_label("Its address, if it is there").fill("https://example.org/p/1")
    doubtful.get_by_role("button", name="It is out").click()
    expect(page.get_by_text("is not at Instagram, as the account is.")).to_be_visible()
    page.get_by_label("Its address, if it is there").fill(address)
    page.get_by_role("button", name="It is out").click()
    expect(page.get_by_role("link", name=address)).to_be_visible()
    assert (row(house, there).state, row(house, there).url) == (PostState.PUBLISHED, address)
    # Somebody looked too early.
    page.goto(f"/posts/{not_there}")
    page.get_by_text("It is out after all").click()
    page.get_by_label("Its address, if it is there").fill(address)
    page.get_by_role("button", name="It is out").click()
    expect(page.get_by_role("link", name=address)).to_be_visible()


def test_an_account_is_stopped_and_goes_on_and_asks_or_does_not(house: PagesHouse, open_page: Open) -> None:
    [job] = jobs(house)
    house.post(job)
    page = open_page("/posts")
    account = page.get_by_role("region", name="Accounts")
    account.get_by_text("Stop").click()
    account.get_by_label("Why, for whoever comes later").fill("Holidays until Monday.")
    account.get_by_role("button", name="Nothing goes out any more").click()
    expect(account).to_contain_text("stopped")
    expect(account).to_contain_text("Holidays until Monday.")
    expect(account).to_contain_text("None while the account is stopped")
    check_accessibility(page)
    shoot(page, "posts-stopped")
    account.get_by_role("button", name="Resume").click()
    expect(account).to_contain_text("active")
    account.get_by_role("button", name="Post without asking").click()
    expect(account).to_contain_text("go out without being asked about")
    account.get_by_role("button", name="Ask before posting").click()
    expect(account).to_contain_text("wait for a yes")


def test_what_changes_meanwhile_shows_by_itself(house: PagesHouse, open_page: Open) -> None:
    first, second = jobs(house, 2)
    house.post(first, approved=False)
    page = open_page("/posts")
    asked = card(page, "Waiting for your yes")
    expect(asked).to_have_count(1)
    house.post(second, approved=False)
    expect(asked).to_have_count(2)


def test_the_first_that_waits_for_a_yes_comes_and_the_last_goes_by_itself(house: PagesHouse, open_page: Open) -> None:
    [job] = jobs(house)
    page = open_page("/posts")
    asking = page.get_by_role("region", name="Waiting for your yes")
    expect(asking).to_have_count(0)
    key = house.post(job, approved=False)
    expect(asking).to_have_count(1)
    with transaction(house.ingest.engine) as session:
        session.get_one(PostRow, key).approved_at = utcnow()
    expect(asking).to_have_count(0)


def test_what_somebody_writes_is_not_taken_away_by_what_changes(house: PagesHouse, open_page: Open) -> None:
    first, second = jobs(house, 2)
    house.post(first)
    page = open_page("/posts")
    account = page.get_by_role("region", name="Accounts")
    account.get_by_text("Stop").click()
    why = account.get_by_label("Why, for whoever comes later")
    why.fill("Holidays until Monday.")
    # Somebody looks elsewhere meanwhile.
    page.get_by_role("heading", name="Posts", exact=True).click()
    house.post(second, approved=False)
    expect(card(page, "Waiting for your yes")).to_have_count(1)
    expect(why).to_have_value("Holidays until Monday.")
    account.get_by_text("Stop").click()
    page.get_by_role("heading", name="Posts", exact=True).click()
    expect(account).to_contain_text("1 for", timeout=10_000)


def test_a_post_that_is_in_the_outbox_says_where(house: PagesHouse, open_page: Open) -> None:
    [job] = jobs(house)
    outlet = house.publisher.outlet
    key = house.post(job, account=outlet.account)
    house.publisher.accounts.set_approval(outlet.account, False)
    while house.publisher.publisher().step():
        pass
    page = open_page("/posts")
    expect(page.get_by_role("heading", name="Outbox folder")).to_be_visible()
    expect(page.get_by_role("region", name="Accounts")).to_contain_text("The next may go out at once")
    file = house.root / "outbox" / f"{utcnow():%Y-%m-%d}-photo-{key}.jpg"
    assert file.exists()
    expect(card(page, "All posts")).to_contain_text(str(file))
    look(page, "posts-outbox")
    page.goto(f"/posts/{key}")
    expect(page.get_by_text(f"It is in the folder: {file}")).to_be_visible()


# Looking through


def month_of_posts(house: PagesHouse) -> datetime:
    """A month in which something happened on some days, and much on one; returns its first moment."""
    first, *others = jobs(house, 9)
    begin = utcnow().replace(day=1, hour=0, minute=0, second=0, microsecond=0)
    out: dict[str, Any] = {"state": PostState.PUBLISHED, "url": "https://www.instagram.com/p/x/"}
    for number, job in enumerate(others):
        house.post(job, published_at=begin + timedelta(days=3, hours=number), **out)
        house.post(job, kind="story", published_at=begin + timedelta(days=2 * number + 8, hours=9), **out)
    house.post(first, published_at=begin - timedelta(days=1), **out)
    house.post(first, kind="story")
    return begin


@pytest.mark.parametrize(("name", "options"), LOOKS)
def test_the_calendar(house: PagesHouse, open_page: Open, name: str, options: dict[str, Any]) -> None:
    begin = month_of_posts(house)
    page = open_page("/posts", **options)
    page.get_by_role("link", name="Calendar").click()
    expect(page.get_by_role("heading", name=f"{begin:%B %Y}")).to_contain_text("16 posts out")
    busy = page.locator(".day", has=page.locator(f"time[datetime='{begin + timedelta(days=3):%Y-%m-%d}']"))
    expect(busy.get_by_role("link", name=re.compile("in the manner of"))).to_have_count(6)
    expect(page.locator(".due")).to_have_count(1)
    expect(page.locator(".day.today .due")).to_contain_text("due")
    look(page, f"calendar-{name}")
    busy.get_by_role("link", name="all 8").click()
    expect(card(page, f"Posts of 4 {begin:%B %Y}")).to_have_count(8)
    page.get_by_role("link", name="Calendar").click()
    page.get_by_role("link", name=f"{begin - timedelta(days=1):%B %Y}").click()
    expect(page.get_by_role("heading", name=f"{begin - timedelta(days=1):%B %Y}")).to_contain_text("1 post out")
    expect(page.locator(".due")).to_have_count(0)
    page.get_by_role("link", name="Today").click()
    expect(page.get_by_role("heading", name=f"{begin:%B %Y}")).to_be_visible()


def test_more_posts_than_one_page_has(house: PagesHouse, open_page: Open) -> None:
    every = jobs(house, 7)
    for kind in ("photo", "story", "carousel", "reel"):
        for job in every:
            house.post(job, kind=kind)
    page = open_page("/posts?show=waiting", viewport=PHONE)
    expect(card(page, "All posts")).to_have_count(24)
    page.get_by_role("link", name="Older posts").click()
    expect(card(page, "Older posts")).to_have_count(4)
    check_fits(page)
    check_accessibility(page)
    page.get_by_role("link", name="Newest posts").click()
    expect(card(page, "All posts")).to_have_count(24)


# Hostile words


@pytest.mark.parametrize(("name", "options"), LOOKS)
def test_hostile_words_change_no_page(
    house: PagesHouse, open_page: Open, name: str, options: dict[str, Any], tmp_path: Path
) -> None:
    photograph, painting = samples()[0][0], samples()[1][0]
    evil = [
        tmp_path / f"{words}{'_' + 'w' * 120}.jpg"
        for words in ("<img src=x onerror=alert(1)>", "\u202e{{ 7*7 }}\u0007")
    ]
    for source, copy in zip((photograph, painting), evil, strict=True):
        copy.write_bytes(source.read_bytes())
    job = finished(house, *evil)
    hostile = f"</textarea><script>document.title = 'gone'</script>\n\n{'long' * 200}\n\u202e\u2066evil"
    keys = [
        house.post(job, approved=False, caption=hostile),
        house.post(job, kind="story", state=PostState.FAILED, reason=hostile, error_code="refused"),
        house.post(job, kind="carousel", state=PostState.PUBLISHED, url="javascript:alert(1)", published_at=utcnow()),
    ]
    house.publisher.accounts.stop(ACCOUNT, hostile)
    page = open_page("/posts", **options)
    look(page, f"posts-hostile-{name}")
    expect(page.locator("a[href^=javascript]")).to_have_count(0)
    for key in keys:
        page.goto(f"/posts/{key}")
        expect(page).to_have_title(re.compile("Stylegram$"))
        look(page, f"post-hostile-{name}")
    page.goto(f"/posts/{keys[0]}")
    expect(page.get_by_label("What stands below it")).to_have_value(hostile)
    page.goto("/posts?view=calendar")
    look(page, f"calendar-hostile-{name}")
