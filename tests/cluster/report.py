"""What a namespace looks like when a test fails, for people."""

import json
import subprocess
from pathlib import Path

from cluster.namespace import Namespace


def write_report(namespace: Namespace, folder: Path) -> None:
    """Objects, events, and the logs of every container, those that ended too, as files in the folder."""
    folder.mkdir(parents=True, exist_ok=True)
    _save(
        folder / "objects.txt", namespace, "get", "all,cronjobs,pvc,configmaps,secrets,serviceaccounts", "--output=wide"
    )
    _save(folder / "events.txt", namespace, "get", "events", "--sort-by=.lastTimestamp", "--output=wide")
    _save(folder / "pods.txt", namespace, "describe", "pods")
    for pod in json.loads(_said(namespace, "get", "pods", "--output=json") or '{"items": []}')["items"]:
        name = pod["metadata"]["name"]
        for container in [*pod["spec"].get("initContainers", []), *pod["spec"]["containers"]]:
            words = ("logs", name, f"--container={container['name']}")
            _save(folder / f"{name}.{container['name']}.log", namespace, *words)
            if before := _said(namespace, *words, "--previous"):
                (folder / f"{name}.{container['name']}.before.log").write_text(before)


def _save(path: Path, namespace: Namespace, *words: str) -> None:
    path.write_text(_said(namespace, *words))


def _said(namespace: Namespace, *words: str) -> str:
    """Nothing where kubectl cannot say it: a report never hides what it is about."""
    command = ["kubectl", "--namespace", namespace.name, *words]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False).stdout
