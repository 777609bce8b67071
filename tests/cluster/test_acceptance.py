"""What the API server and the scheduler say to manifests of the chart, without anything of them running."""

import json
from collections.abc import Iterator

import pytest
import yaml

from cluster.namespace import CHART, Namespace, Object
from cluster.waiting import eventually

# Those with objects of operators, which no test of the chart alone shows to an API server.
EXAMPLES = {
    "keda-deployment": {"ScaledObject", "TriggerAuthentication"},
    "keda-job": {"ScaledJob", "TriggerAuthentication"},
    "monitoring": {"ServiceMonitor", "PrometheusRule"},
    "pod-monitor": {"PodMonitor"},
    "replicas": {"HorizontalPodAutoscaler", "PodDisruptionBudget"},
}
# Secrets that are only named: no pod begins.
NAMED = dict.fromkeys(("tokens.existingSecret", "broker.existingSecret", "database.existingSecret"), "absent")


@pytest.fixture(scope="module")
def elsewhere(cluster: None) -> Iterator[Namespace]:
    """A namespace in which nothing runs."""
    namespace = Namespace("stylegram-test-acceptance")
    namespace.delete()
    namespace.create()
    yield namespace
    namespace.delete()


@pytest.mark.parametrize("example", EXAMPLES)
def test_the_api_server_accepts_the_objects_of_operators(elsewhere: Namespace, example: str) -> None:
    values = CHART / "ci" / f"{example}-values.yaml"
    # A pod asks for an account that is only there once it is applied.
    manifests = elsewhere.template("gallery", "--values", str(values), "--skip-tests")
    assert {found["kind"] for found in yaml.safe_load_all(manifests) if found} >= EXAMPLES[example]
    elsewhere.kubectl("apply", "--dry-run=server", "--filename=-", given=manifests)


@pytest.mark.parametrize(("gpus", "scheduled"), [(1, "True"), (2, "False")])
def test_a_stylizer_goes_where_its_gpus_are(elsewhere: Namespace, gpus: int, scheduled: str) -> None:
    values = NAMED | {
        "storage.url": "gs://absent",
        "publisher.enabled": "false",
        "stylizer.gpu.count": str(gpus),
        "stylizer.resources.requests.cpu": "10m",
    }
    words = [word for name, value in values.items() for word in ("--set", f"{name}={value}")]
    manifests = [found for found in yaml.safe_load_all(elsewhere.template("gallery", *words)) if found]
    elsewhere.kubectl("apply", "--filename=-", given=json.dumps(of_stylizer(manifests)))
    try:
        condition = eventually(lambda: scheduling(elsewhere), "the scheduler looked at the pod", seconds=60)
    finally:
        elsewhere.kubectl("delete", "deployment", "--all", "--cascade=foreground")
    assert condition["status"] == scheduled, condition
    if scheduled == "False":
        assert "Insufficient nvidia.com/gpu" in condition["message"]


def of_stylizer(manifests: list[Object]) -> Object:
    """What the scheduler needs to see of it."""
    wanted = [
        found
        for found in manifests
        if found["kind"] in ("Deployment", "ServiceAccount")
        and found["metadata"]["labels"]["app.kubernetes.io/component"] == "stylizer"
    ]
    return {"apiVersion": "v1", "kind": "List", "items": wanted}


def scheduling(namespace: Namespace) -> Object | None:
    """What the scheduler says of the only pod."""
    pods = namespace.objects("pods")
    conditions = [found for pod in pods for found in pod["status"].get("conditions", [])]
    return next((found for found in conditions if found["type"] == "PodScheduled"), None)
