"""The record's page: what it asks for, what it shows of very much and of very little, and which addresses it takes."""

import random
import re
from collections.abc import Iterator
from html import unescape
from pathlib import Path
from typing import Any
from urllib.parse import quote
from xml.etree import ElementTree

import pytest
from fastapi.testclient import TestClient
from starlette.datastructures import QueryParams

from ingest_samples import FAST, add_asset, png
from logger_runs import SHA256, START, a_row, insert_rows, some_rows
from pages_house import PagesHouse
from stylegram.common.records import LossPoint, Role
from stylegram.common.schemas import Page
from stylegram.common.views.importance import HyperparameterImportance, Importance
from stylegram.common.views.runs import RunView
from stylegram.ingest.bootstrap import Ingest
from stylegram.ingest.http.app import create_app
from stylegram.ingest.http.forwarding import LOGGER, Address, forwarding_part
from stylegram.ingest.pages.api import Api
from stylegram.ingest.pages.record import charts
from stylegram.ingest.pages.record.importing import Imported
from stylegram.ingest.pages.record.runs import BOARDS, PAGE, Overview
from stylegram.ingest.pages.record.wish import Wish, owners_in, pictures_in
from stylegram.ingest.pages.record.words import differing, settings
from stylegram.ingest.pages.runs import page_of
from stylegram.logger.http.app import logger_part

HTML = {"Accept": "text/html"}
HOSTILE = "<script>alert(1)</script>&\"' \x1b ‮.jpg"


@pytest.fixture
def house(tmp_path: Path) -> Iterator[PagesHouse]:
    house = PagesHouse(tmp_path)
    yield house
    house.close()


@pytest.fixture
def browser(house: PagesHouse) -> Iterator[TestClient]:
    app = create_app(house.ingest, logger_part(house.logger))
    with TestClient(app, base_url="http://127.0.0.1:8000", headers=HTML, follow_redirects=False) as client:
        yield client


def text(html: str) -> str:
    """What people read: no tags, single spaces."""
    return " ".join(unescape(re.sub(r"<[^>]*>", " ", html)).split())


def points(html: str) -> set[str]:
    """The runs on the wide chart of the front."""
    charted = html[html.index('id="front-700-title"') :]
    return set(re.findall(r'data-run="([^"]*)"', charted[: charted.index("</svg>")]))


def rows(html: str) -> list[str]:
    """The runs on the leaderboard."""
    return re.findall(r'<tr data-run="([^"]*)"', html)


def view(number: int = 0, **changes: Any) -> RunView:
    values: dict[str, Any] = {
        "job_id": f"run-{number}",
        "outcome": "succeeded",
        "content_name": "me.jpg",
        "content_sha256": SHA256["me.jpg"],
        "style_name": "the_scream.jpg",
        "hyperparameters": {"optimizer": "adam", "content_weight": 0.1},
        "relative_content_error": 0.5,
        "relative_style_error": 0.5,
        "score": 2.25,
    }
    return RunView.model_validate(values | changes)


def overview(*runs: RunView, front: tuple[RunView, ...] = ()) -> Overview:
    best = min((run for run in runs if run.score is not None), key=lambda run: run.score or 0, default=None)
    newest = Page[RunView](items=list(runs), next=None)
    return Overview(newest, runs[-1] if runs else None, best, Page[RunView](items=list(front), next=None), [])


def svg(markup: str) -> ElementTree.Element:
    return ElementTree.fromstring(markup)


# --- What an address asks for


@pytest.mark.parametrize(
    ("query", "wish"),
    [
        ("", Wish()),
        ("style=scream.jpg&content=me.jpg", Wish("me.jpg", "scream.jpg")),
        ("whose=own&since=2026-11-21", Wish(whose="own", since="2026-11-21")),
        ("whose=from:a+friend", Wish(whose="from:a friend")),
        ("whose=mine&since=yesterday&color=red", Wish()),
        ("since=2026-02-30", Wish()),
        ("since=20261121", Wish()),
        ("since=2026-W47-6", Wish()),
        ("style=%00%1b", Wish(style="��")),
    ],
)
def test_an_address_means_what_it_can_and_nothing_else(query: str, wish: Wish) -> None:
    assert Wish.of(QueryParams(query)) == wish


