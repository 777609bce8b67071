"""Around the pages: logging in, a path before everything, and two replicas behind one address."""

import re
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Browser, Page, expect

from ingest_http import TOKEN
from pages_browser import DESK, PHONE, Open, check_accessibility, check_fits, shoot
from pages_house import PagesHouse, painted, samples
from pages_proxy import balanced
from stylegram.common.hyperparameters import Hyperparameters
from stylegram.common.records import Role

PREFIX = "/art"
# Those of charts have another kind of href.
_LINKS = (
    "[...document.querySelectorAll('a[href]')].map(link => new URL(link.getAttribute('href'), document.baseURI).href)"
)


@pytest.fixture
def house(tmp_path: Path) -> Iterator[PagesHouse]:
    """A house with tokens, below a path."""
    house = PagesHouse(tmp_path, prefix=PREFIX, tokens=[TOKEN])
    yield house
    house.close()


@pytest.fixture
def address(house: PagesHouse) -> Iterator[str]:
    """It and a replica over the same databases, each asked in turn."""
    replica = PagesHouse(house.root, **house.options)
    with ExitStack() as running:
        running.callback(replica.close)
        addresses = [running.enter_context(each.served()) for each in (house, replica)]
        yield running.enter_context(balanced(addresses))


def log_in(page: Page) -> None:
    page.get_by_label("Token").fill(TOKEN)
    page.get_by_role("button", name="Log in").click()


@pytest.mark.parametrize(("name", "viewport"), [("desk", DESK), ("phone", PHONE)])
def test_logging_in_and_out(name: str, viewport: dict[str, int], open_page: Open) -> None:
    page = open_page(f"{PREFIX}/gallery", viewport=viewport)
    shoot(page, f"login-{name}")
    check_fits(page)
    check_accessibility(page)
    expect(page.get_by_label("Token")).to_be_focused()
    page.keyboard.type("not this one")
    page.keyboard.press("Enter")
    expect(page.get_by_role("alert")).to_contain_text("does not know this token")
    check_accessibility(page)
    log_in(page)
    expect(page).to_have_url(re.compile(f"{PREFIX}/gallery$"))
    page.get_by_role("button", name="Log out").click()
    expect(page.get_by_label("Token")).to_be_visible()
    page.goto(f"{PREFIX}/queue")
    expect(page.get_by_label("Token")).to_be_visible()


def test_every_address_on_every_page_is_below_the_path_and_leads_somewhere(
    house: PagesHouse, open_page: Open, chromium: Browser, address: str
) -> None:
    photographs, paintings = samples()
    pair = house.asset(Role.CONTENT, photographs[0]), house.asset(Role.STYLE, paintings[0])
    job = house.ingest.submit(*pair, Hyperparameters(size=512))
    house.finish(job, painted(photographs[0], paintings[0]))
    page = open_page(f"{PREFIX}/")
    log_in(page)
    asked: set[str] = set()
    page.on("request", lambda request: asked.add(request.url))
    to_do, seen = [f"{address}{PREFIX}/"], set[str]()
    while to_do:
        place = to_do.pop()
        if place in seen:
            continue
        seen.add(place)
        response = page.request.get(place)
        assert response.status < 400, f"{response.status} at {place}"
        if "text/html" not in response.headers["content-type"]:
            continue
        page.goto(place)
        links = [link.partition("#")[0] for link in page.evaluate(_LINKS)]
        assert all(urlsplit(link).path.startswith(f"{PREFIX}/") for link in links if link.startswith(address)), place
        # Of queries, a few of each page are enough.
        own = {link for link in links if link.startswith(address)}
        to_do += [
            link for link in own if not urlsplit(link).query or sum(urlsplit(link).path in one for one in seen) < 3
        ]
        assert len(seen) < 200
    assert {
        f"{address}{PREFIX}/{name}" for name in ("gallery", "better", "record", "library", "queue", "posts")
    } <= seen
    assert all(url.startswith((f"{address}{PREFIX}/", "blob:")) for url in asked)


def test_a_picture_is_painted_and_seen_whichever_replica_is_asked(house: PagesHouse, open_page: Open) -> None:
    photographs, paintings = samples()
    house.asset(Role.CONTENT, photographs[0])
    house.asset(Role.STYLE, paintings[0])
    page = open_page(f"{PREFIX}/")
    log_in(page)
    page.get_by_role("button", name="Paint", exact=True).click()
    expect(page).to_have_url(re.compile(f"{PREFIX}/pictures/[0-9a-f-]+$"))
    (job,) = house.ingest.unfinished_jobs()
    house.running(job, evaluation=30, evaluations=100)
    expect(page.get_by_role("progressbar")).to_have_attribute("value", "30")
    page.reload()
    expect(page.get_by_role("progressbar")).to_have_attribute("value", "30")
    house.finish(job, painted(photographs[0], paintings[0]))
    expect(page.get_by_role("progressbar")).to_have_count(0)
    page.goto(f"{PREFIX}/gallery")
    expect(page.locator(f'a[href="{PREFIX}/pictures/{job.id}"]').first).to_be_visible()
