"""Who may speak to whom: Services lead to pods that are there, policies let through the arrows of the flow alone."""

from collections.abc import Iterator, Mapping, Sequence
from itertools import product
from pathlib import Path
from typing import Any

import pytest

from chart_rendering import Manifest, Pod, Rendering, deep, example, merged, render, values_files

FILES = [pytest.param(path, id=path.name.removesuffix("-values.yaml")) for path in values_files()]
PRODUCTION = example("production")
API = {"ingest": 8000, "logger": 8001, "preview": 8002, "publisher": 8003}
METRICS = 9100

_ELSEWHERE = [{"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "elsewhere"}}}]
ALL_NAMED = {
    "networkPolicy": {
        **{who: {"from": _ELSEWHERE} for who in ("people", "monitoring", "keda")},
        **{
            what: {"to": _ELSEWHERE}
            for what in ("dns", "broker", "database", "storage", "drive", "instagram", "packages")
        },
    }
}
"""So that what is let in from outside, and out, says nothing of pods beside one another."""


def selects(selector: Mapping[str, Any], labels: Mapping[str, str]) -> bool:
    """Whether a label selector, with all that the chart writes in one, finds pods with these labels."""
    for wanted in selector.get("matchExpressions", []):
        assert wanted["operator"] == "In"
        if labels.get(wanted["key"]) not in wanted["values"]:
            return False
    return bool(selector.get("matchLabels", {}).items() <= labels.items())


def _ports(pod: Pod) -> Mapping[str, int]:
    """The ports that a pod says it listens on, by name."""
    return {port["name"]: port["containerPort"] for container in pod.containers for port in container.get("ports", [])}


def _servers(rendering: Rendering) -> Sequence[Pod]:
    """Pods that stay; of ingest, one."""
    return [pod for pod in rendering.pods if pod.owner["kind"] in ("Deployment", "StatefulSet", "ScaledJob")]


@pytest.mark.parametrize("path", FILES)
def test_a_selector_finds_its_own_pods_and_no_others(path: Path) -> None:
    rendering = render(path)
    for owner in rendering.of_kind("Deployment", "StatefulSet", "Service", "PodDisruptionBudget"):
        selector = owner["spec"]["selector"]
        wanted = {"matchLabels": selector} if owner["kind"] == "Service" else selector
        found = {pod.name for pod in rendering.pods if selects(wanted, pod.labels)}
        component = owner["metadata"]["labels"]["app.kubernetes.io/component"]
        (own,) = [pod.name for pod in _servers(rendering) if pod.component == component]
        assert found == {own}, owner["metadata"]["name"]


def test_pods_of_another_release_are_not_found() -> None:
    one, other = render(PRODUCTION), render(PRODUCTION, release="second")
    for owner in one.of_kind("Deployment", "Service", "NetworkPolicy"):
        selector = owner["spec"].get("selector") or owner["spec"]["podSelector"]
        wanted = selector if owner["kind"] != "Service" else {"matchLabels": selector}
        assert not [pod.name for pod in other.pods if selects(wanted, pod.labels)], owner["metadata"]["name"]


@pytest.mark.parametrize("path", FILES)
def test_a_service_leads_to_ports_that_are_there(path: Path) -> None:
    rendering = render(path)
    for service in rendering.of_kind("Service"):
        (pod,) = [
            each for each in _servers(rendering) if selects({"matchLabels": service["spec"]["selector"]}, each.labels)
        ]
        for port in service["spec"]["ports"]:
            assert port["targetPort"] in _ports(pod), service["metadata"]["name"]
            assert port["port"] == _ports(pod)[port["targetPort"]], "inside and outside alike, as policies name them"
    for component in (pod.component for pod in _servers(rendering)):
        assert rendering.has("Service", component)


def test_services_have_the_ports_that_are_told_everywhere() -> None:
    rendering = render(PRODUCTION)
    for component, port in API.items():
        ports = {each["name"]: each["port"] for each in rendering.get("Service", component)["spec"]["ports"]}
        assert ports == {"http": port, "metrics": METRICS}
    (only,) = rendering.get("Service", "stylizer")["spec"]["ports"]
    assert (only["name"], only["port"]) == ("metrics", METRICS)


@pytest.mark.parametrize("exposed", ["LoadBalancer", "NodePort"])
def test_a_service_that_faces_people_shows_no_metrics(exposed: str) -> None:
    rendering = render(PRODUCTION, values=deep("ingest.service", {"type": exposed, "annotations": {"who": "people"}}))
    facing, metrics = rendering.get("Service", "ingest"), rendering.get("Service", "ingest-metrics")
    assert facing["spec"]["type"] == exposed
    assert facing["metadata"]["annotations"] == {"who": "people"}
    assert [port["port"] for port in facing["spec"]["ports"]] == [8000]
    assert metrics["spec"]["type"] == "ClusterIP"
    assert [port["port"] for port in metrics["spec"]["ports"]] == [METRICS]
    assert metrics["spec"]["selector"] == facing["spec"]["selector"]
    assert metrics["metadata"]["labels"] == facing["metadata"]["labels"], "a ServiceMonitor finds it by these"
    asked = rendering.get("Pod", "test")["spec"]["containers"][0]["command"]
    assert "http://stylegram-ingest-metrics:9100/readyz" in asked


class Policies:
    """What the network policies of a rendering let through.

    Args:
        rendering: one of the chart.
    """

    def __init__(self, rendering: Rendering) -> None:
        self._policies = rendering.of_kind("NetworkPolicy")

    def let_in(self, target: Pod, port: int, source: Pod | None) -> bool:
        """Whether that pod, or somebody elsewhere where it is None, reaches the port, for all that this end says."""
        return self._lets("Ingress", "from", target, source, port, _ports(target))

    def let_out(self, source: Pod, port: int, target: Pod | None) -> bool:
        """Whether the pod may send there, for all that this end says."""
        return self._lets("Egress", "to", source, target, port, _ports(target) if target else {})

    def _lets(
        self, direction: str, way: str, subject: Pod, peer: Pod | None, port: int, names: Mapping[str, int]
    ) -> bool:
        about = [policy for policy in self._of(direction) if selects(policy["spec"]["podSelector"], subject.labels)]
        assert about, f"nobody says what {subject.name} may do: by default it could do everything"
        return any(
            (not rule.get("ports") or port in {names.get(each["port"], each["port"]) for each in rule["ports"]})
            and (not rule.get(way) or any(_is_peer(each, peer) for each in rule[way]))
            for policy in about
            for rule in policy["spec"].get(direction.lower(), [])
        )

    def _of(self, direction: str) -> Iterator[Manifest]:
        return (policy for policy in self._policies if direction in policy["spec"]["policyTypes"])


def _is_peer(peer: Mapping[str, Any], pod: Pod | None) -> bool:
    """Whether a peer of a policy is that pod of the same namespace, or where it is None somebody elsewhere."""
    if pod is None:
        return "ipBlock" in peer or "namespaceSelector" in peer
    return "namespaceSelector" not in peer and "podSelector" in peer and selects(peer["podSelector"], pod.labels)


Arrow = tuple[str, str, int]


def _arrows(rendering: Rendering) -> set[Arrow]:
    """Which pods may speak to which, at which port; both ends have to agree."""
    policies = Policies(rendering)
    ports = {*API.values(), METRICS, 5672, 15672, 15692, 5432, 80, 443}
    found = {
        (source.component, target.component, port)
        for source, target, port in product(rendering.pods, _servers(rendering), ports)
        if policies.let_out(source, port, target) and policies.let_in(target, port, source)
    }
    halves = {
        (source.component, target.component, port)
        for source, target, port in product(rendering.pods, rendering.pods, ports)
        if policies.let_out(source, port, target) != policies.let_in(target, port, source)
    }
    assert not halves, "one end lets through what the other does not"
    return found


FLOW: set[Arrow] = {
    ("ingest", "logger", 8001),
    ("ingest", "preview", 8002),
    ("ingest", "publisher", 8003),
    ("errands", "ingest", 8000),
    *(("test", component, METRICS) for component in ("ingest", "logger", "preview", "publisher", "stylizer")),
}
"""Of docs/design.md, the arrows between pods: all else goes by the broker, the database and the storage."""

OF_THE_DEMO: set[Arrow] = {
    *((component, "rabbitmq", 5672) for component in ("ingest", "stylizer", "publisher", "logger")),
    *((component, "postgresql", 5432) for component in ("ingest", "publisher", "logger")),
}


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("production", FLOW),
        ("errands", FLOW),
        ("keda-job", FLOW),
        ("instagram", FLOW),
        ("demo", FLOW | OF_THE_DEMO),
        ("demo-scaled", FLOW | OF_THE_DEMO),
    ],
)
def test_pods_speak_to_one_another_as_the_flow_says_and_not_otherwise(name: str, expected: set[Arrow]) -> None:
    assert _arrows(render(example(name), values=ALL_NAMED)) == expected


