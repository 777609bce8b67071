"""What the documentation promises beside its commands: that its links lead somewhere, and its tables are whole."""

import doctest
import importlib
import re
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import unquote, urlsplit

import jsonschema_rs
import pytest
import yaml
from bench import costs
from prometheus_client import REGISTRY

from documentation import ROOT
from stylegram.common.hyperparameters import Hyperparameters
from stylegram.ingest.settings import IngestSettings
from stylegram.logger.settings import LoggerSettings
from stylegram.publisher.settings import PublisherSettings
from stylegram.stylizer.preview_service.settings import PreviewSettings
from stylegram.stylizer.settings import StylizerSettings

PAGES = sorted(
    path
    for pattern in (
        "*.md",
        "bench/*.md",
        "docker/*.md",
        "docs/**/*.md",
        "helm/**/*.md",
        "k8s/*.md",
        "monitoring/*.md",
        "tests/**/*.md",
    )
    for path in ROOT.glob(pattern)
)
SETTINGS = (IngestSettings, LoggerSettings, PublisherSettings, StylizerSettings, PreviewSettings)
METRICS = (
    "common.certificates",
    "common.metrics",
    "ingest.metrics",
    "logger.metrics",
    "publisher.metrics",
    "stylizer.metrics",
    "stylizer.preview_service.metrics",
)
_CODE = re.compile(r"^( *)```.*?^\1```", re.DOTALL | re.MULTILINE)
_VALUES = re.compile(r"^( *)<!-- values -->\n\1```yaml\n(.*?)^\1```", re.DOTALL | re.MULTILINE)
_LINK = re.compile(r"\]\(([^()\s]+(?:\([^()\s]*\))?[^()\s]*)\)")
_HEADING = re.compile(r"^#+ +(.+?) *$", re.MULTILINE)


def prose(page: Path) -> str:
    """The page without its blocks of code."""
    return _CODE.sub("", page.read_text())


def anchors(page: Path) -> set[str]:
    """Where a link may lead within a page, as its headings are called there."""
    words = (re.sub(r"\[([^]]*)]\([^)]*\)", r"\1", heading) for heading in _HEADING.findall(prose(page)))
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in words}


def links(page: Path) -> Iterator[str]:
    """Those to files of ours."""
    return (link for link in _LINK.findall(prose(page)) if not urlsplit(link).scheme)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_lead_somewhere(page: Path) -> None:
    for link in links(page):
        path, _, anchor = unquote(link).partition("#")
        target = (page.parent / path).resolve() if path else page
        assert target.exists(), f"{link} leads nowhere"
        assert not anchor or anchor in anchors(target), f"{target.name} has no '{anchor}'"


def test_there_are_links_and_anchors() -> None:
    found = [link for page in PAGES for link in links(page)]
    assert len(found) > 100
    assert "on-rabbitmq" in anchors(ROOT / "docs/jobs.md")


def test_every_setting_has_a_line() -> None:
    table = (ROOT / "docs/jobs.md").read_text()
    known = {f"STYLEGRAM_{name.upper()}" for settings in SETTINGS for name in settings.model_fields}
    told = set(re.findall(r"^\| [^|]* \| `(STYLEGRAM_\w+)` \|", table, re.MULTILINE))
    assert told == known | {"STYLEGRAM_URL", "STYLEGRAM_TOKEN"}


def test_settings_are_explained_as_the_services_explain_them() -> None:
    table = (ROOT / "docs/jobs.md").read_text().replace("`/stylegram`", "/stylegram")
    explained: dict[str, set[str | None]] = {}
    for settings in SETTINGS:
        for name, field in settings.model_fields.items():
            explained.setdefault(name, set()).add(field.description)
    for name, words in explained.items():
        [row] = re.findall(rf"^\|[^|]*\| `STYLEGRAM_{name.upper()}` \|.*$", table, re.MULTILINE)
        # What means something else to each of several services has words of its own there.
        assert len(words) > 1 or words.pop() in row, name


def test_every_metric_has_a_line() -> None:
    for module in METRICS:
        importlib.import_module(f"stylegram.{module}")
    kept = {
        f"{metric.name}_total" if metric.type == "counter" else metric.name
        for metric in REGISTRY.collect()
        if metric.name.startswith("stylegram_")
    }
    table = (ROOT / "docs/jobs.md").read_text()
    assert set(re.findall(r"^\| [^|]* \| `(stylegram_\w+)` \|", table, re.MULTILINE)) == kept


def test_make_has_what_pages_have_it_do() -> None:
    targets = set(re.findall(r"^([a-z0-9-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    for page in PAGES:
        told = set(re.findall(r"(?:^|`)make ([a-z0-9-]+)", page.read_text(), re.MULTILINE))
        assert told <= targets, f"{page.name}: {told - targets}"


def test_the_costs_are_those_that_the_program_prints() -> None:
    assert doctest.testmod(costs).failed == 0
    page = (ROOT / "docs/operations/costs.md").read_text()
    daily = Hyperparameters(size=1080, evaluations=(40, 40, 20, 10))
    assert costs.table(daily, costs.PRICES, per_start=1000) in page
    assert costs.table(daily, costs.PRICES, per_start=1) in page


@pytest.mark.parametrize("page", ["install.md", "backup.md"])
def test_values_are_values_of_the_chart(page: str) -> None:
    text = (ROOT / "docs/operations" / page).read_text()
    [values] = (yaml.safe_load(block) for _, block in _VALUES.findall(text))
    schema = yaml.safe_load((ROOT / "helm/stylegram/values.schema.json").read_text())
    assert jsonschema_rs.is_valid(schema, values)
    assert not jsonschema_rs.is_valid(schema, values | {"ingres": {}})
