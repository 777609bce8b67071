"""Workers come and go by the queues without harm to what they paint; the rest scales by load."""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from chart_environment import variables_of
from chart_rendering import Rendering, deep, example, render
from stylegram.common.adapters.rabbitmq import layout
from stylegram.common.topology import STYLIZER_QUEUES

PRODUCTION = example("production")
BY_DEPLOYMENT, BY_JOB = example("keda-deployment"), example("keda-job")


def _trigger(rendering: Rendering) -> Mapping[str, Any]:
    (scaled,) = rendering.of_kind("ScaledObject", "ScaledJob")
    (trigger,) = scaled["spec"]["triggers"]
    return dict(trigger)


def _counted(rendering: Rendering, names: list[str]) -> set[str]:
    """The queues of the server that KEDA counts: those in whose names the broker finds its regular expression."""
    expression = _trigger(rendering)["metadata"]["queueName"]
    return {name for name in names if re.search(expression, name)}


OURS = [queue.name for queue in STYLIZER_QUEUES]
HELD = [layout.Held(name, "0f3a").name for name in OURS]
OTHERS = [of(name) for name in OURS for of in (layout.dead, layout.paused)] + ["ingest.events", "old-stylizer.jobs"]


@pytest.mark.parametrize("path", [BY_DEPLOYMENT, BY_JOB], ids=["deployment", "job"])
def test_a_worker_that_is_busy_is_seen(path: Path) -> None:
    trigger = _trigger(render(path))
    assert trigger["type"] == "rabbitmq"
    metadata = trigger["metadata"]
    # By AMQP it would not count what a worker has in hand, and end it.
    assert metadata["protocol"] == "http"
    assert metadata["mode"] == "QueueLength"
    assert metadata["useRegex"] == "true"
    assert metadata["operation"] == "sum"
    assert all(isinstance(value, str) for value in metadata.values())


def test_a_deployment_counts_what_is_in_hand_too() -> None:
    rendering = render(BY_DEPLOYMENT)
    metadata = _trigger(rendering)["metadata"]
    assert metadata["excludeUnacknowledged"] == "false"
    assert metadata["value"] == "2"
    assert _counted(rendering, OURS + HELD + OTHERS) == {*OURS, *HELD}


def test_jobs_are_started_for_what_nobody_has_in_hand() -> None:
    rendering = render(BY_JOB)
    metadata = _trigger(rendering)["metadata"]
    assert metadata["excludeUnacknowledged"] == "true"
    assert metadata["vhostName"] == "pictures"
    assert _counted(rendering, OURS + HELD + OTHERS) == set(OURS)
    (scaled,) = rendering.of_kind("ScaledJob")
    assert scaled["spec"]["scalingStrategy"]["strategy"] == "accurate"
    # Or each look at the queue, while a worker loads its network, would start another one for the same message.
    assert scaled["spec"]["scalingStrategy"]["pendingPodConditions"] == ["Ready"]
    assert scaled["spec"]["rollout"]["strategy"] == "gradual", "a change ends no Job that runs"


def test_a_deployment_that_keda_scales_says_no_number_itself() -> None:
    rendering = render(BY_DEPLOYMENT)
    deployment = rendering.get("Deployment", "stylizer")
    assert "replicas" not in deployment["spec"], "each upgrade would set it back"
    (scaled,) = rendering.of_kind("ScaledObject")
    target = scaled["spec"]["scaleTargetRef"]
    assert (target["kind"], target["name"]) == ("Deployment", deployment["metadata"]["name"])
    assert (scaled["spec"]["minReplicaCount"], scaled["spec"]["maxReplicaCount"]) == (0, 4)
    down = scaled["spec"]["advanced"]["horizontalPodAutoscalerConfig"]["behavior"]["scaleDown"]
    assert down["stabilizationWindowSeconds"] >= 60
    assert [policy["value"] for policy in down["policies"]] == [1]


