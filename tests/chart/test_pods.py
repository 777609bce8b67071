"""Every pod of the chart: what it may do, what it needs, and that what it names is there."""

import re
from collections.abc import Iterator, Mapping
from itertools import chain
from pathlib import Path
from typing import Any

import pytest

from chart_environment import variables_of
from chart_rendering import Manifest, Pod, Rendering, deep, example, merged, render, values_files

FILES = [pytest.param(path, id=path.name.removesuffix("-values.yaml")) for path in values_files()]
PRODUCTION = example("production")
SERVERS = {"rabbitmq", "postgresql"}
"""What only the demo brings, with users of their own."""

EXTERNAL_SECRETS = {
    "stylegram-tokens", "stylegram-broker", "stylegram-database", "pictures-tls", "registry",
    "keys", "queue", "queue-certificates", "tables", "bucket",
    "tables-of-ingest", "tables-of-logger", "tables-of-publisher", "tables-owner",
    "drive-reader", "instagram-login", "instagram-proxy", "stylegram-graph", "account",
}  # fmt: skip
EXTERNAL_CLAIMS = {"pictures", "models"}
"""What the examples name and somebody else has to make."""


def _all_containers(rendering: Rendering) -> Iterator[tuple[Pod, Mapping[str, Any]]]:
    for pod in rendering.pods:
        for container in pod.containers:
            yield pod, container


@pytest.mark.parametrize("path", FILES)
def test_a_pod_keeps_to_the_restricted_standard(path: Path) -> None:
    for pod, container in _all_containers(render(path)):
        about = f"{pod.name}, {container['name']}"
        both = {**pod.spec["securityContext"], **container["securityContext"]}
        assert both["runAsNonRoot"] is True, about
        assert both["runAsUser"] == (999 if pod.component in SERVERS else 10001), about
        assert both["seccompProfile"] == {"type": "RuntimeDefault"}, about
        assert both["readOnlyRootFilesystem"] is True, about
        assert both["allowPrivilegeEscalation"] is False, about
        assert both["capabilities"] == {"drop": ["ALL"]}, about
        assert not both.get("privileged"), about
        for shared in ("hostNetwork", "hostPID", "hostIPC"):
            assert not pod.spec.get(shared), about
        assert not any("hostPort" in port for port in container.get("ports", [])), about
        assert not any("hostPath" in volume for volume in pod.spec.get("volumes", [])), about


@pytest.mark.parametrize("path", FILES)
def test_a_pod_has_no_token_of_the_cluster(path: Path) -> None:
    rendering = render(path)
    accounts = {each["metadata"]["name"]: each for each in rendering.of_kind("ServiceAccount")}
    for account in accounts.values():
        assert account["automountServiceAccountToken"] is False
    for pod in rendering.pods:
        assert pod.spec["automountServiceAccountToken"] is False, pod.name
        assert pod.spec.get("enableServiceLinks") is False, pod.name
        # The demo's servers have none of their own.
        assert pod.component in SERVERS or pod.spec["serviceAccountName"] in accounts, pod.name
    assert not rendering.of_kind("Role", "ClusterRole", "RoleBinding", "ClusterRoleBinding")


def test_an_account_of_ones_own_is_taken(path: Path = PRODUCTION) -> None:
    own = merged(
        deep("ingest.serviceAccount", {"create": False, "name": "painter"}),
        deep("logger.serviceAccount", {"annotations": {"iam.gke.io/gcp-service-account": "l@p.example.org"}}),
    )
    rendering = render(path, values=own)
    assert rendering.pod("ingest").spec["serviceAccountName"] == "painter"
    assert "painter" not in rendering.names("ServiceAccount")
    assert not rendering.has("ServiceAccount", "ingest")
    annotations = rendering.get("ServiceAccount", "logger")["metadata"]["annotations"]
    assert annotations["iam.gke.io/gcp-service-account"] == "l@p.example.org"


@pytest.mark.parametrize("path", FILES)
def test_a_container_says_what_it_needs_and_may_take(path: Path) -> None:
    for pod, container in _all_containers(render(path)):
        about = f"{pod.name}, {container['name']}"
        resources = container["resources"]
        assert {"cpu", "memory"} <= set(resources["requests"]), about
        assert "memory" in resources["limits"], about
        for name, quantity in resources["limits"].items():
            assert _amount(quantity) >= _amount(resources["requests"].get(name, "0")), about


