"""Writes k8s/: the chart as plain manifests, for those without Helm.

    python -m helm.manifests HELM

HELM is the program, version 4. There is a file for each component, and a kustomization that has them all.
"""

import subprocess
import sys
from collections import defaultdict
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import yaml

_HERE = Path(__file__).parent
CHART = _HERE / "stylegram"
FOLDER = _HERE.parent / "k8s"
_VALUES = FOLDER / "values.yaml"
_KUSTOMIZATION = "kustomization.yaml"
_NAME = "stylegram"
_HEADER = "# Made by `make k8s` out of the chart and values.yaml; change those.\n"
# As they depend on each other; what is not here comes last.
_ORDER = (
    "ServiceAccount",
    "ConfigMap",
    "PersistentVolumeClaim",
    "Service",
    "Deployment",
    "StatefulSet",
    "CronJob",
)
# Helm's own words, which say nothing where Helm is not.
_HELM_LABELS = ("helm.sh/chart", "app.kubernetes.io/managed-by")


class _Dumper(yaml.SafeDumper):
    """Lists as they are written by hand, beneath their key and further in."""

    def increase_indent(self, flow: bool = False, indentless: bool = False) -> None:  # noqa: ARG002
        """Every list further in than its key."""
        super().increase_indent(flow, indentless=False)


def files(helm: str) -> Mapping[str, str]:
    """What belongs into the folder: name → text.

    Args:
        helm: the program.

    Raises:
        subprocess.CalledProcessError: it does not take the values, and has said why.
    """
    command = [helm, "template", _NAME, str(CHART), "--namespace", _NAME, "--values", str(_VALUES)]
    answer = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
    components = defaultdict[str, list[dict[str, Any]]](list)
    for manifest in filter(None, yaml.safe_load_all(answer.stdout)):
        # Where they go, the kustomization says, or whoever applies them.
        manifest["metadata"].pop("namespace", None)
        component = manifest["metadata"]["labels"]["app.kubernetes.io/component"]
        components[component].append(_plain(manifest))
    written = {f"{name}.yaml": _text(sorted(manifests, key=_place)) for name, manifests in sorted(components.items())}
    kustomization = {
        "apiVersion": "kustomize.config.k8s.io/v1beta1",
        "kind": "Kustomization",
        "namespace": _NAME,
        "resources": list(written),
    }
    return written | {_KUSTOMIZATION: _text([kustomization])}


def write(helm: str) -> None:
    """Put the files into the folder, and take those out that are no longer made."""
    made = files(helm)
    for old in FOLDER.glob("*.yaml"):
        if old != _VALUES and old.name not in made:
            old.unlink()
    for name, text in made.items():
        (FOLDER / name).write_text(text, encoding="utf-8")


def _plain(part: Any) -> Any:  # noqa: ANN401  (anything that YAML has)
    """The same without Helm's labels, wherever labels are."""
    if isinstance(part, list):
        return [_plain(each) for each in part]
    if not isinstance(part, dict):
        return part
    return {
        key: {name: text for name, text in value.items() if name not in _HELM_LABELS}
        if key == "labels"
        else _plain(value)
        for key, value in part.items()
    }


def _place(manifest: Mapping[str, Any]) -> tuple[int, str, str]:
    kind = manifest["kind"]
    return _ORDER.index(kind) if kind in _ORDER else len(_ORDER), kind, manifest["metadata"]["name"]


def _text(manifests: Iterable[Mapping[str, Any]]) -> str:
    documents = yaml.dump_all(manifests, Dumper=_Dumper, sort_keys=False, width=120, explicit_start=True)
    return f"{_HEADER}{documents}"


if __name__ == "__main__":
    write(sys.argv[1])