def test_what_the_demo_forgets_is_in_its_database() -> None:
    forgetting = merged(
        ALL_NAMED, deep("forget.enabled", True), deep("logger.settings.keepCurvesDays", 7), deep("profile", "demo")
    )
    assert _arrows(render(values=forgetting)) == FLOW | OF_THE_DEMO | {("retention", "postgresql", 5432)}


def _outward(rendering: Rendering) -> Mapping[str, set[int]]:
    """The ports elsewhere that pods of each component may speak to."""
    policies = Policies(rendering)
    ports = {53, 80, 443, 988, 5432, 5671, 5672, 15671, 15672}
    return {pod.component: {port for port in ports if policies.let_out(pod, port, None)} for pod in rendering.pods}


DNS, BROKER, DATABASE, GOOGLE, INSTAGRAM, IDENTITY = {53}, {5671, 5672}, {5432}, {443}, {443}, {80, 988}


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        (
            "production",
            {
                "ingest": DNS | BROKER | DATABASE | GOOGLE | IDENTITY,
                "stylizer": DNS | BROKER | GOOGLE | IDENTITY,
                "publisher": DNS | BROKER | DATABASE | GOOGLE | INSTAGRAM | IDENTITY,
                "logger": DNS | BROKER | DATABASE,
                "preview": DNS,
                "errands": DNS,
                "migrations": DNS | DATABASE,
                "test": DNS,
            },
        ),
        (
            "shared-folder",
            {
                "ingest": DNS | BROKER | DATABASE,
                "stylizer": DNS | BROKER,
                "publisher": DNS | BROKER | DATABASE,
                "logger": DNS | BROKER | DATABASE,
                "preview": DNS,
                "errands": DNS,
                "migrations": DNS | DATABASE,
                "test": DNS,
            },
        ),
        (
            "demo",
            {
                **dict.fromkeys(("ingest", "stylizer", "publisher", "logger", "preview", "errands", "test"), DNS),
                "rabbitmq": set(),
                "postgresql": set(),
            },
        ),
    ],
)
def test_pods_speak_to_what_is_elsewhere_as_they_need_it(name: str, expected: Mapping[str, set[int]]) -> None:
    assert _outward(render(example(name))) == expected


