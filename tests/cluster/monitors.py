"""A real Prometheus on this machine, which asks what the chart's monitors name, wherever it runs by then."""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import yaml

from cluster.namespace import Namespace, Object
from prometheus_server import PrometheusServer, prometheus
from stylegram.common.files import write_atomically

# Between two looks at where the pods are, in seconds.
_PAUSE = 3.0


@contextmanager
def watching(folder: Path, namespace: Namespace) -> Iterator[PrometheusServer]:
    """One that does what the ServiceMonitors and PrometheusRules of a namespace say, in a folder of its own.

    Where the pods are is told it in a file, as the distribution's Prometheus cannot ask Kubernetes.
    """
    rules, targets = folder / "rules.yaml", folder / "targets.json"
    groups = [group for found in namespace.objects("prometheusrules") for group in found["spec"]["groups"]]
    rules.write_text(yaml.safe_dump({"groups": groups}))
    write_atomically(targets, _targets(namespace))
    over = threading.Event()

    def follow() -> None:
        while not over.wait(_PAUSE):
            write_atomically(targets, _targets(namespace))

    follower = threading.Thread(target=follow)
    scrapes = [{"job_name": "chart", "file_sd_configs": [{"files": [str(targets)]}]}]
    with prometheus(folder, scrapes, [rules]) as server:
        follower.start()
        try:
            yield server
        finally:
            over.set()
            follower.join()


def _targets(namespace: Namespace) -> bytes:
    """What the Prometheus operator has Prometheus ask, as far as the chart's ServiceMonitors go."""
    there = namespace.objects("servicemonitors,services,endpoints")
    behind = {found["metadata"]["name"]: found.get("subsets", []) for found in there if found["kind"] == "Endpoints"}
    services = [found for found in there if found["kind"] == "Service"]
    targets: list[Object] = []
    for spec in (found["spec"] for found in there if found["kind"] == "ServiceMonitor"):
        for service in services:
            metadata = service["metadata"]
            if not _selects(spec["selector"], metadata.get("labels", {})):
                continue
            job = metadata["labels"][spec["jobLabel"]] if "jobLabel" in spec else metadata["name"]
            labels = {"namespace": namespace.name, "service": metadata["name"], "job": job}
            for endpoint in spec["endpoints"]:
                targets += _of_service(behind.get(metadata["name"], []), endpoint, labels)
    return json.dumps(targets).encode()


def _selects(selector: Object, labels: dict[str, str]) -> bool:
    """Whether it selects what has these labels."""
    expressions = selector.get("matchExpressions", [])
    assert {expression["operator"] for expression in expressions} <= {"In"}, f"not known here: {expressions}"
    return selector.get("matchLabels", {}).items() <= labels.items() and all(
        labels.get(expression["key"]) in expression["values"] for expression in expressions
    )


def _of_service(subsets: list[Object], endpoint: Object, labels: dict[str, str]) -> Iterator[Object]:
    """A target for each pod behind the service that has the port, ready or not."""
    for subset in subsets:
        for port in subset["ports"]:
            if port.get("name") != endpoint["port"]:
                continue
            for address in subset.get("addresses", []) + subset.get("notReadyAddresses", []):
                more = {
                    "pod": address["targetRef"]["name"],
                    "endpoint": endpoint["port"],
                    "__metrics_path__": endpoint.get("path", "/metrics"),
                }
                yield {"targets": [f"{address['ip']}:{port['port']}"], "labels": labels | more}