def _amount(quantity: str | int) -> float:
    number, unit = re.fullmatch(r"([0-9.]+)([A-Za-z]*)", str(quantity)).groups()  # type: ignore[union-attr]
    powers = {"": 1.0, "m": 1e-3, "Ki": 2**10, "Mi": 2**20, "Gi": 2**30, "k": 1e3, "M": 1e6, "G": 1e9}
    return float(number) * powers[unit]


@pytest.mark.parametrize("path", FILES)
def test_a_pod_that_stays_is_looked_after(path: Path) -> None:
    for pod in render(path).pods:
        if pod.owner["kind"] not in ("Deployment", "StatefulSet", "ScaledJob"):
            continue
        container = pod.container()
        names = {port["name"] for port in container["ports"]}
        for probe in ("startupProbe", "livenessProbe", "readinessProbe"):
            about = f"{pod.name}, {probe}"
            action = container[probe]
            assert "grpc" not in action, about
            if pod.component in SERVERS:
                continue
            page = "/readyz" if probe == "readinessProbe" else "/healthz"
            assert action["httpGet"]["path"] == page, about
            assert action["httpGet"]["port"] == "metrics" and "metrics" in names, about
        startup = container["startupProbe"]
        assert startup["periodSeconds"] * startup["failureThreshold"] >= 120, pod.name


@pytest.mark.parametrize("path", FILES)
def test_an_image_is_pinned_and_of_the_registry_that_is_named(path: Path) -> None:
    rendering = render(path)
    for pod, container in _all_containers(rendering):
        image = container["image"]
        assert re.search(r"(:[\w.-]+|@sha256:[0-9a-f]{64})$", image), image
        assert not image.endswith(":latest")
        if path == example("external"):
            assert image.startswith("registry.example.org/pictures/stylegram-"), image
            assert container["imagePullPolicy"] == "Always"
            assert pod.spec["imagePullSecrets"] == [{"name": "registry"}]


@pytest.mark.parametrize(
    ("values", "image"),
    [
        ({}, "stylegram-stylizer:0.1.0-cuda"),
        (deep("stylizer.gpu.count", 0), "stylegram-stylizer:0.1.0-cpu"),
        (deep("stylizer", {"gpu": {"count": 0}, "image": {"variant": "cuda"}}), "stylegram-stylizer:0.1.0-cuda"),
        (deep("image", {"tag": "7", "registry": "r.example.org/x"}), "r.example.org/x/stylegram-stylizer:7-cuda"),
        (deep("stylizer.image", {"tag": "8"}), "stylegram-stylizer:8-cuda"),
        (deep("stylizer.image.digest", f"sha256:{'0' * 64}"), f"stylegram-stylizer@sha256:{'0' * 64}"),
    ],
)
def test_the_worker_has_the_image_for_where_it_computes(values: Mapping[str, Any], image: str) -> None:
    assert render(PRODUCTION, values=values).pod("stylizer").container()["image"] == image


def _references(rendering: Rendering) -> Iterator[tuple[str, str, str | None]]:
    """Kind, name and key of all that a pod needs to be there."""
    for pod in rendering.pods:
        for pull in pod.spec.get("imagePullSecrets", []):
            yield "Secret", pull["name"], None
        for volume in pod.spec.get("volumes", []):
            if "persistentVolumeClaim" in volume:
                yield "PersistentVolumeClaim", volume["persistentVolumeClaim"]["claimName"], None
            for source in volume.get("projected", {}).get("sources", [volume]):
                for field, kind in (("secret", "Secret"), ("configMap", "ConfigMap")):
                    if where := source.get(field):
                        name = where.get("secretName") or where["name"]
                        yield from ((kind, name, item["key"]) for item in where.get("items", [{"key": None}]))
        for container in pod.containers:
            for source in container.get("envFrom", []):
                assert "secretRef" not in source, f"{pod.name}: secrets are files"
                yield "ConfigMap", source["configMapRef"]["name"], None
            for variable in container.get("env", []):
                origin = variable.get("valueFrom", {})
                for field, kind in (("secretKeyRef", "Secret"), ("configMapKeyRef", "ConfigMap")):
                    if field in origin:
                        yield kind, origin[field]["name"], origin[field]["key"]
    for ingress in rendering.of_kind("Ingress"):
        yield from (("Secret", tls["secretName"], None) for tls in ingress["spec"].get("tls", []))
    for authentication in rendering.of_kind("TriggerAuthentication"):
        yield from (("Secret", ref["name"], ref["key"]) for ref in authentication["spec"]["secretTargetRef"])