def test_jobs_come_in_place_of_the_deployment_and_end_by_themselves() -> None:
    rendering = render(BY_JOB)
    assert not rendering.has("Deployment", "stylizer")
    (scaled,) = rendering.of_kind("ScaledJob")
    job = scaled["spec"]["jobTargetRef"]
    assert job["template"]["spec"]["restartPolicy"] == "Never"
    assert "activeDeadlineSeconds" not in job, "a deadline would end whoever paints"
    pod = rendering.pod("stylizer")
    assert variables_of(rendering, pod.container())["STYLEGRAM_IDLE_SECONDS"] == "60"
    assert pod.spec["terminationGracePeriodSeconds"] >= 120


@pytest.mark.parametrize("path", [PRODUCTION, BY_DEPLOYMENT], ids=["none", "deployment"])
def test_only_jobs_end_for_want_of_work(path: Path) -> None:
    rendering = render(path)
    assert "STYLEGRAM_IDLE_SECONDS" not in variables_of(rendering, rendering.pod("stylizer").container())


@pytest.mark.parametrize("path", [BY_DEPLOYMENT, BY_JOB], ids=["deployment", "job"])
def test_keda_asks_with_a_secret_that_nobody_else_sees(path: Path) -> None:
    rendering = render(path)
    (authentication,) = rendering.of_kind("TriggerAuthentication")
    assert _trigger(rendering)["authenticationRef"] == {"name": authentication["metadata"]["name"]}
    assert authentication["spec"]["secretTargetRef"] == [
        {"parameter": "host", "name": "stylegram-broker", "key": "management"}
    ]
    assert "host" not in _trigger(rendering)["metadata"]


def test_as_many_workers_as_are_asked_for_where_nobody_scales_them() -> None:
    rendering = render(example("processor"))
    assert rendering.get("Deployment", "stylizer")["spec"]["replicas"] == 3
    assert not rendering.of_kind("ScaledObject", "ScaledJob", "TriggerAuthentication")
    none = render(PRODUCTION, values=deep("stylizer.replicas", 0))
    assert none.get("Deployment", "stylizer")["spec"]["replicas"] == 0


def test_ingest_scales_by_load() -> None:
    rendering = render(example("replicas"))
    (scaler,) = rendering.of_kind("HorizontalPodAutoscaler")
    spec = scaler["spec"]
    assert spec["scaleTargetRef"] == {"apiVersion": "apps/v1", "kind": "Deployment", "name": "stylegram-ingest"}
    assert (spec["minReplicas"], spec["maxReplicas"]) == (3, 9)
    aims = {
        metric["resource"]["name"]: metric["resource"]["target"]["averageUtilization"] for metric in spec["metrics"]
    }
    assert aims == {"cpu": 70, "memory": 80}
    assert spec["behavior"]["scaleDown"]["stabilizationWindowSeconds"] == 600
    assert "replicas" not in rendering.get("Deployment", "ingest")["spec"]


def test_a_drained_node_takes_one_pod_of_several_at_a_time() -> None:
    rendering = render(example("replicas"))
    budgets = {
        each["metadata"]["name"]: each["spec"]["maxUnavailable"] for each in rendering.of_kind("PodDisruptionBudget")
    }
    assert budgets == dict.fromkeys((f"stylegram-{each}" for each in ("ingest", "logger", "preview", "publisher")), 1)
    # With one pod, a budget would keep the node from ever being drained, or say nothing.
    assert not render(PRODUCTION).of_kind("PodDisruptionBudget")
    wanted = render(PRODUCTION, values=deep("ingest.podDisruptionBudget", {"enabled": True, "maxUnavailable": "50%"}))
    (budget,) = wanted.of_kind("PodDisruptionBudget")
    assert budget["spec"]["maxUnavailable"] == "50%"
    workers = render(BY_DEPLOYMENT)
    assert workers.names("PodDisruptionBudget") == ["stylegram-stylizer"]