def test_our_own_runs_are_those_of_no_origin() -> None:
    assert Wish(whose="own").question["origin"] == ""
    assert Wish(whose="from:own").question["origin"] == "own"
    assert Wish().question["origin"] is None
    assert Wish(whose="own", since="2026-11-21").asked == {"origin": "", "started_at.min": "2026-11-21"}


def test_a_query_asks_for_the_same() -> None:
    wish = Wish("a & b.jpg", "c.jpg", "from:Zoë_%", "2026-11-21")
    assert Wish.of(QueryParams(wish.query(by="score").removeprefix("?"))) == wish
    assert Wish().query(cursor=None) == ""


def test_pictures_are_offered_by_title_and_once() -> None:
    runs = [view(), view(content_sha256=None), view(content_name="sea.jpg"), view(content_name=None)]
    choices = pictures_in(runs, "content", ["Attic.jpg", "me.jpg"], "")
    assert [(choice.value, choice.words) for choice in choices] == [
        ("Attic.jpg", "Attic"),
        ("me.jpg", "Me"),
        ("sea.jpg", "Sea"),
    ]


def test_what_was_chosen_is_offered_wherever_it_is() -> None:
    of_run, unknown = SHA256["me.jpg"], "f" * 64
    assert [c.words for c in pictures_in([view()], "content", [], of_run) if c.value == of_run] == ["Me"]
    assert [c.words for c in pictures_in([], "style", [], unknown)] == [f"{unknown[:12]}…"]
    assert [c.value for c in owners_in([view(origin="a friend")], "from:own")] == [
        "",
        "own",
        "from:a friend",
        "from:own",
    ]


@pytest.mark.parametrize("query", ["added=1&known=2&different=3&refused=x", "added=1", "added=-1", "added=" + "9" * 30])
def test_what_no_import_said_is_not_said(query: str) -> None:
    assert Imported.of(QueryParams(query)) is None


# --- Charts


def test_the_front_has_a_point_for_each_measured_run() -> None:
    best = view(1, score=1.2, relative_content_error=0.1, relative_style_error=0.09)
    further = view(3, score=1.9, relative_content_error=0.02, relative_style_error=0.86)
    shown = overview(best, view(2), view(4, score=None, relative_content_error=None), front=(best, further))
    root = svg(charts.front_chart(shown, charts.WIDE, lambda path: f"/art{path}"))
    links = {each.get("data-run"): each for each in root.iter("{http://www.w3.org/2000/svg}a")}
    assert set(links) == {"run-1", "run-2", "run-3"}
    assert links["run-2"].get("href") == "/art/pictures/run-2"
    # The keyboard stops at the front, of which the cloud need not have all.
    assert {run for run, link in links.items() if link.get("tabindex") is None} == {"run-1", "run-3"}


def test_an_axis_for_what_differs() -> None:
    def run(number: int, **values: Any) -> RunView:
        return view(number, hyperparameters=values)

    runs = [
        run(
            at,
            optimizer=("adam", "lbfgs")[at % 2],
            content_weight=10.0 ** (at % 9 - 4),
            size=512,
            seed=at,
            style_layers=["relu1_1", f"relu{at % 2 + 2}_1"],
            evaluations=[at],
            recolor=at % 3 == 0,
        )
        for at in range(12)
    ]
    axes = {axis.name: axis for axis in charts.space_axes(runs)}
    # One value tells nothing, a seed says nothing of the picture, and twelve lists have no order.
    assert set(axes) == {"optimizer", "content_weight", "style_layers", "recolor"}
    assert axes["content_weight"].log
    assert axes["style_layers"].choices == ("1_1,2_1", "1_1,3_1")
    assert axes["optimizer"].choices == ("adam", "lbfgs")


