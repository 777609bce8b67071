"""The gallery's page: what an address asks for, what hangs where, and what it does without the record."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient
from starlette.datastructures import QueryParams

from ingest_samples import FAST, add_asset
from pages_exhibition import several, small
from pages_house import PagesHouse
from stylegram.common.http.app import Part
from stylegram.common.records import Role
from stylegram.ingest.http.app import create_app
from stylegram.ingest.http.forwarding import LOGGER, Address, forwarding_part
from stylegram.ingest.pages.gallery.page import Wish
from stylegram.ingest.pages.gallery.tiles import PAGE, SHAPES, shape_of
from stylegram.ingest.schemas import Job
from stylegram.logger.http.app import logger_part
from stylegram.logger.preferences.repository import PreferenceRepository


@pytest.fixture
def house(tmp_path: Path) -> Iterator[PagesHouse]:
    """A Stylegram with nothing in it."""
    house = PagesHouse(tmp_path)
    yield house
    house.close()


def browser(house: PagesHouse, record: Part | None = None) -> TestClient:
    """Who looks at its pages; `record` answers for the record instead of the house's own."""
    app = create_app(house.ingest, record or logger_part(house.logger))
    return TestClient(
        app, base_url="http://127.0.0.1:8000", headers={"Accept": "text/html"}, raise_server_exceptions=False
    )


def page(client: TestClient, **query: Any) -> str:
    response = client.get("/gallery", params=query)
    assert response.status_code == 200, response.text
    return response.text


def tiles(html: str) -> list[str]:
    """The runs on a page, in order."""
    return re.findall(r'data-run="([^"]+)"', html)


def following(html: str) -> str | None:
    """Where the page goes on."""
    found = re.search(r'rel="next" href="([^"]+)"', html)
    return found and found[1].replace("&amp;", "&")


def failed(house: PagesHouse, reason: str) -> Job:
    job = house.ingest.submit(add_asset(house.ingest, Role.CONTENT, 3), add_asset(house.ingest, Role.STYLE, 4), FAST)
    house.fail(job, reason)
    return job


def test_pages_follow_each_other_with_every_run_once(house: PagesHouse) -> None:
    jobs = several(house, 2 * PAGE + 5)
    client = browser(house)
    found, counts, address = [], [], "/gallery"
    while address:
        html = client.get(address).text
        found += tiles(html)
        counts.append(len(tiles(html)))
        address = following(html) or ""
    assert found == [job.id for job in jobs]
    assert counts == [PAGE, PAGE, 5]


def test_only_pictures_hang_there_unless_somebody_asks_for_more(house: PagesHouse) -> None:
    (job,) = several(house, 1)
    broken = failed(house, "The <worker> ran out of memory.")
    client = browser(house)
    assert tiles(page(client)) == [job.id]
    assert tiles(page(client, outcome="failed")) == [broken.id]
    assert set(tiles(page(client, outcome="all"))) == {job.id, broken.id}
    html = page(client, outcome="failed")
    assert "The &lt;worker&gt; ran out of memory." in html
    assert f"/v1/jobs/{broken.id}/result" not in html
    # What failed has no stars.
    assert "data-rate" not in html


def test_filters_and_orders(house: PagesHouse) -> None:
    two, one = several(house, 2)
    other = house.ingest.submit(add_asset(house.ingest, Role.CONTENT, 8), add_asset(house.ingest, Role.STYLE, 9), FAST)
    house.finish(other, small(), seed=7)
    ratings = PreferenceRepository(house.logger.engine)
    ratings.rate(one.id, 5)
    ratings.rate(two.id, 3)
    client = browser(house)
    assert tiles(page(client, style=other.style.sha256)) == [other.id]
    assert set(tiles(page(client, content=one.content.sha256))) == {one.id, two.id}
    assert tiles(page(client, rating="4")) == [one.id]
    assert tiles(page(client, rating="none")) == [other.id]
    assert tiles(page(client, sort="stars"))[:2] == [one.id, two.id]
    scores = {run["job_id"]: run["score"] for run in client.get("/v1/runs").json()["items"]}
    assert tiles(page(client, sort="score")) == sorted(scores, key=lambda job_id: scores[job_id])


