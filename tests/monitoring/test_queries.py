"""Every query of the rules and dashboards, asked of a real Prometheus that watches the real services."""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import promql_parser
import pytest
from monitoring.recordings import RECORDINGS
from monitoring.render import rendered
from promql_parser import AggregateExpr, BinaryExpr, Expr, MatchOp, VectorSelector

from monitoring.alerts import ALERTS
from prometheus_server import PrometheusServer

# What whoever scrapes adds to every series, and what he adds besides in a cluster, by which nothing here goes.
_SCRAPED = {"job", "instance", "namespace"}
_OF_THE_CLUSTER = {"pod", "container", "service", "endpoint"}
# What a test has none of: a GPU, and an account that one logs in to; and what is there only while a job is at work.
_ABSENT = {
    "stylegram_stylizer_loss": {"term"},
    "stylegram_gpu_memory_bytes": {"gpu", "state"},
    "stylegram_account_login_timestamp_seconds": {"account"},
}
# As rare as they are, they can be asked for.
_UNSEEN = {
    ("stylegram_stylizer_loss", "term", "total"),
    ("stylegram_last_sync_timestamp_seconds", "outcome", "failed"),
    ("stylegram_gpu_memory_bytes", "state", "reserved"),
    ("stylegram_gpu_memory_bytes", "state", "total"),
}
_VARIABLES = {"$__rate_interval": "1m", "$__range": "1h", "$namespace": ".*", "$instance": ".*"}
# What a test has none of, or only while a job is at work.
_MAY_BE_EMPTY = re.compile(r"GPU|login|Loss|Evaluations a second, of")


@dataclass
class Metric:
    """What Prometheus knows of a metric: the values of each of its labels."""

    labels: dict[str, set[str]] = field(default_factory=dict)


def panels() -> Iterator[tuple[str, dict[str, Any]]]:
    """All panels, by where they are."""
    for path, text in rendered().items():
        if path.suffix == ".json":
            for panel in json.loads(text)["panels"]:
                yield f"{path.stem} {panel['id']}: {panel['title']}", panel


def queries() -> dict[str, str]:
    """All that is asked, by where it is asked."""
    asked = {
        f"{group.name}: {rule.rule().get('alert') or rule.rule()['record']}": rule.rule()["expr"]
        for group in (*RECORDINGS, *ALERTS)
        for rule in group.rules
    }
    for place, panel in panels():
        for target in panel.get("targets", []):
            expression = target["expr"]
            for variable, value in _VARIABLES.items():
                expression = expression.replace(variable, value)
            asked[f"{place} {target['refId']}"] = expression
    return asked


QUERIES = queries()


@pytest.fixture(scope="module")
def known(watched: PrometheusServer) -> dict[str, Metric]:
    """All metrics that were seen, by name."""
    assert set(_ABSENT) <= set(watched.ask("metadata"))
    metrics: dict[str, Metric] = {name: Metric({label: set() for label in _ABSENT[name]}) for name in _ABSENT}
    for series in watched.ask("series", **{"match[]": '{__name__=~".+"}'}):
        labels = metrics.setdefault(series.pop("__name__"), Metric()).labels
        for label, value in series.items():
            labels.setdefault(label, set()).add(value)
    for rule in (rule for group in RECORDINGS for rule in group.rules):
        # One that gave nothing is there all the same.
        metrics.setdefault(
            rule.name, Metric({label: set() for label in labels_of(promql_parser.parse(rule.expression))})
        )
    return metrics


def parts(expression: Expr) -> Iterator[Expr]:
    """The expression and all in it."""
    yield expression
    for name in ("expr", "lhs", "rhs", "vector_selector"):
        if isinstance(part := getattr(expression, name, None), Expr):
            yield from parts(part)
    for part in getattr(expression, "args", None) or ():
        yield from parts(part)


def selectors(expression: Expr) -> list[VectorSelector]:
    return [part for part in parts(expression) if isinstance(part, VectorSelector)]


def labels_of(expression: Expr) -> set[str]:
    """The labels that the expression asks to keep, or to compare by."""
    labels: set[str] = set()
    for part in parts(expression):
        if isinstance(part, AggregateExpr) and part.modifier:
            labels |= set(part.modifier.labels)
        if isinstance(part, BinaryExpr) and part.modifier and part.modifier.matching:
            labels |= set(part.modifier.matching.labels)
    return labels


@pytest.mark.parametrize("place", QUERIES)
def test_all_that_a_query_names_is_there(place: str, known: dict[str, Metric]) -> None:
    expression = promql_parser.parse(QUERIES[place])
    asked = selectors(expression)
    assert asked, "it asks for nothing"
    for selector in asked:
        assert selector.name in known, f"there is no metric {selector.name}"
        labels = known[selector.name].labels
        for matcher in selector.matchers.matchers:
            if matcher.name in _SCRAPED:
                continue
            assert matcher.name in labels, f"{selector.name} has no label {matcher.name}"
            rare = (selector.name, matcher.name, matcher.value)
            if matcher.op == MatchOp.Equal and rare not in _UNSEEN:
                assert matcher.value in labels[matcher.name], f"{selector.name} is never {matcher}"
    there = set().union(*(known[str(selector.name)].labels for selector in asked))
    assert labels_of(expression) <= there | _SCRAPED


@pytest.mark.parametrize("place", QUERIES)
def test_prometheus_takes_every_query(place: str, watched: PrometheusServer) -> None:
    watched.query(QUERIES[place])


def test_dashboards_show_something(watched: PrometheusServer) -> None:
    """After a job that was painted and posted, hardly a panel is empty."""
    empty = {place for place in QUERIES if not place.startswith("stylegram-") and not watched.query(QUERIES[place])}
    # Histories of the last scrape alone, and what a test has none of.
    assert not {
        place
        for place in empty
        if not re.search(
            r"GPU|login|Loss|Evaluations a second, of|Put right|Settled|Seconds a picture|Where the", place
        )
    }


def test_legends_name_labels_that_are_kept() -> None:
    for place, panel in panels():
        for target in panel.get("targets", []):
            wanted = set(re.findall(r"{{(\w+)}}", target["legendFormat"])) - _SCRAPED
            kept = labels_of(promql_parser.parse(re.sub(r"\$__?\w+", "1h", target["expr"])))
            assert wanted <= kept, place


def test_the_rules_are_evaluated_without_an_error(watched: PrometheusServer) -> None:
    groups = watched.ask("rules")["groups"]
    health = {rule["name"]: (rule["health"], rule.get("lastError")) for group in groups for rule in group["rules"]}
    assert len(health) == sum(len(group.rules) for group in (*RECORDINGS, *ALERTS))
    assert {state for state, _ in health.values()} == {"ok"}, health


def test_no_alert_fires_in_a_house_that_is_well(watched: PrometheusServer) -> None:
    assert [alert["labels"] for alert in watched.ask("alerts")["alerts"] if alert["state"] == "firing"] == []


def test_no_metric_has_a_label_that_scraping_sets(known: dict[str, Metric]) -> None:
    ours = {name: metric for name, metric in known.items() if name.startswith("stylegram_")}
    assert len(ours) > 50
    clashing = _OF_THE_CLUSTER | {f"exported_{label}" for label in _SCRAPED}
    assert {name for name, metric in ours.items() if clashing & set(metric.labels)} == set()