@pytest.mark.parametrize("path", FILES)
def test_what_a_pod_names_is_there(path: Path) -> None:
    rendering = render(path)
    for kind, name, key in _references(rendering):
        if name in {"Secret": EXTERNAL_SECRETS, "PersistentVolumeClaim": EXTERNAL_CLAIMS}.get(kind, set()) and not (
            rendering.has(kind, name)
        ):
            continue
        made = rendering.get(kind, name)
        assert key is None or key in chain(made.get("data", ()), made.get("stringData", ())), (name, key)
    for pod in rendering.pods:
        volumes = [volume["name"] for volume in pod.spec.get("volumes", [])]
        assert len(volumes) == len(set(volumes))
        claimed = [each["metadata"]["name"] for each in pod.owner["spec"].get("volumeClaimTemplates", [])]
        used = {mount["name"] for container in pod.containers for mount in container.get("volumeMounts", [])}
        assert used == {*volumes, *claimed}, f"{pod.name}: volumes that are mounted are those that are there"
        for container in pod.containers:
            paths = [mount["mountPath"] for mount in container.get("volumeMounts", [])]
            assert len(paths) == len(set(paths)), pod.name


@pytest.mark.parametrize("path", FILES)
def test_what_the_chart_makes_is_used(path: Path) -> None:
    rendering = render(path)
    used = {(kind, name) for kind, name, _key in _references(rendering)}
    for kind in ("Secret", "PersistentVolumeClaim", "ConfigMap"):
        for name in rendering.names(kind):
            dashboards = "grafana_dashboard" in rendering.get(kind, name)["metadata"]["labels"]
            assert dashboards or (kind, name) in used, (kind, name)


@pytest.mark.parametrize("path", FILES)
def test_no_secret_stands_where_everybody_reads(path: Path) -> None:
    rendering = render(path)
    made = [
        text
        for each in rendering.of_kind("Secret")
        for text in (*each.get("data", {}).values(), *each.get("stringData", {}).values())
    ]
    for pod, container in _all_containers(rendering):
        for variable in container.get("env", []):
            assert "secretKeyRef" not in variable.get("valueFrom", {}), f"{pod.name}: secrets are files"
        words = [
            *container.get("args", []),
            *container.get("command", []),
            *variables_of(rendering, container).values(),
        ]
        for word in map(str, words):
            assert not re.search(r"://[^/\s]*:[^/\s]*@", word), pod.name
            assert word not in made, pod.name
    for each in rendering.of_kind("ConfigMap"):
        assert not re.search(r"(?i)://[^/\s\"]*:[^/\s\"]*@|password\s*[=:]\s*\S", str(each["data"])), each["metadata"][
            "name"
        ]


@pytest.mark.parametrize("path", FILES)
def test_mounted_secrets_are_for_their_reader_alone(path: Path) -> None:
    for pod in render(path).pods:
        for volume in pod.spec.get("volumes", []):
            sources = volume.get("projected", {}).get("sources", [volume])
            if any("secret" in source for source in sources):
                mode = volume.get("projected", volume.get("secret"))["defaultMode"]
                assert mode & 0o007 == 0, (pod.name, volume["name"])


@pytest.mark.parametrize(
    ("component", "values"),
    [
        ("ingest", deep("ingest.settings.maxQueued", 7)),
        ("stylizer", deep("stylizer.settings.timelapse", False)),
        ("publisher", deep("publisher.captions.styleNames", {"a.jpg": "A"})),
        ("publisher", deep("publisher.captions.template", "{{ style }}")),
        ("logger", deep("settings.logLevel", "debug")),
        ("preview", deep("preview.settings.maxUploadMegabytes", 3)),
    ],
)
def test_pods_are_made_anew_when_what_they_read_changes(component: str, values: Mapping[str, Any]) -> None:
    before, after = render(PRODUCTION).pod(component), render(PRODUCTION, values=values).pod(component)
    assert before.metadata["annotations"] != after.metadata["annotations"]
    same = render(PRODUCTION, values=deep("daily.schedule", "1 2 * * *")).pod(component)
    assert before.metadata["annotations"] == same.metadata["annotations"]