def test_where_nothing_was_measured_the_space_has_no_errors() -> None:
    unmeasured = {"score": None, "relative_content_error": None, "relative_style_error": None}
    runs = [view(at, hyperparameters={"beta_1": at / 10}, **unmeasured) for at in range(1, 5)]
    axes = charts.space_axes(runs)
    chart = charts.space_chart(overview(*runs), axes, charts.NARROW, str)
    assert "score" not in [each.text for each in svg(chart).iter("{http://www.w3.org/2000/svg}text")]
    measured = charts.space_chart(overview(view()), axes, charts.NARROW, str)
    assert "4 axes" in measured


def test_curves_are_shares_of_their_first_loss() -> None:
    def curve(first: float, count: int) -> list[LossPoint]:
        return [
            LossPoint(evaluation=at, size=512, total=first / at, content=0, style=0, tv=0) for at in range(1, count + 1)
        ]

    chart = charts.curves_chart([("A", curve(9, 1000)), ("B", curve(0.1, 4)), ("C", [])], charts.WIDE)
    assert chart
    assert "A ends at 0.001; B ends at 0.25" in chart
    assert charts.curves_chart([("A", curve(1, 1)), ("B", curve(0, 5))], charts.WIDE) is None


def test_what_matters_is_told_in_shares() -> None:
    matters = HyperparameterImportance(name="content_weight", mean=0.71, deviation=0.1, low=0.5, high=0.9)
    found = Importance(of="score", runs=90, pairs=2, hyperparameters=[matters])
    assert "content_weight 71 %" in charts.importance_chart(found, charts.WIDE)


def test_settings_are_those_that_tell_runs_apart() -> None:
    chance = random.Random(3)
    runs = [
        view(
            at,
            hyperparameters={
                "size": 512,
                "seed": at,
                "optimizer": ("adam", "lbfgs")[at % 2],
                "content_weight": chance.random(),
                "style_layers": [f"relu{at % 4 + 1}_1"],
            },
        )
        for at in range(9)
    ]
    names = differing(runs)
    assert names == ["optimizer", "content_weight"]
    assert [len(value) <= 6 for _, value in settings(runs[1], names)] == [True, True]
    assert settings(view(hyperparameters={}), names) == []
    assert page_of(view(job_id="a/b ?")) == "/pictures/a%2Fb%20%3F"


# --- The page


def test_an_empty_record_says_what_will_be_there(browser: TestClient) -> None:
    assert "Nothing was painted yet." in text(browser.get("/record").text)


def test_a_house_without_a_record_says_so(ingest: Ingest) -> None:
    for address, status, words in (
        (None, 200, "STYLEGRAM_LOGGER_URL"),
        ("http://127.0.0.1:1", 503, "The record is away"),
    ):
        app = create_app(ingest, forwarding_part(Address(LOGGER, address)))
        with TestClient(app, base_url="http://127.0.0.1:8000", headers=HTML) as client:
            page = client.get("/record")
            assert page.status_code == status
            assert words in text(page.text)
            assert client.get("/record/compare?ids=a,b").status_code >= 400


@pytest.mark.parametrize("by", [*BOARDS, "", "nothing"])
def test_each_board_shows_runs_in_its_order(by: str, house: PagesHouse, browser: TestClient) -> None:
    insert_rows(house.ingest.engine, some_rows(80, seed=4))
    page = browser.get("/record", params={"by": by})
    assert page.status_code == 200
    query: dict[str, Any] = {"limit": PAGE}
    asked = (
        ("/v1/runs", query) if by == "newest" else ("/v1/leaderboard", query | {"by": by if by in BOARDS else "score"})
    )
    expected = browser.get(asked[0], params=asked[1]).json()["items"]
    assert rows(page.text) == [run["job_id"] for run in expected]


def test_filters_reach_every_part(house: PagesHouse, browser: TestClient) -> None:
    wanted = [a_row(at, 0.1 * at, 0.9 - 0.1 * at, style_name="wave.jpg", style_sha256="e" * 64) for at in range(1, 6)]
    others = [a_row(at, 0.01, 0.01, style_name="scream.jpg") for at in range(10, 15)]
    insert_rows(house.ingest.engine, [*wanted, *others])
    page = browser.get("/record?style=wave.jpg").text
    names = {row["job_id"] for row in wanted}
    assert points(page) == names
    assert set(rows(page)) == names
    assert "Runs 5" in text(page)
    assert "5 runs are too few to tell" in text(page)
    assert "/v1/runs?style=wave.jpg&amp;limit=1000" in page
    # What else there is can still be chosen.
    assert '<option value="scream.jpg"' in page


