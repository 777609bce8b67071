"""Which is better, as forms: what is asked, what is said, what is taken back, and what is there without the record."""

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from uuid import uuid4

import pytest
from fastapi.testclient import TestClient
from starlette.datastructures import QueryParams

from ingest_samples import FAST, add_asset
from pages_exhibition import several, small
from pages_house import PagesHouse
from stylegram.common.http.app import Part
from stylegram.common.records import Role
from stylegram.common.views.preferences import MOST_SKIPPED
from stylegram.ingest.http.app import create_app
from stylegram.ingest.http.forwarding import LOGGER, Address, forwarding_part
from stylegram.ingest.pages.better.wish import Wish
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
        app,
        base_url="http://127.0.0.1:8000",
        headers={"Accept": "text/html"},
        follow_redirects=False,
        raise_server_exceptions=False,
    )


def said(house: PagesHouse) -> list[tuple[str, str, int]]:
    return PreferenceRepository(house.logger.engine).tallies()


def form(html: str) -> dict[str, str]:
    """What the form with the two pictures says, whichever button is pressed."""
    inside = html[html.index('id="pair"') : html.index('id="back"')]
    return dict(re.findall(r'<input type="hidden" name="([^"]+)" value="([^"]*)">', inside))


def key(html: str) -> str:
    found = re.search(r'data-key="([^"]*)"', html)
    assert found
    return found[1]


def answer(client: TestClient, form: Mapping[str, str], **more: str) -> str:
    """Post it; where that leads."""
    response = client.post("/better", data={**form, **more})
    assert response.status_code == 303, response.text
    return response.headers["location"]


def test_an_answer_is_kept_and_can_be_taken_back(house: PagesHouse) -> None:
    several(house, 4)
    client = browser(house)
    shown = form(client.get("/better").text)
    after = answer(client, shown, better=shown["second"])
    assert said(house) == [(shown["second"], shown["first"], 1)]
    html = client.get(after).text
    assert "From 1 comparison," in html
    assert f'name="id" value="{shown["id"]}"' in html
    again = answer(client, {name: shown[name] for name in ("id", "first", "second")})
    assert not said(house)
    assert key(client.get(again).text) == ",".join(sorted((shown["first"], shown["second"])))
    # Twice is as good as once.
    answer(client, {name: shown[name] for name in ("id", "first", "second")})


def test_the_latest_word_counts_where_somebody_goes_back(house: PagesHouse) -> None:
    several(house, 3)
    client = browser(house)
    shown = form(client.get("/better").text)
    for better in ("first", "first", "second"):
        answer(client, shown, better=shown[better])
    assert said(house) == [(shown["second"], shown["first"], 1)]


def test_what_is_skipped_is_not_shown_again_at_once(house: PagesHouse) -> None:
    several(house, 3)
    client = browser(house)
    address, seen = "/better", []
    for _ in range(3):
        html = client.get(address).text
        seen.append(key(html))
        found = re.search(r'id="skip" href="([^"]+)"', html)
        assert found
        address = found[1].replace("&amp;", "&")
    assert len(set(seen)) == 3
    # All were skipped: then any is as good.
    assert key(client.get(address).text) in seen


def test_only_of_one_painting(house: PagesHouse) -> None:
    several(house, 2)
    pair = add_asset(house.ingest, Role.CONTENT, 8), add_asset(house.ingest, Role.STYLE, 9)
    wanted = [house.ingest.submit(*pair, FAST) for _ in range(2)]
    for job in wanted:
        house.finish(job, small())
    client = browser(house)
    shown = form(client.get("/better", params={"style": pair[1].sha256}).text)
    assert {shown["first"], shown["second"]} == {job.id for job in wanted}
    # The next one is of it too.
    assert f"style={pair[1].sha256}" in answer(client, shown, better=shown["first"])


def test_nothing_is_left(house: PagesHouse) -> None:
    several(house, 1)
    html = browser(house).get("/better").text
    assert "There is nothing to compare: 1 such pictures." in html
    assert "Nothing was compared yet." in html


@pytest.mark.parametrize("address", [None, "http://127.0.0.1:9"])
def test_without_the_record_the_page_says_so(address: str | None, house: PagesHouse) -> None:
    several(house, 2)
    client = browser(house, forwarding_part(Address(LOGGER, address)))
    response = client.get("/better")
    assert response.status_code == 200
    assert "The record does not answer" in response.text


def test_an_answer_that_nobody_heard_is_an_error(house: PagesHouse) -> None:
    one, two = several(house, 2)
    client = browser(house, forwarding_part(Address(LOGGER, "http://127.0.0.1:9")))
    said_of = {"id": str(uuid4()), "first": one.id, "second": two.id, "better": one.id}
    assert client.post("/better", data=said_of).status_code == 503


def test_what_is_no_answer_is_refused(house: PagesHouse) -> None:
    one, two = several(house, 2)
    client = browser(house)
    said_of = {"id": str(uuid4()), "first": one.id, "second": two.id, "better": one.id}
    for change in ({"better": "somebody-else"}, {"second": ""}, {"id": "<script>"}, {"id": ""}, {"first": "x" * 201}):
        assert client.post("/better", data=said_of | change).status_code == 422, change
    assert not said(house)


@pytest.mark.parametrize("pair", ["../posts,x", "same,same", "only-one", "", "a,b,c", "a" * 500 + ",b"])
def test_what_is_no_pair_is_as_if_it_were_not_there(pair: str) -> None:
    assert Wish.of_query(QueryParams({"pair": pair, "not": pair})) == Wish()


def test_a_pair_that_nobody_knows_gives_another(house: PagesHouse) -> None:
    jobs = several(house, 2)
    assert key(browser(house).get("/better", params={"pair": "a,b"}).text) == ",".join(sorted(job.id for job in jobs))


def test_what_failed_is_not_compared(house: PagesHouse) -> None:
    jobs = several(house, 2)
    broken = house.ingest.submit(jobs[0].content, jobs[0].style, FAST)
    house.fail(broken, "No memory left.")
    html = browser(house).get("/better", params={"pair": f"{broken.id},{jobs[0].id}"}).text
    assert key(html) == ",".join(sorted(job.id for job in jobs))


def test_an_address_is_read_as_it_is_written() -> None:
    wish = Wish("a" * 64, "b" * 64, ("x,y", "z,y"), ("m", "n"), "said-1", ("o", "p"))
    assert Wish.of_query(QueryParams(wish.address().partition("?")[2])) == wish
    assert Wish().address() == "/better"
    many = QueryParams([("not", f"a,b{number}") for number in range(MOST_SKIPPED + 3)])
    assert Wish.of_query(many).skipped[0] == "a,b3"