def test_a_secret_that_the_chart_makes_has_pods_made_anew() -> None:
    rendering = render(PRODUCTION, values={"tokens": {"existingSecret": "", "create": True}})
    digests = {
        value
        for pod in rendering.pods
        for key, value in pod.metadata.get("annotations", {}).items()
        if key == "checksum/secrets"
    }
    assert len(digests) == 1
    assert rendering.pod("ingest").metadata["annotations"]["checksum/secrets"] in digests


def test_pods_have_the_time_that_they_need_to_end() -> None:
    rendering = render(PRODUCTION)
    # What each finishes before it ends, in seconds, at the most: see docs/operations.
    needed = {"stylizer": 120, "publisher": 60, "ingest": 30, "logger": 30, "preview": 10}
    for component, seconds in needed.items():
        assert rendering.pod(component).spec["terminationGracePeriodSeconds"] >= seconds
    longer = render(PRODUCTION, values=deep("stylizer.terminationGracePeriodSeconds", 900))
    assert longer.pod("stylizer").spec["terminationGracePeriodSeconds"] == 900


def test_a_worker_with_a_gpu_goes_where_there_are_some() -> None:
    pod = render(example("gpu")).pod("stylizer")
    assert pod.container()["resources"]["limits"]["nvidia.com/gpu"] == 1
    assert pod.spec["runtimeClassName"] == "nvidia"
    assert pod.spec["nodeSelector"] == {"cloud.google.com/gke-accelerator": "nvidia-l4"}
    keys = [toleration["key"] for toleration in pod.spec["tolerations"]]
    assert set(keys) == {"nvidia.com/gpu"}
    memory = [volume["emptyDir"] for volume in pod.spec["volumes"] if volume.get("emptyDir", {}).get("medium")]
    assert memory == [{"medium": "Memory", "sizeLimit": "2Gi"}]
    assert render(example("gpu")).get("Deployment", "stylizer")["spec"]["strategy"] == {"type": "Recreate"}


def test_a_worker_with_a_gpu_paints_with_it_or_not_at_all() -> None:
    rendering = render(PRODUCTION)
    variables = variables_of(rendering, rendering.pod("stylizer").container())
    assert variables["STYLEGRAM_DEVICE"] == "cuda"
    # Google's nodes mount the driver's libraries there and set nothing.
    assert variables["LD_LIBRARY_PATH"] == "/usr/local/nvidia/lib64"


def test_a_worker_without_a_gpu_asks_for_none() -> None:
    for name in ("processor", "demo"):
        rendering = render(example(name))
        pod = rendering.pod("stylizer")
        assert not {"STYLEGRAM_DEVICE", "LD_LIBRARY_PATH"} & set(variables_of(rendering, pod.container()))
        assert not [key for key in pod.container()["resources"]["limits"] if "gpu" in key]
        assert "runtimeClassName" not in pod.spec
        assert not pod.spec.get("tolerations")


@pytest.mark.parametrize("name", ["errands", "fetched-weights"])
def test_a_variable_of_ones_own_wins_and_is_there_once(name: str) -> None:
    """Applied by the server, as Helm does since its version 4, a list that has a name twice is refused."""
    own = [{"name": "STYLEGRAM_LOG_FORMAT", "value": "console"}, {"name": "HOME", "value": "/elsewhere"}]
    rendering = render(
        example(name), values=merged(*(deep(f"{service}.extraEnv", own) for service in ("stylizer", "logger")))
    )
    for pod, container in _all_containers(rendering):
        names = [variable["name"] for variable in container.get("env", [])]
        assert len(names) == len(set(names)), (pod.name, container["name"])
    taking = [rendering.pod("Job/migrate-logger").container(), rendering.pod("stylizer").containers[0]]
    for container in taking:
        assert variables_of(rendering, container)["HOME"] == "/elsewhere"
        assert variables_of(rendering, container)["STYLEGRAM_LOG_FORMAT"] == "console"