def test_since_counts_from_the_day(house: PagesHouse, browser: TestClient) -> None:
    day = START.replace(day=21)
    insert_rows(house.ingest.engine, [a_row(1), a_row(2, started_at=day), a_row(3, origin="a friend", started_at=day)])
    assert len(rows(browser.get("/record?by=newest&since=2026-11-21").text)) == 2
    assert len(rows(browser.get("/record?by=newest&since=2026-11-21&whose=own").text)) == 1
    assert len(rows(browser.get("/record?by=newest&whose=from:a+friend").text)) == 1
    assert "There is no such run." in text(browser.get("/record?whose=from:nobody").text)


def test_of_very_many_runs_some_are_shown(house: PagesHouse, browser: TestClient) -> None:
    chance = random.Random(1)
    insert_rows(house.ingest.engine, [a_row(at, chance.random(), chance.random()) for at in range(600)])
    page = browser.get("/record?by=score").text
    assert "Runs more than 250" in text(page)
    assert len(points(page)) < 450
    assert len(page) < 800_000
    seen = rows(page)
    while more := re.search(r'data-more href="([^"]*)"', page):
        page = browser.get(unescape(more[1])).text
        seen += rows(page)
    assert len(seen) == len(set(seen)) == 600


def test_imported_runs_have_no_pictures_to_show(house: PagesHouse, browser: TestClient) -> None:
    insert_rows(house.ingest.engine, [a_row(at, None, None, origin="NST_instagram", trial=None) for at in range(3)])
    page = browser.get("/record").text
    assert len(rows(page)) == 3
    assert "/result" not in page
    assert "none has the errors that a score is made of" in text(page)


def test_names_are_only_names(house: PagesHouse, browser: TestClient) -> None:
    insert_rows(house.ingest.engine, [a_row(1, content_name=HOSTILE, style_name=HOSTILE), a_row(2, 0.1, 0.9)])
    ids = [row["job_id"] for row in browser.get("/v1/runs").json()["items"]]
    for path in (
        "/record",
        f"/record?style={quote(HOSTILE)}",
        f"/record/compare?ids={','.join(ids)}",
        "/record/ranking",
    ):
        page = browser.get(path)
        assert page.status_code == 200
        assert "<script>alert" not in page.text
        assert "\x1b" not in page.text


def test_runs_side_by_side_have_the_best_of_each_measure_marked(house: PagesHouse, browser: TestClient) -> None:
    insert_rows(house.ingest.engine, [a_row(1, 0.2, 0.9, optimizer="adam"), a_row(2, 0.3, 0.1, optimizer="lbfgs")])
    ids = [row["job_id"] for row in browser.get("/v1/runs?order=ascending").json()["items"]]
    page = browser.get("/record/compare", params={"ids": ids})
    assert page.text == browser.get(f"/record/compare?ids={','.join(ids)}").text
    seen = text(page.text)
    assert "Optimizer adam lbfgs" in seen
    assert "Content error lower is better 0.2 best 0.3 " in seen
    assert "Style error lower is better 0.9 0.1 best" in seen
    # Where all have the same, none is the best, and it is folded away.
    assert "Seconds lower is better 9 9 " in seen.partition("The same in all")[2]


@pytest.mark.parametrize(("ids", "status"), [("", 422), ("a", 422), ("a,a", 422), ("a,b,c,d,e", 422), ("a,b", 404)])
def test_what_cannot_be_compared_is_refused(ids: str, status: int, browser: TestClient) -> None:
    page = browser.get("/record/compare", params={"ids": ids})
    assert page.status_code == status
    assert page.headers["content-type"].startswith("text/html")


def test_a_strange_cursor_is_refused(browser: TestClient) -> None:
    assert browser.get("/record/leaderboard?cursor=x").status_code == 422


