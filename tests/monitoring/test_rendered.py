"""What is in the chart is what the code says, and hangs together."""

import json
import re
from itertools import combinations
from pathlib import Path
from typing import Any

import pytest
from monitoring.render import FOLDER, rendered
from monitoring.rules import RUNBOOKS

from monitoring.alerts import ALERTS

ROOT = Path(__file__).parents[2]
DASHBOARDS: dict[str, dict[str, Any]] = {
    path.stem: json.loads(text) for path, text in rendered().items() if path.suffix == ".json"
}
NAMES = {rule.name for group in ALERTS for rule in group.rules}
# As Grafana names them.
UNITS = {"s", "short", "percentunit", "cps", "Bps", "bytes"}
COLUMNS = 24


def every_panel() -> list[tuple[str, dict[str, Any]]]:
    return [(name, panel) for name, board in DASHBOARDS.items() for panel in board["panels"]]


def test_the_chart_has_what_is_rendered_and_nothing_else() -> None:
    files = rendered()
    there = {path.relative_to(FOLDER) for folder in ("rules", "dashboards") for path in (FOLDER / folder).iterdir()}
    assert there == set(files)
    stale = [path for path, text in files.items() if (FOLDER / path).read_text(encoding="utf-8") != text]
    assert stale == [], "make dashboards"


def test_names_are_unique() -> None:
    names = [rule.name for group in ALERTS for rule in group.rules]
    assert len(NAMES) == len(names) >= 25
    assert len({board["uid"] for board in DASHBOARDS.values()}) == len(DASHBOARDS) == 4


@pytest.mark.parametrize("name", DASHBOARDS)
def test_a_dashboard_can_be_found_and_left(name: str) -> None:
    board = DASHBOARDS[name]
    assert board["uid"] == f"stylegram-{name}"
    assert board["title"].startswith("Stylegram / ")
    assert board["description"].endswith(".")
    assert [variable["name"] for variable in board["templating"]["list"]][:2] == ["datasource", "namespace"]
    kinds = {link["type"]: link for link in board["links"]}
    assert kinds["dashboards"]["tags"] == board["tags"] == ["stylegram"]
    assert kinds["dashboards"]["includeVars"]
    assert kinds["dashboards"]["keepTime"]
    assert kinds["link"]["url"] == RUNBOOKS


@pytest.mark.parametrize("name", DASHBOARDS)
def test_panels_lie_side_by_side(name: str) -> None:
    panels = DASHBOARDS[name]["panels"]
    places = [panel["gridPos"] for panel in panels]
    assert all(place["x"] + place["w"] <= COLUMNS for place in places)
    for one, other in combinations(places, 2):
        beside = one["x"] + one["w"] <= other["x"] or other["x"] + other["w"] <= one["x"]
        above = one["y"] + one["h"] <= other["y"] or other["y"] + other["h"] <= one["y"]
        assert beside or above, (one, other)
    assert panels[0]["type"] == "row"
    assert len({panel["id"] for panel in panels}) == len(panels)


def test_each_panel_says_what_it_shows() -> None:
    for board, panel in every_panel():
        if panel["type"] == "row":
            continue
        place = f"{board}: {panel['title']}"
        assert panel["description"].endswith("."), place
        assert panel["datasource"] == {"type": "prometheus", "uid": "${datasource}"}, place
        assert panel["targets"], place
        names = [target["refId"] for target in panel["targets"]]
        assert len(set(names)) == len(names), place
        for target in panel["targets"]:
            assert 'namespace=~"$namespace"' in target["expr"], place
            assert not re.search("NAMESPACE|INSTANCE", target["expr"]), place
        if panel["type"] in ("stat", "timeseries"):
            assert panel["fieldConfig"]["defaults"]["unit"] in UNITS, place
            assert panel["fieldConfig"]["defaults"]["thresholds"]["steps"][0]["value"] is None, place


def test_panels_lead_to_runbooks_of_alerts_that_exist() -> None:
    linked = {link["url"]: link["title"] for _, panel in every_panel() for link in panel.get("links", [])}
    assert linked == {f"{RUNBOOKS}#{title.lower()}": title for title in linked.values()}
    assert set(linked.values()) <= NAMES
    # What nobody sees on a dashboard is about all of it being away.
    assert NAMES - set(linked.values()) <= {"StylegramBrokerAway", "StylegramDatabaseAway"}


def test_each_alert_has_its_runbook_and_none_is_stale() -> None:
    text = (ROOT / "docs" / "operations" / "runbooks.md").read_text(encoding="utf-8")
    sections = dict(re.findall(r"^### (\w+)\n(.*?)(?=^##|\Z)", text, re.MULTILINE | re.DOTALL))
    assert set(sections) == NAMES
    for name, section in sections.items():
        for part in (r"\*\*Meaning\.\*\*", r"\*\*See( and do)?\.\*\*", r"\*\*(Do|See and do)\.\*\*", r"\*\*Over\*\*"):
            assert re.search(part, section), f"{name} lacks {part}"
    anchors = set(re.findall(r"\]\(#(\w+)\)", text))
    assert anchors <= {name.lower() for name in NAMES}


def test_the_place_of_the_runbooks_is_named_where_it_can_be_replaced() -> None:
    for path, text in rendered().items():
        for place in re.findall(rf"(.*){RUNBOOKS}(.*)", text):
            assert re.fullmatch(r'\s*("url": "|runbook_url: ).*', place[0]), path