@pytest.mark.parametrize("component", ["stylizer", "preview"])
def test_fetched_model_files_are_where_the_service_looks(component: str) -> None:
    rendering = render(example("fetched-weights"))
    pod = rendering.pod(component)
    (fetching,), working = pod.spec["initContainers"], pod.container()
    folder = variables_of(rendering, working)["STYLEGRAM_WEIGHTS_DIR"]
    assert variables_of(rendering, fetching)["STYLEGRAM_WEIGHTS_DIR"] == folder
    assert fetching["image"] == working["image"]
    assert fetching["args"][0] == "fetch"
    assert ("vgg16" in fetching["args"]) == (component == "stylizer")
    assert ("--preview" in fetching["args"]) == (component == "preview")
    mounted = {mount["mountPath"]: mount for mount in working["volumeMounts"]}
    assert mounted[folder]["readOnly"] is True
    assert {mount["mountPath"]: mount for mount in fetching["volumeMounts"]}[folder].get("readOnly") is not True


@pytest.mark.parametrize("path", FILES)
def test_a_container_can_write_where_it_has_to(path: Path) -> None:
    rendering = render(path)
    for pod, container in _all_containers(rendering):
        writable = [mount["mountPath"] for mount in container["volumeMounts"] if not mount.get("readOnly")]
        assert "/tmp" in writable, (pod.name, container["name"])


@pytest.mark.parametrize("path", FILES)
def test_pods_of_a_component_keep_apart(path: Path) -> None:
    for pod in render(path).pods:
        if pod.owner["kind"] != "Deployment":
            continue
        for constraint in pod.spec["topologySpreadConstraints"]:
            selected = constraint["labelSelector"]["matchLabels"]
            assert selected.items() <= pod.labels.items(), pod.name
            assert selected["app.kubernetes.io/component"] == pod.component


def test_what_several_have_to_see_is_on_one_node_or_on_a_volume_of_many() -> None:
    demo = render(example("demo"))
    for component in ("ingest", "stylizer", "publisher"):
        pod = demo.pod(component)
        (term,) = pod.spec["affinity"]["podAffinity"]["requiredDuringSchedulingIgnoredDuringExecution"]
        assert _matches(term["labelSelector"], pod.labels), "the first one finds itself"
        assert term["topologyKey"] == "kubernetes.io/hostname"
    shared = render(example("shared-folder"))
    for component in ("ingest", "stylizer", "publisher"):
        pod = shared.pod(component)
        claims = [volume for volume in pod.spec["volumes"] if "persistentVolumeClaim" in volume]
        assert [volume["persistentVolumeClaim"]["claimName"] for volume in claims] == ["pictures"]
        assert "affinity" not in pod.spec
    for component in ("logger", "preview"):
        assert not [volume for volume in shared.pod(component).spec["volumes"] if "persistentVolumeClaim" in volume]


def _matches(selector: Mapping[str, Any], labels: Mapping[str, str]) -> bool:
    if not selector.get("matchLabels", {}).items() <= labels.items():
        return False
    assert all(each["operator"] == "In" for each in selector.get("matchExpressions", []))
    return all(labels.get(each["key"]) in each["values"] for each in selector.get("matchExpressions", []))


@pytest.mark.parametrize("path", FILES)
def test_a_volume_of_one_node_is_let_go_of_before_the_next_pod_comes(path: Path) -> None:
    rendering = render(path)
    claims: Mapping[str, Manifest] = {
        each["metadata"]["name"]: each for each in rendering.of_kind("PersistentVolumeClaim")
    }
    for pod in rendering.pods:
        own = [
            volume["persistentVolumeClaim"]["claimName"]
            for volume in pod.spec.get("volumes", [])
            if "persistentVolumeClaim" in volume
        ]
        alone = [name for name in own if name in claims and not name.endswith("-data")]
        if pod.owner["kind"] == "Deployment" and alone:
            assert claims[alone[0]]["spec"]["accessModes"] == ["ReadWriteOnce"]
            assert pod.owner["spec"]["strategy"] == {"type": "Recreate"}, pod.name


@pytest.mark.parametrize(
    ("persistence", "strategy"),
    [
        ({"enabled": False}, "Recreate"),
        ({"enabled": True}, "Recreate"),
        ({"enabled": True, "accessModes": ["ReadWriteMany"]}, "RollingUpdate"),
    ],
    ids=["no volume", "one node's", "shared"],
)
def test_an_account_has_one_session_while_the_publisher_is_replaced(
    persistence: Mapping[str, Any], strategy: str
) -> None:
    rendering = render(example("instagram"), values=deep("publisher.persistence", dict(persistence)))
    assert rendering.get("Deployment", "publisher")["spec"]["strategy"]["type"] == strategy
