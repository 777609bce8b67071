"""Pages in a real browser, Debian's Chromium: fixtures and checks for `tests/browser`."""

import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, BrowserContext, Page, expect, sync_playwright

from pages_house import PagesHouse

SCREENSHOTS = Path(__file__).parents[1] / "var" / "screenshots"
PHONE = {"width": 390, "height": 844}
DESK = {"width": 1280, "height": 860}
_QUIET = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
# WCAG 2.2, levels A and AA.
_STANDARDS = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"]

Open = Callable[..., Page]

# What is expected comes when the machine gets to it; five seconds, as usual, are few where others work too.
expect.set_options(timeout=30_000)


# As long as it lives, its event loop is the thread's: other files' tests have loops of their own.
@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    """The browser of a file of tests; each test opens contexts of its own in it."""
    program = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if program is None:
        if os.environ.get("CI"):
            pytest.fail("chromium is not installed, and continuous integration skips nothing: apt-get install chromium")
        pytest.skip("NOT TESTED, as chromium is not installed: apt-get install chromium")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, args=_QUIET)
        yield browser
        browser.close()


@pytest.fixture
def house(tmp_path: Path) -> Iterator[PagesHouse]:
    """A Stylegram with nothing in it."""
    house = PagesHouse(tmp_path)
    yield house
    house.close()


@pytest.fixture
def address(house: PagesHouse) -> Iterator[str]:
    """Where it answers."""
    with house.served() as url:
        yield url


@pytest.fixture
def open_page(chromium: Browser, address: str) -> Iterator[Open]:
    """Opens `open_page(path, **options)`: a page of the house in a browser of its own, as `watched` does."""
    with contexts(chromium, address) as opened:
        yield opened


@contextmanager
def contexts(chromium: Browser, address: str) -> Iterator[Open]:
    """The same at any address. At the end no page may have had an error, or have broken its own rules.

    Options are those of `Browser.new_context`, as in `viewport=PHONE` and `color_scheme="dark"`.
    """
    troubles: list[str] = []
    opened: list[BrowserContext] = []

    def open_page(path: str, **options: Any) -> Page:
        context = chromium.new_context(base_url=address, **{"viewport": DESK, "reduced_motion": "reduce", **options})
        opened.append(context)
        page = context.new_page()
        page.on("pageerror", lambda error: troubles.append(f"{page.url}: {error}"))
        # What the policy forbids is said there too; what is not found says so by itself.
        page.on(
            "console",
            lambda message: (
                troubles.append(f"{page.url}: {message.text}")
                if message.type == "error" and "Failed to load resource" not in message.text
                else None
            ),
        )
        page.on(
            "request",
            lambda request: (
                None
                if request.url.startswith((address, "blob:", "data:", "about:"))
                else troubles.append(f"{page.url} asks {request.url}")
            ),
        )
        page.goto(path)
        return page

    yield open_page
    for context in opened:
        context.close()
    assert not troubles, troubles


def shoot(page: Page, name: str) -> None:
    """Keep a picture of the whole page, for people to look at: `var/screenshots/name.png`."""
    SCREENSHOTS.mkdir(parents=True, exist_ok=True)
    page.screenshot(path=SCREENSHOTS / f"{name}.png", full_page=True)


def check_accessibility(page: Page) -> None:
    """Everybody can use the page, as far as a program can tell (axe)."""
    found = Axe().run(page, options={"runOnly": {"type": "tag", "values": _STANDARDS}})
    assert not found.violations_count, found.generate_report()


def check_fits(page: Page) -> None:
    """Nobody has to scroll sideways."""
    assert page.evaluate("document.documentElement.scrollWidth <= document.documentElement.clientWidth")