def test_what_goes_out_comes_in(house: PagesHouse, browser: TestClient) -> None:
    photograph, painting = add_asset(house.ingest, Role.CONTENT, 1), add_asset(house.ingest, Role.STYLE, 2)
    job = house.ingest.submit(photograph, painting, FAST)
    house.finish(job, png(3))
    exported = browser.get("/v1/logs?format=csv").content
    answer = browser.post("/record/import", files={"file": ("logs.csv", exported)}, data={"own": "true", "origin": " "})
    assert answer.status_code == 303
    told = browser.get(answer.headers["location"]).text
    assert "0 runs are new here, 1 was known." in text(told)
    moved = exported.replace(job.id.encode(), b"elsewhere")
    answer = browser.post("/record/import", files={"file": ("logs.csv", moved)}, data={"origin": "a friend"})
    assert "added=1" in answer.headers["location"]
    assert rows(browser.get("/record?by=newest&whose=from:a+friend").text) == ["elsewhere"]


@pytest.mark.parametrize(
    ("request_of", "status"),
    [
        ({"files": {"file": ("logs.csv", b"no record")}}, 422),
        ({"files": {"file": ("", b"")}}, 422),
        ({"files": {"other": ("logs.csv", b"x")}}, 422),
        ({"data": {"origin": "a friend"}}, 415),
        ({"content": b"--x", "headers": {"Content-Type": "multipart/form-data; boundary=x"}}, 400),
    ],
)
def test_what_is_no_record_is_refused(request_of: dict[str, Any], status: int, browser: TestClient) -> None:
    answer = browser.post("/record/import", **request_of)
    assert answer.status_code == status
    assert answer.headers["content-type"].startswith("text/html")


def test_a_file_that_is_refused_is_told_of_beside_the_form(house: PagesHouse, browser: TestClient) -> None:
    photograph, painting = add_asset(house.ingest, Role.CONTENT, 1), add_asset(house.ingest, Role.STYLE, 2)
    house.finish(house.ingest.submit(photograph, painting, FAST), png(3))
    exported = browser.get("/v1/logs?format=csv").content
    files = {"file": ("logs.csv", exported)}
    for page, words in (
        (browser.post("/record/import", files=files), "does not say whose it is"),
        (browser.post("/record/import", files={"file": ("x", b"no")}, data={"own": "true"}), "is no record of runs"),
        (browser.post("/record/import", files={"file": ("x", b"")}, data={"origin": "<b>"}), "There is no file."),
    ):
        assert page.status_code == 422
        assert "Nothing was taken in." in text(page.text)
        assert words in text(page.text)
        assert 'aria-describedby="refused"' in page.text
        assert len(rows(page.text)) == 1
    assert 'value="&lt;b&gt;"' in page.text


def test_an_answer_of_another_version_is_as_if_nobody_answered(
    house: PagesHouse, browser: TestClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def other(self: Api, path: str, **query: Any) -> Any:
        return {"runs": "of another version"}

    monkeypatch.setattr(Api, "get", other)
    for path, status in (("/record", 503), ("/posts", 503), ("/gallery", 200), ("/better", 200)):
        assert browser.get(path).status_code == status, path
    assert "another version of Stylegram" in browser.get("/record").text


def test_what_matters_is_asked_for_by_itself(house: PagesHouse, browser: TestClient) -> None:
    assert "0 runs are too few to tell" in text(browser.get("/record/importance").text)
    chance = random.Random(7)
    weights = [10 ** chance.uniform(-2, 1) for _ in range(80)]
    insert_rows(
        house.ingest.engine,
        [a_row(at, weight / 10, 0.2, content_weight=weight) for at, weight in enumerate(weights)],
    )
    page = text(browser.get("/record/importance").text)
    assert "content_weight" in page
    assert "Judged by 80 runs of 1 pair" in page


def test_charts_have_their_sheet(browser: TestClient) -> None:
    sheet = browser.get("/static/charts.css")
    assert sheet.headers["content-type"].startswith("text/css")
    assert ".chart" in sheet.text