def test_who_fetches_model_files_reaches_a_package_index() -> None:
    rendering = _outward(render(example("fetched-weights")))
    assert 443 in rendering["preview"]
    assert 443 not in rendering["logger"]


def test_with_keys_nobody_asks_the_node_who_it_is() -> None:
    outward = _outward(render(example("existing-secrets")))
    assert not any(IDENTITY & ports for ports in outward.values())


@pytest.mark.parametrize("name", ["production", "demo", "demo-scaled"])
def test_from_elsewhere_one_reaches_the_pages_and_the_metrics(name: str) -> None:
    rendering = render(example(name))
    policies = Policies(rendering)
    open_ports = {
        (pod.component, port)
        for pod in rendering.pods
        for port in (*API.values(), METRICS, 5672, 15672, 15692, 5432)
        if policies.let_in(pod, port, None)
    }
    expected = {("ingest", 8000), *((component, METRICS) for component in (*API, "stylizer"))}
    if name != "production":
        expected |= {("rabbitmq", 15692)}
    if name == "demo-scaled":
        expected |= {("rabbitmq", 15672)}
    assert open_ports == expected


def test_peers_that_are_named_are_in_the_policies() -> None:
    blocks = {
        (peer["ipBlock"]["cidr"], each["port"])
        for policy in render(example("external")).of_kind("NetworkPolicy")
        for rule in policy["spec"].get("egress", [])
        for peer in rule.get("to", [])
        if "ipBlock" in peer
        for each in rule["ports"]
    }
    assert {("10.20.0.5/32", 5671), ("10.20.0.6/32", 5432), ("199.36.153.8/30", 443)} <= blocks
    assert ("10.20.0.5/32", 5672) not in blocks


def test_without_policies_there_are_none() -> None:
    assert not render(example("without-policies")).of_kind("NetworkPolicy")


def test_an_ingress_leads_people_to_ingest() -> None:
    (ingress,) = render(example("ingress")).of_kind("Ingress")
    (rule,) = ingress["spec"]["rules"]
    assert rule["host"] == "pictures.example.org"
    (path,) = rule["http"]["paths"]
    assert (path["path"], path["pathType"]) == ("/", "Prefix")
    assert path["backend"]["service"] == {"name": "stylegram-ingest", "port": {"name": "http"}}
    assert ingress["spec"]["tls"] == [{"hosts": ["pictures.example.org"], "secretName": "pictures-tls"}]
    assert ingress["spec"]["ingressClassName"] == "nginx"


def test_an_ingress_below_a_path_takes_only_that() -> None:
    (ingress,) = render(example("prefix")).of_kind("Ingress")
    (path,) = ingress["spec"]["rules"][0]["http"]["paths"]
    assert (path["path"], path["pathType"]) == ("/stylegram", "Prefix")


def test_a_route_leads_people_to_ingest() -> None:
    (route,) = render(example("httproute")).of_kind("HTTPRoute")
    assert route["apiVersion"] == "gateway.networking.k8s.io/v1"
    spec = route["spec"]
    assert set(spec) == {"hostnames", "parentRefs", "rules"}
    assert spec["hostnames"] == ["pictures.example.org"]
    assert spec["parentRefs"] == [{"name": "web", "namespace": "gateways", "sectionName": "https"}]
    (rule,) = spec["rules"]
    assert set(rule) <= {"matches", "backendRefs", "timeouts"}
    assert rule["backendRefs"] == [{"name": "stylegram-ingest", "port": 8000}]
