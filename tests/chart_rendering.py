"""The chart as the real helm renders it, and the parts of what comes out."""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import yaml

HOUSE = Path(__file__).parents[1]
CHART = HOUSE / "helm" / "stylegram"
RELEASE, NAMESPACE = "stylegram", "pictures"

_PODS_OF = {
    "Pod": (),
    "Deployment": ("spec", "template"),
    "StatefulSet": ("spec", "template"),
    "DaemonSet": ("spec", "template"),
    "Job": ("spec", "template"),
    "CronJob": ("spec", "jobTemplate", "spec", "template"),
    "ScaledJob": ("spec", "jobTargetRef", "template"),
}

Manifest = Mapping[str, Any]
"""An object of Kubernetes."""


class _Loader(yaml.CSafeLoader):
    """Refuses a key that is there twice, as the API server's strict reading does."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        keys = [self.construct_object(key, deep=True) for key, _value in node.value]
        if twice := {key for key in keys if keys.count(key) > 1}:
            raise yaml.constructor.ConstructorError(None, None, f"twice there: {twice}", node.start_mark)
        return super().construct_mapping(node, deep)


def find_program(name: str) -> str:
    """Where helm or kubectl is; the test is skipped where it is not, and fails in continuous integration."""
    own = Path(sys.executable).parent / name
    if own.exists():
        return str(own)
    if found := shutil.which(name):
        return found
    if os.environ.get("CI"):
        pytest.fail(f"{name} is not installed, and continuous integration skips nothing: .ci/install-helm")
    pytest.skip(f"NOT TESTED, as {name} is not installed: .ci/install-helm")


def helm(*arguments: str, values: Mapping[str, Any] | None = None) -> "subprocess.CompletedProcess[str]":
    """What helm says, whatever it is.

    Args:
        arguments: its command line.
        values: values of the chart; the command line has to name them by `--values -`.
    """
    return subprocess.run(
        [find_program("helm"), *arguments],
        input=json.dumps(values or {}),
        capture_output=True,
        text=True,
        # Whatever cluster somebody has at hand is none of the tests' business.
        env=os.environ | {"KUBECONFIG": os.devnull},
        check=False,
    )


def values_files() -> Sequence[Path]:
    """The chart's examples, ci/*-values.yaml."""
    return sorted(CHART.glob("ci/*-values.yaml"))


def example(name: str) -> Path:
    """The example of that name."""
    return CHART / "ci" / f"{name}-values.yaml"


@dataclass(frozen=True)
class Pod:
    """A template of pods.

    Args:
        owner: whose it is.
        metadata: the pods'.
        spec: likewise.
    """

    owner: Manifest
    metadata: Mapping[str, Any]
    spec: Mapping[str, Any]

    @property
    def name(self) -> str:
        """Kind and name of whose it is."""
        return f"{self.owner['kind']}/{self.owner['metadata']['name']}"

    @property
    def labels(self) -> Mapping[str, str]:
        """The pods' labels."""
        return dict(self.metadata.get("labels", {}))

    @property
    def component(self) -> str:
        """What part of Stylegram it is, as its label says."""
        return self.labels["app.kubernetes.io/component"]

    @property
    def containers(self) -> Sequence[Mapping[str, Any]]:
        """Its containers, those that come first included."""
        return [*self.spec.get("initContainers", []), *self.spec["containers"]]

    def container(self, name: str | None = None) -> Mapping[str, Any]:
        """The container of that name, or the only one that stays."""
        if name is None:
            (only,) = self.spec["containers"]
            return dict(only)
        return next(each for each in self.containers if each["name"] == name)


class Rendering:
    """What came out for some values.

    Args:
        text: the YAML.
    """

    def __init__(self, text: str) -> None:
        self.text = text
        self.objects: Sequence[Manifest] = [each for each in yaml.load_all(text, _Loader) if each]

    def of_kind(self, *kinds: str) -> Sequence[Manifest]:
        """The objects of these kinds."""
        return [each for each in self.objects if each["kind"] in kinds]

    def get(self, kind: str, name: str) -> Manifest:
        """The object of that kind and name; the release's own name may be left out."""
        found = [each for each in self.of_kind(kind) if each["metadata"]["name"] in (name, f"{RELEASE}-{name}")]
        assert len(found) == 1, f"{kind} {name}: {len(found)}; there are {self.names(kind)}"
        return found[0]

    def has(self, kind: str, name: str) -> bool:
        """Whether there is such an object."""
        return {name, f"{RELEASE}-{name}"} & set(self.names(kind)) != set()

    def names(self, kind: str) -> Sequence[str]:
        """What the objects of that kind are called."""
        return [each["metadata"]["name"] for each in self.of_kind(kind)]

    @property
    def pods(self) -> Sequence[Pod]:
        """All templates of pods."""
        return list(_pods(self.objects))

    def pod(self, component: str) -> Pod:
        """The pods of a component, which may be named by its owner's kind, as in `Job/migrate-ingest`."""
        found = [
            pod
            for pod in self.pods
            if component in (pod.component, pod.name, pod.name.replace(f"/{RELEASE}-", "/"))
            and ("/" in component or pod.owner["kind"] in ("Deployment", "StatefulSet", "ScaledJob"))
        ]
        assert len(found) == 1, f"{component}: {len(found)}; there are {[pod.name for pod in self.pods]}"
        return found[0]


def _pods(objects: Iterable[Manifest]) -> Iterator[Pod]:
    for each in objects:
        if each["kind"] not in _PODS_OF:
            continue
        template: Any = each
        for key in _PODS_OF[each["kind"]]:
            template = template[key]
        yield Pod(each, template.get("metadata", {}), template["spec"])


def render(
    *files: Path,
    values: Mapping[str, Any] | None = None,
    release: str = RELEASE,
    options: Sequence[str] = (),
) -> Rendering:
    """What the chart becomes.

    Args:
        files: of values; later ones win.
        values: further ones, which win over those.
        release: its name.
        options: further words of helm's command line.
    """
    return _render(files, json.dumps(values or {}), release, tuple(options))


@cache
def _render(files: Sequence[Path], values: str, release: str, options: Sequence[str]) -> Rendering:
    answer = helm(*_template(release, files), *options, values=json.loads(values))
    assert answer.returncode == 0, answer.stderr
    return Rendering(answer.stdout)


def refusal(*files: Path, values: Mapping[str, Any]) -> str:
    """What helm says of values that it does not take."""
    answer = helm(*_template(RELEASE, files), values=values)
    assert answer.returncode != 0, "they are taken"
    return answer.stderr


def _template(release: str, files: Iterable[Path]) -> Sequence[str]:
    named = [word for path in files for word in ("--values", str(path))]
    return ["template", release, str(CHART), "--namespace", NAMESPACE, *named, "--values", "-"]


def deep(path: str, value: object) -> dict[str, Any]:
    """Values with this one at that path.

    >>> deep("ingest.settings.study", "spring")
    {'ingest': {'settings': {'study': 'spring'}}}
    """
    for key in reversed(path.split(".")):
        value = {key: value}
    assert isinstance(value, dict)
    return value


def merged(*parts: Mapping[str, Any]) -> dict[str, Any]:
    """Values put together as helm does it: objects key by key, all else as the last one has it."""
    result: dict[str, Any] = {}
    for part in parts:
        for key, value in part.items():
            before = result.get(key)
            result[key] = merged(before, value) if isinstance(before, dict) and isinstance(value, dict) else value
    return result
