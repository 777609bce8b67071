"""What is made out of the chart is as the chart is: the plain manifests and the README."""

import re
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
import yaml
from helm import manifests, readme

import chart_kubernetes
from chart_rendering import CHART, HOUSE, RELEASE, Rendering, find_program, render

K8S = HOUSE / "k8s"


def test_the_plain_manifests_are_as_the_chart_makes_them() -> None:
    made = manifests.files(find_program("helm"))
    there = {path.name: path.read_text(encoding="utf-8") for path in K8S.glob("*.yaml") if path.name != "values.yaml"}
    assert there.keys() == made.keys(), "make k8s"
    for name, text in made.items():
        assert there[name] == text, f"{name}: make k8s"


def test_the_readme_is_as_the_values_are() -> None:
    assert readme.README.read_text(encoding="utf-8") == readme.rendered(), "make k8s"


def test_the_readme_has_every_value_once() -> None:
    rows = re.findall(r"(?m)^\| `([\w.]+)` \|", readme.README.read_text(encoding="utf-8"))
    assert len(rows) == len(set(rows))
    assert {"profile", "ingest.settings.httpPrefix", "publisher.captions.hashtags.most"} <= set(rows)
    text = readme.README.read_text(encoding="utf-8")
    assert max(line.count("|") - line.count(r"\|") for line in text.splitlines()) == 5


def _kustomized() -> Rendering:
    """What `kubectl apply --kustomize k8s` would apply."""
    command = [find_program("kubectl"), "kustomize", str(K8S)]
    answer = subprocess.run(command, capture_output=True, text=True, check=False)
    assert answer.returncode == 0, answer.stderr
    return Rendering(answer.stdout)


def _spoken(manifest: Any) -> Any:
    """The same without what Helm says of itself."""
    text = yaml.safe_dump(manifest).replace("namespace: pictures", "namespace: stylegram")
    return yaml.safe_load(re.sub(r"(?m)^ *(helm\.sh/chart|app\.kubernetes\.io/managed-by): .*\n", "", text))


def test_kustomize_has_what_helm_has() -> None:
    def by_name(objects: Sequence[Any]) -> dict[tuple[str, str], Any]:
        return {(each["kind"], each["metadata"]["name"]): _spoken(each) for each in objects}

    assert by_name(_kustomized().objects) == by_name(render(K8S / "values.yaml").objects)


@pytest.mark.parametrize("version", chart_kubernetes.NEWEST)
def test_kubernetes_knows_every_field_of_them(version: str) -> None:
    for manifest in _kustomized().objects:
        assert not list(chart_kubernetes.problems(manifest, version))


def test_the_secrets_are_those_that_one_is_told_to_make() -> None:
    told = set(re.findall(r"create secret generic (\S+)", (K8S / "README.md").read_text(encoding="utf-8")))
    asked = {
        source["secret"]["name"]
        for pod in _kustomized().pods
        for volume in pod.spec["volumes"]
        for source in volume.get("projected", {}).get("sources", [])
    }
    assert told == asked


def test_helm_takes_along_no_file_that_the_chart_does_not_need(tmp_path: Path) -> None:
    command = [find_program("helm"), "package", str(CHART), "--destination", str(tmp_path)]
    subprocess.run(command, capture_output=True, check=True)
    (package,) = tmp_path.iterdir()
    names = subprocess.run(["tar", "tzf", str(package)], capture_output=True, text=True, check=True).stdout.split()
    assert package.name == f"{RELEASE}-0.1.0.tgz"
    assert f"{RELEASE}/values.schema.json" in names
    assert not [name for name in names if "/ci/" in name]
