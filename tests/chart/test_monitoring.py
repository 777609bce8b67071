"""Prometheus finds all that answers, and has the rules and dashboards as they were made."""

import json
from collections.abc import Mapping
from typing import Any

import pytest
import yaml

from chart_rendering import CHART, deep, example, merged, render

PLACE = "https://pictures.example.org/runbooks"
ALL = ("ingest", "logger", "preview", "publisher", "stylizer")


def test_a_service_monitor_finds_the_metrics_of_every_service() -> None:
    rendering = render(example("monitoring"))
    (monitor,) = rendering.of_kind("ServiceMonitor")
    selector = monitor["spec"]["selector"]
    found = {
        service["metadata"]["labels"]["app.kubernetes.io/component"]
        for service in rendering.of_kind("Service")
        if selector["matchLabels"].items() <= service["metadata"]["labels"].items()
        and all(
            service["metadata"]["labels"].get(each["key"]) in each["values"]
            for each in selector.get("matchExpressions", [])
        )
    }
    assert found == {*ALL}
    (endpoint,) = monitor["spec"]["endpoints"]
    assert endpoint["port"] == "metrics"
    assert endpoint.get("path", "/metrics") == "/metrics"
    assert (endpoint["interval"], endpoint["scrapeTimeout"]) == ("15s", "10s")
    assert not endpoint.get("honorLabels"), "the alerts go by the labels that the operator sets"
    assert monitor["metadata"]["labels"]["release"] == "prometheus"


def test_a_pod_monitor_finds_the_workers_that_keda_starts() -> None:
    rendering = render(example("pod-monitor"))
    assert not rendering.of_kind("ServiceMonitor")
    (monitor,) = rendering.of_kind("PodMonitor")
    selector = monitor["spec"]["selector"]
    answering = {
        pod.component
        for pod in rendering.pods
        if selector["matchLabels"].items() <= pod.labels.items()
        and all(pod.labels.get(each["key"]) in each["values"] for each in selector.get("matchExpressions", []))
    }
    assert answering == {*ALL}
    (endpoint,) = monitor["spec"]["podMetricsEndpoints"]
    assert endpoint["port"] == "metrics"


def _rules() -> Mapping[str, Any]:
    """The groups as they were made, by name."""
    groups = [
        group
        for path in sorted(CHART.glob("files/rules/*.yaml"))
        for group in yaml.safe_load(path.read_text(encoding="utf-8"))["groups"]
    ]
    return {group["name"]: group for group in groups}


def test_the_rules_are_those_that_were_made_and_lead_to_the_runbooks() -> None:
    rules = render(example("monitoring")).of_kind("PrometheusRule")
    got = {group["name"]: group for each in rules for group in each["spec"]["groups"]}
    made = _rules()
    assert made and got.keys() == made.keys()
    for name, group in made.items():
        for mine, theirs in zip(group["rules"], got[name]["rules"], strict=True):
            assert theirs["expr"] == mine["expr"]
            assert theirs.get("alert") == mine.get("alert")
            if "alert" not in mine:
                continue
            assert theirs["labels"] == mine["labels"] | {"team": "pictures"}
            # Braces that are Prometheus' own come through Helm.
            assert theirs["annotations"]["summary"] == mine["annotations"]["summary"]
            address = theirs["annotations"]["runbook_url"]
            assert "RUNBOOKS" not in address
            assert address.endswith(mine["annotations"]["runbook_url"].removeprefix("RUNBOOKS"))


def test_every_dashboard_is_there_as_it_was_made() -> None:
    maps = [each for each in render(example("monitoring")).of_kind("ConfigMap") if _is_of_dashboards(each)]
    got = {name: text for each in maps for name, text in each["data"].items()}
    made = {path.name: path.read_text(encoding="utf-8") for path in CHART.glob("files/dashboards/*.json")}
    assert made and got.keys() == made.keys()
    for name, text in got.items():
        assert "RUNBOOKS" not in text
        shown, mine = json.loads(text), json.loads(made[name])
        assert (shown["uid"], len(shown["panels"])) == (mine["uid"], len(mine["panels"]))
    for each in maps:
        assert each["metadata"]["annotations"]["grafana_folder"] == "Stylegram"


def _is_of_dashboards(manifest: Mapping[str, Any]) -> bool:
    return "grafana_dashboard" in manifest["metadata"]["labels"]


@pytest.mark.parametrize(("name", "annotated"), [("demo", True), ("production", False)])
def test_a_prometheus_without_an_operator_finds_the_demo(name: str, annotated: bool) -> None:
    for pod in render(example(name)).pods:
        if pod.component not in (*ALL, "rabbitmq") or pod.owner["kind"] not in ("Deployment", "StatefulSet"):
            continue
        annotations = pod.metadata.get("annotations", {})
        assert (annotations.get("prometheus.io/scrape") == "true") == annotated, pod.name
        if annotated:
            ports = {port["containerPort"] for container in pod.spec["containers"] for port in container["ports"]}
            assert int(annotations["prometheus.io/port"]) in ports, pod.name


def test_where_the_runbooks_are_can_be_said() -> None:
    rendering = render(example("monitoring"), values=merged(deep("monitoring.runbookUrl", PLACE)))
    assert f"{PLACE}#" in rendering.text
