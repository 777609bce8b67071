"""The chart as a release on the test cluster, and what its tests ask and do about it."""

import shutil
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from cluster.api import Api
from cluster.namespace import CHART, Namespace, Object
from cluster.waiting import eventually

RELEASE = "gallery"
FIRST, SECOND = "test", "test2"
"""Tags of the images."""
SERVICES = ("ingest", "logger", "publisher", "preview", "stylizer")
SERVERS = ("rabbitmq", "postgresql")
DATA = "/var/lib/stylegram/data"
VALUES = Path(__file__).parent / "values.yaml"
_COMPONENT = "app.kubernetes.io/component"


@dataclass(frozen=True)
class Gallery:
    """A release of the chart, as `chart_for_old_clusters` has it, in a namespace of its own."""

    namespace: Namespace
    chart: Path

    def install(self) -> str:
        """Returns what helm says when every pod is ready."""
        words = ("install", RELEASE, str(self.chart), "--values", str(VALUES))
        return self.namespace.helm(*words, "--post-renderer", "compat", "--wait", "--timeout", "240s")

    def upgrade(self, values: Mapping[str, str]) -> None:
        """To other values beside those of the installation; returns when every pod is ready."""
        settings = [word for name, value in values.items() for word in ("--set", f"{name}={value}")]
        words = ("upgrade", RELEASE, str(self.chart), "--values", str(VALUES), *settings)
        self.namespace.helm(*words, "--post-renderer", "compat", "--wait", "--timeout", "240s")

    def uninstall(self) -> None:
        """Returns when its pods have ended; does nothing where it is not installed."""
        self.namespace.helm("uninstall", RELEASE, "--ignore-not-found", "--wait", "--timeout", "120s")

    def labels(self, component: str) -> dict[str, str]:
        """Those that select what belongs to a component."""
        return {"app.kubernetes.io/instance": RELEASE, _COMPONENT: component}

    def pods(self, component: str) -> list[Object]:
        """Those of a component that nobody has ended."""
        pods = self.namespace.objects("pods", self.labels(component))
        return [pod for pod in pods if "deletionTimestamp" not in pod["metadata"]]

    def ready_pod(self, component: str, wanted: Callable[[Object], bool] = lambda pod: True) -> Object:
        """The one of a component that is ready, when there is one."""
        return eventually(
            lambda: next((pod for pod in self.pods(component) if is_ready(pod) and wanted(pod)), None),
            f"a ready pod of {component}",
        )

    def inside(self, component: str, *command: str) -> str:
        """What a command says in a component's pod."""
        return self.namespace.kubectl("exec", self.ready_pod(component)["metadata"]["name"], "--", *command)

    def api(self) -> Api:
        """Ingest's, through its Service, with the token that the chart made."""
        (service,) = self.namespace.objects("service", self.labels("ingest"))
        (token,) = self.namespace.secret(f"{RELEASE}-stylegram-tokens")["api"].split()
        return Api(f"http://{service['spec']['clusterIP']}:8000", token)

    def outbox(self) -> list[str]:
        """Names of the files that are posted."""
        names = self.inside("publisher", "ls", f"{DATA}/outbox").split()
        return [name for name in names if name.endswith((".jpg", ".mp4"))]


def chart_for_old_clusters(folder: Path) -> Path:
    """A copy of the chart that does not ask for a version of Kubernetes: the test cluster's is older than any that is
    supported, and manifests are rewritten for it."""
    copy = shutil.copytree(CHART, folder / CHART.name)
    description = copy / "Chart.yaml"
    lines = description.read_text().splitlines(keepends=True)
    description.write_text("".join(line for line in lines if not line.startswith("kubeVersion:")))
    return copy


def is_ready(pod: Object) -> bool:
    """Whether it takes requests."""
    conditions = {found["type"]: found["status"] for found in pod["status"].get("conditions", [])}
    return conditions.get("Ready") == "True"


def restarts(pod: Object) -> int:
    """How often its containers were started anew."""
    return sum(status["restartCount"] for status in pod["status"].get("containerStatuses", []))


def tags_of(pods: Iterable[Object]) -> set[str]:
    """Those of the images that they run, but for the stylizer's variant."""
    found = {container["image"].rpartition(":")[2] for pod in pods for container in pod["spec"]["containers"]}
    return {tag.removesuffix("-cpu") for tag in found}
