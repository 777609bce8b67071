"""Whatever values the chart gets, helm takes them and Kubernetes takes what comes out."""

import re
from collections.abc import Mapping
from copy import deepcopy
from pathlib import Path
from typing import Any

import pytest

import chart_custom_resources
import chart_kubernetes
from chart_rendering import (
    CHART,
    NAMESPACE,
    RELEASE,
    Manifest,
    Rendering,
    deep,
    example,
    helm,
    render,
    values_files,
)

FILES = [pytest.param(path, id=path.name.removesuffix("-values.yaml")) for path in values_files()]
OLDEST = "1.25"
"""The oldest version that Chart.yaml takes."""


@pytest.mark.parametrize("path", FILES)
def test_helm_has_nothing_against_the_chart(path: Path) -> None:
    answer = helm("lint", "--strict", str(CHART), "--namespace", NAMESPACE, "--values", str(path))
    assert answer.returncode == 0, answer.stdout + answer.stderr


@pytest.mark.parametrize("path", FILES)
def test_kubernetes_knows_every_field(path: Path) -> None:
    for version in (OLDEST, *chart_kubernetes.NEWEST):
        for manifest in render(path, options=("--kube-version", f"{version}.0")).objects:
            if not chart_custom_resources.is_known(manifest["apiVersion"]) and manifest["kind"] != "HTTPRoute":
                assert not list(chart_kubernetes.problems(manifest, version)), version


def test_the_check_of_kubernetes_sees_what_is_wrong() -> None:
    wrong: Any = deepcopy(render(example("production")).of_kind("Deployment")[0])
    wrong["spec"]["template"]["spec"]["securityContext"]["tyop"] = 1
    del wrong["spec"]["selector"]
    for version in (OLDEST, *chart_kubernetes.NEWEST):
        found = " ".join(chart_kubernetes.problems(wrong, version))
        assert "'tyop' was unexpected" in found and "'selector' is a required" in found


@pytest.mark.parametrize("path", FILES)
def test_operators_know_every_field(path: Path) -> None:
    for manifest in render(path).objects:
        if chart_custom_resources.is_known(manifest["apiVersion"]):
            assert not list(chart_custom_resources.problems(manifest)), manifest["metadata"]["name"]
        if manifest["kind"] == "ScaledJob":
            job = {"apiVersion": "batch/v1", "kind": "Job", "metadata": manifest["metadata"]}
            for version in (OLDEST, *chart_kubernetes.NEWEST):
                assert not list(chart_kubernetes.problems(job | {"spec": manifest["spec"]["jobTargetRef"]}, version))


@pytest.mark.parametrize(
    ("kind", "path", "value"),
    [
        ("ScaledObject", "spec.scaleTargetRef.nmae", "x"),
        ("ScaledObject", "spec.pollingInterval", "often"),
        ("ScaledObject", "spec.min_replica_count", 1),
        ("ServiceMonitor", "spec.endpoints.0.intervall", "30s"),
        ("PrometheusRule", "spec.groups.0.rules.0.alrt", "Wrong"),
    ],
)
def test_the_check_of_operators_sees_what_is_wrong(kind: str, path: str, value: object) -> None:
    (right, *_others) = [
        each for name in ("keda-deployment", "monitoring") for each in render(example(name)).of_kind(kind)
    ]
    wrong: Any = deepcopy(right)
    *parents, last = path.split(".")
    part = wrong
    for parent in parents:
        part = part[int(parent) if parent.isdigit() else parent]
    part[last] = value
    assert list(chart_custom_resources.problems(wrong))


def _identity(manifest: Manifest) -> tuple[str, str]:
    return manifest["kind"], manifest["metadata"]["name"]


@pytest.mark.parametrize("path", FILES)
def test_every_object_has_its_name_its_place_and_its_labels(path: Path) -> None:
    rendering = render(path)
    names = [_identity(each) for each in rendering.objects]
    assert len(names) == len(set(names))
    for manifest in rendering.objects:
        metadata = manifest["metadata"]
        assert metadata["name"].startswith(RELEASE), names
        assert len(metadata["name"]) <= 63
        assert metadata.get("namespace", NAMESPACE) == NAMESPACE
        labels = metadata["labels"]
        assert labels["app.kubernetes.io/name"] == "stylegram"
        assert labels["app.kubernetes.io/instance"] == RELEASE
        assert labels["app.kubernetes.io/managed-by"] == "Helm"
        assert labels["app.kubernetes.io/part-of"] == "stylegram"
        assert {"app.kubernetes.io/component", "app.kubernetes.io/version", "helm.sh/chart"} <= set(labels)


@pytest.mark.parametrize("path", FILES)
def test_a_long_name_of_a_release_is_cut_and_stays_unlike_others(path: Path) -> None:
    rendering = render(path, release="r" * 53)
    names = [_identity(each) for each in rendering.objects]
    assert len(names) == len(set(names))
    # A CronJob's Jobs have 11 characters more, and they may have 63; so may a StatefulSet's pods and their label.
    most = {"CronJob": 52, "StatefulSet": 52, "NetworkPolicy": 253}
    for kind, name in names:
        assert len(name) <= most.get(kind, 63), (kind, name)


