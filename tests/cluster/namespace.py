"""A namespace of the test cluster, as kubectl and helm see it."""

import base64
import json
import os
import shutil
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cluster.waiting import eventually

Object = dict[str, Any]
"""As the API server has it."""

CHART = Path(__file__).parents[2] / "helm" / "stylegram"
# Seconds; what waits by itself has limits of its own.
_LIMIT = 300.0


def run(*words: str, given: str | None = None) -> str:
    """What a command says on standard output; fails with all that it said where it fails."""
    done = subprocess.run(words, input=given, capture_output=True, text=True, timeout=_LIMIT, check=False)
    assert done.returncode == 0, f"{' '.join(words)} ended with {done.returncode}:\n{done.stdout}{done.stderr}"
    return done.stdout


@dataclass(frozen=True)
class Namespace:
    """One of its own for what is tested: nothing in others is touched."""

    name: str

    def create(self) -> None:
        """Returns when pods can be made in it."""
        run("kubectl", "create", "namespace", self.name)
        eventually(lambda: self.objects("serviceaccount"), f"the service account of {self.name}")

    def delete(self) -> None:
        """Everything in it, too; returns when it is gone, and its volumes are as new."""
        run("kubectl", "delete", "namespace", self.name, "--ignore-not-found", "--timeout=180s")
        for volume in json.loads(run("kubectl", "get", "persistentvolumes", "--output=json"))["items"]:
            if volume["spec"].get("claimRef", {}).get("namespace") != self.name:
                continue
            # They are folders of this machine.
            for path in Path(volume["spec"]["hostPath"]["path"]).iterdir():
                shutil.rmtree(path) if path.is_dir() else path.unlink()
            free = '[{"op": "remove", "path": "/spec/claimRef"}]'
            run("kubectl", "patch", "persistentvolume", volume["metadata"]["name"], "--type=json", f"--patch={free}")

    def kubectl(self, *words: str, given: str | None = None) -> str:
        """What kubectl says."""
        return run("kubectl", "--namespace", self.name, *words, given=given)

    def helm(self, *words: str) -> str:
        """What helm says."""
        return run("helm", "--namespace", self.name, *words)

    def template(self, release: str, *words: str) -> str:
        """The chart's manifests, for this cluster's version."""
        return self.helm("template", release, str(CHART), "--post-renderer", "compat", *words)

    def objects(self, kind: str, labels: Mapping[str, str] | None = None) -> list[Object]:
        """All of a kind that carry these labels."""
        selector = ",".join(f"{name}={value}" for name, value in (labels or {}).items())
        found: list[Object] = json.loads(self.kubectl("get", kind, "--selector", selector, "--output", "json"))["items"]
        return found

    def object(self, kind: str, name: str) -> Object:
        """The one of that name."""
        found: Object = json.loads(self.kubectl("get", kind, name, "--output", "json"))
        return found

    def secret(self, name: str) -> dict[str, str]:
        """What is in it, by key."""
        data: dict[str, str] = self.object("secret", name).get("data") or {}
        return {key: base64.b64decode(value).decode() for key, value in data.items()}

    def inventory(self) -> set[str]:
        """Everything that is there, as kind/name; not what the cluster itself notes down."""
        kinds = run("kubectl", "api-resources", "--namespaced", "--verbs=list", "--output=name").split()
        own = {
            "events",
            "events.events.k8s.io",
            "endpoints",
            "endpointslices.discovery.k8s.io",
            "leases.coordination.k8s.io",
        }
        return set(
            self.kubectl("get", ",".join(sorted(set(kinds) - own)), "--output=name", "--ignore-not-found").split()
        )


def processes_in(pod: Object, program: str) -> list[int]:
    """Those of a pod whose command line has these words, as this machine numbers them."""
    found = []
    for folder in Path("/proc").iterdir():
        if not folder.name.isdecimal():
            continue
        try:
            groups, words = (folder / "cgroup").read_text(), (folder / "cmdline").read_bytes()
        except (FileNotFoundError, ProcessLookupError):  # it has ended
            continue
        if pod["metadata"]["uid"] in groups and program.encode() in words.replace(b"\0", b" "):
            found.append(int(folder.name))
    return found


def use_cluster(kubeconfig: str) -> None:
    """All commands here go to that cluster, whatever the user's own is."""
    os.environ["KUBECONFIG"] = kubeconfig