@pytest.mark.parametrize(
    "query",
    [
        {"sort": "nonsense"},
        {"rating": "17"},
        {"outcome": "<script>"},
        {"style": "the_scream.jpg"},
        {"content": "f" * 63},
        {"cursor": ""},
        {"whatever": "1"},
    ],
)
def test_what_means_nothing_is_as_if_it_were_not_there(query: dict[str, str]) -> None:
    assert Wish.of(QueryParams(query)) == Wish.of(QueryParams(""))


def test_a_picture_that_is_asked_for_and_unknown_can_still_be_seen_to_be_asked_for(house: PagesHouse) -> None:
    several(house, 1)
    html = page(browser(house), style="e" * 64)
    assert not tiles(html)
    assert "There is nothing of this kind." in html
    assert f'<option value="{"e" * 64}" selected>' in html


def test_a_cursor_of_nothing_is_said_to_be_one(house: PagesHouse) -> None:
    response = browser(house).get("/gallery", params={"cursor": "nonsense"})
    assert response.status_code == 422
    assert "cursor" in response.text


@pytest.mark.parametrize("address", [None, "http://127.0.0.1:9"])
def test_without_the_record_its_own_pictures_hang_there(address: str | None, house: PagesHouse) -> None:
    jobs = several(house, PAGE + 3)
    broken = failed(house, "No memory left.")
    client = browser(house, forwarding_part(Address(LOGGER, address)))
    html = page(client)
    assert "The record does not answer." in html
    assert 'name="rating"' not in html and 'name="sort"' not in html
    rest = client.get(following(html) or "").text
    # By when they were submitted, as the table of jobs has them.
    assert tiles(html) + tiles(rest) == [job.id for job in reversed(jobs)]
    assert "data-rate" not in html
    assert tiles(page(client, outcome="failed")) == [broken.id]
    assert tiles(page(client, style=broken.style.sha256, outcome="all")) == [broken.id]


def test_a_record_that_goes_away_in_the_middle_is_what_is_said(house: PagesHouse) -> None:
    several(house, PAGE + 3)
    rest = following(page(browser(house))) or ""
    # To go on with the table of jobs would show some pictures twice, and its cursors are others.
    response = browser(house, forwarding_part(Address(LOGGER, "http://127.0.0.1:9"))).get(rest)
    assert response.status_code == 503
    assert "The logger did not answer." in response.text


def test_a_page_that_changes_is_never_kept_unasked_but_may_come_back_as_it_was(house: PagesHouse) -> None:
    # `no-store` would forbid browsers to keep the page for those who come back to it.
    assert browser(house).get("/gallery").headers["Cache-Control"] == "no-cache"


def test_below_a_prefix_every_address_has_it(house: PagesHouse) -> None:
    several(house, PAGE + 1)
    app = create_app(house.ingest, logger_part(house.logger), prefix="/art")
    client = TestClient(app, base_url="http://127.0.0.1:8000", headers={"Accept": "text/html"})
    html = client.get("/art/gallery").text
    addresses = re.findall(r'(?:href|src|action|data-rate|data-compare)="(/[^"]*)"', html)
    assert len(addresses) > 3 * PAGE
    assert all(address.startswith("/art/") for address in addresses)
    assert all(
        each.strip().startswith("/art/")
        for srcset in re.findall(r'srcset="([^"]*)"', html)
        for each in srcset.split(",")
    )


@pytest.mark.parametrize("shape", SHAPES)
def test_the_sheet_has_every_shape(shape: int) -> None:
    import stylegram.ingest.pages as pages

    sheet = (Path(pages.__file__).parent / "static" / "gallery" / "gallery.css").read_text()
    # The first of each: those after it are for narrow screens.
    rules = dict(reversed(re.findall(r"\.shape-(\d+) \{ --shape: ([\d.]+); \}", sheet)))
    assert float(rules.get(str(shape), "1")) == shape / 100


@pytest.mark.parametrize(("size", "shape"), [((512, 341), 150), ((100, 1000), 50), ((9000, 10), 240), ((0, 5), 133)])
def test_the_nearest_shape_is_taken(size: tuple[int, int], shape: int) -> None:
    assert shape_of(*size) == shape


def test_an_address_is_written_as_it_is_read() -> None:
    wish = Wish.of(QueryParams({"style": "a" * 64, "rating": "none", "outcome": "failed", "sort": "likes"}))
    assert Wish.of(QueryParams(wish.query())) == wish
    assert Wish.of(QueryParams(wish.query("c"))).cursor == "c"
    assert Wish.of(QueryParams("")).query() == ""