def test_a_name_of_ones_own_is_taken_everywhere() -> None:
    rendering = render(example("demo"), values={"fullnameOverride": "paint"})
    assert all(name.startswith("paint") for _kind, name in map(_identity, rendering.objects))
    # But for images, and for what the services' own names are part of.
    assert not re.search(
        r"(?m)(^|[ /])stylegram-(ingest|tokens|demo|rabbitmq)", re.sub(r"image: .*", "", rendering.text)
    )


def test_labels_and_annotations_of_ones_own_are_everywhere() -> None:
    rendering = render(example("external"))
    for manifest in rendering.objects:
        assert manifest["metadata"]["labels"]["team"] == "pictures"
        assert manifest["metadata"]["annotations"]["example.org/owner"] == "pictures"
    for pod in rendering.pods:
        assert pod.labels["team"] == "pictures"


def _without_what_chance_made(rendering: Rendering) -> str:
    """The text but for the Secrets' content and digests, which differ where chance made a Secret."""
    return re.sub(
        r"(?m)^.*(checksum/|: [A-Za-z0-9+/=]{16,}$|password|amqp:|postgresql\+|[A-Za-z0-9]{32}).*$", "", rendering.text
    )


@pytest.mark.parametrize("path", FILES)
def test_rendered_again_it_is_the_same(path: Path) -> None:
    first = render(path)
    again = Rendering(helm("template", RELEASE, str(CHART), "--namespace", NAMESPACE, "--values", str(path)).stdout)
    if first.of_kind("Secret"):
        assert _without_what_chance_made(first) == _without_what_chance_made(again)
        assert [_identity(each) for each in first.objects] == [_identity(each) for each in again.objects]
    else:
        assert first.text == again.text


@pytest.mark.parametrize("path", FILES)
def test_an_upgrade_differs_from_an_install_in_nothing_that_lasts(path: Path) -> None:
    def kept(rendering: Rendering) -> Mapping[tuple[str, str], Any]:
        return {
            _identity(each): each.get("spec")
            for each in rendering.objects
            if each["kind"] in ("Service", "StatefulSet")
        }

    first, upgraded = kept(render(path)), kept(render(path, options=("--is-upgrade",)))
    assert first.keys() == upgraded.keys()
    for name, spec in first.items():
        for field in ("selector", "serviceName", "volumeClaimTemplates"):
            assert spec.get(field) == upgraded[name].get(field)


@pytest.mark.parametrize("path", FILES)
def test_selectors_never_name_what_changes_with_a_version(path: Path) -> None:
    for manifest in render(path).of_kind("Deployment", "StatefulSet"):
        selected = manifest["spec"]["selector"]["matchLabels"]
        assert set(selected) == {
            "app.kubernetes.io/name",
            "app.kubernetes.io/instance",
            "app.kubernetes.io/component",
        }


def _notes(*files: Path, values: Mapping[str, Any] | None = None) -> str:
    """What is told at the end of an installation."""
    named = [word for path in files for word in ("--values", str(path))]
    answer = helm(
        "install",
        RELEASE,
        str(CHART),
        "--dry-run=client",
        "--namespace",
        NAMESPACE,
        *named,
        "--values",
        "-",
        values=values,
    )
    assert answer.returncode == 0, answer.stderr
    return answer.stdout.partition("\nNOTES:\n")[2]


@pytest.mark.parametrize("path", FILES)
def test_the_notes_say_where_it_answers_and_what_comes_next(path: Path) -> None:
    notes = _notes(path)
    assert NAMESPACE in notes
    assert f"{RELEASE}-ingest" in notes or "http" in notes
    assert "<no value>" not in notes and "%!" not in notes
    assert max(map(len, notes.splitlines())) <= 120


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("demo", ["port-forward", f"{RELEASE}-tokens", "8000"]),
        ("production", ["port-forward", "stylegram-tokens", "8000"]),
        ("ingress", ["https://pictures.example.org"]),
        ("httproute", ["pictures.example.org"]),
        ("prefix", ["http://example.org/stylegram"]),
    ],
)
def test_the_notes_are_of_what_was_installed(name: str, words: list[str]) -> None:
    notes = _notes(example(name))
    for word in words:
        assert word in notes, notes


def test_there_is_nothing_but_what_is_asked_for() -> None:
    kinds = {each["kind"] for each in render(example("production")).objects}
    assert kinds == {
        "ConfigMap",
        "CronJob",
        "Deployment",
        "Job",
        "NetworkPolicy",
        "Pod",
        "Service",
        "ServiceAccount",
    }


@pytest.mark.parametrize("service", ["stylizer", "preview", "publisher", "logger"])
def test_a_service_that_is_not_wanted_leaves_nothing_behind(service: str) -> None:
    rendering = render(example("production"), values=deep(f"{service}.enabled", False))
    for manifest in rendering.objects:
        if manifest["kind"] != "NetworkPolicy":
            assert manifest["metadata"]["labels"]["app.kubernetes.io/component"] != service, _identity(manifest)
    assert not any(pod.component == service for pod in rendering.pods)


def test_the_chart_and_what_it_installs_are_one_version() -> None:
    chart = (CHART / "Chart.yaml").read_text(encoding="utf-8")
    project = (Path(__file__).parents[2] / "services" / "ingest" / "pyproject.toml").read_text(encoding="utf-8")
    (version,) = re.findall(r'(?m)^version = "(.+)"', project)
    assert re.findall(r"(?m)^(?:appV|v)ersion: (.+)$", chart) == [version, version]
